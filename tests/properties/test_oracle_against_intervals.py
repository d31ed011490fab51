"""The oracle against a second formulation: the intervals in which a definition is true over the whole history.

Every occurrence counts during an interval of positions (an instant before its evidence, or with it); a definition's
truth is a function on the positions where anything begins or ends; memberships are cut from its runs of truth.
"""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given

from streams.segmentation.conditions import (
    Aggregate,
    All,
    Any_,
    Compare,
    Condition,
    InSegment,
    Last,
    Not,
    Performed,
    leaves,
    rests_on_absence,
)
from streams.segmentation.definitions import Catalogue, GroupDefinition, SegmentDefinition
from streams.segmentation.stimuli import EventObserved, WatermarkAdvanced
from streams.testing.histories import END_MS, History, histories, random_history
from streams.testing.oracle import Oracle
from streams.testing.oracle_events import passes
from streams.testing.oracle_numbers import amount_micros
from streams.testing.oracle_told import OracleTransition
from streams.testing.random_conditions import SOURCES, TICK_MS

Position = tuple[int, int]
"""An instant, and 0 before its evidence, 1 with it."""
Counted = tuple[EventObserved, Position, Position]
"""An event, and from which position to which it counts."""
NEVER: Position = (1 << 62, 0)
COMPARE: dict[str, Callable[[int, int], bool]] = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}


