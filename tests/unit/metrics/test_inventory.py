"""The inventory of metrics: names, units and labels by the house's rules."""

from __future__ import annotations

import re

import pytest

from streams.metrics.inventory import ALLOWED_LABELS, INVENTORY, Metric

BASE_UNITS = {"seconds", "bytes"}


@pytest.mark.parametrize("metric", INVENTORY, ids=lambda metric: metric.name)
def test_every_metric_follows_the_rules(metric: Metric) -> None:
    """Prefix, base unit in the name, `_total` for counters alone, closed labels, and a sentence that says what it is."""
    assert re.fullmatch(r"streams_[a-z_]+", metric.name)
    assert (metric.kind == "counter") == metric.name.endswith("_total")
    assert metric.unit not in BASE_UNITS or f"_{metric.unit}" in metric.name
    assert not re.search(r"_(ms|millis|milliseconds|minutes|kilobytes)(_|$)", metric.name)
    assert set(metric.labels) <= ALLOWED_LABELS
    assert re.fullmatch(r"[A-Z0-9].*\.", metric.meaning)


@pytest.mark.parametrize("metric", INVENTORY, ids=lambda metric: metric.name)
def test_histograms_have_rising_buckets(metric: Metric) -> None:
    """A histogram has upper bounds in rising order, and nothing else has any."""
    assert (metric.kind == "histogram") == bool(metric.buckets)
    assert list(metric.buckets) == sorted(set(metric.buckets))


def test_names_are_unique() -> None:
    """No two metrics share a name."""
    names = [metric.name for metric in INVENTORY]

    assert sorted(names) == sorted(set(names))


def test_no_label_is_about_a_customer() -> None:
    """Labels are topics, partitions, sources, segments and closed words."""
    assert not ALLOWED_LABELS & {"customer", "customer_id", "shop", "key", "event_id"}
