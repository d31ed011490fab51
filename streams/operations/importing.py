"""Makes of past events the state that a worker would have, had it read them: no transition is written for any.

Theory of operation (`streams/decisions/0009`). The events are put in order of event time and given to the core, one
`Partition` for each partition number, as a worker would. What the core decides is counted and dropped. What is left is
the state as a worker would have committed it: profiles with their memberships and sequences, watermarks, coverage. It
is written into the changelog of an application that has not started yet, with the offsets to go on from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from streams.runtime.placing import partition_of
from streams.segmentation.effects import MembershipsChanged
from streams.segmentation.options import InputSpec, Options
from streams.segmentation.partition import Partition
from streams.segmentation.plans import Plan
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import BEFORE_ALL, EpochMs


@dataclass(frozen=True, slots=True)
class ImportedPartition:
    """The state of one partition number.

    Attributes:
        number: of the partition.
        changelog: its records, key and value, the partition's own among them.
        memberships: of every customer that has one.
    """

    number: int
    changelog: Sequence[tuple[str, bytes | None]]
    memberships: tuple[MembershipsChanged, ...]


@dataclass(slots=True)
class ImportSummary:
    """What an import made.

    Attributes:
        events: taken by the core.
        not_carried: source → events that no input carries: they are left out.
        dropped: (segment, kind) → transitions that were decided and are written nowhere.
        members: segment → customers, at the end.
        customers: with a state.
        since_ms: input → since when it is covered; `BEFORE_ALL`: everything is known.
        until_ms: the instant that all of it stands at; None while nothing was taken.
    """

    events: int = 0
    not_carried: Counter[str] = field(default_factory=Counter)
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    members: Counter[str] = field(default_factory=Counter)
    customers: int = 0
    since_ms: dict[str, EpochMs] = field(default_factory=dict)
    until_ms: EpochMs | None = None


class PastImport:
    """Collects events, then makes the state of each partition.

    Attributes:
        summary: what was made so far.
    """

    def __init__(
        self, plan: Plan, inputs: tuple[InputSpec, ...], partitions: int, *, shop_in_key: bool
    ) -> None:
        """Prepare.

        Args:
            plan: the worker's.
            inputs: the worker's.
            partitions: of every input topic.
            shop_in_key: producers key their records by ``shop/customer``; else by the customer's id.
        """
        self.summary = ImportSummary()
        self._plan, self._inputs = plan, inputs
        self._shop_in_key = shop_in_key
        self._events: list[list[tuple[EpochMs, int, int, EventObserved]]] = [[] for _ in range(partitions)]
        self._earliest_ms: dict[int, EpochMs] = {}
        self._newest_ms = BEFORE_ALL

    def collect(self, events: Iterable[EventObserved]) -> None:
        """Take *events*, in any order; those of one instant stay in the order they come in."""
        position_of: dict[str, int] = {}
        for event in events:
            position = position_of.get(event.source)
            if position is None:
                position = position_of[event.source] = self._position(event.source)
            if position < 0:
                self.summary.not_carried[event.source] += 1
                continue
            key = event.key if self._shop_in_key else event.customer_id
            place = self._events[partition_of(key.encode(), len(self._events))]
            place.append((event.event_time_ms, self.summary.events, position, event))
            self.summary.events += 1
            earliest_ms = self._earliest_ms.get(position, event.event_time_ms)
            self._earliest_ms[position] = min(earliest_ms, event.event_time_ms)
            self._newest_ms = max(self._newest_ms, event.event_time_ms)

    def make(
        self, *, until_ms: EpochMs | None, since_ms: EpochMs | None, covered: bool
    ) -> Iterator[ImportedPartition]:
        """Yield the state of each partition number; call it once, after everything was collected.

        Args:
            until_ms: the instant up to which nothing is missing; None: each watermark stays where its events leave it.
            since_ms: the instant from which on nothing is missing; None: each input's earliest event; `BEFORE_ALL`:
                nothing that these customers did is missing.
            covered: the worker's coverage is `since` (S10); else everything counts as known anyway.
        """
        if self._newest_ms == BEFORE_ALL:
            return
        self.summary.until_ms = self._newest_ms if until_ms is None else max(until_ms, self._newest_ms)
        for position, earliest_ms in sorted(self._earliest_ms.items()):
            name = self._inputs[position].name
            self.summary.since_ms[name] = earliest_ms if since_ms is None else since_ms
        for number in range(len(self._events)):
            yield self._made(number, until_ms, covered=covered)

    def _made(self, number: int, until_ms: EpochMs | None, *, covered: bool) -> ImportedPartition:
        partition = Partition(self._plan, self._inputs, Options(coverage_since=covered, explain=False))
        positions = {spec.name: position for position, spec in enumerate(self._inputs)}
        for name, since_ms in self.summary.since_ms.items():
            partition.watch(positions[name], since_ms)
        events = self._events[number]
        events.sort(key=lambda one: one[:2])
        for _, _, position, event in events:
            partition.observe(event, position)
            if partition.effects:
                self._drop(partition)
        for name in self.summary.since_ms if until_ms is not None else ():
            partition.advance(positions[name], max(until_ms or 0, self._newest_ms))
        self._drop(partition)
        events.clear()
        memberships = tuple(one for one in partition.take_membership_changes() if one.memberships)
        for one in memberships:
            self.summary.members.update(held.segment_id for held in one.memberships)
        records = partition.flush()
        partition.commit()
        self.summary.customers += partition.customers
        return ImportedPartition(number, records, memberships)

    def _drop(self, partition: Partition) -> None:
        for transition in partition.take_effects():
            self.summary.dropped[transition.segment_id, transition.kind] += 1

    def _position(self, source: str) -> int:
        """Return the input that carries *source*; -1 when none does."""
        for position, spec in enumerate(self._inputs):
            if not spec.sources or source in spec.sources:
                return position
        return -1
