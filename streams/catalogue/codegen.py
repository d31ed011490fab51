"""Generates the Python that evaluates conditions. Text in, text out; `streams.catalogue.compiler` compiles it.

The generated code is meant to be read: one function per segment and event type, plain statements, names from the
definitions. Every leaf becomes a few statements that set its truth ``v<n>`` and the next instant ``n<n>`` at which time
alone may change it; ``all``, ``any`` and ``not`` combine them as min, max and 2 - v, stopping at the first that decides.

In a leaf ``j`` are the times of a journal, ``i`` how many of them count (event time ≤ seen), ``lo`` and ``hi`` bound those
whose age is in the range.
"""

from __future__ import annotations

from streams.catalogue.journalling import Journals, Where
from streams.errors import DefinitionError
from streams.segmentation.conditions import (
    All,
    Any_,
    Condition,
    InSegment,
    Last,
    Leaf,
    Not,
    Otherwise,
    Performed,
)
from streams.segmentation.readings import Column, column_of

COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}


class Writer:
    """Collects indented lines and hands out fresh numbers for variables."""

    def __init__(self) -> None:
        """Start empty, at the left margin."""
        self.lines: list[str] = []
        self.level = 0
        self._count = 0

    def __call__(self, line: str = "") -> None:
        """Add one line at the current indentation."""
        self.lines.append("    " * self.level + line if line else "")

    def fresh(self) -> int:
        """Return a number not handed out before in this function."""
        self._count += 1
        return self._count

    def start(self, head: str) -> None:
        """Begin a function at the left margin."""
        self.level, self._count = 0, 0
        self()
        self()
        self(head)
        self.level = 1

    @property
    def text(self) -> str:
        """All lines so far."""
        return "\n".join(self.lines).strip("\n") + "\n"


