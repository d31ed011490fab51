"""What the dashboard shows, as a table: one entry for each panel, row by row. How it becomes Grafana's JSON: `dashboard`.

The rows are the questions that somebody has who looks: is it healthy, is it late, what changed. Queries use metrics of
the inventory and recording rules of ``deploy/prometheus/rules`` and nothing else; a test holds them to it.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Shape = Literal["stat", "timeseries", "bargauge", "table"]

APP: Final = 'application=~"$application"'
RATE: Final = "[$__rate_interval]"


class Query(NamedTuple):
    """One query of a panel: PromQL, and how its series are called."""

    expr: str
    legend: str = ""


class Panel(NamedTuple):
    """One panel.

    Attributes:
        title: what is seen, in a few words.
        description: what it means and what is normal.
        unit: Grafana's name of the unit.
        queries: what is asked.
        limits: values from which on it is yellow, then red; one value: red.
        shape: how it is drawn.
    """

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    limits: tuple[float, ...] = ()
    shape: Shape = "timeseries"


class Row(NamedTuple):
    """Panels side by side, all of one height."""

    panels: tuple[Panel, ...]
    height: int = 6


def _stat(title: str, description: str, unit: str, expr: str, *limits: float) -> Panel:
    return Panel(title, description, unit, (Query(expr),), limits, "stat")


def _quantiles(metric: str, matchers: str = "") -> tuple[Query, ...]:
    chosen = ", ".join(filter(None, (APP, matchers)))
    series = f"sum by (le) (rate({metric}_bucket{{{chosen}}}{RATE}))"
    return tuple(
        Query(f"histogram_quantile({quantile}, {series})", legend)
        for quantile, legend in ((0.5, "half"), (0.99, "99 of 100"))
    )


_HEALTHY = Row(
    (
        _stat(
            "Workers", "Processes that answer to Prometheus. Fewer than were started: one is down.", "short",
            f'sum(up{{job="segment-streams", {APP}}})',
        ),
        _stat(
            "Alerts", "Alerts of this system that fire now; the runbook has a heading for each.", "short",
            f'count(ALERTS{{alertname=~"Streams.+", alertstate="firing", {APP}}}) or vector(0)', 1,
        ),
        _stat(
            "Waiting for state", "Partitions owned whose state is still being read; their events wait.", "short",
            f"sum(streams_partitions_restoring{{{APP}}})", 1,
        ),
        _stat(
            "Records behind", "Records in the input topics that are not yet worked on.", "short",
            f"sum(application:streams_lag_records:sum{{{APP}}})", 10_000, 100_000,
        ),
        _stat(
            "Behind the clock", "Event time of the slowest input, behind the clock. Normal: the disorder set, 5 s.", "s",
            f"max(application_topic:streams_event_freshness_seconds:max{{{APP}}})", 60, 300,
        ),
        _stat(
            "Gates held", "How long entries that rest on an absence wait for the slowest input.", "s",
            f"max(application_topic:streams_gate_held_seconds:max{{{APP}}})", 60, 300,
        ),
        _stat(
            "Event to consumer", "99 of 100 transitions that an event caused can be read within this time of it.", "s",
            f"max(application:streams_end_to_end_seconds:p99_10m{{{APP}}})", 60, 300,
        ),
        _stat(
            "Timers late", "99 of 100 transitions that time caused came at most this much later than they could.", "s",
            f"max(application:streams_timer_lateness_seconds:p99_10m{{{APP}}})", 10, 60,
        ),
    ),
    height=4,
)  # fmt: skip

_LATE = Row(
    (
        Panel(
            "Lag", "Records waiting in each input topic. Growing for long: more comes in than is worked on.", "short",
            (Query(f"sum by (topic) (streams_lag_records{{{APP}}})", "{{topic}}"),),
        ),
        Panel(
            "Behind the clock, by topic", "The slowest partition of each input: its watermark behind the clock.", "s",
            (
                Query(f"max by (topic) (streams_event_freshness_seconds{{{APP}}})", "{{topic}}"),
                Query(f"max by (topic) (streams_lag_seconds{{{APP}}})", "{{topic}}: oldest waiting"),
            ),
            (300,),
        ),
        Panel(
            "Gates held, by topic", "How far an input is behind the furthest one; abandonment waits so long for it.", "s",
            (Query(f"max by (topic) (streams_gate_held_seconds{{{APP}}})", "{{topic}}"),), (300,),
        ),
        Panel(
            "Timers late", "Later than grace and disorder explain: half of the timers, and 99 of 100.", "s",
            _quantiles("streams_timer_lateness_seconds", 'origin="timer"'), (60,),
        ),
    )
)  # fmt: skip

_SPEED = Row(
    (
        Panel(
            "Event to consumer", "From the event until its transitions can be read: half, and 99 of 100.", "s",
            _quantiles("streams_end_to_end_seconds", 'origin="event"'), (300,),
        ),
        Panel(
            "Records in and out", "Records given to the agent, and committed; and what was written.", "cps",
            (
                Query(f"sum(rate(streams_records_delivered_total{{{APP}}}{RATE}))", "read"),
                Query(f"sum(rate(streams_records_committed_total{{{APP}}}{RATE}))", "committed"),
                Query(f"sum(rate(streams_outputs_committed_total{{{APP}}}{RATE}))", "written"),
                Query(f"sum(rate(streams_changelog_records_total{{{APP}}}{RATE}))", "changelog"),
            ),
        ),
        Panel(
            "Work on one record", "Mean time for one record in each batch, decoding included: half, and 99 of 100.", "s",
            _quantiles("streams_step_seconds"),
        ),
        Panel(
            "Commits", "How long the broker takes to commit, and how long a transaction is open: 99 of 100.", "s",
            (
                _quantiles("streams_commit_seconds")[1]._replace(legend="commit"),
                _quantiles("streams_transaction_seconds")[1]._replace(legend="transaction"),
                _quantiles("streams_batch_seconds")[1]._replace(legend="batch"),
            ),
            (2, 8),
        ),
    )
)  # fmt: skip

_SEGMENTS = Row(
    (
        Panel(
            "Transitions", "Entered, exited and retracted, each second. Retracted: a late event disproved an entry.", "cps",
            (Query(f"sum by (kind) (rate(streams_transitions_total{{{APP}}}{RATE}))", "{{kind}}"),),
        ),
        Panel(
            "Most entered", "The eight segments entered most in the last ten minutes.", "cps",
            (Query(f"topk(8, sum by (segment) (application_segment:streams_entries:rate10m{{{APP}}}))", "{{segment}}"),),
        ),
        Panel(
            "Size of segments", "Members over all workers. A gap: members are being counted after a restart.", "short",
            (Query(f"sum by (segment) (application_segment:streams_segment_members:sum{{{APP}}})", "{{segment}}"),),
        ),
        Panel(
            "Changed most in a week", "Standing segments that changed most against a week ago; 10 % is worth a look.",
            "percentunit",
            (
                Query(
                    f"topk(8, abs(sum by (segment) (application_segment:streams_standing_members:sum{{{APP}}}) / "
                    f"sum by (segment) (application_segment:streams_standing_members:sum{{{APP}}} offset 7d) - 1))",
                    "{{segment}}",
                ),
            ),
            (0.05, 0.10), "bargauge",
        ),
    ),
    height=7,
)  # fmt: skip

_TROUBLE = Row(
    (
        Panel(
            "Rolled back, fenced, failed", "Work that was done again. Now and then is normal; steadily is not.", "cps",
            (
                Query(f"sum by (reason) (rate(streams_aborts_total{{{APP}}}{RATE})) > 0", "rolled back: {{reason}}"),
                Query(f"sum by (reason) (rate(streams_producer_renewals_total{{{APP}}}{RATE})) > 0", "producer: {{reason}}"),
                Query(f"sum(rate(streams_batches_failed_total{{{APP}}}{RATE})) > 0", "batch failed"),
            ),
        ),
        Panel(
            "Dead letters and late events", "Records that cannot be used, by reason; events applied behind their watermark.",
            "cps",
            (
                Query(f"sum by (reason) (rate(streams_dead_letters_total{{{APP}}}{RATE})) > 0", "{{reason}}"),
                Query(f"sum(rate(streams_events_late_total{{{APP}}}{RATE}))", "late"),
                Query(f'sum(rate(streams_events_total{{outcome="duplicate", {APP}}}{RATE}))', "double"),
            ),
        ),
        Panel(
            "Rebalances and restores", "Rebalances in ten minutes, and changelog records still to be read.", "short",
            (
                Query(f"sum by (outcome) (increase(streams_rebalances_total{{{APP}}}[10m]))", "{{outcome}}"),
                Query(
                    f"sum(streams_restore_expected_records{{{APP}}} - streams_restore_records{{{APP}}})", "to be read"
                ),
            ),
        ),
        Panel(
            "State", "Size of all profiles as they lie in the changelog, by worker.", "bytes",
            (Query(f"sum by (instance) (streams_state_bytes{{{APP}}})", "{{instance}}"),),
        ),
        Panel(
            "What runs", "Version and definitions of each worker: more than one plan is a change under way.", "short",
            (Query(f"count by (version, plan) (streams_info{{{APP}}})"),), (), "table",
        ),
    )
)  # fmt: skip

ROWS: Final[tuple[tuple[str, tuple[Row, ...]], ...]] = (
    ("Is it healthy?", (_HEALTHY,)),
    ("Is it late?", (_LATE, _SPEED)),
    ("What changed?", (_SEGMENTS, _TROUBLE)),
)
"""All panels, under the question they answer."""
