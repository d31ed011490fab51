"""Turns what the transport and the processing report into metrics and the two health checks.

The transport's calls come from the coordinator's thread, `counted` and the timed handler from the agent's. Everything is
summed up once per batch or commit; the gauges of a partition are set at most once a second.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, Final, TypeVar

from streams.metrics.endpoint import MetricsEndpoint
from streams.metrics.instruments import Instruments
from streams.runtime.census import Census
from streams.runtime.observing import CommitReport, RebalanceKind, TopicPartition
from streams.runtime.ports import Batch
from streams.runtime.processor import PartitionProcessor, Report
from streams.segmentation.timeline import BEFORE_ALL, EpochMs

SILENT_MAX_S: Final = 300.0
"""So long the transport's cycle may say nothing; then it hangs, and only a restart helps."""

GAUGES_EVERY_MS: Final = 1_000
CENSUS_EVERY_MS: Final = 300_000
CENSUS_STEP: Final = 1_000

_PARTITION_GAUGES = (
    "streams_profiles", "streams_state_bytes", "streams_lag_records", "streams_lag_seconds",
    "streams_watermark_timestamp_seconds", "streams_event_freshness_seconds", "streams_gate_held_seconds",
)  # fmt: skip
"""Gauges whose last label is a partition; they end when the partition is no longer owned."""

S = TypeVar("S")


class _Watched:
    """What is remembered of one partition between batches."""

    def __init__(self, processor: PartitionProcessor) -> None:
        self.processor = processor
        self.census = Census(processor.core)
        self.counts: dict[str, int] = dict.fromkeys(processor.core.counts, 0)
        self.gauges_at_ms: EpochMs = BEFORE_ALL
        self.census_at_ms: EpochMs = processor.core.now_ms
        self.recount = False


