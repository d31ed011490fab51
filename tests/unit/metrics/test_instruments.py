"""The Prometheus objects: what is added is what is read, whole batches at a time."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.metrics.instruments import LABEL_SETS_MAX, Instruments
from streams.metrics.inventory import INVENTORY, Metric

SMALL = (
    Metric("streams_eggs_total", "counter", "eggs", "Eggs.", ("topic",)),
    Metric("streams_hens_total", "counter", "hens", "Hens."),
    Metric("streams_nests", "gauge", "nests", "Nests.", ("topic", "partition")),
    Metric("streams_trees", "gauge", "trees", "Trees."),
    Metric("streams_flight_seconds", "histogram", "seconds", "Flights.", ("origin",), (0.1, 1.0)),
    Metric("streams_rest_seconds", "histogram", "seconds", "Rests.", (), (0.1, 1.0)),
)


@pytest.fixture
def instruments() -> Instruments:
    """A few metrics of each kind."""
    return Instruments(SMALL)


def samples(instruments: Instruments) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return what a scraper reads: (name, sorted label values) → value."""
    families = text_string_to_metric_families(instruments.text().decode())
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def test_counters_add_up(instruments: Instruments) -> None:
    """Amounts are added, under labels and without."""
    instruments.add("streams_eggs_total", 2, "a")
    instruments.add("streams_eggs_total", 3, "a")
    instruments.add("streams_eggs_total", 0, "b")
    instruments.add("streams_hens_total")

    read = samples(instruments)
    assert read["streams_eggs_total", ("a",)] == 5
    assert read["streams_eggs_total", ("b",)] == 0
    assert read["streams_hens_total", ()] == 1


def test_gauges_are_set_and_forgotten(instruments: Instruments) -> None:
    """A gauge has its last value; a label set that is forgotten is gone, twice forgotten as well."""
    instruments.set("streams_nests", 4, "t", "0")
    instruments.set("streams_nests", 5, "t", "1")
    instruments.set("streams_trees", 7)
    assert instruments.shown("streams_nests") == {("t", "0"), ("t", "1")}

    instruments.forget("streams_nests", "t", "0")
    instruments.forget("streams_nests", "t", "0")

    read = samples(instruments)
    assert ("streams_nests", ("0", "t")) not in read
    assert read["streams_nests", ("1", "t")] == 5
    assert read["streams_trees", ()] == 7


def test_histograms_take_whole_batches(instruments: Instruments) -> None:
    """Values fall into cumulative buckets; a bound belongs to its own bucket."""
    instruments.observe("streams_flight_seconds", [0.05, 0.1, 0.11, 1.0], "event")
    instruments.observe("streams_flight_seconds", [50.0], "event")
    instruments.observe("streams_rest_seconds", [0.5])

    read = samples(instruments)
    counts = [read["streams_flight_seconds_bucket", (bound, "event")] for bound in ("0.1", "1.0", "+Inf")]
    assert counts == [2, 4, 5]
    assert read["streams_flight_seconds_count", ("event",)] == 5
    assert read["streams_flight_seconds_sum", ("event",)] == pytest.approx(51.26)
    assert read["streams_rest_seconds_count", ()] == 1


def test_durations_are_shifted_and_never_negative(instruments: Instruments) -> None:
    """Milliseconds become seconds; what a shift puts below zero, or a clock, counts as zero."""
    instruments.observe_ms("streams_flight_seconds", [-50, 1_100, 150, 1_101, 100], "timer", shift_ms=-100)

    read = samples(instruments)
    counts = [read["streams_flight_seconds_bucket", (bound, "timer")] for bound in ("0.1", "1.0", "+Inf")]
    assert counts == [3, 4, 5]
    assert read["streams_flight_seconds_sum", ("timer",)] == pytest.approx(0.0 + 0.0 + 0.05 + 1.0 + 1.001)


def test_a_counter_that_was_forgotten_begins_anew(instruments: Instruments) -> None:
    """A partition that comes back is counted from 0, and not into a series that nobody reads."""
    instruments.add("streams_eggs_total", 5, "a")
    instruments.forget("streams_eggs_total", "a")
    assert ("streams_eggs_total", ("a",)) not in samples(instruments)

    instruments.add("streams_eggs_total", 2, "a")

    assert samples(instruments)["streams_eggs_total", ("a",)] == 2


def test_histograms_without_labels_are_there_from_the_start(instruments: Instruments) -> None:
    """A dashboard finds the series before the first value."""
    assert samples(instruments)["streams_rest_seconds_count", ()] == 0


def test_label_sets_are_bounded(instruments: Instruments) -> None:
    """A label that grows without end is cut off instead of filling the memory."""
    for number in range(LABEL_SETS_MAX + 5):
        instruments.add("streams_eggs_total", 1, str(number))

    assert len(instruments.shown("streams_eggs_total")) == LABEL_SETS_MAX


def test_the_whole_inventory_can_be_read() -> None:
    """Every metric of the inventory appears under its name, and no series besides."""
    instruments = Instruments()
    labels = {metric.name: tuple(f"{label}1" for label in metric.labels) for metric in INVENTORY}
    for metric in INVENTORY:
        if metric.kind == "counter":
            instruments.add(metric.name, 1, *labels[metric.name])
        elif metric.kind == "gauge":
            instruments.set(metric.name, 1, *labels[metric.name])
        else:
            instruments.observe(metric.name, [1.0], *labels[metric.name])

    families = {family.name: family for family in text_string_to_metric_families(instruments.text().decode())}
    assert sorted(families) == sorted(metric.name.removesuffix("_total") for metric in INVENTORY)
    for metric in INVENTORY:
        family = families[metric.name.removesuffix("_total")]
        assert (metric.kind, metric.meaning) == (family.type, family.documentation)


def test_two_workers_in_one_process_do_not_meet() -> None:
    """Each set of instruments has a registry of its own."""
    first, second = Instruments(SMALL), Instruments(SMALL)
    first.add("streams_hens_total", 3)

    assert samples(second)["streams_hens_total", ()] == 0