class Intervals:
    """Truth on every position of one customer's complete history."""

    def __init__(self, catalogue: Catalogue, events: Sequence[EventObserved]) -> None:
        self.catalogue, self.events = catalogue, events
        self.facts = {fact.name: fact for fact in catalogue.facts}
        self.segments = {segment.segment_id: segment for segment in catalogue.segments}
        bounds = {0}
        for segment in catalogue.segments:
            for condition in (segment.when, segment.until):
                bounds |= set(ages_in(condition)) if condition else set()
        for group in catalogue.groups:
            bounds |= set(ages_in(group.population)) if group.population else set()
        delays = {
            0,
            *(s.dwell_ms for s in catalogue.segments),
            *(s.min_membership_ms for s in catalogue.segments),
        }
        instants = {e.event_time_ms + bound for e in events for bound in bounds}
        instants = {at + first + second for at in instants for first in delays for second in delays}
        self.positions = [(at, phase) for at in sorted(instants) for phase in (0, 1)]

    def counted(self, name: str) -> list[Counted]:
        """Return the occurrences of *name*, each from its own evidence until it is undone."""
        fact = self.facts.get(name)
        if fact is None:
            return [(e, (e.event_time_ms, 1), NEVER) for e in self.events if e.event_type == name]
        found = []
        for event in self.events:
            if event.event_type in fact.events and passes(fact.where, event):
                key = event.properties.get(fact.key or "")
                undone = [
                    (other.event_time_ms, 1)
                    for undoing in fact.undone_by
                    for other in self.events
                    if key is not None
                    and other.event_type == undoing.event
                    and passes(undoing.where, other)
                    and other.properties.get(fact.key or "") == key
                ]
                found.append((event, (event.event_time_ms, 1), min(undone, default=NEVER)))
        return found

    def aged(self, leaf: Performed | Aggregate) -> list[Counted]:
        """Return when each occurrence counts in *leaf*: within its ages, if it passes its filters."""
        found = []
        for event, begin, end in self.counted(leaf.event):
            if passes(leaf.where, event):
                old = (event.event_time_ms + leaf.age.from_ms, 0)
                too_old = NEVER if leaf.age.to_ms is None else (event.event_time_ms + leaf.age.to_ms, 0)
                found.append((event, max(begin, old), min(end, too_old)))
        return found

    def newest(self, name: str, position: Position) -> int | None:
        """Return the time of the newest occurrence of *name* that counts at *position*."""
        return max((e.event_time_ms for e in standing(self.counted(name), position)), default=None)

    def known(self, segment_ids: Sequence[str], population: Condition | None = None) -> Position:
        """Return from when on anything is known that the segments read, or the *population*."""
        own = [
            c for i in segment_ids for c in (self.segments[i].when, self.segments[i].until, population) if c
        ]
        types = {t for condition in own for t in self.types_in(condition)}
        types |= {t for i in segment_ids for other in self.segments[i].exclude for t in self.types_of(other)}
        return min([(e.event_time_ms, 1) for e in self.events if e.event_type in types], default=NEVER)

    def types_of(self, segment_id: str) -> set[str]:
        """Return the event types behind the truth of a segment."""
        segment = self.segments[segment_id]
        excluded = {t for other in segment.exclude for t in self.types_of(other)}
        return excluded | self.types_in(segment.when)

    def types_in(self, condition: Condition) -> set[str]:
        """Return the event types behind a condition."""
        found: set[str] = set()
        for leaf in leaves(condition):
            found |= {t for name in names(leaf) for t in self.types(name)}
            if isinstance(leaf, InSegment):
                found |= self.types_of(leaf.segment_id)
        return found

    def types(self, name: str) -> set[str]:
        """Return the event types behind an event type or fact."""
        fact = self.facts.get(name)
        return {name} if fact is None else {*fact.events, *(u.event for u in fact.undone_by)}

    def holds(self, condition: Condition, at: Position) -> bool:
        """Return whether *condition* is true at the position."""
        match condition:
            case All(parts):
                return all(self.holds(part, at) for part in parts)
            case Any_(parts):
                return any(self.holds(part, at) for part in parts)
            case Not(part):
                return not self.holds(part, at)
            case InSegment(segment_id):
                return self.true(self.segments[segment_id], at)
            case Last(event, age):
                newest = self.newest(event, at)
                until = NEVER[0] if age.to_ms is None else age.to_ms
                return newest is not None and age.from_ms <= at[0] - newest < until
            case Performed():
                return self.performed(condition, at)
            case Compare():
                left = self.number(condition.left, at)
                if condition.right is None:
                    return COMPARE[condition.operator](left, condition.constant)
                right = self.number(condition.right, at) * condition.factor_ppm
                return right > 0 and COMPARE[condition.operator](left * 10**6, right)
            case _:
                return True

    def performed(self, leaf: Performed, at: Position) -> bool:
        """Return whether the count of *leaf* lies between its limits."""
        events = standing(self.aged(leaf), at)
        if leaf.since is not None:
            since = self.newest(leaf.since, at)
            events = [] if since is None else [e for e in events if e.event_time_ms >= since]
        if leaf.before is not None:
            before = self.newest(leaf.before, at)
            events = [] if before is None else [e for e in events if e.event_time_ms < before]
        count = len(events)
        if leaf.same is not None:
            values = [e.properties[leaf.same] for e in events if leaf.same in e.properties]
            count = max(map(values.count, values), default=0)
        return count in range(leaf.at_least, (1 << 30 if leaf.at_most is None else leaf.at_most) + 1)

    def number(self, aggregate: Aggregate, at: Position) -> int:
        """Return the count, or the sum in micros."""
        events = standing(self.aged(aggregate), at)
        if aggregate.kind == "count":
            return len(events)
        fact = self.facts.get(aggregate.event)
        properties = [aggregate.property] if aggregate.property else list(fact.amount) if fact else []
        return sum(amount_micros(event, properties) for event in events)

    def true(self, segment: SegmentDefinition, at: Position) -> bool:
        """Return `when` and not `exclude`."""
        return self.holds(segment.when, at) and not self.excluded(segment, at)

    def excluded(self, segment: SegmentDefinition, at: Position) -> bool:
        """Return whether a segment that is excluded is true."""
        return any(self.true(self.segments[other], at) for other in segment.exclude)

    # -- memberships ----------------------------------------------------------------------------------------

    def memberships(self, segment: SegmentDefinition) -> list[tuple[int, int | None]]:
        """Return the intervals of membership of a segment that stands alone."""
        known = self.known([segment.segment_id])
        entry = []
        for at in self.positions:
            until = segment.until is not None and self.holds(segment.until, at)
            entry.append(at >= known and not until and self.true(segment, at))
        runs = [
            (self.positions[i], self.positions[j] if j is not None else NEVER) for i, j in true_runs(entry)
        ]
        whens = {other.segment_id: other.when for other in self.segments.values()}
        grace_ms = segment.grace_ms if segment.gated and rests_on_absence(segment.when, whens) else 0
        found: list[tuple[int, int | None]] = []
        resume: Position = (-(1 << 62), 0)
        for begin, end in runs:
            due = begin if segment.dwell_ms == 0 else (begin[0] + segment.dwell_ms, 0)
            due = max(due, door_opens(segment, found))
            if begin < resume or end <= due:
                continue
            breaks = [e for _, e in runs if e[1] == 1 and due < e < (due[0] + grace_ms, 0)]
            if breaks:
                resume = min(breaks)
                continue
            floor = max(due, (due[0] + segment.min_membership_ms, 0))
            ends = [at for at in {floor, *self.positions} if at >= floor and not self.stays(segment, at)]
            resume = min(ends, default=NEVER)
            found.append((due[0], resume[0] if ends else None))
        return touching_joined(found)

    def stays(self, segment: SegmentDefinition, at: Position) -> bool:
        """Return whether a member stays at the position."""
        if segment.until is None:
            return self.true(segment, at)
        return not self.excluded(segment, at) and not self.holds(segment.until, at)

    def partition(self, group: GroupDefinition) -> dict[str, list[tuple[int, int | None]]]:
        """Return the intervals of every member of a partition group."""
        members = sorted((s for s in self.segments.values() if s.group == group.name), key=lambda s: s.rank)
        known = self.known([m.segment_id for m in members], group.population)
        winners = []
        for at in self.positions:
            inside = at >= known and (group.population is None or self.holds(group.population, at))
            winners.append(next((m.segment_id for m in members if inside and self.holds(m.when, at)), None))
        return {
            m.segment_id: touching_joined(
                [
                    (self.positions[i][0], self.positions[j][0] if j is not None else None)
                    for i, j in true_runs([winner == m.segment_id for winner in winners])
                ]
            )
            for m in members
        }

    def all_memberships(self) -> dict[str, list[tuple[int, int | None]]]:
        """Return the intervals of every segment."""
        found = {s.segment_id: self.memberships(s) for s in self.segments.values() if s.group is None}
        for group in self.catalogue.groups:
            found |= self.partition(group)
        return found