class Telemetry:
    """An `Observer` of the transport, and the listener of the processing.

    Attributes:
        instruments: where the numbers go.
    """

    def __init__(
        self,
        instruments: Instruments,
        *,
        plan_hash: str,
        ready_lag_max: int | None = None,
        waiting_for: Callable[[], str | None] = lambda: None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with nothing known.

        Args:
            instruments: the metrics.
            plan_hash: of the plan that runs; shown as a label.
            ready_lag_max: records behind, over all partitions, above which the worker is not ready; None: any.
            waiting_for: says what outside of Kafka records wait for; None: for nothing.
            clock_s: monotonic seconds.
        """
        self.instruments = instruments
        self._waiting_for = waiting_for
        self._clock_s = clock_s
        self._ready_lag_max = ready_lag_max
        self._watched: dict[int, _Watched] = {}
        self._sign_of_life_s: float | None = None
        self._owned: int | None = None
        self._lags: Mapping[TopicPartition, int] = {}
        instruments.set("streams_info", 1, version("segment-streams"), plan_hash)

    # ---- the checks -------------------------------------------------------------------------------------------

    def alive(self) -> str | None:
        """Say why the process should be restarted; None while it works, or has not begun."""
        if self._sign_of_life_s is None:
            return None
        silent_s = self._clock_s() - self._sign_of_life_s
        return (
            f"the transport's cycle has been silent for {silent_s:.0f} s" if silent_s > SILENT_MAX_S else None
        )

    def ready(self) -> str | None:
        """Say why the worker does not do its work yet; None when it does."""
        if (trouble := self.alive()) is not None:
            return trouble
        if self._owned is None:
            return "no partitions have been assigned yet"
        missing = self._owned - len({partition for _, partition in self._lags})  # lags: of what is restored
        if missing > 0:
            return f"restoring {missing} of {self._owned} partitions"
        if (waiting := self._waiting_for()) is not None:
            return f"records wait: {waiting}"
        lag = sum(self._lags.values())
        if self._ready_lag_max is not None and lag > self._ready_lag_max:
            return f"{lag} records behind"
        return None

    def endpoint(self, host: str, port: int) -> MetricsEndpoint:
        """Return the endpoint that serves this; not yet started."""
        return MetricsEndpoint(
            self.instruments.text, alive=self.alive, ready=self.ready, host=host, port=port
        )

    # ---- the transport ----------------------------------------------------------------------------------------

    def committed(self, report: CommitReport) -> None:
        """Take a committed transaction."""
        self._live()
        instruments = self.instruments
        instruments.add("streams_commits_total")
        instruments.add("streams_records_committed_total", report.records)
        instruments.add("streams_outputs_committed_total", report.outputs)
        instruments.add("streams_changelog_records_total", report.flushed)
        instruments.observe("streams_commit_seconds", (report.duration_s,))
        instruments.observe("streams_transaction_seconds", (report.open_s,))

    def aborted(self, reason: str) -> None:
        """Take a rollback: what was counted of it will be counted again, so the censuses start anew."""
        self._live()
        self.instruments.add("streams_aborts_total", 1, reason)
        for watched in list(self._watched.values()):
            watched.recount = True

    def renewed(self, reason: str) -> None:
        """Take a replaced producer."""
        self._live()
        self.instruments.add("streams_producer_renewals_total", 1, reason)

    def rebalanced(self, kind: RebalanceKind, partitions: int) -> None:
        """Take a rebalance: *partitions* owned now when assigned, taken away otherwise."""
        self._live()
        self._owned = partitions if kind == "assigned" else max(0, (self._owned or 0) - partitions)
        self.instruments.add("streams_rebalances_total", 1, kind)
        self.instruments.set("streams_partitions_owned", self._owned)

    def restoring(self, partition: int, records: int, total: int) -> None:
        """Take the progress of a restore."""
        self._live()
        self.instruments.set("streams_restore_records", records, str(partition))
        self.instruments.set("streams_restore_expected_records", total, str(partition))

    def restored(self, partition: int, records: int, duration_s: float) -> None:
        """Take a finished restore; the partition is ready once the transport has adopted it."""
        self._live()
        self.instruments.add("streams_restored_records_total", records)
        self.instruments.observe("streams_restore_seconds", (duration_s,))

    def delivered(self, partition: int, records: int) -> None:
        """Take a batch that went to the agent."""
        if records:
            self.instruments.add("streams_records_delivered_total", records, str(partition))

    def failed(self, partition: int) -> None:
        """Take a batch that failed."""
        self._live()
        self.instruments.add("streams_batches_failed_total", 1, str(partition))

    def quarantined(self, topic: str, partition: int, offset: int) -> None:
        """Take a record that was given up."""
        self.instruments.add("streams_records_quarantined_total", 1, topic)

    def lagging(self, lags: Mapping[TopicPartition, int]) -> None:
        """Take the lag of every owned partition, and let go of what is no longer owned."""
        self._live()
        self._lags = lags
        for (topic, partition), lag in lags.items():
            self.instruments.set("streams_lag_records", lag, topic, str(partition))
        owned = {partition for _, partition in lags}
        for partition in [number for number in list(self._watched) if number not in owned]:
            del self._watched[partition]
        labels = {str(partition) for partition in owned}
        for name in _PARTITION_GAUGES:
            for shown in self.instruments.shown(name):
                if shown[-1] not in labels:
                    self.instruments.forget(name, *shown)

    # ---- the processing ---------------------------------------------------------------------------------------

    def timed(self, handle: Callable[[Batch, S], None]) -> Callable[[Batch, S], None]:
        """Return *handle*, measured: how long it takes for a batch that has records."""

        def timed_handle(batch: Batch, state: S) -> None:
            started_s = time.perf_counter()
            handle(batch, state)
            if batch.records:
                self.instruments.observe("streams_batch_seconds", (time.perf_counter() - started_s,))

        return timed_handle

    def counted(self, processor: PartitionProcessor, report: Report) -> None:
        """Take what one batch brought about."""
        watched = self._watched.get(processor.partition)
        if watched is None or watched.processor is not processor:
            watched = self._watched[processor.partition] = _Watched(processor)
        if report.transitions:
            self._count_transitions(watched, report)
        for reason, letters in Counter(report.dead_letters).items():
            self.instruments.add("streams_dead_letters_total", letters, reason)
        now_ms = processor.core.now_ms
        if now_ms - watched.gauges_at_ms >= GAUGES_EVERY_MS or now_ms < watched.gauges_at_ms:
            watched.gauges_at_ms = now_ms
            self._count_events(watched)
            self._set_gauges(watched, now_ms)
            self._take_census(watched, now_ms)

    def _count_transitions(self, watched: _Watched, report: Report) -> None:
        watched.census.take(report.transitions)
        kinds: Counter[tuple[str, str, str]] = Counter()
        delays_s: dict[str, list[float]] = {}
        for one in report.transitions:
            kinds[one.segment_id, one.kind, one.origin] += 1
            delays_s.setdefault(one.origin, []).append((one.emitted_at_ms - one.occurred_at_ms) / 1_000)
        for labels, transitions in kinds.items():
            self.instruments.add("streams_transitions_total", transitions, *labels)
        for origin, delays in delays_s.items():
            self.instruments.observe("streams_transition_delay_seconds", delays, origin)

    def _count_events(self, watched: _Watched) -> None:
        now, before = dict(watched.processor.core.counts), watched.counts
        watched.counts = now
        rise = {name: max(0, count - before.get(name, 0)) for name, count in now.items()}
        for name, outcome in (("duplicates", "duplicate"), ("refused", "refused")):
            self.instruments.add("streams_events_total", rise[name], outcome)
        self.instruments.add("streams_events_total", max(0, rise["events"] - rise["refused"]), "applied")
        self.instruments.add("streams_events_late_total", rise["late"])
        self.instruments.add("streams_timers_fired_total", rise["timers"])
        self.instruments.add("streams_late_intervals_total", rise["late_intervals"])

    def _set_gauges(self, watched: _Watched, now_ms: EpochMs) -> None:
        core, partition = watched.processor.core, str(watched.processor.partition)
        self.instruments.set("streams_profiles", core.customers, partition)
        furthest_ms = max(core.watermarks.inputs)
        for position, spec in enumerate(core.watermarks.specs):
            watermark_ms, newest_ms = core.watermarks.inputs[position], core.watermarks.stream_times[position]
            behind = (
                self._lags.get((spec.name, watched.processor.partition), 0) > 0 and newest_ms != BEFORE_ALL
            )
            self._set_seconds(
                "streams_lag_seconds", now_ms - newest_ms if behind else 0, spec.name, partition
            )
            if watermark_ms != BEFORE_ALL:
                self._set_seconds("streams_watermark_timestamp_seconds", watermark_ms, spec.name, partition)
                self._set_seconds(
                    "streams_event_freshness_seconds", now_ms - watermark_ms, spec.name, partition
                )
                self._set_seconds(
                    "streams_gate_held_seconds", furthest_ms - watermark_ms, spec.name, partition
                )

    def _set_seconds(self, name: str, duration_ms: int, *labels: str) -> None:
        self.instruments.set(name, duration_ms / 1_000, *labels)

    def _take_census(self, watched: _Watched, now_ms: EpochMs) -> None:
        census = watched.census
        if watched.recount or (census.complete and now_ms - watched.census_at_ms >= CENSUS_EVERY_MS):
            watched.recount, watched.census_at_ms = False, now_ms
            census.restart()
        census.step(CENSUS_STEP)
        self.instruments.set("streams_state_bytes", census.state_bytes(), str(watched.processor.partition))
        censuses = [one.census for one in list(self._watched.values())]
        if all(one.complete for one in censuses):
            members: Counter[str] = Counter()
            for one in censuses:
                members.update(one.members)
            for machine in watched.processor.core.plan.machines:
                for member in machine.members:
                    self.instruments.set(
                        "streams_segment_members", max(0, members[member.segment_id]), member.segment_id
                    )

    def _live(self) -> None:
        self._sign_of_life_s = self._clock_s()


def expose(app: Any, endpoint: MetricsEndpoint) -> None:
    """Serve *endpoint* for as long as the Faust application *app* runs."""
    from mode import Service  # noqa: PLC0415 - only a worker needs it, and it is slow to load

    class MetricsService(Service):  # type: ignore[misc]
        """Starts and stops the endpoint with the application."""

        async def on_start(self) -> None:
            """Listen; raises OperationError when the port is taken."""
            endpoint.start()

        async def on_stop(self) -> None:
            """Stop listening."""
            endpoint.stop()

    app.service(MetricsService)
