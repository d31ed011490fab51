"""Reads definitions from YAML.

The grammar, in one look:

    facts:    NAME: {events, where, key, amount, undone_by}
    groups:   NAME: {kind: partition|arbitrated, population: CONDITION}
    segments: - {id, version, label, description, owner, group, rank, when, until, exclude,
                 dwell, grace, gate, min_membership, tests}

    CONDITION
      all: [CONDITION, …]     any: [CONDITION, …]     not: CONDITION     in: SEGMENT     otherwise: true
      did: EVENT              at_least | at_most | exactly: N, within: T | ago: {from, to}, since: EVENT,
                              before: EVENT, where: {PROPERTY: TEST}, same: PROPERTY
      did_not: EVENT          within | ago, since, before, where
      last: EVENT             within: T | ago: {from: T, to: T}
      count: EVENT            within | ago, where, at_least | more_than | at_most | less_than: N or N% with of: AGGREGATE
      sum: EVENT.PROPERTY     (a fact with an amount needs no property) likewise, in units of money

An EVENT is an event type or a fact. What cannot be read raises `DefinitionError` at its place. Which keys a form has
stands in `streams.catalogue.grammar`, from where the JSON Schema has them too; a new key is written there first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from streams.catalogue.grammar import CONDITIONS, FORMS
from streams.catalogue.nodes import Node, nearest, read
from streams.segmentation.conditions import (
    DEPTH_MAX,
    EVER,
    AgeRange,
    Aggregate,
    All,
    Any_,
    Compare,
    Condition,
    Filter,
    InSegment,
    Last,
    Not,
    Otherwise,
    Performed,
    depth,
)
from streams.segmentation.definitions import (
    FactDefinition,
    GroupDefinition,
    SegmentDefinition,
    Undoing,
)

_COMPARISONS = {"at_least": "ge", "more_than": "gt", "at_most": "le", "less_than": "lt"}
_FILTERS = {
    "not": "ne",
    "below": "lt",
    "at_most": "le",
    "above": "gt",
    "at_least": "ge",
    "in": "in",
    "exists": "exists",
}
_NUMERIC = ("below", "at_most", "above", "at_least")
_NUMBER_MAX = 10**12


class Section(NamedTuple):
    """One file, opened: its facts, groups and segments, not yet read."""

    facts: dict[str, Node]
    groups: dict[str, Node]
    segments: list[Node]


def sections(file: str, text: str) -> Section:
    """Open *text* of *file*.

    Raises:
        DefinitionError: it is no YAML, or has other keys than facts, groups and segments.
    """
    parts = read(file, text).mapping(FORMS["file"])
    return Section(
        parts["facts"].mapping() if "facts" in parts else {},
        parts["groups"].mapping() if "groups" in parts else {},
        parts["segments"].items() if "segments" in parts else [],
    )


class Document:
    """Reads definitions, knowing which events exist; facts are read first, conditions may name them.

    Attributes:
        facts: the facts read so far, by name.
        segment_nodes: segment id → where it says its id.
        references: every mention of another segment, and of a group: its place, its kind, the name.
        tests: segment id → the files of scenarios that it names.
    """

    def __init__(self, events: Collection[str]) -> None:
        """Accept *events* (canonical event types)."""
        self.events = events
        self.facts: dict[str, FactDefinition] = {}
        self.segment_nodes: dict[str, Node] = {}
        self.references: list[tuple[Node, str, str]] = []
        self.tests: dict[str, list[Node]] = {}
        self._sums: dict[tuple[str, tuple[Filter, ...]], str] = {}

    def fact(self, name: str, node: Node) -> FactDefinition:
        """Return the fact *name*, which conditions may name from now on."""
        if name in self.events:
            raise node.error(f"{name!r} is an event", "give the fact a name of its own")
        parts = node.mapping(FORMS["fact"])
        undoing = [self._undoing(item) for item in parts["undone_by"].items()] if "undone_by" in parts else []
        key = parts["key"].text() if "key" in parts else None
        if undoing and key is None:
            raise parts["undone_by"].error("what can be undone needs a key", "add 'key: order_id'")
        events = _required(node, parts, "events")
        if not events.items():
            raise events.error("expected at least one event")
        found = self.facts[name] = FactDefinition(
            name=name,
            events=tuple(item.one_of(self.events, "event") for item in events.items()),
            where=self._filters(parts),
            key=key,
            amount=tuple(item.text() for item in parts["amount"].items()) if "amount" in parts else (),
            undone_by=tuple(undoing),
        )
        return found

    def _undoing(self, node: Node) -> Undoing:
        if not node.is_mapping:
            return Undoing(node.one_of(self.events, "event"))
        parts = node.mapping(FORMS["undoing"])
        return Undoing(_required(node, parts, "event").one_of(self.events, "event"), self._filters(parts))

    def group(self, name: str, node: Node) -> GroupDefinition:
        """Return the group *name*."""
        parts = node.mapping(FORMS["group"])
        kind = _required(node, parts, "kind").one_of(("partition", "arbitrated"), "kind of group")
        population = self.condition(parts["population"]) if "population" in parts else None
        return GroupDefinition(name, "partition" if kind == "partition" else "arbitrated", population)

    def segment(self, node: Node) -> SegmentDefinition:
        """Return one segment."""
        parts = node.mapping(FORMS["segment"])
        segment_id = _required(node, parts, "id").text()
        if not segment_id.replace(".", "").replace("_", "").isalnum():
            raise parts["id"].error(
                f"{segment_id[:80]!r} is no segment id", "letters, digits, '_' and '.' only"
            )
        if segment_id in self.segment_nodes:
            raise parts["id"].error(
                f"segment {segment_id!r} is defined twice", "a new version replaces the old one"
            )
        self.segment_nodes[segment_id] = parts["id"]
        self.tests[segment_id] = parts["tests"].items() if "tests" in parts else []
        group = parts["group"].text() if "group" in parts else ""
        if group:
            self.references.append((parts["group"], "group", group))

        def duration(key: str) -> int:
            return parts[key].duration() if key in parts else 0

        def text(key: str) -> str:
            return parts[key].text() if key in parts else ""

        return SegmentDefinition(
            segment_id=segment_id,
            version=parts["version"].whole(1) if "version" in parts else 1,
            label=_required(node, parts, "label").text(),
            description=text("description"),
            owner=text("owner"),
            when=self.condition(_required(node, parts, "when")),
            until=self.condition(parts["until"]) if "until" in parts else None,
            exclude=tuple(map(self._segment, parts["exclude"].items())) if "exclude" in parts else (),
            dwell_ms=duration("dwell"),
            grace_ms=duration("grace"),
            gated="gate" not in parts or parts["gate"].one_of(("sources", "none"), "gate") == "sources",
            min_membership_ms=duration("min_membership"),
            group=group or None,
            rank=parts["rank"].whole(1) if "rank" in parts else 0,
        )

    # ---- conditions ---------------------------------------------------------------------------------------------

    def condition(self, node: Node) -> Condition:
        """Return the condition at *node*; a list means ``all``."""
        found = self._condition(node, 1)
        if depth(found) > DEPTH_MAX:
            raise node.error(
                f"nested deeper than {DEPTH_MAX} levels", "name a part as a segment and use 'in:'"
            )
        return found

    def _condition(self, node: Node, level: int) -> Condition:
        if level > 2 * DEPTH_MAX:
            raise node.error(f"nested deeper than {DEPTH_MAX} levels")
        if node.is_list:
            return All(tuple(self._condition(item, level + 1) for item in node.items()))
        parts = node.mapping()
        heads = [key for key in parts if key in CONDITIONS]
        if len(heads) != 1:
            unknown = next((key for key in parts if key not in CONDITIONS), "")
            hint = (
                nearest(unknown, CONDITIONS)
                if not heads
                else f"split {' and '.join(heads)} into a list under 'all'"
            )
            raise node.error("a condition needs exactly one of " + ", ".join(CONDITIONS), hint)
        head = heads[0]
        read_head: dict[str, Callable[[Node, dict[str, Node], int], Condition]] = {
            "all": lambda n, p, k: All(self._several(p["all"], k)),
            "any": lambda n, p, k: Any_(self._several(p["any"], k)),
            "not": lambda n, p, k: Not(self._condition(p["not"], k + 1)),
            "in": lambda n, p, k: InSegment(self._segment(p["in"])),
            "otherwise": lambda n, p, k: _otherwise(p["otherwise"]),
        }
        if head in read_head:
            node.mapping(CONDITIONS[head])
            return read_head[head](node, parts, level)
        return {"did": self._did, "did_not": self._did_not, "last": self._last}.get(head, self._compare)(node)

    def _several(self, node: Node, level: int) -> tuple[Condition, ...]:
        if not node.is_list or not node.items():
            raise node.error("expected a list of conditions")
        return tuple(self._condition(item, level + 1) for item in node.items())

    def _segment(self, node: Node) -> str:
        name = node.text()
        self.references.append((node, "segment", name))
        return name

    def _event(self, node: Node) -> str:
        return node.one_of([*self.facts, *self.events], "event or fact")

    def _did(self, node: Node) -> Condition:
        parts = node.mapping(CONDITIONS["did"])
        least, most = 1, None
        if "exactly" in parts:
            if "at_least" in parts or "at_most" in parts:
                raise parts["exactly"].error("'exactly' stands alone")
            least = most = parts["exactly"].whole()
        if "at_least" in parts:
            least = parts["at_least"].whole(1)
        if "at_most" in parts:
            most = parts["at_most"].whole()
            least = least if "at_least" in parts else 0
        if most is not None and most < least:
            raise node.error(f"at most {most} is less than at least {least}")
        return self._performed(parts, "did", least, most)

    def _did_not(self, node: Node) -> Condition:
        parts = node.mapping(CONDITIONS["did_not"])
        return Not(self._performed(parts, "did_not", 1, None))

    def _performed(self, parts: dict[str, Node], head: str, least: int, most: int | None) -> Performed:
        return Performed(
            event=self._event(parts[head]),
            at_least=least,
            at_most=most,
            age=_age(parts),
            since=self._event(parts["since"]) if "since" in parts else None,
            before=self._event(parts["before"]) if "before" in parts else None,
            where=self._filters(parts),
            same=parts["same"].text() if "same" in parts else None,
        )

    def _last(self, node: Node) -> Condition:
        parts = node.mapping(CONDITIONS["last"])
        return Last(self._event(parts["last"]), _age(parts))

    def _compare(self, node: Node) -> Condition:
        parts = node.mapping({**CONDITIONS["count"], **CONDITIONS["sum"]})
        signs = [key for key in parts if key in _COMPARISONS]
        if len(signs) != 1:
            raise node.error("a comparison needs exactly one of " + ", ".join(_COMPARISONS))
        left, sign = self._aggregate(node, parts), _COMPARISONS[signs[0]]
        limit = parts[signs[0]]
        if limit.text().endswith("%"):
            other = _required(node, parts, "of")
            right = self._aggregate(other, other.mapping(FORMS["share"]))
            if right.kind != left.kind:
                raise other.error(f"a {left.kind} has no share of a {right.kind}")
            return Compare(left, sign, 0, right, _scaled(limit, limit.text()[:-1], 10_000))  # type: ignore[arg-type]
        if "of" in parts:
            raise parts["of"].error("'of' needs a percentage, such as 'at_least: 30%'")
        return Compare(left, sign, _scaled(limit, limit.text(), 1_000_000 if left.kind == "sum" else 1))  # type: ignore[arg-type]

    def _aggregate(self, node: Node, parts: dict[str, Node]) -> Aggregate:
        if ("sum" in parts) == ("count" in parts):
            raise node.error("expected exactly one of count, sum")
        kind = "sum" if "sum" in parts else "count"
        named = parts[kind]
        event, _, field = (
            named.text().rpartition(".") if kind == "sum" and "." in named.text() else (named.text(), "", "")
        )
        known = [*self.facts, *self.events]
        if event not in known:
            raise named.error(f"unknown event or fact {event[:80]!r}", nearest(event, known))
        where = self._filters(parts)
        if kind == "sum":
            self._check_sum(named, event, field, where)
        return Aggregate("sum" if kind == "sum" else "count", event, field or None, _age(parts), where)

    def _check_sum(self, named: Node, event: str, field: str, where: tuple[Filter, ...]) -> None:
        """Refuse a sum of nothing, and a second sum of other money over the same events."""
        amount = ", ".join(self.facts[event].amount) if event in self.facts else ""
        if not field and not amount:
            raise named.error(
                f"a sum of {event!r} needs a money property",
                f"write 'sum: {event}.PROPERTY', or give the fact an 'amount'",
            )
        summed = self._sums.setdefault((event, where), amount if amount and not where else field or amount)
        if (field or amount) != summed:
            raise named.error(
                f"{event!r} is summed by {summed} already", "name a fact of its own for the other sum"
            )

    def _filters(self, parts: dict[str, Node]) -> tuple[Filter, ...]:
        found = []
        for name, node in parts["where"].mapping().items() if "where" in parts else ():
            if node.is_mapping:
                for key, value in node.mapping(FORMS["filter"]).items():
                    found.append(Filter(name, _FILTERS[key], _wanted(key, value)))  # type: ignore[arg-type]
            else:
                found.append(Filter(name, "eq", _wanted("eq", node)))
        return tuple(found)


def _required(node: Node, parts: dict[str, Node], key: str) -> Node:
    if key not in parts:
        raise node.error(f"{key!r} is missing")
    return parts[key]


def _otherwise(node: Node) -> Otherwise:
    if not node.flag():
        raise node.error("expected true")
    return Otherwise()


def _wanted(test: str, node: Node) -> Any:
    """Return what a filter compares with."""
    if test == "in":
        return tuple(_wanted("eq", item) for item in node.items())
    if test == "exists":
        return node.flag()
    value = node.scalar()
    if value is None:
        raise node.error("expected a value", "write 'exists: false' for a property that is missing")
    if test in _NUMERIC and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise node.error(f"expected a number, found {node.text()[:40]!r}")
    return value


def _age(parts: dict[str, Node]) -> AgeRange:
    if "within" in parts and "ago" in parts:
        raise parts["ago"].error("'within' and 'ago' exclude each other")
    if "within" in parts:
        length = parts["within"].duration()
        if not length:
            raise parts["within"].error("nothing lies within no time")
        return AgeRange(0, length)
    if "ago" not in parts:
        return EVER
    ago = parts["ago"].mapping(FORMS["ago"])
    begin = ago["from"].duration() if "from" in ago else 0
    end = ago["to"].duration() if "to" in ago else None
    if end is not None and end <= begin:
        raise parts["ago"].error("'to' must be longer ago than 'from'")
    return AgeRange(begin, end)


def _scaled(node: Node, text: str, scale: int) -> int:
    """Return the number in *text*, times *scale*; it must be whole then."""
    try:
        value = Decimal(text.strip())
        whole = int(value * scale) if abs(value) <= _NUMBER_MAX else None
    except (InvalidOperation, ValueError):
        raise node.error(f"expected a number, found {text[:40]!r}") from None
    if whole is None or whole != value * scale:
        raise node.error(f"{text[:40]!r} is too large or has too many decimals")
    return whole