def door_opens(segment: SegmentDefinition, before: Sequence[tuple[int, int | None]]) -> Position:
    """Return from when on the memberships *before* let another one begin (decision record 5)."""
    shut = [end + segment.cooldown_ms for _, end in before if segment.cooldown_ms and end is not None]
    if segment.entries_max:
        counted = sorted(begin + segment.entries_within_ms for begin, _ in before)
        shut += counted[: max(0, len(counted) - segment.entries_max + 1)]
    return (max(shut, default=-(1 << 62)), 0)


def standing(counted: Sequence[Counted], at: Position) -> list[EventObserved]:
    """Return the events that count at the position."""
    return [event for event, begin, end in counted if begin <= at < end]


def names(leaf: Any) -> Iterator[str]:
    """Yield the event types and facts in a leaf."""
    for part in (leaf, getattr(leaf, "left", None), getattr(leaf, "right", None)):
        yield from (name for key in ("event", "since", "before") if (name := getattr(part, key, None)))


def ages_in(condition: Condition) -> Iterator[int]:
    """Yield every bound of an age in a condition."""
    for leaf in leaves(condition):
        for part in (leaf, getattr(leaf, "left", None), getattr(leaf, "right", None)):
            age = getattr(part, "age", None)
            if age is not None:
                yield from (bound for bound in (age.from_ms, age.to_ms) if bound is not None)


