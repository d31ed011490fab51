"""The metrics as Prometheus objects, on a registry of their own; built from the inventory, updated once per batch.

Nothing here is called for each record: callers sum up a batch and then add. Histograms take many values at once, which
prometheus_client's own does not.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from threading import Lock
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics, generate_latest
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from streams.metrics.inventory import INVENTORY, Metric

LABEL_SETS_MAX = 10_000
"""Label sets of one metric; a label that grows beyond it is a defect, and is cut off instead of filling the memory."""


class BulkHistogram(Collector):
    """A histogram that takes the values of a whole batch at once."""

    def __init__(self, metric: Metric, registry: CollectorRegistry) -> None:
        """Register the histogram of *metric*."""
        self._metric = metric
        self._counts: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}
        self._lock = Lock()
        if not metric.labels:
            self.observe((), ())
        registry.register(self)

    def observe(
        self,
        labels: tuple[str, ...],
        values: Iterable[float],
        *,
        scale: float = 1,
        shift: float = 0,
        weight: int = 1,
    ) -> None:
        """Add *values* under *labels*.

        Each is shifted, counts as 0 when it is below, is scaled to the metric's unit, and stands for *weight* values. The
        values are sorted once and the bounds are looked up in them, which costs a fraction of the other way round.
        """
        ascending = sorted(values)
        below = 0
        with self._lock:
            counts = self._counts.setdefault(labels, [0] * (len(self._metric.buckets) + 1))
            for place, bound in enumerate(self._metric.buckets):
                if below == len(ascending):
                    break
                reached = bisect_right(ascending, bound / scale - shift, below)
                counts[place] += (reached - below) * weight
                below = reached
            counts[-1] += (len(ascending) - below) * weight
            if ascending and ascending[0] + shift < 0:
                del ascending[: bisect_right(ascending, -shift)]
            total = (sum(ascending) + shift * len(ascending)) * scale
            self._sums[labels] = self._sums.get(labels, 0.0) + total * weight

    def collect(self) -> Iterator[Family]:
        """Yield the family that Prometheus reads."""
        metric = self._metric
        family = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
        names = [*(str(float(bound)) for bound in metric.buckets), "+Inf"]
        with self._lock:
            snapshot = [(labels, list(counts), self._sums[labels]) for labels, counts in self._counts.items()]
        for labels, counts, total in snapshot:
            family.add_metric(labels, list(zip(names, accumulate(counts), strict=True)), total)
        yield family


class Instruments:
    """All metrics of one worker.

    Attributes:
        registry: what Prometheus reads; nothing of the process or of other libraries is in it.
    """

    def __init__(self, inventory: Iterable[Metric] = INVENTORY) -> None:
        """Make every metric of *inventory*."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # each counter would bring a second series that the inventory does not know
        self.registry = CollectorRegistry()
        self._metrics = {metric.name: metric for metric in inventory}
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, BulkHistogram] = {}
        self._series: dict[
            tuple[str, tuple[str, ...]], Any
        ] = {}  # found once, for finding costs more than adding
        self._label_sets: dict[str, set[tuple[str, ...]]] = {name: set() for name in self._metrics}
        for metric in self._metrics.values():
            if metric.kind == "counter":
                self._counters[metric.name] = Counter(
                    metric.name, metric.meaning, metric.labels, registry=self.registry
                )
            elif metric.kind == "gauge":
                self._gauges[metric.name] = Gauge(
                    metric.name, metric.meaning, metric.labels, registry=self.registry
                )
            else:
                self._histograms[metric.name] = BulkHistogram(metric, self.registry)

    def add(self, name: str, amount: float = 1, *labels: str) -> None:
        """Add *amount* to a counter; 0 makes its labels visible."""
        series = self._series.get((name, labels)) or self._found(self._counters[name], name, labels)
        if series is not None:
            series.inc(amount)

    def set(self, name: str, value: float, *labels: str) -> None:
        """Set a gauge."""
        series = self._series.get((name, labels)) or self._found(self._gauges[name], name, labels)
        if series is not None:
            series.set(value)

    def observe(self, name: str, values: Iterable[float], *labels: str) -> None:
        """Add *values* to a histogram, in its unit."""
        if not labels or self._admitted(name, labels):
            self._histograms[name].observe(labels, values)

    def observe_ms(
        self, name: str, durations_ms: Iterable[int], *labels: str, shift_ms: int = 0, weight: int = 1
    ) -> None:
        """Add *durations_ms*, each longer by *shift_ms* and none below 0, *weight* times to a histogram of seconds."""
        if not labels or self._admitted(name, labels):
            self._histograms[name].observe(labels, durations_ms, scale=0.001, shift=shift_ms, weight=weight)

    def forget(self, name: str, *labels: str) -> None:
        """Take one label set of a gauge or counter away: a partition that is no longer ours has no value here."""
        if labels in self._label_sets[name]:
            self._label_sets[name].discard(labels)
            self._series.pop((name, labels), None)
            (self._gauges.get(name) or self._counters[name]).remove(*labels)

    def shown(self, name: str) -> frozenset[tuple[str, ...]]:
        """Return the label sets that a metric has now."""
        return frozenset(self._label_sets[name])

    def text(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return generate_latest(self.registry)

    def _found(self, metric: Counter | Gauge, name: str, labels: tuple[str, ...]) -> Any:
        """Return the series of *labels*, from now on known; None when there are too many."""
        if labels and not self._admitted(name, labels):
            return None
        series = self._series[name, labels] = metric.labels(*labels) if labels else metric
        return series

    def _admitted(self, name: str, labels: tuple[str, ...]) -> bool:
        known = self._label_sets[name]
        if labels not in known:
            if len(known) >= LABEL_SETS_MAX:
                return False
            known.add(labels)
        return True
