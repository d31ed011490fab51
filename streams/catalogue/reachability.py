"""Finds segments that nobody can get into or out of, and what the members of a group do to each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations, pairwise

from streams.catalogue.histories import Cook, History, Trial, Unfathomable, histories, told
from streams.catalogue.mending import Reading
from streams.catalogue.nodes import Node
from streams.errors import DefinitionError
from streams.segmentation.conditions import (
    All,
    Any_,
    Compare,
    Condition,
    InSegment,
    Last,
    Not,
    Otherwise,
    Performed,
)
from streams.segmentation.definitions import GroupDefinition, SegmentDefinition

SEGMENT_HISTORIES_MAX = 400
"""Histories tried for one segment."""

GROUP_HISTORIES_MAX = 1_500
"""Histories tried for one group."""

_GROWING = ("count", "sum", "distinct", "max")
"""Aggregates that only grow while nothing is taken back."""

Said = tuple[str, DefinitionError]
"""A level (``warning``, ``note``) and what is said, at its place."""


class Reachability:
    """What can be said about a catalogue without mistakes by trying histories, and by looking at its conditions."""

    def __init__(self, reading: Reading, sources: Mapping[str, str]) -> None:
        """Compile what is tried; *sources* are event type → source."""
        self.reading, self.catalogue = reading, reading.catalogue
        self.cook = Cook(reading.catalogue)
        self.segments = {segment.segment_id: segment for segment in self.catalogue.segments}
        groups = [g for g in self.catalogue.groups if g.kind == "partition" and self._members(g)]
        self.groups = groups
        populations = {_population(g): g.population for g in groups if g.population is not None}
        self.trial = Trial(self.catalogue, sources, populations)

    def say(self) -> Iterator[Said]:
        """Yield warnings and notes."""
        reached: set[str] = set()
        for group in self.groups:
            yield from self._group(group, reached)
        for group in self.catalogue.groups:
            yield from self._ranks(group)
        for segment in self.catalogue.segments:
            yield from self._way_in(segment, reached)
            yield from self._way_out(segment)

    def _place(self, segment_id: str) -> Node:
        return self.reading.document.segment_nodes[segment_id]

    def _members(self, group: GroupDefinition) -> list[SegmentDefinition]:
        mine = [s for s in self.catalogue.segments if s.group == group.name]
        return sorted(mine, key=lambda segment: segment.rank)

    # ---- one segment ------------------------------------------------------------------------------------------

    def _way_in(self, segment: SegmentDefinition, reached: set[str]) -> Iterator[Said]:
        if segment.segment_id in reached or isinstance(segment.when, Otherwise):
            return
        try:
            ingredients = self.cook.ingredients([InSegment(segment.segment_id)])
        except Unfathomable:
            return
        tried = 0
        for history in histories(ingredients, SEGMENT_HISTORIES_MAX):
            tried += 1
            if segment.segment_id in self.trial.true(history):
                return
        yield (
            "warning",
            self._place(segment.segment_id).error(
                f"{segment.segment_id} has no way in: it is true after none of {tried} histories that try its windows",
                "look for clauses that exclude each other; who did nothing at all is never looked at",
            ),
        )

    def _way_out(self, segment: SegmentDefinition) -> Iterator[Said]:
        group = next((group for group in self.groups if group.name == segment.group), None)
        if group is not None:
            yield from self._way_out_of(segment, group)
            return
        excluded = any(self._may(InSegment(name), frozenset())[0] for name in segment.exclude)
        falls = self._may(segment.when, frozenset())[1] if segment.until is None else False
        ended = segment.until is not None and self._may(segment.until, frozenset())[0]
        if not (falls or ended or excluded):
            yield (
                "warning",
                self._place(segment.segment_id).error(
                    f"{segment.segment_id} has no way out: once true, nothing makes it false again",
                    "add a window (within: 90d), an 'until' or an 'exclude', or say what takes a fact back",
                ),
            )

    def _way_out_of(self, segment: SegmentDefinition, group: GroupDefinition) -> Iterator[Said]:
        """Warn of a dead end: a member that stays true for ever, and nothing that may come before it."""
        before = [one for one in self._members(group) if one.rank < segment.rank]
        overtaken = any(self._may(one.when, frozenset())[0] for one in before)
        falls = not isinstance(segment.when, Otherwise) and self._may(segment.when, frozenset())[1]
        leaves = group.population is not None and self._may(group.population, frozenset())[1]
        if not (overtaken or falls or leaves):
            yield (
                "warning",
                self._place(segment.segment_id).error(
                    f"{segment.segment_id} is a dead end of {group.name}: once true, nothing makes it false again, "
                    "and no member comes before it",
                    "add a window (within: 90d), or give it a greater rank",
                ),
            )

    def _may(self, condition: Condition, path: frozenset[str]) -> tuple[bool, bool]:
        """Return whether *condition* may become true, and whether it may become false again; in doubt, both."""
        match condition:
            case All(parts) | Any_(parts):
                found = [self._may(part, path) for part in parts]
                return any(rise for rise, _ in found), any(fall for _, fall in found)
            case Not(part):
                rise, fall = self._may(part, path)
                return fall, rise
            case InSegment(name) if name in self.segments and name not in path:
                other = self.segments[name]
                parts = (other.when, *(Not(InSegment(one)) for one in other.exclude))
                return self._may(All(parts), path | {name})
            case Performed():
                moves = condition.age.to_ms is not None or condition.since is not None
                takes_back = moves or self._undone(condition.event)
                if condition.at_most is None:
                    return True, takes_back
                return condition.at_least > 0 or takes_back, True
            case Last(event=event, age=age, test=()):
                return True, bool(age.from_ms) or age.to_ms is not None or self._undone(event)
            case Compare(left=left, operator="gt" | "ge", right=None) if left.kind in _GROWING:
                return True, left.age.to_ms is not None or self._undone(left.event)
            case _:
                return True, True

    def _undone(self, event: str) -> bool:
        return any(fact.name == event and fact.undone_by for fact in self.catalogue.facts)

    # ---- groups -----------------------------------------------------------------------------------------------

    def _ranks(self, group: GroupDefinition) -> Iterator[Said]:
        members = self._members(group)
        for one, other in pairwise(members):
            if one.rank == other.rank:
                yield (
                    "warning",
                    self._place(other.segment_id).error(
                        f"{other.segment_id} and {one.segment_id} have the same rank {one.rank} in {group.name}",
                        "give each member a rank of its own: it decides who comes first",
                    ),
                )

    def _group(self, group: GroupDefinition, reached: set[str]) -> Iterator[Said]:
        """Try histories on a partition group: overlaps, members that never win, and holes."""
        members = self._members(group)
        plain = [m for m in members if not isinstance(m.when, Otherwise)]
        asked = [InSegment(member.segment_id) for member in plain]
        try:
            ingredients = self.cook.ingredients(
                [*asked, *([group.population] if group.population is not None else [])]
            )
        except Unfathomable:
            return
        overlaps: dict[tuple[str, str], History] = {}
        winners: set[str] = set()
        seen: set[str] = set()
        hole: History | None = None
        tried = 0
        for history in histories(ingredients, GROUP_HISTORIES_MAX):
            true = self.trial.true(history)
            tried += 1
            reached |= true & self.segments.keys()
            if group.population is not None and _population(group) not in true:
                continue
            mine = [member.segment_id for member in plain if member.segment_id in true]
            seen.update(mine)
            winners.update(mine[:1])
            for pair in combinations(mine, 2):
                overlaps.setdefault(pair, history)
            if not mine and history and (hole is None or len(history) < len(hole)):
                hole = history
        yield from self._said_of(group, overlaps, seen - winners, tried)
        if hole is not None and len(plain) == len(members):
            yield (
                "warning",
                self._place(members[-1].segment_id).error(
                    f"{group.name} has a hole: in no member after {told(hole)}",
                    "add a last member with 'when: {otherwise: true}'",
                ),
            )

    def _said_of(
        self,
        group: GroupDefinition,
        overlaps: Mapping[tuple[str, str], History],
        losers: set[str],
        tried: int,
    ) -> Iterator[Said]:
        for name in sorted(losers):
            first = sorted({one for one, other in overlaps if other == name})
            yield (
                "warning",
                self._place(name).error(
                    f"{name} is never the one of {group.name}: whenever it was true in {tried} histories, "
                    f"{' or '.join(first)} came first",
                    "give it a smaller rank, or narrow what comes first",
                ),
            )
        for (one, other), history in overlaps.items():
            if other not in losers:
                yield (
                    "note",
                    self._place(other).error(
                        f"{other} and {one} overlap, and {one} comes first, e.g. after {told(history)}"
                    ),
                )


def _population(group: GroupDefinition) -> str:
    return f"population of {group.name}"
