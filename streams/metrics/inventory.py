"""Every metric: its name, kind, unit, labels and meaning. The one source of truth: what is not here does not exist.

Names are ``streams_<noun>_<unit>``, counters end in ``_total``; units are base units (seconds, bytes), counts have none.
Labels are closed sets: topics, partitions, sources, segments and short words. Never a customer.

Counters of decisions (events, transitions, dead letters) count work done. After an aborted transaction the same work is
done again and counted again; what is written is exactly once all the same. `streams_records_committed_total` counts
what is committed. Histograms of transitions look at about a hundred of a batch; each stands for its neighbours.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]

LABELS: Final = {
    "topic": "an input topic",
    "partition": "a partition number, the same in every input topic; its series end when the worker gives it up",
    "source": "a source of events, such as `orders` (`streams/catalogue/builtin/events.yaml`)",
    "segment": "the id of a segment",
    "kind": "`entered`, `exited` or `retracted`",
    "origin": "`event`, `timer` (time alone), `late` or `catchup` (a timer that fired late after an outage)",
    "outcome": "what became of it, a word the metric's meaning explains",
    "reason": "why, a short closed word",
    "version": "of the package",
    "plan": "hash of the compiled definitions",
}
"""Every label, and what its values are."""

ALLOWED_LABELS: Final = frozenset(LABELS)

# A step is microseconds; a batch or a commit milliseconds; a restore seconds; what people wait for, up to a week.
_STEPS = (5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 0.025)
_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SLOW = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0)
_DELAYS = (
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    900.0,
    3_600.0,
    21_600.0,
    86_400.0,
    604_800.0,
)


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


_INCOMING = (
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
    _histogram(
        "streams_event_lateness_seconds",
        "How much older than the watermark the late events were that were applied.", _DELAYS, "source",
    ),
    _counter("streams_dead_letters_total", "records", "Records written to the dead-letter topic, by reason.", "reason"),
    _counter("streams_records_quarantined_total", "records", "Records that failed alone and were given up.", "topic"),
)  # fmt: skip

_EVENT_TIME = (
    _gauge(
        "streams_watermark_timestamp_seconds", "seconds",
        "Watermark of an input, as seconds since 1970: nothing older is expected.", "topic", "partition",
    ),
    _gauge(
        "streams_input_sources", "sources",
        "1 for each source that an input topic carries: joins sources to what is measured by topic.", "topic", "source",
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
    _histogram(
        "streams_gate_hold_duration_seconds",
        "How long an input held its partition's gates back by more than ten seconds, once it has let them go.",
        _DELAYS, "topic",
    ),
    _counter("streams_timers_fired_total", "timers", "Wake-ups of profiles that time alone brought about."),
    _histogram(
        "streams_timer_lateness_seconds",
        "How much later than due, grace and out-of-orderness allowed for, time alone changed a membership.",
        _DELAYS, "origin",
    ),
    _counter("streams_late_intervals_total", "intervals", "Memberships that late evidence put wholly into the past."),
)  # fmt: skip

_OUTGOING = (
    _counter("streams_transitions_total", "transitions", "Transitions decided.", "segment", "kind", "origin"),
    _histogram(
        "streams_transition_delay_seconds",
        "From the event time of a transition to its decision; grace is part of it.", _DELAYS, "origin",
    ),
    _histogram(
        "streams_end_to_end_seconds",
        "From the event time of a transition until its commit, when consumers can read it; not in replays.",
        _DELAYS, "origin",
    ),
    _gauge("streams_segment_members", "customers", "Members of a segment on this worker.", "segment"),
    _counter("streams_outputs_committed_total", "records", "Records written to the output topics and committed."),
    _counter("streams_changelog_records_total", "records", "Records of changelog and compacted outputs, committed."),
)  # fmt: skip

_WORK = (
    _histogram("streams_batch_seconds", "Time to process one batch, decoding included.", _QUICK),
    _histogram("streams_step_seconds", "Mean time for one record, decoding included, of each batch.", _STEPS),
    _histogram("streams_commit_seconds", "From the decision to commit until the broker had answered.", _QUICK),
    _histogram("streams_transaction_seconds", "From the first output of a transaction until it was committed.", _QUICK),
    _counter("streams_commits_total", "transactions", "Transactions committed."),
    _counter("streams_aborts_total", "transactions", "Transactions rolled back, by reason.", "reason"),
    _counter(
        "streams_producer_renewals_total", "producers",
        "Producers replaced because they were fenced or the outcome of a call was unknown.", "reason",
    ),
    _counter("streams_batches_failed_total", "batches", "Batches that the agent failed on.", "partition"),
)  # fmt: skip

_STATE = (
    _gauge("streams_profiles", "customers", "Profiles in the committed state.", "partition"),
    _gauge("streams_state_bytes", "bytes", "Size of the committed profiles, as estimated.", "partition"),
    _gauge("streams_partitions_owned", "partitions", "Partition numbers that this worker owns."),
    _gauge("streams_partitions_restoring", "partitions", "Partition numbers owned whose state is not complete yet."),
    _counter("streams_rebalances_total", "rebalances", "Rebalances, by outcome: assigned, revoked or lost.", "outcome"),
    _gauge(
        "streams_restore_records", "records",
        "Changelog records read so far by the restore of a partition, while it lasts.", "partition",
    ),
    _gauge(
        "streams_restore_expected_records", "records",
        "About how many changelog records the restore of a partition has to read, while it lasts.", "partition",
    ),
    _counter("streams_restored_records_total", "records", "Changelog records read by finished restores."),
    _histogram("streams_restore_seconds", "Time to restore one partition.", _SLOW),
    _gauge("streams_info", "workers", "1; the labels say which version runs which plan.", "version", "plan"),
)  # fmt: skip

SECTIONS: Final[tuple[tuple[str, tuple[Metric, ...]], ...]] = (
    ("What comes in", _INCOMING),
    ("Event time", _EVENT_TIME),
    ("What comes out", _OUTGOING),
    ("Work and transactions", _WORK),
    ("State and its recovery", _STATE),
)
"""Every metric, under the heading that a reader looks for."""

INVENTORY: Final[tuple[Metric, ...]] = tuple(metric for _, metrics in SECTIONS for metric in metrics)