class ConditionWriter:
    """Writes the statements that evaluate a condition at ``t``, looking at events up to ``seen``."""

    def __init__(self, writer: Writer, journals: Journals, *, covered: bool) -> None:
        """Write to *writer*.

        Args:
            writer: where the lines go.
            journals: which journal answers which leaf.
            covered: write the tests of coverage that make a leaf UNKNOWN (S10).
        """
        self.write, self.journals, self.covered = writer, journals, covered
        self._read: dict[
            str, tuple[str, int]
        ] = {}  # journal → suffix of its ``j`` and ``i``, level where they stand
        self._leaf_level = 1

    def start(self, head: str, note: str = "") -> None:
        """Begin a function: nothing is read yet."""
        self._read = {}
        self.write.start(head)
        if note:
            self.write(note)

    def condition(self, condition: Condition) -> str:
        """Write *condition*; return the suffix k of the variables ``v<k>`` and ``n<k>`` that hold its result."""
        match condition:
            case All(conditions):
                return self._combined(conditions, stop="0", better="<")
            case Any_(conditions):
                return self._combined(conditions, stop="2", better=">")
            case Not(part):
                k = self.condition(part)
                self.write(f"v{k} = 2 - v{k}")
                return k
            case InSegment(segment_id):
                k = str(self.write.fresh())
                self.write(f"v{k}, n{k} = truth_{self.journals.identifier(segment_id)}(p, t, seen, coverage)")
                return k
            case Otherwise():
                raise DefinitionError(
                    "'otherwise' stands alone, as the whole of 'when' of a partition group's last member"
                )
            case _:
                self._leaf_level = self.write.level
                return self.leaf(condition)

    def leaf(self, leaf: Leaf) -> str:
        """Write *leaf*; return the suffix of its variables. `streams.catalogue.leafcode` knows more of them."""
        match leaf:
            case Performed():
                return self._performed(leaf)
            case Last():
                return self._last(leaf)
            case _:
                raise TypeError(type(leaf).__name__)

    def value(self, leaf: Leaf, k: str) -> str:
        """Return the expression of a clause's value, after its statements were written with suffix *k*."""
        match leaf:
            case Performed(at_least=1, at_most=None, same=None) | Last(test=()):
                return f'rfc3339(j{k}[i{k} - 1]) if i{k} else ""'
            case Last(event, _, where, (first, *_)):
                kept = self.column(event, where, column_of(first))
                return f'str({kept}[i{k} - 1]) if i{k} else ""'
            case Performed(same=None):
                return f"str(c_{k})"
            case _:
                return '""'

    def _combined(self, conditions: tuple[Condition, ...], *, stop: str, better: str) -> str:
        """Write a conjunction or disjunction; the first part that equals *stop* decides it."""
        write = self.write
        level = write.level
        k = self.condition(conditions[0])
        for part in conditions[1:]:
            write(f"if v{k} != {stop}:")
            write.level += 1
            a = self.condition(part)
            write(f"if v{a} == {stop}: v{k}, n{k} = v{a}, n{a}")
            if self.covered:
                write("else:")
                write(f"    if v{a} {better} v{k}: v{k} = v{a}")
                write(f"    if n{a} < n{k}: n{k} = n{a}")
            else:  # without UNKNOWN both are what decides nothing
                write(f"elif n{a} < n{k}: n{k} = n{a}")
        write.level = level
        self._read = {name: (j, at) for name, (j, at) in self._read.items() if at <= level}
        return k

    def entries(self, event: str, where: Where) -> tuple[str, str]:
        """Write ``j`` and ``i`` of the journal for *event*; return its name and the suffix."""
        write = self.write
        journal = self.journals.of(event, where)
        k = str(write.fresh())
        before, at = self._read.get(journal.name, ("", 0))
        if before and at <= write.level:
            write(f"j{k}, i{k} = j{before}, i{before}")
            return journal.name, k
        if write.level == self._leaf_level:  # what a leaf reads in a block of its own is not there for others
            self._read[journal.name] = k, write.level
        if journal.undone_by:
            write(f"j{k} = p.{journal.name}")
            write(f"if j{k} and p.{journal.name}_undone:")
            write(f"    j{k} = net(j{k}, p.{journal.name}_undone, seen)")
        else:
            write(f"j{k} = p.{journal.name}")
        write(f"i{k} = len(j{k})")
        write(f"if i{k} and j{k}[-1] > seen: i{k} = bisect_right(j{k}, seen)")
        return journal.name, k

    def column(self, event: str, where: Where, column: Column) -> str:
        """Return the expression of what is kept beside the entries of the journal for *event*."""
        spec = self.journals.of(event, where)
        kept = f"p.{self.journals.column(event, where, column)}"
        return f"net({kept}, p.{spec.name}_undone, seen)" if spec.undone_by else kept

    def unknown(self, k: str, event: str, undecided: str, window_start: str, again: int | None) -> None:
        """Write: when the window starts before the coverage and the evidence does not decide, UNKNOWN.

        Args:
            k: suffix of the leaf.
            event: whose coverage counts.
            undecided: expression: the evidence seen does not decide the leaf.
            window_start: expression: the earliest instant that the leaf asks about.
            again: length of the window; when it starts at the coverage, the leaf is known. None: it never is.
        """
        if not self.covered:
            return
        write = self.write
        known_since = " , ".join(f"coverage[{i}]" for i in self.journals.coverage_of(event))
        write(f"c{k} = max({known_since}, BEFORE_ALL)")
        write(f"if {undecided} and {window_start} < c{k} and p.created < c{k}:")
        write(f"    v{k} = 1")
        if (
            again
        ):  # a source not seen yet has no coverage to reckon with: look again when the window has passed
            write(f"    c{k} = (c{k} if c{k} < NEVER else t) + {again}")
            write(f"    if t < c{k} < n{k}: n{k} = c{k}")

    def _last(self, leaf: Last) -> str:
        write = self.write
        _, k = self.entries(leaf.event, leaf.where)
        begin, end = leaf.age.from_ms, leaf.age.to_ms
        tested = ""
        if leaf.test:
            tested = f" and newest_passes(j{k}, i{k}, {self.tests(leaf.event, leaf.where, leaf.test)})"
        write(f"v{k}, n{k} = 0, NEVER")
        write(f"if i{k}{tested}:")
        write.level += 1
        write(f"x{k} = j{k}[i{k} - 1]")
        if begin:
            write(f"if t < x{k} + {begin}: n{k} = x{k} + {begin}")
            if end is None:
                write(f"else: v{k} = 2")
            else:
                write(f"elif t < x{k} + {end}: v{k}, n{k} = 2, x{k} + {end}")
        elif end is None:
            write(f"v{k} = 2")
        else:
            write(f"if t < x{k} + {end}: v{k}, n{k} = 2, x{k} + {end}")
        write.level -= 1
        self.unknown(k, leaf.event, f"not i{k}", start_of(end), end)
        return k

    def tests(self, event: str, where: Where, tests: Where) -> str:
        """Return the expression of what an entry is tested by: its columns with operators and wanted values."""
        parts = []
        for test in tests:
            column = column_of(test)
            kept = self.column(event, where, column)
            operator, wanted = (test.operator, test.value) if column.kind == "plain" else ("eq", True)
            parts.append(f"({kept}, {operator!r}, {wanted!r})")
        return f"({', '.join(parts)},)"

    def _performed(self, leaf: Performed) -> str:
        write = self.write
        since = self._mark(leaf.since) if leaf.since is not None else None
        before = self._mark(leaf.before) if leaf.before is not None else None
        name, k = self.entries(leaf.event, leaf.where)
        end = leaf.age.to_ms
        simple = leaf.at_most is None and not leaf.age.from_ms and leaf.before is None and leaf.same is None
        if simple and leaf.at_least == 1:
            self._newest(leaf, k, since)
        else:
            write(f"lo{k} = bisect_right(j{k}, t - {end}, 0, i{k})" if end is not None else f"lo{k} = 0")
            young = leaf.age.from_ms
            write(f"hi{k} = bisect_right(j{k}, t - {young}, lo{k}, i{k})" if young else f"hi{k} = i{k}")
            if since is not None:
                write(f"lo{k} = i{k} if {since} is None else max(lo{k}, bisect_left(j{k}, {since}, 0, i{k}))")
            if before is not None:
                write(f"e{k} = 0 if {before} is None else bisect_left(j{k}, {before}, 0, i{k})")
                write(f"if hi{k} > e{k}: hi{k} = e{k}")
            if since is not None or before is not None:
                write(f"if hi{k} < lo{k}: hi{k} = lo{k}")
            if leaf.same is not None:
                self._alike(leaf, k, self.column(leaf.event, leaf.where, Column("plain", leaf.same)))
            else:
                self._counted(leaf, k, name, before)
        self._undecided(leaf, k, since, before)
        return k

    def _mark(self, event: str) -> str:
        """Write the variable that holds the time of the newest *event*, or None; return its name."""
        _, a = self.entries(event, ())
        self.write(f"a{a} = j{a}[i{a} - 1] if i{a} else None")
        return f"a{a}"

    def _undecided(self, leaf: Performed, k: str, since: str | None, before: str | None) -> None:
        """Write what makes a count UNKNOWN: its own window, or a mark that may stand where nobody looked."""
        more = f"v{k} != 2" if leaf.at_most is None else f"not (v{k} == 0 and c_{k} > {leaf.at_most})"
        for event, mark in ((leaf.since, since), (leaf.before, before)):
            if event is not None:
                self.unknown(k, event, f"{mark} is None and {more}", "BEFORE_ALL", None)
        end = leaf.age.to_ms
        if since is None:
            self.unknown(k, leaf.event, more, start_of(end), end)
        else:
            start = since if end is None else f"max({since}, t - {end})"
            self.unknown(k, leaf.event, f"{since} is not None and {more}", start, end)

    def _newest(self, leaf: Performed, k: str, since: str | None) -> None:
        """Write the commonest leaf: did it at least once (within T, since X): only the newest event matters."""
        write = self.write
        end = leaf.age.to_ms
        test = (
            f"if i{k}" if since is None else f"if i{k} and {since} is not None and j{k}[i{k} - 1] >= {since}"
        )
        write(f"v{k}, n{k} = 0, NEVER")
        if end is None:
            write(f"{test}: v{k} = 2")
        else:
            write(f"{test} and t < j{k}[i{k} - 1] + {end}: v{k}, n{k} = 2, j{k}[i{k} - 1] + {end}")

    def _alike(self, leaf: Performed, k: str, column: str) -> None:
        """Write a count of equal values of one property."""
        write = self.write
        end = leaf.age.to_ms
        if leaf.at_most is None and not leaf.age.from_ms:
            write(f"x{k} = newest_alike(j{k}, {column}, lo{k}, hi{k}, {leaf.at_least})")
            write(f"v{k} = 2 if x{k} > BEFORE_ALL else 0")
            write(f"n{k} = x{k} + {end} if v{k} else NEVER" if end is not None else f"n{k} = NEVER")
            return
        write(f"c_{k} = most_alike({column}, lo{k}, hi{k})")
        self._ranged(leaf, k)

    def _counted(self, leaf: Performed, k: str, name: str, before: str | None) -> None:
        """Write a count of events."""
        write = self.write
        end = leaf.age.to_ms
        folded = f" + folded(p.{name}_folded)" if end is None and leaf.since is None else ""
        if folded and before is not None:
            folded = f" + (0 if {before} is None else folded(p.{name}_folded))"
        write(f"c_{k} = hi{k} - lo{k}{folded}")
        if leaf.at_most is None and not leaf.age.from_ms:
            write(f"v{k} = 2 if c_{k} >= {leaf.at_least} else 0")
            write(
                f"n{k} = j{k}[hi{k} - {leaf.at_least}] + {end} if v{k} else NEVER"
                if end is not None
                else f"n{k} = NEVER"
            )
            return
        self._ranged(leaf, k)

    def _ranged(self, leaf: Performed, k: str) -> None:
        write = self.write
        upper = "" if leaf.at_most is None else f" <= {leaf.at_most}"
        write(f"v{k} = 2 if {leaf.at_least} <= c_{k}{upper} else 0")
        if leaf.age.to_ms is None and not leaf.age.from_ms:
            write(f"n{k} = NEVER")
        else:
            stop = f"i{k}" if leaf.before is None else f"e{k}"  # what comes after the mark never counts
            write(f"n{k} = next_step(j{k}, (lo{k}, hi{k}, {stop}), ({leaf.age.from_ms}, {leaf.age.to_ms}))")


def start_of(end: int | None) -> str:
    """Return the expression of the earliest instant that ages up to *end* ask about."""
    return "BEFORE_ALL" if end is None else f"t - {end}"
