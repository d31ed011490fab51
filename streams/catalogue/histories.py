"""Invents histories of customers that try a catalogue's windows and thresholds, and says which segments they are in.

A segment that no such history reaches, or that another one always precedes, is probably not what its author meant. The
histories follow from the definitions (an age inside each window, counts around each threshold), so that the same
catalogue always gives the same answer; they are many, not all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise, product
from math import gcd
from typing import Any, NamedTuple

from streams.catalogue.compiler import compile_catalogue
from streams.segmentation.conditions import (
    AgeRange,
    Aggregate,
    Compare,
    Condition,
    Filter,
    InSegment,
    Last,
    Otherwise,
    Performed,
    Trait,
    leaves,
)
from streams.segmentation.definitions import Catalogue, FactDefinition, SegmentDefinition
from streams.segmentation.filters import passes
from streams.segmentation.options import InputSpec, Options
from streams.segmentation.partition import Partition
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import DAY_MS, HOUR_MS, MINUTE_MS, DurationMs, EpochMs, duration_text

NOW_MS: EpochMs = 20_514 * DAY_MS
"""The instant that all histories lead to."""


COUNT_MAX = 100
"""Most occurrences of one event in a history."""

LONG_AGO_MS: DurationMs = 400 * DAY_MS
"""Longer ago than what commonly comes after it."""

_Properties = tuple[tuple[str, Any], ...]
_Ask = tuple[str, dict[str, Any], set[DurationMs], set[int]]


class Unfathomable(Exception):
    """A condition that histories cannot be invented for."""


class Ingredient(NamedTuple):
    """One kind of event in a history.

    Attributes:
        event_type: what happened.
        properties: so that it passes the definitions' filters.
        key: property that tells occurrences apart; empty: none.
        ages: of the newest, one inside each window.
        counts: how often.
    """

    event_type: str
    properties: Mapping[str, Any]
    key: str
    ages: tuple[DurationMs, ...]
    counts: tuple[int, ...]


class Act(NamedTuple):
    """An ingredient as it is in one history: how often, and how long ago the newest was."""

    ingredient: Ingredient
    times: int
    age_ms: DurationMs


History = tuple[Act, ...]


def told(history: History) -> str:
    """Return *history* in words, e.g. ``Order Completed 2 times, last 75d ago; Page Viewed 30d ago``."""
    words = []
    for act in history:
        times = f" {act.times} times, last" if act.times > 1 else ""
        words.append(f"{act.ingredient.event_type}{times} {duration_text(act.age_ms)} ago")
    return "; ".join(words) or "nothing"


class Trial:
    """A catalogue without dwell, grace, groups and the like: membership is the bare truth of `when` and not `exclude`."""

    def __init__(
        self, catalogue: Catalogue, sources: Mapping[str, str], populations: Mapping[str, Condition]
    ) -> None:
        """Compile *catalogue*; *populations* (name → condition) are tried as if they were segments."""
        bare = [
            SegmentDefinition(s.segment_id, s.version, s.label, s.when, exclude=s.exclude)
            for s in catalogue.segments
            if not isinstance(s.when, Otherwise)
        ]
        bare += [SegmentDefinition(name, 1, name, condition) for name, condition in populations.items()]
        self._plan = compile_catalogue(Catalogue(catalogue.facts, (), tuple(bare)), sources)
        self._sources = sources

    def true(self, history: History) -> frozenset[str]:
        """Return the segments that are true after *history*."""
        partition = Partition(self._plan, (InputSpec("all"),), Options(explain=False))
        for event in sorted(self._events(history), key=lambda event: event.event_time_ms):
            partition.observe(event)
        partition.advance(0, NOW_MS)
        return frozenset(m.segment_id for m in partition.memberships("default/c")) if history else frozenset()

    def _events(self, history: History) -> Iterator[EventObserved]:
        for place, act in enumerate(history):
            kind = act.ingredient
            for number in range(act.times):
                properties = dict(kind.properties)
                if kind.key:
                    properties[kind.key] = f"{place}-{number}"
                yield EventObserved(
                    kind.event_type,
                    NOW_MS - act.age_ms - number * MINUTE_MS,
                    f"{place}-{number}",
                    "default",
                    "c",
                    self._sources[kind.event_type],
                    properties,
                )


def histories(ingredients: list[Ingredient], at_most: int) -> Iterator[History]:
    """Yield up to *at_most* histories of *ingredients*, spread evenly over all of them when there are more."""
    options = [
        [None, *(Act(one, count, age) for count, age in product(one.counts, one.ages))] for one in ingredients
    ]
    total = 1
    for acts in options:
        total *= len(acts)
    step = max(1, -(-total // at_most))
    while step > 1 and any(gcd(step, len(acts)) > 1 for acts in options):
        step += 1  # a step in tune with the options would leave some of them out
    for number in range(0, total, step):
        rest, chosen = number, []
        for acts in options:
            rest, place = divmod(rest, len(acts))
            if acts[place] is not None:
                chosen.append(acts[place])
        yield tuple(act for act in chosen if act is not None)


class _Need:
    """What the leaves ask of one event or fact with these properties."""

    def __init__(self) -> None:
        self.bounds: set[DurationMs] = set()
        self.counts: set[int] = {1}

    def add(self, bounds: set[DurationMs], counts: set[int]) -> None:
        self.bounds |= bounds
        self.counts |= {count for count in counts if 0 < count <= COUNT_MAX}

    def ages(self) -> tuple[DurationMs, ...]:
        bounds = [0, *sorted(self.bounds)]
        inside = [(a + b) // 2 for a, b in pairwise(bounds)]
        last = bounds[-1]
        beyond = last // 8 if last < 8 * DAY_MS else last // 8 // DAY_MS * DAY_MS
        return (*inside, last + (beyond or HOUR_MS))


class Cook:
    """Finds the ingredients of the histories that try some conditions."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Know the facts and segments of *catalogue*."""
        self._facts = {fact.name: fact for fact in catalogue.facts}
        self._segments = {segment.segment_id: segment for segment in catalogue.segments}

    def ingredients(self, conditions: Iterable[Condition]) -> list[Ingredient]:
        """Return what histories for *conditions* consist of.

        Raises:
            Unfathomable: a leaf of a kind that is not tried.
        """
        asked: dict[tuple[str, _Properties], _Need] = {}
        for condition in conditions:
            for event, properties, bounds, counts in self._asked(condition, frozenset()):
                asked.setdefault((event, tuple(sorted(properties.items()))), _Need()).add(bounds, counts)
        needs: dict[tuple[str, _Properties], _Need] = {}
        # Facts of few event types first: those of many find an event type of their own among what is left.
        for (event, values), need in sorted(asked.items(), key=lambda ask: len(self._fact(ask[0][0]).events)):
            types, taken = self._fact(event).events, {name for name, _ in needs}
            if len(types) > 1 and not need.bounds and need.counts == {1} and taken & set(types):
                continue  # told by what is there already
            event_type = next((e for e in types if e not in taken), types[0])
            needs.setdefault((event_type, values), _Need()).add(need.bounds, need.counts)
        return [
            Ingredient(
                name, dict(values), self._key(name), need.ages(), tuple(sorted(need.counts, reverse=True))
            )
            for (name, values), need in needs.items()
        ]

    def _fact(self, event: str) -> FactDefinition:
        return self._facts.get(event) or FactDefinition(event, (event,))

    def _key(self, event_type: str) -> str:
        return next((f.key for f in self._facts.values() if f.key and event_type in f.events), "")

    def _asked(self, condition: Condition, path: frozenset[str]) -> Iterator[_Ask]:
        """Yield event or fact, properties, window bounds and counts of every leaf, through references too."""
        for leaf in leaves(condition):
            match leaf:
                case Performed():
                    yield from self._counted(leaf)
                case Last(event=event, age=age, where=where, test=test):
                    yield event, self._passing(event, (*where, *test)), _bounds(age), {1}
                case Trait(event=event, test=test):
                    yield event, self._passing(event, test), set(), {1}
                case Compare(left=left, right=right):
                    if right is not None and left.event == right.event and _apart(left.age, right.age):
                        raise Unfathomable(f"two windows of {left.event}")  # a history has it at one time
                    sides = [side for side in (left, right) if side is not None]
                    yield from (self._compared(side, leaf) for side in sides)
                case InSegment(segment_id=name) if name in self._segments and name not in path:
                    other = self._segments[name]
                    for part in (other.when, *map(InSegment, other.exclude)):
                        yield from self._asked(part, path | {name})
                case InSegment() | Otherwise():
                    pass
                case _:
                    raise Unfathomable(type(leaf).__name__)

    def _counted(self, leaf: Performed) -> Iterator[_Ask]:
        if "." in (leaf.same or ""):
            raise Unfathomable(str(leaf.same))
        extra = {leaf.same: "same"} if leaf.same else {}
        counts = {leaf.at_least, leaf.at_least - 1}
        if leaf.at_most is not None:
            counts |= {leaf.at_most, leaf.at_most + 1}
        bounds = _bounds(leaf.age) | ({LONG_AGO_MS} if leaf.before else set())
        yield leaf.event, self._passing(leaf.event, leaf.where) | extra, bounds, counts
        for mark in (leaf.since, leaf.before):
            if mark is not None:
                yield mark, self._passing(mark, ()), {DAY_MS}, {1}

    def _compared(self, side: Aggregate, leaf: Compare) -> _Ask:
        amounts = self._fact(side.event).amount
        name = side.property or (amounts[0] if amounts else "")
        if side.kind not in ("count", "sum") or "." in name:
            raise Unfathomable(f"{side.kind} of {name}")
        properties = self._passing(side.event, side.where)
        constant = leaf.constant
        counts = {1} if leaf.right is None else {1, 2, 10}
        if side.kind == "count":
            counts |= {max(0, constant - 1), constant, constant + 1}
        elif constant:
            properties[name] = (
                constant / 1_000_000 + 1 if leaf.operator in ("gt", "ge") else constant / 2_000_000
            )
        else:
            properties[name] = 100
        return side.event, properties, _bounds(side.age), counts

    def _passing(self, event: str, where: tuple[Filter, ...]) -> dict[str, Any]:
        """Return properties that pass the filters of a fact and *where*."""
        found: dict[str, Any] = {}
        tests = (*self._fact(event).where, *where)
        for name in dict.fromkeys(test.property for test in tests):
            mine = tuple(test for test in tests if test.property == name)
            values = [value for test in mine for value in _candidates(test)]
            passing = [v for v in (None, *values) if all(passes(v, t.operator, t.value) for t in mine)]
            if not passing or "." in name:
                raise Unfathomable(name)
            if passing[0] is not None:
                found[name] = passing[0]
        return found


def _bounds(age: Any) -> set[DurationMs]:
    return {bound for bound in (age.from_ms, age.to_ms) if bound}


def _apart(one: AgeRange, other: AgeRange) -> bool:
    """Return whether no event has an age in both."""
    return any(a.to_ms is not None and a.to_ms <= b.from_ms for a, b in ((one, other), (other, one)))


def _candidates(test: Filter) -> list[Any]:
    """Return values that may pass *test*."""
    match test.operator:
        case "eq":
            return [test.value]
        case "in" | "contains":
            return list(test.value)
        case "has":
            return [test.value]
        case "lt" | "le" | "gt" | "ge":
            return [test.value, test.value + 1, test.value - 1, test.value + 0.5, test.value - 0.5]
        case _:
            return ["x", 1, True]
