"""What is true of a customer at an instant, read straight off a list of events: slow, and plain to check.

No journal, no running count: every question looks at every event again. This is one half of the oracle; the other
half (`streams.testing.oracle_walk`) asks these questions along event time. Nothing here is shared with the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

from streams.segmentation.conditions import (
    AgeRange,
    Aggregate,
    All,
    Any_,
    Compare,
    Condition,
    Filter,
    InSegment,
    Leaf,
    Not,
    Otherwise,
    Performed,
    leaves,
)
from streams.segmentation.definitions import (
    Catalogue,
    FactDefinition,
    GroupDefinition,
    SegmentDefinition,
    Undoing,
)
from streams.segmentation.stimuli import EventObserved
from streams.testing.oracle_events import COMPARISONS, View, in_range, most_alike, newest_ms, passes
from streams.testing.oracle_leaves import leaf_holds, names_in
from streams.testing.oracle_numbers import number_over


class Truths:
    """Answers the conditions of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.facts = {fact.name: fact for fact in catalogue.facts}
        self.groups = {group.name: group for group in catalogue.groups}
        self.segments = {segment.segment_id: segment for segment in catalogue.segments}

    def partition_of(self, segment: SegmentDefinition) -> GroupDefinition | None:
        """Return the partition group that decides about *segment*, or None when it stands alone."""
        group = self.groups.get(segment.group or "")
        return group if group is not None and group.kind == "partition" else None

    def members_of(self, group: GroupDefinition) -> list[SegmentDefinition]:
        """Return the members of *group*, rank 1 first; equal ranks as the catalogue lists them."""
        return sorted((s for s in self.segments.values() if s.group == group.name), key=lambda s: s.rank)

    # -- truth ------------------------------------------------------------------------------------------------

    def entry(self, segment: SegmentDefinition, view: View) -> bool:
        """Return whether *segment* may be entered: `when` and not `exclude` and not `until`.

        Nothing is true of a customer of whom nothing is known: what did not happen counts from the first evidence on.
        """
        if not view.events:
            return False
        if segment.until is not None and self.holds(segment.until, view, segment):
            return False
        return self.truth(segment, view)

    def stay(self, segment: SegmentDefinition, view: View) -> bool:
        """Return whether a member stays: not `exclude`, and not `until` (`when`, if there is no `until`)."""
        if segment.until is None:
            return self.truth(segment, view)
        return not self.excluded(segment, view) and not self.holds(segment.until, view, segment)

    def truth(self, segment: SegmentDefinition, view: View) -> bool:
        """Return what other definitions read of *segment*: `when` and not `exclude` (S12)."""
        return self.holds(segment.when, view, segment) and not self.excluded(segment, view)

    def excluded(self, segment: SegmentDefinition, view: View) -> bool:
        """Return whether any segment that *segment* excludes is true."""
        return any(self.truth(self.segments[other], view) for other in segment.exclude)

    def winner(self, group: GroupDefinition, view: View) -> str | None:
        """Return the first member of *group* that is true; None outside the population, and before any evidence."""
        members = self.members_of(group)
        if not view.events:
            return None
        if group.population is not None and not self.holds(group.population, view, members[0]):
            return None
        return next((m.segment_id for m in members if self.holds(m.when, view, m)), None)

    def holds(self, condition: Condition, view: View, of: SegmentDefinition) -> bool:
        """Return whether *condition*, a part of the definition *of*, is true in *view*."""
        match condition:
            case All(parts):
                return all(self.holds(part, view, of) for part in parts)
            case Any_(parts):
                return any(self.holds(part, view, of) for part in parts)
            case Not(part):
                return not self.holds(part, view, of)
            case Otherwise():
                return not any(self.holds(other.when, view, other) for other in self._above(of))
            case _:
                return self._leaf_holds(condition, view)

    def _leaf_holds(self, leaf: Leaf, view: View) -> bool:
        match leaf:
            case Performed():
                return self._performed(leaf, view)
            case Compare():
                return self._compared(leaf, view)
            case InSegment(segment_id):
                return self.truth(self.segments[segment_id], view)
            case _:
                return leaf_holds(self.occurrences, leaf, view)

    def _above(self, segment: SegmentDefinition) -> list[SegmentDefinition]:
        """Return the members of *segment*'s group that are tried before it."""
        members = self.members_of(self.groups[segment.group or ""])
        return members[: members.index(segment)]

    def _performed(self, leaf: Performed, view: View) -> bool:
        counted = self._counted(leaf.event, leaf.age, leaf.where, view)
        if leaf.since is not None:
            since = newest_ms(self.occurrences(leaf.since, view))
            counted = [e for e in counted if since is not None and e.event_time_ms >= since]
        if leaf.before is not None:
            before = newest_ms(self.occurrences(leaf.before, view))
            counted = [e for e in counted if before is not None and e.event_time_ms < before]
        count = len(counted) if leaf.same is None else most_alike(counted, leaf.same)
        return leaf.at_least <= count and (leaf.at_most is None or count <= leaf.at_most)

    def _compared(self, leaf: Compare, view: View) -> bool:
        compare = COMPARISONS[leaf.operator]
        left = self._number(leaf.left, view)
        if left is None:
            return False
        if leaf.right is None:
            return compare(left, leaf.constant)
        right = self._number(leaf.right, view)
        return right is not None and right > 0 and compare(left * 1_000_000, leaf.factor_ppm * right)

    def _number(self, aggregate: Aggregate, view: View) -> Fraction | None:
        counted = self._counted(aggregate.event, aggregate.age, aggregate.where, view)
        fact = self.facts.get(aggregate.event)
        return number_over(aggregate, counted, fact.amount if fact else ())

    def _counted(
        self, name: str, age: AgeRange, where: tuple[Filter, ...], view: View
    ) -> list[EventObserved]:
        """Return the occurrences of *name* whose age is in the range and that pass the filters."""
        return [
            event
            for event in self.occurrences(name, view)
            if in_range(age, view.at_ms - event.event_time_ms) and passes(where, event)
        ]

    def occurrences(self, name: str, view: View) -> list[EventObserved]:
        """Return the events of the type or fact *name* in *view*, without those taken back by then (S15)."""
        fact = self.facts.get(name)
        if fact is None:
            return [event for event in view.events if event.event_type == name]
        undone = [
            event.properties.get(fact.key)
            for undoing in fact.undone_by
            for event in view.events
            if fact.key is not None and event.event_type == undoing.event and passes(undoing.where, event)
        ]
        return [
            event
            for event in view.events
            if event.event_type in fact.events
            and passes(fact.where, event)
            and not taken_back(fact, event, undone)
        ]

    # -- what a definition reads ------------------------------------------------------------------------------

    def conditions_of(
        self, segment: SegmentDefinition, *, exclusions: bool
    ) -> Iterator[tuple[Condition, SegmentDefinition]]:
        """Yield *segment*'s conditions and those of the segments it refers to, each with its owner.

        With *exclusions* also through `exclude`: all that its truth reads. Without: what the gate counts (S5).
        """
        own = [segment.when] if segment.until is None else [segment.when, segment.until]
        referred = [leaf.segment_id for part in own for leaf in leaves(part) if isinstance(leaf, InSegment)]
        yield from ((part, segment) for part in own)
        for other in (*referred, *(segment.exclude if exclusions else ())):
            yield from self._truth_conditions(self.segments[other], exclusions=exclusions)

    def _truth_conditions(
        self, segment: SegmentDefinition, *, exclusions: bool
    ) -> Iterator[tuple[Condition, SegmentDefinition]]:
        """Yield the conditions behind what others read of *segment*, which is never its `until`."""
        yield segment.when, segment
        referred = [leaf.segment_id for leaf in leaves(segment.when) if isinstance(leaf, InSegment)]
        for other in (*referred, *(segment.exclude if exclusions else ())):
            yield from self._truth_conditions(self.segments[other], exclusions=exclusions)

    def readings(self, conditions: Iterable[Condition]) -> tuple[set[str], list[tuple[str, Undoing]]]:
        """Return the event types that *conditions* read, and what takes events back for them, with its key."""
        event_types: set[str] = set()
        undoing: list[tuple[str, Undoing]] = []
        for condition in conditions:
            for name in (name for leaf in leaves(condition) for name in names_in(leaf)):
                fact = self.facts.get(name)
                if fact is None:
                    event_types.add(name)
                else:
                    event_types.update(fact.events, (other.event for other in fact.undone_by))
                    undoing.extend((fact.key or "", other) for other in fact.undone_by)
        return event_types, undoing


def taken_back(fact: FactDefinition, event: EventObserved, undone: list[Any]) -> bool:
    """Return whether *event*'s key is among the keys that were undone; without a key nothing undoes it."""
    key = None if fact.key is None else event.properties.get(fact.key)
    return key is not None and key in undone
