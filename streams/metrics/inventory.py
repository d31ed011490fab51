"""Every metric: its name, kind, unit, labels and meaning. The one source of truth: what is not here does not exist.

Names are ``streams_<noun>_<unit>``, counters end in ``_total``; units are base units (seconds, bytes), counts have none.
Labels are closed sets: topics, partitions, sources, segments and short words. Never a customer.

Counters of decisions (events, transitions, dead letters) count work done. After an aborted transaction the same work is
done again and counted again; what is written is exactly once all the same. `streams_records_committed_total` counts
what is committed.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]

ALLOWED_LABELS: Final = frozenset(
    {"topic", "partition", "source", "segment", "kind", "origin", "outcome", "reason", "version", "plan"}
)

_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SLOW = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0)
_DELAYS = (0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 21_600.0, 86_400.0, 604_800.0)


class Metric(NamedTuple):
    """One metric.

    Attributes:
        name: as Prometheus shows it.
        kind: counter, gauge or histogram.
        unit: base unit, or what is counted.
        meaning: one sentence for the reader of a dashboard.
        labels: label names, in order.
        buckets: upper bounds of a histogram, in its unit.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


def _counter(name: str, unit: str, meaning: str, *labels: str) -> Metric:
    return Metric(name, "counter", unit, meaning, labels)


def _gauge(name: str, unit: str, meaning: str, *labels: str) -> Metric:
    return Metric(name, "gauge", unit, meaning, labels)


def _histogram(name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    return Metric(name, "histogram", "seconds", meaning, labels, buckets)


INVENTORY: Final[tuple[Metric, ...]] = (
    # What comes in.
    _gauge("streams_lag_records", "records", "Records in the log, not yet given to the agent.", "topic", "partition"),
    _gauge(
        "streams_lag_seconds", "seconds",
        "Age of the newest event read, while records wait behind it; 0 when the log is read to its end.",
        "topic", "partition",
    ),
    _counter("streams_records_delivered_total", "records", "Input records given to the agent.", "partition"),
    _counter("streams_records_committed_total", "records", "Input records whose processing is committed."),
    _counter(
        "streams_events_total", "events",
        "Customer events by what became of them: applied, duplicate or refused (too late).", "outcome",
    ),
    _counter("streams_events_late_total", "events", "Events applied although older than their source's watermark."),
    _counter("streams_dead_letters_total", "records", "Records written to the dead-letter topic, by reason.", "reason"),
    _counter("streams_records_quarantined_total", "records", "Records that failed alone and were given up.", "topic"),
    # Event time.
    _gauge(
        "streams_watermark_timestamp_seconds", "seconds",
        "Watermark of an input, as seconds since 1970: nothing older is expected.", "topic", "partition",
    ),
    _gauge(
        "streams_event_freshness_seconds", "seconds",
        "How far the watermark of an input is behind the clock.", "topic", "partition",
    ),
    _gauge(
        "streams_gate_held_seconds", "seconds",
        "How far an input's watermark is behind the furthest input of its partition: entries wait so long for it.",
        "topic", "partition",
    ),
    _counter("streams_timers_fired_total", "timers", "Wake-ups of profiles that time alone brought about."),
    _counter("streams_late_intervals_total", "intervals", "Memberships that late evidence put wholly into the past."),
    # What comes out.
    _counter("streams_transitions_total", "transitions", "Transitions decided.", "segment", "kind", "origin"),
    _histogram(
        "streams_transition_delay_seconds",
        "From the event time of a transition to its decision; grace and dwell are part of it.", _DELAYS, "origin",
    ),
    _gauge("streams_segment_members", "customers", "Members of a segment on this worker.", "segment"),
    _counter("streams_outputs_committed_total", "records", "Records written to the output topics and committed."),
    _counter("streams_changelog_records_total", "records", "Records of changelog and compacted outputs, committed."),
    # Work and transactions.
    _histogram("streams_batch_seconds", "Time to process one batch, decoding included.", _QUICK),
    _histogram("streams_commit_seconds", "From the decision to commit until the broker had answered.", _QUICK),
    _histogram("streams_transaction_seconds", "From the first output of a transaction until it was committed.", _QUICK),
    _counter("streams_commits_total", "transactions", "Transactions committed."),
    _counter("streams_aborts_total", "transactions", "Transactions rolled back, by reason.", "reason"),
    _counter(
        "streams_producer_renewals_total", "producers",
        "Producers replaced because they were fenced or the outcome of a call was unknown.", "reason",
    ),
    _counter("streams_batches_failed_total", "batches", "Batches that the agent failed on.", "partition"),
    # State and its recovery.
    _gauge("streams_profiles", "customers", "Profiles in the committed state.", "partition"),
    _gauge("streams_state_bytes", "bytes", "Size of the committed profiles, as estimated.", "partition"),
    _gauge("streams_partitions_owned", "partitions", "Partition numbers that this worker owns."),
    _counter("streams_rebalances_total", "rebalances", "Rebalances, by outcome: assigned, revoked or lost.", "outcome"),
    _gauge("streams_restore_records", "records", "Changelog records read by the restore of a partition.", "partition"),
    _gauge(
        "streams_restore_expected_records", "records",
        "About how many changelog records the restore of a partition has to read.", "partition",
    ),
    _counter("streams_restored_records_total", "records", "Changelog records read by finished restores."),
    _histogram("streams_restore_seconds", "Time to restore one partition.", _SLOW),
    # What is running.
    _gauge("streams_info", "workers", "1; the labels say which version runs which plan.", "version", "plan"),
)  # fmt: skip
