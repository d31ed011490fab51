"""The state of partitions as a scraper reads it, and that it ends when a partition goes to another worker."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from streams.runtime.metering import CENSUS_STEP, GAUGES_EVERY_MS, HELD_AT_MS
from streams.runtime.processor import Report
from streams.segmentation.options import InputSpec
from streams.segmentation.timeline import SECOND_MS
from streams.testing.measured_shop import NOON_MS, MeasuredShop, event, order

TWO_INPUTS = (
    InputSpec("behaviour", frozenset({"behaviour"})),
    InputSpec("orders", frozenset({"orders"})),
)
BOTH = {"behaviour": 1, "orders": 1}


def series_of_partition(shop: MeasuredShop, partition: str) -> set[str]:
    """Return the names of all series that a scraper reads for *partition*."""
    return {
        sample.name
        for family in text_string_to_metric_families(shop.instruments.text().decode())
        for sample in family.samples
        if sample.labels.get("partition") == partition
    }


def test_every_series_of_a_partition_ends_when_it_is_given_up() -> None:
    """Gauges, counters and the progress of restores of a partition vanish; those of the others stay."""
    shop = MeasuredShop()
    telemetry = shop.telemetry
    telemetry.rebalanced("assigned", 2)
    for partition in (0, 1):
        telemetry.restoring(partition, 10, 100)
        telemetry.delivered(partition, 1)
        telemetry.failed(partition)
    telemetry.lagging({("events", 0): 5, ("events", 1): 6})
    shop.process([order("a", NOON_MS)])
    assert len(series_of_partition(shop, "0")) == 11

    telemetry.rebalanced("revoked", 1)
    telemetry.restore_ended(0)
    telemetry.lagging({("events", 1): 6})

    assert series_of_partition(shop, "0") == set()
    assert series_of_partition(shop, "1") == {
        "streams_lag_records", "streams_records_delivered_total", "streams_batches_failed_total",
        "streams_restore_records", "streams_restore_expected_records",
    }  # fmt: skip


def test_a_worker_without_partitions_has_no_members() -> None:
    """The customers are counted by who has them now; two workers never count the same ones for long."""
    shop = MeasuredShop()
    shop.telemetry.lagging({("events", 0): 0})
    shop.process([order("a", NOON_MS)])
    assert shop.read("streams_segment_members", "buyer.first_time") == 1

    shop.telemetry.rebalanced("lost", 1)
    shop.telemetry.lagging({})

    assert shop.read("streams_segment_members", "buyer.first_time") is None
    assert shop.read("streams_partitions_owned") == 0


def test_members_are_not_shown_while_a_new_partition_is_counted() -> None:
    """A sum that lacks a partition is no size: there is none until its customers have been counted."""
    before = MeasuredShop()
    before.process([order(f"c{number}", NOON_MS) for number in range(CENSUS_STEP + 1)])
    changelog = dict(before.processor.core.flush())

    shop = MeasuredShop()
    shop.process([order("a", NOON_MS)])
    assert shop.read("streams_segment_members", "buyer.first_time") == 1
    shop.telemetry.lagging({("events", 0): 0, ("events", 1): 0})
    taken = shop.restarted(partition=1)
    for key, value in changelog.items():
        taken.load(key.encode(), value)
    taken.ready()
    taken.core.now_ms = NOON_MS
    shop.telemetry.counted(taken, Report())
    assert shop.read("streams_segment_members", "buyer.first_time") is None

    taken.core.now_ms += GAUGES_EVERY_MS
    shop.telemetry.counted(taken, Report())

    assert shop.read("streams_segment_members", "buyer.first_time") == CENSUS_STEP + 2


def test_restores_are_shown_while_they_last() -> None:
    """How many partitions wait for their state, and how far each has come."""
    shop = MeasuredShop()
    shop.telemetry.rebalanced("assigned", 2)
    shop.telemetry.restoring(1, 10, 100)
    assert shop.read("streams_partitions_restoring") == 2
    assert shop.read("streams_restore_records", "1") == 10

    shop.telemetry.lagging({("events", 0): 0})
    assert shop.read("streams_partitions_restoring") == 1

    shop.telemetry.restored(1, 100, 1.5)
    shop.telemetry.restore_ended(1)
    shop.telemetry.lagging({("events", 0): 0, ("events", 1): 0})

    assert shop.read("streams_partitions_restoring") == 0
    assert shop.read("streams_restore_records", "1") is None


def test_what_may_happen_is_shown_before_it_happens() -> None:
    """Counters of a closed set of words begin at 0, so that a rule sees the first step."""
    shop = MeasuredShop()

    assert shop.read("streams_dead_letters_total", "undecodable") == 0
    assert shop.read("streams_producer_renewals_total", "fenced") == 0
    assert shop.read("streams_aborts_total", "agent_stuck") == 0
    assert shop.read("streams_rebalances_total", "lost") == 0


def test_a_step_is_a_batch_by_its_records() -> None:
    """One value for each batch that has records: its time, shared out."""
    shop = MeasuredShop()
    shop.process([order("a", NOON_MS), order("b", NOON_MS), order("c", NOON_MS)])
    shop.process([], NOON_MS + 1)

    assert shop.read("streams_step_seconds_count") == 1
    batch_s, step_s = shop.read("streams_batch_seconds_sum"), shop.read("streams_step_seconds_sum")
    assert batch_s is not None
    assert step_s == batch_s / 3


def test_an_input_names_its_sources() -> None:
    """What is measured by topic can be joined to the sources that the topic carries."""
    shop = MeasuredShop(TWO_INPUTS)
    shop.process_all({"orders": [order("a", NOON_MS)]}, caught_up_ms=BOTH)

    assert shop.read("streams_input_sources", "orders", "orders") == 1
    assert shop.read("streams_input_sources", "behaviour", "behaviour") == 1
    assert shop.read("streams_input_sources", "behaviour", "orders") is None


def test_a_hold_is_timed_from_its_beginning_to_its_end() -> None:
    """S5: while orders lag behind, their entries wait: for how long is known when the orders have come."""
    shop = MeasuredShop(TWO_INPUTS)
    shop.process_all({"orders": [order("a", NOON_MS)]}, caught_up_ms=BOTH)
    ahead_ms = NOON_MS + HELD_AT_MS + 1
    shop.process_all(
        {"behaviour": [event("Product Added", "a", ahead_ms)]}, NOON_MS + 2 * SECOND_MS, caught_up_ms=BOTH
    )
    assert shop.read("streams_gate_held_seconds", "0", "orders") == (HELD_AT_MS + 1) / 1_000
    assert shop.read("streams_gate_hold_duration_seconds_count", "orders") is None

    shop.process_all({"orders": [order("b", ahead_ms)]}, NOON_MS + 32 * SECOND_MS, caught_up_ms=BOTH)

    assert shop.read("streams_gate_held_seconds", "0", "orders") == 0
    assert shop.read("streams_gate_hold_duration_seconds_sum", "orders") == 30


def test_ordinary_disorder_holds_nothing() -> None:
    """Inputs are never at the same instant; as far apart as that is usual, nobody is held back."""
    shop = MeasuredShop(TWO_INPUTS)
    shop.process_all({"orders": [order("a", NOON_MS)]}, caught_up_ms=BOTH)
    views = [event("Product Added", "a", NOON_MS + HELD_AT_MS)]
    shop.process_all({"behaviour": views}, NOON_MS + 2_000, caught_up_ms=BOTH)
    shop.process_all({"orders": [order("b", NOON_MS + HELD_AT_MS)]}, NOON_MS + 4_000, caught_up_ms=BOTH)

    assert shop.read("streams_gate_hold_duration_seconds_count", "orders") is None
