"""Turns what the transport and the processing report into metrics and the two health checks.

The transport's calls come from the coordinator's thread and from a restore's, `counted` and the timed handler from the
agent's. What the processing measures stands in `metering` and `delays`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, Final, TypeVar, get_args

from streams.errors import RecordReason
from streams.metrics.endpoint import MetricsEndpoint
from streams.metrics.instruments import Instruments
from streams.runtime.metering import Metering
from streams.runtime.observing import CommitReport, RebalanceKind, TopicPartition
from streams.runtime.ports import Batch
from streams.runtime.processor import PartitionProcessor, Report

SILENT_MAX_S: Final = 300.0
"""So long the transport's cycle may say nothing; then it hangs, and only a restart helps."""

_WORDS = (
    ("streams_dead_letters_total", get_args(RecordReason)),
    ("streams_rebalances_total", get_args(RebalanceKind)),
    ("streams_producer_renewals_total", ("fenced", "unknown_outcome")),
    ("streams_aborts_total", ("agent_failed", "agent_stuck", "broker", "fenced", "lost", "unknown_outcome")),
    ("streams_events_total", ("applied", "duplicate", "refused")),
)
"""Counters shown with 0 from the start: a rule sees the first step from 0 to 1, and not only that there is a 1."""

S = TypeVar("S")


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
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """Start with nothing known.

        Args:
            instruments: the metrics.
            plan_hash: of the plan that runs; shown as a label.
            ready_lag_max: records behind, over all partitions, above which the worker is not ready; None: any.
            waiting_for: says what outside of Kafka records wait for; None: for nothing.
            clock_s: monotonic seconds.
            wall_ms: milliseconds since 1970.
        """
        self.instruments = instruments
        self._waiting_for = waiting_for
        self._clock_s = clock_s
        self._ready_lag_max = ready_lag_max
        self._metering = Metering(instruments, wall_ms)
        self._sign_of_life_s: float | None = None
        self._owned: int | None = None
        self._lags: Mapping[TopicPartition, int] = {}
        instruments.set("streams_info", 1, version("segment-streams"), plan_hash)
        for name, words in _WORDS:
            for word in words:
                instruments.add(name, 0, word)

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
        if self._restoring > 0:
            return f"restoring {self._restoring} of {self._owned} partitions"
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
        self._metering.delays.committed()

    def aborted(self, reason: str) -> None:
        """Take a rollback: what was counted of it will be counted again, so the censuses start anew."""
        self._live()
        self.instruments.add("streams_aborts_total", 1, reason)
        self._metering.delays.aborted()
        self._metering.recount()

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
        self.instruments.set("streams_partitions_restoring", self._restoring)

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

    def restore_ended(self, partition: int) -> None:
        """Take the end of a restore: there is no progress to show any more."""
        for name in ("streams_restore_records", "streams_restore_expected_records"):
            self.instruments.forget(name, str(partition))

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
        self._metering.keep(lags)
        self.instruments.set("streams_partitions_restoring", self._restoring)

    # ---- the processing ---------------------------------------------------------------------------------------

    def timed(self, handle: Callable[[Batch, S], None]) -> Callable[[Batch, S], None]:
        """Return *handle*, measured: how long it takes for a batch that has records."""

        def timed_handle(batch: Batch, state: S) -> None:
            started_s = time.perf_counter()
            handle(batch, state)
            if records := sum(map(len, batch.records.values())):
                duration_s = time.perf_counter() - started_s
                self.instruments.observe("streams_batch_seconds", (duration_s,))
                self.instruments.observe("streams_step_seconds", (duration_s / records,))

        return timed_handle

    def counted(self, processor: PartitionProcessor, report: Report) -> None:
        """Take what one batch brought about."""
        self._metering.counted(processor, report)

    @property
    def _restoring(self) -> int:
        """Partition numbers that are owned and not restored; the lags are those of what is restored."""
        return max(0, (self._owned or 0) - len({partition for _, partition in self._lags}))

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
