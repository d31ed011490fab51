"""What the processing of batches measures: transitions, dead letters, and once a second the state of each partition.

Everything is summed up once per batch; the gauges of a partition are set at most once a second. Called by whoever works
on batches; `keep` by the transport.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from operator import attrgetter
from typing import Final

from streams.metrics.instruments import Instruments
from streams.metrics.inventory import INVENTORY
from streams.runtime.census import Census
from streams.runtime.delays import Delays
from streams.runtime.observing import TopicPartition
from streams.runtime.processor import PartitionProcessor, Report
from streams.segmentation.timeline import BEFORE_ALL, SECOND_MS, EpochMs

GAUGES_EVERY_MS: Final = 1_000
CENSUS_EVERY_MS: Final = 300_000
CENSUS_STEP: Final = 1_000
HELD_AT_MS: Final = 10 * SECOND_MS
"""An input so far behind the furthest of its partition holds the gates back; less is the ordinary disorder of topics."""

_RESTORES = frozenset({"streams_restore_records", "streams_restore_expected_records"})
_OF_PARTITIONS = tuple(m.name for m in INVENTORY if "partition" in m.labels and m.name not in _RESTORES)
"""Metrics whose last label is a partition; their series end when the partition is no longer owned."""

_LABELS = attrgetter("segment_id", "kind", "origin")


class _Watched:
    """What is remembered of one partition between batches."""

    def __init__(self, processor: PartitionProcessor) -> None:
        self.processor = processor
        self.census = Census(processor.core)
        self.counts: dict[str, int] = dict.fromkeys(processor.core.counts, 0)
        self.gauges_at_ms: EpochMs = BEFORE_ALL
        self.census_at_ms: EpochMs = processor.core.now_ms
        self.held_since_ms: dict[str, EpochMs] = {}
        self.known = False  # its members have been counted once
        self.recount = False


class Metering:
    """Measures what the processing does, into *instruments*."""

    def __init__(self, instruments: Instruments, wall_ms: Callable[[], int]) -> None:
        """Start with no partition known.

        Args:
            instruments: where the numbers go.
            wall_ms: milliseconds since 1970.
        """
        self.delays = Delays(instruments, wall_ms)
        self._instruments = instruments
        self._watched: dict[int, _Watched] = {}
        self._lags: Mapping[TopicPartition, int] = {}

    def keep(self, lags: Mapping[TopicPartition, int]) -> None:
        """Take the lags of all owned partitions, and let go of what is no longer owned."""
        self._lags = lags
        for (topic, partition), lag in lags.items():
            self._instruments.set("streams_lag_records", lag, topic, str(partition))
        owned = {partition for _, partition in lags}
        for partition in [number for number in list(self._watched) if number not in owned]:
            del self._watched[partition]
        self._forget_all_but(_OF_PARTITIONS, {str(partition) for partition in owned})
        if not owned:  # else the next batch of another partition says how many are left
            self._forget_all_but(("streams_segment_members",), ())

    def recount(self) -> None:
        """Begin all censuses anew: something that they followed was rolled back."""
        for watched in list(self._watched.values()):
            watched.recount = True

    def counted(self, processor: PartitionProcessor, report: Report) -> None:
        """Take what one batch brought about."""
        watched = self._watched.get(processor.partition)
        if watched is None or watched.processor is not processor:
            watched = self._watched[processor.partition] = _Watched(processor)
        counts = Counter(map(_LABELS, report.transitions))
        for labels, transitions in counts.items():
            self._instruments.add("streams_transitions_total", transitions, *labels)
        watched.census.take(report.transitions, counts)
        self.delays.take(processor.core, report.transitions)
        for reason, letters in Counter(report.dead_letters).items():
            self._instruments.add("streams_dead_letters_total", letters, reason)
        now_ms = processor.core.now_ms
        if now_ms - watched.gauges_at_ms >= GAUGES_EVERY_MS or now_ms < watched.gauges_at_ms:
            watched.gauges_at_ms = now_ms
            self._count_events(watched)
            self._set_gauges(watched, now_ms)
            self._take_census(watched, now_ms)

    def _forget_all_but(self, names: Collection[str], kept: Collection[str]) -> None:
        """End the series of the metrics *names* whose last label is not in *kept*."""
        for name in names:
            for shown in self._instruments.shown(name):
                if shown[-1] not in kept:
                    self._instruments.forget(name, *shown)

    def _count_events(self, watched: _Watched) -> None:
        now, before = dict(watched.processor.core.counts), watched.counts
        watched.counts = now
        rise = {name: max(0, count - before.get(name, 0)) for name, count in now.items()}
        for name, outcome in (("duplicates", "duplicate"), ("refused", "refused")):
            self._instruments.add("streams_events_total", rise[name], outcome)
        self._instruments.add("streams_events_total", max(0, rise["events"] - rise["refused"]), "applied")
        self._instruments.add("streams_events_late_total", rise["late"])
        self._instruments.add("streams_timers_fired_total", rise["timers"])
        self._instruments.add("streams_late_intervals_total", rise["late_intervals"])

    def _set_gauges(self, watched: _Watched, now_ms: EpochMs) -> None:
        core, number = watched.processor.core, watched.processor.partition
        partition = str(number)
        self._instruments.set("streams_profiles", core.customers, partition)
        furthest_ms = max(core.watermarks.inputs)
        for position, spec in enumerate(core.watermarks.specs):
            watermark_ms, newest_ms = core.watermarks.inputs[position], core.watermarks.stream_times[position]
            behind = self._lags.get((spec.name, number), 0) > 0 and newest_ms != BEFORE_ALL
            self._set_seconds(
                "streams_lag_seconds", now_ms - newest_ms if behind else 0, spec.name, partition
            )
            if watermark_ms != BEFORE_ALL:
                held_ms = furthest_ms - watermark_ms
                self._set_seconds("streams_watermark_timestamp_seconds", watermark_ms, spec.name, partition)
                self._set_seconds(
                    "streams_event_freshness_seconds", now_ms - watermark_ms, spec.name, partition
                )
                self._set_seconds("streams_gate_held_seconds", held_ms, spec.name, partition)
                self._note_hold(watched, spec.name, held_ms, now_ms)
            for source in spec.sources or core.plan.sources:
                self._instruments.set("streams_input_sources", 1, spec.name, source)

    def _note_hold(self, watched: _Watched, topic: str, held_ms: int, now_ms: EpochMs) -> None:
        """Time how long *topic* holds the gates of its partition back."""
        if held_ms > HELD_AT_MS:
            watched.held_since_ms.setdefault(topic, now_ms)
        elif (since_ms := watched.held_since_ms.pop(topic, None)) is not None:
            self._instruments.observe_ms("streams_gate_hold_duration_seconds", [now_ms - since_ms], topic)

    def _set_seconds(self, name: str, duration_ms: int, *labels: str) -> None:
        self._instruments.set(name, duration_ms / 1_000, *labels)

    def _take_census(self, watched: _Watched, now_ms: EpochMs) -> None:
        census = watched.census
        if watched.recount or (census.complete and now_ms - watched.census_at_ms >= CENSUS_EVERY_MS):
            watched.recount, watched.census_at_ms = False, now_ms
            census.restart()
        census.step(CENSUS_STEP)
        self._instruments.set("streams_state_bytes", census.state_bytes(), str(watched.processor.partition))
        watched.known = watched.known or census.complete
        self._show_members(watched)

    def _show_members(self, watched: _Watched) -> None:
        """Show the members of all partitions together; none while a new partition's are not known yet.

        While known ones are counted again, the last numbers stay.
        """
        everybody = list(self._watched.values())
        if not all(one.known for one in everybody):
            self._forget_all_but(("streams_segment_members",), ())
        elif all(one.census.complete for one in everybody):
            members: Counter[str] = Counter()
            for one in everybody:
                members.update(one.census.members)
            for machine in watched.processor.core.plan.machines:
                for member in machine.members:
                    self._instruments.set(
                        "streams_segment_members", max(0, members[member.segment_id]), member.segment_id
                    )
