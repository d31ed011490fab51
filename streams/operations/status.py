"""Puts together where a running application stands: its group, its partitions, its segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from msgspec.structs import replace

from streams.catalogue.events import load_vocabulary
from streams.operations.changelog_reading import ChangelogReading, MemberCount
from streams.operations.group_reading import Group, GroupReading, InputStanding
from streams.runtime.hosting import client_options_from
from streams.runtime.planning import input_specs, plan_of
from streams.segmentation.options import InputSpec
from streams.segmentation.plans import Coverage, MemberPlan, Plan
from streams.segmentation.records import PartitionRecord
from streams.segmentation.silence import silent_segments
from streams.segmentation.timeline import BEFORE_ALL, NEVER, DurationMs, EpochMs
from streams.segmentation.watermarks import Watermarks
from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class GateStanding:
    """One gate of a partition that an input holds.

    Attributes:
        sources: whose watermarks it waits for; empty: all.
        watermark_ms: how far it is open; None: nothing came yet.
        held_by: the input that is furthest behind.
        held_ms: how far that is behind the furthest input; None: it has no watermark at all.
        segments: what may have to wait for it.
    """

    sources: tuple[str, ...]
    watermark_ms: EpochMs | None
    held_by: str
    held_ms: DurationMs | None
    segments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PartitionStanding:
    """One partition number's own state.

    Attributes:
        partition: its number.
        watermarks: input → watermark; None: nothing came yet.
        idle: inputs that were read to their end and follow the clock or the others.
        gates: those that are held.
        silent: segment → until when it is silent, for what happened before anything was watched; None: for ever.
    """

    partition: int
    watermarks: Mapping[str, EpochMs | None]
    idle: tuple[str, ...]
    gates: tuple[GateStanding, ...]
    silent: Mapping[str, EpochMs | None]


@dataclass(frozen=True, slots=True)
class Status:
    """Where an application stands.

    Attributes:
        application: its id.
        group: who has joined.
        inputs: each partition of each input.
        partitions: the state of each partition number that has one.
        members: segment → customers; None: not counted.
        profiles, state_bytes: customers with a state, and its size; None: not counted.
        note: why something is missing; empty when nothing is.
    """

    application: str
    group: Group
    inputs: Sequence[InputStanding]
    partitions: Sequence[PartitionStanding]
    members: Mapping[str, int] | None = None
    profiles: int | None = None
    state_bytes: int | None = None
    note: str = ""

    @property
    def lag(self) -> int:
        """Records behind, over all inputs."""
        return sum(one.lag for one in self.inputs)


@dataclass(slots=True)
class StatusReading:
    """Asks for the status as often as it is wanted; a context manager.

    Attributes:
        settings: the worker's.
        whole: count members too, for which the whole changelog is read once.
    """

    settings: Settings
    whole: bool = False
    _plan: Plan = field(init=False)
    _specs: tuple[InputSpec, ...] = field(init=False)
    _group: GroupReading = field(init=False)
    _changelog: ChangelogReading = field(init=False)

    def __enter__(self) -> Self:
        """Open it; raises `OperationError`, `SettingsError`, `DefinitionError`."""
        vocabulary = load_vocabulary()
        self._plan = plan_of(self.settings, vocabulary)
        self._specs = input_specs(self.settings, vocabulary)
        options = client_options_from(self.settings, "status")
        self._changelog = ChangelogReading(options, MemberCount(self._plan) if self.whole else None)
        self._group = GroupReading(options)
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._group.close()
        self._changelog.close()

    def read(self, now_ms: EpochMs) -> Status:
        """Return the status at *now_ms*.

        Raises:
            OperationError: the brokers do not answer, or the changelog was made with other definitions.
        """
        group = self._group.group()
        inputs = self._group.inputs(group.owners)
        self._changelog.refresh()
        standings = self._changelog.standings
        note = self._strangeness(standings)
        partitions = [] if note else [
            standing_of(number, record, self._plan, self._specs, settings=self.settings, now_ms=now_ms)
            for number, record in sorted(standings.items())
        ]  # fmt: skip
        count = self._changelog.count
        if count is None or note:
            return Status(self.settings.application_id, group, inputs, partitions, note=note)
        known = {member.segment_id: 0 for machine in self._plan.machines for member in machine.members}
        return Status(
            self.settings.application_id, group, inputs, partitions,
            known | {name: number for name, number in count.members.items() if number},
            count.profiles, count.state_bytes,
        )  # fmt: skip

    def _strangeness(self, standings: Mapping[int, PartitionRecord]) -> str:
        """Say why the changelog cannot be understood with these settings; empty when it can."""
        if any(record.plan_hash != self._plan.plan_hash for record in standings.values()):
            return "the state was made with other definitions: give the worker's own STREAMS_... or --catalogue DIR"
        if any(len(record.watermarks[1]) != len(self._specs) for record in standings.values()):
            return "the state was made with other inputs: give the worker's own STREAMS_INPUTS"
        return ""


def standing_of(
    number: int,
    record: PartitionRecord,
    plan: Plan,
    specs: tuple[InputSpec, ...],
    *,
    settings: Settings,
    now_ms: EpochMs,
) -> PartitionStanding:
    """Return what a partition's own record says.

    Args:
        number: of the partition.
        record: its own.
        plan: the definitions that made it.
        specs: the inputs that made it.
        settings: the worker's.
        now_ms: the clock; decides which segments are silent still.
    """
    watermarks = Watermarks(specs, plan.gates, wall=settings.clock == "wall")
    watermarks.restore(record.watermarks)
    silent = _silent(plan, tuple(record.coverage), now_ms) if settings.coverage == "since" else {}
    return PartitionStanding(
        number,
        {spec.name: _known(mark) for spec, mark in zip(specs, watermarks.inputs, strict=True)},
        tuple(spec.name for spec, idle in zip(specs, watermarks.idle, strict=True) if idle),
        tuple(_held_gates(watermarks, plan)),
        {name: None if until == NEVER else until for name, until in silent.items()},
    )


def _silent(plan: Plan, coverage: Coverage, now_ms: EpochMs) -> dict[str, EpochMs]:
    """Return what is silent and until when; a source of which nothing is missing (an import may say so) silences nobody."""
    complete = {source for source, since in zip(plan.sources, coverage, strict=True) if since == BEFORE_ALL}

    def reaching(member: MemberPlan) -> MemberPlan:
        reaches = {source: reach for source, reach in member.reaches.items() if source not in complete}
        return replace(member, reaches=reaches)

    machines = tuple(replace(one, members=tuple(map(reaching, one.members))) for one in plan.machines)
    return silent_segments(replace(plan, machines=machines), coverage, now_ms)


def _held_gates(watermarks: Watermarks, plan: Plan) -> list[GateStanding]:
    """Return the gates that are less open than the furthest input would let them be."""
    furthest = max(watermarks.inputs)
    found = []
    for index, (sources, mark) in enumerate(zip(plan.gates, watermarks.gates, strict=True)):
        waiting = [one for one in plan.machines if one.gate == index and one.gated]
        if mark >= furthest or not waiting:
            continue
        behind = next(
            spec.name
            for spec, own in zip(watermarks.specs, watermarks.inputs, strict=True)
            if own == mark and (not sources or not spec.sources or spec.sources & sources)
        )
        segments = tuple(member.segment_id for machine in waiting for member in machine.members)
        held_ms = None if mark == BEFORE_ALL else furthest - mark
        found.append(GateStanding(tuple(sorted(sources)), _known(mark), behind, held_ms, segments))
    return found


def _known(instant_ms: EpochMs) -> EpochMs | None:
    return None if instant_ms == BEFORE_ALL else instant_ms
