"""Generates the Python of patterns: sequences, the first time, pauses, regularity."""

from __future__ import annotations

from streams.catalogue.codegen import start_of
from streams.catalogue.comparing import ComparisonWriter
from streams.segmentation.conditions import First, Leaf, Regularly, Resumed, Sequence, Step
from streams.segmentation.readings import Column


class PatternWriter(ComparisonWriter):
    """Writes the statements of patterns."""

    def leaf(self, leaf: Leaf) -> str:
        """Write *leaf*; return the suffix k of the variables ``v<k>`` and ``n<k>`` that hold its result."""
        match leaf:
            case Sequence():
                return self._sequence(leaf)
            case First():
                return self._first(leaf)
            case Resumed():
                return self._resumed(leaf)
            case Regularly():
                return self._regularly(leaf)
            case _:
                return super().leaf(leaf)

    def value(self, leaf: Leaf, k: str) -> str:
        """Return the expression of a clause's value, after its statements were written with suffix *k*."""
        match leaf:
            case Sequence():
                return f'" to ".join(map(rfc3339, max(x{k}))) if x{k} else ""'
            case First() | Resumed():
                return f'rfc3339(x{k}) if x{k} is not None else ""'
            case Regularly():
                return f"str(c_{k})"
            case _:
                return super().value(leaf, k)

    def _sequence(self, leaf: Sequence) -> str:
        write = self.write
        end = leaf.age.to_ms
        steps = [self._step(leaf, step, number) for number, step in enumerate(leaf.steps)]
        without = f", {self._step(leaf, leaf.without, 0)}" if leaf.without is not None else ""
        k = str(write.fresh())
        write(f"x{k} = chains(({', '.join(steps)},), {leaf.gap_ms}{without})")
        write(f"v{k}, n{k} = chain_in_range(x{k}, t, {leaf.age.from_ms}, {end})")
        more = f"v{k} != 2" if leaf.without is None else "True"
        for step in (*leaf.steps, *(() if leaf.without is None else (leaf.without,))):
            self.unknown(k, step.event, more, start_of(end), end)
        return k

    def _step(self, leaf: Sequence, step: Step, number: int) -> str:
        """Write the entries of one step; return the expression of them."""
        _, k = self.entries(step.event, step.where)
        start = "0" if leaf.age.to_ms is None else f"bisect_right(j{k}, t - {leaf.age.to_ms}, 0, i{k})"
        keys = "None" if leaf.by is None else self.column(step.event, step.where, Column("plain", leaf.by))
        return f"StepEntries(j{k}, {start}, i{k}, {keys}, {self._later(leaf, number)})"

    def _later(self, leaf: Sequence, number: int) -> bool:
        """Return whether an event may be this step and one before it: then it must come later."""
        types = [set(self.journals.fact(step.event).events) for step in leaf.steps]
        return any(types[number] & earlier for earlier in types[:number])

    def _first(self, leaf: First) -> str:
        write = self.write
        name, k = self.entries(leaf.event, leaf.where)
        begin, end = leaf.age.from_ms, leaf.age.to_ms
        write(f"x{k} = first_of(p.{name}_folded, j{k}, i{k})")
        write(f"v{k}, n{k} = 0, NEVER")
        write(f"if x{k} is not None:")
        write(f"    if t < x{k} + {begin}: n{k} = x{k} + {begin}")
        if end is None:
            write(f"    else: v{k} = 2")
            self.unknown(k, leaf.event, f"v{k} != 2", "BEFORE_ALL", None)
        else:
            write(f"    elif t < x{k} + {end}: v{k}, n{k} = 2, x{k} + {end}")
            self.unknown(k, leaf.event, f"(x{k} is None or t < x{k} + {end})", "BEFORE_ALL", None)
        return k

    def _resumed(self, leaf: Resumed) -> str:
        write = self.write
        _, k = self.entries(leaf.event, leaf.where)
        end = leaf.within_ms
        write(f"lo{k} = bisect_right(j{k}, t - {end}, 0, i{k})" if end is not None else f"lo{k} = 0")
        write(f"x{k} = resumed(j{k}, lo{k}, i{k}, {leaf.pause_ms})")
        write(f"v{k} = 0 if x{k} is None else 2")
        write(f"n{k} = NEVER if x{k} is None else x{k} + {end}" if end is not None else f"n{k} = NEVER")
        self.unknown(k, leaf.event, f"v{k} != 2 and not lo{k}", "BEFORE_ALL", None)
        return k

    def _regularly(self, leaf: Regularly) -> str:
        write = self.write
        _, k = self.entries(leaf.event, leaf.where)
        whole = leaf.periods * leaf.length_ms
        write(f"lo{k} = bisect_right(j{k}, t - {whole}, 0, i{k})")
        write(f"c_{k}, n{k} = periods_hit(j{k}, lo{k}, i{k}, t, {leaf.length_ms})")
        write(f"v{k} = 2 if c_{k} >= {leaf.at_least} else 0")
        self.unknown(k, leaf.event, f"v{k} != 2", start_of(whole), whole)
        return k