def true_runs(values: Sequence[bool]) -> Iterator[tuple[int, int | None]]:
    """Yield begin and end (None: open) of every maximal run of True."""
    begin = None
    for place, value in enumerate(values):
        if value and begin is None:
            begin = place
        elif not value and begin is not None:
            yield begin, place
            begin = None
    if begin is not None:
        yield begin, None


def touching_joined(intervals: Sequence[tuple[int, int | None]]) -> list[tuple[int, int | None]]:
    """Return *intervals* without empty ones, touching ones joined."""
    joined: list[tuple[int, int | None]] = []
    for begin, end in intervals:
        if begin == end:
            continue
        if joined and joined[-1][1] == begin:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    return joined


def told(
    transitions: Sequence[OracleTransition], customer: str, segment_id: str
) -> list[tuple[int, int | None]]:
    """Return the intervals that *transitions* tell of; what was retracted was never."""
    found: list[tuple[int, int | None]] = []
    for transition in transitions:
        if (transition.customer, transition.segment_id) == (customer, segment_id):
            if transition.kind == "entered":
                found.append((transition.occurred_at_ms, None))
            else:
                begin, _ = found.pop()
                found += [(begin, transition.occurred_at_ms)] if transition.kind == "exited" else []
    return touching_joined(found)


def in_order(history: History) -> list[EventObserved]:
    """Return the events of *history* in order of event time, each once."""
    events = {(s.key, s.event_id): s for s in history.stimuli if isinstance(s, EventObserved)}
    return sorted(events.values(), key=lambda event: event.event_time_ms)


def check_in_order(history: History) -> None:
    """Compare both formulations on the events of *history* in order."""
    events = in_order(history)
    oracle = Oracle(history.catalogue, sources=SOURCES)
    for event in events:
        oracle.observe(event)
    oracle.advance(None, END_MS)
    for customer in {event.key for event in events}:
        expected = Intervals(history.catalogue, [e for e in events if e.key == customer]).all_memberships()
        for segment_id, intervals in expected.items():
            assert told(oracle.transitions, customer, segment_id) == intervals, f"{segment_id} of {customer}"


@given(histories())
def test_transitions_tell_the_intervals_of_truth(history: History) -> None:
    """In order, what is emitted adds up to the intervals in which the definitions are true."""
    check_in_order(history)


@pytest.mark.parametrize("seed", range(0, 300, 50))
def test_transitions_tell_the_intervals_of_truth_for_many(seed: int) -> None:
    """The same on fifty histories drawn faster; repeat one with `random_history(random.Random(seed).choice)`."""
    for number in range(seed, seed + 50):
        history = random_history(random.Random(number).choice)
        try:
            check_in_order(history)
        except AssertionError as error:
            raise AssertionError(f"seed {number}: {error}\n{history}") from error


@given(histories())
def test_order_of_arrival_does_not_matter_in_the_end(history: History) -> None:
    """With nothing late, memberships and since are those of the sorted history (S8)."""
    sorted_first = Oracle(history.catalogue, sources=SOURCES)
    as_arrived = Oracle(history.catalogue, out_of_orderness_ms=1000 * TICK_MS, sources=SOURCES)
    for event in in_order(history):
        sorted_first.observe(event)
    for stimulus in history.stimuli:
        if isinstance(stimulus, EventObserved):
            as_arrived.observe(stimulus)
    last_ms = max([s.event_time_ms for s in in_order(history)], default=0)
    for oracle in (sorted_first, as_arrived):
        oracle.advance(None, last_ms + 4 * TICK_MS)

    assert not any(t.origin == "late" for t in as_arrived.transitions)
    assert as_arrived.memberships() == sorted_first.memberships()


def test_watermarks_end_every_history() -> None:
    """A random history ends with a watermark of every source, so that nothing stays undecided."""
    history = random_history(random.Random(1).choice)

    ends = [s for s in history.stimuli if isinstance(s, WatermarkAdvanced) and s.watermark_ms == END_MS]
    assert {end.source for end in ends} == set(SOURCES.values())
