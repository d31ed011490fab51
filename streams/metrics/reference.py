"""The reference of all metrics for people, made from the inventory: Markdown, one table for each section."""

from __future__ import annotations

from streams.metrics.inventory import LABELS, SECTIONS, Metric

HEAD = """\
# Metrics

What a worker serves on `/metrics`. This page is made from `streams/metrics/inventory.py`:
`streams metrics docs > deploy/METRICS.md`. Rules and alerts lie in [`prometheus/rules`](prometheus/rules), what to do
about an alert stands in the [runbook](README.md).

Counters of decisions (events, transitions, dead letters) count work done: after an aborted transaction the same work is
done, and counted, again. What is written is exactly once all the same; `streams_records_committed_total`,
`streams_outputs_committed_total` and `streams_changelog_records_total` count what is committed. Histograms of transitions
look at about a hundred of each batch, and each of these stands for its neighbours. Series with the label `partition` end
when the worker gives the partition up. No label names a customer.
"""


def reference() -> str:
    """Return the whole page."""
    parts = [HEAD, "## Labels\n", "| label | values |\n|---|---|"]
    parts += [f"| `{name}` | {meaning} |" for name, meaning in LABELS.items()]
    for title, metrics in SECTIONS:
        parts += [f"\n## {title}\n", "| metric | kind | labels | meaning |\n|---|---|---|---|"]
        parts += [_row(metric) for metric in metrics]
    return "\n".join(parts) + "\n"


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    meaning = metric.meaning
    if metric.buckets:
        meaning += f" Buckets: {', '.join(_bound(bound) for bound in metric.buckets)} {metric.unit}."
    kind = f"{metric.kind}, {metric.unit}"
    return f"| `{metric.name}` | {kind} | {labels} | {meaning} |"


def _bound(bound: float) -> str:
    return f"{bound:g}" if bound < 1_000 else f"{bound:,.0f}"
