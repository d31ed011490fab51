"""What the transport and the processing report, as metrics and as health."""

from __future__ import annotations

from typing import Any

import pytest

from streams.runtime.census import Census
from streams.runtime.metering import CENSUS_EVERY_MS, CENSUS_STEP
from streams.runtime.observing import CommitReport, Observer
from streams.runtime.telemetry import SILENT_MAX_S
from streams.segmentation.timeline import HOUR_MS, MINUTE_MS
from streams.testing.measured_shop import NOON_MS, MeasuredShop, order


@pytest.fixture
def shop() -> MeasuredShop:
    """A shop with the built-in segments and no customers."""
    return MeasuredShop()


def test_it_is_an_observer(shop: MeasuredShop) -> None:
    """The transport may report to it."""
    observer: Observer = shop.telemetry

    observer.delivered(0, 5)
    observer.delivered(0, 0)
    observer.failed(0)
    observer.quarantined("events", 0, 7)
    observer.renewed("fenced")
    observer.aborted("lost")

    assert shop.read("streams_records_delivered_total", "0") == 5
    assert shop.read("streams_batches_failed_total", "0") == 1
    assert shop.read("streams_records_quarantined_total", "events") == 1
    assert shop.read("streams_producer_renewals_total", "fenced") == 1
    assert shop.read("streams_aborts_total", "lost") == 1


def test_commits_are_counted_and_timed(shop: MeasuredShop) -> None:
    """A commit brings its records, outputs and durations."""
    shop.telemetry.committed(
        CommitReport(duration_s=0.02, open_s=0.2, records=100, outputs=30, flushed=40, partitions=2)
    )

    assert shop.read("streams_commits_total") == 1
    assert shop.read("streams_records_committed_total") == 100
    assert shop.read("streams_outputs_committed_total") == 30
    assert shop.read("streams_changelog_records_total") == 40
    assert shop.read("streams_commit_seconds_sum") == pytest.approx(0.02)
    assert shop.read("streams_transaction_seconds_count") == 1


def test_a_batch_brings_transitions_and_members(shop: MeasuredShop) -> None:
    """Transitions by segment, kind and origin; members by segment; events and dead letters by what became of them."""
    shop.process([order("a", NOON_MS), order("b", NOON_MS + 1), order("a", NOON_MS), b"garbage"])

    assert shop.read("streams_transitions_total", "buyer.first_time", "entered", "event") == 2
    assert shop.read("streams_segment_members", "buyer.first_time") == 2
    assert shop.read("streams_segment_members", "buyer.repeat") == 0
    assert shop.read("streams_events_total", "applied") == 2
    assert shop.read("streams_events_total", "duplicate") == 1
    assert shop.read("streams_dead_letters_total", "undecodable") == 1
    assert shop.read("streams_batch_seconds_count") == 1
    assert (shop.read("streams_transition_delay_seconds_count", "event") or 0) > 0


def test_members_follow_exits(shop: MeasuredShop) -> None:
    """Who leaves is no member any more."""
    shop.process([order("a", NOON_MS)])
    shop.process([order("a", NOON_MS + HOUR_MS)], NOON_MS + MINUTE_MS)

    assert shop.read("streams_segment_members", "buyer.first_time") == 0
    assert shop.read("streams_segment_members", "buyer.repeat") == 1


def test_ticks_cost_nothing(shop: MeasuredShop) -> None:
    """A batch without records is not timed."""
    shop.process([])

    assert shop.read("streams_batch_seconds_count") == 0


def test_time_is_measured_per_input(shop: MeasuredShop) -> None:
    """Watermark, freshness, lag and what holds the gates back, for each topic and partition."""
    shop.telemetry.lagging({("events", 0): 50})
    shop.process([order("a", NOON_MS)], NOON_MS + 90_000)

    assert shop.read("streams_lag_records", "0", "events") == 50
    assert shop.read("streams_lag_seconds", "0", "events") == 90
    assert shop.read("streams_event_freshness_seconds", "0", "events") == 90
    assert shop.read("streams_watermark_timestamp_seconds", "0", "events") == NOON_MS / 1_000
    assert shop.read("streams_gate_held_seconds", "0", "events") == 0

    shop.telemetry.lagging({("events", 0): 0})
    shop.process([], NOON_MS + 95_000)
    assert shop.read("streams_lag_seconds", "0", "events") == 0


def test_a_partition_that_went_away_has_no_gauges(shop: MeasuredShop) -> None:
    """Gauges of a partition end with its ownership; counters stay."""
    shop.telemetry.lagging({("events", 0): 5, ("events", 1): 6})
    shop.process([order("a", NOON_MS)])

    shop.telemetry.lagging({("events", 1): 6})

    assert shop.read("streams_lag_records", "0", "events") is None
    assert shop.read("streams_profiles", "0") is None
    assert shop.read("streams_lag_records", "1", "events") == 6
    assert shop.read("streams_transitions_total", "buyer.first_time", "entered", "event") == 1


def test_readiness_follows_the_worker(shop: MeasuredShop) -> None:
    """Not ready without an assignment, while restoring, and far behind; ready in between."""
    ready, telemetry = shop.telemetry.ready, shop.telemetry
    assert ready() == "no partitions have been assigned yet"

    telemetry.rebalanced("assigned", 2)
    telemetry.restoring(1, 10, 100)
    telemetry.lagging({("events", 0): 0})
    assert ready() == "restoring 1 of 2 partitions"
    assert shop.read("streams_restore_expected_records", "1") == 100

    telemetry.restored(1, 100, 1.5)
    telemetry.lagging({("events", 0): 50, ("events", 1): 51})
    assert ready() == "101 records behind"
    assert shop.read("streams_restored_records_total") == 100

    telemetry.lagging({("events", 0): 50, ("events", 1): 50})
    assert ready() is None

    telemetry.rebalanced("revoked", 1)
    telemetry.lagging({("events", 0): 0})
    assert ready() is None
    assert shop.read("streams_partitions_owned") == 1


def test_a_worker_without_partitions_is_ready(shop: MeasuredShop) -> None:
    """When others have all the partitions, this worker does its work: it waits."""
    shop.telemetry.rebalanced("assigned", 0)
    shop.telemetry.lagging({})

    assert shop.telemetry.ready() is None


def test_liveness_is_the_cycles(shop: MeasuredShop) -> None:
    """A worker that has not begun is alive; one whose cycle is silent for too long is not, and not ready either."""
    assert shop.telemetry.alive() is None
    shop.now_s += 10 * SILENT_MAX_S
    assert shop.telemetry.alive() is None

    shop.telemetry.rebalanced("assigned", 0)
    shop.now_s += SILENT_MAX_S
    assert shop.telemetry.alive() is None
    shop.now_s += 1
    assert shop.telemetry.alive() == "the transport's cycle has been silent for 301 s"
    assert shop.telemetry.ready() == shop.telemetry.alive()

    shop.telemetry.lagging({})
    assert shop.telemetry.alive() is None


def test_a_rollback_does_not_count_members_twice(shop: MeasuredShop) -> None:
    """What is done again after a rollback is counted once."""
    shop.process([order("a", NOON_MS)])
    shop.commit()
    shop.process([order("b", NOON_MS + 1)], NOON_MS + 2_000)
    shop.processor.rollback()
    shop.telemetry.aborted("lost")
    shop.process([order("b", NOON_MS + 1)], NOON_MS + 4_000)
    shop.process([], NOON_MS + 6_000)

    assert shop.read("streams_segment_members", "buyer.first_time") == 2


def test_a_restored_partition_is_counted_in_slices(shop: MeasuredShop) -> None:
    """After a restart members are shown once all profiles are counted, and transitions meanwhile are not lost."""
    customers = CENSUS_STEP + 200
    shop.process([order(f"c{number}", NOON_MS) for number in range(customers)])
    changelog = dict(shop.processor.core.flush())
    restarted = MeasuredShop()
    for key, value in changelog.items():
        restarted.processor.load(key.encode(), value)
    restarted.processor.ready()

    restarted.process([], NOON_MS + 1_000)
    assert restarted.read("streams_segment_members", "buyer.first_time") is None
    moved = [order(f"c{number}", NOON_MS + HOUR_MS) for number in range(0, customers, 2)]
    restarted.process([*moved, order("new", NOON_MS + HOUR_MS)], NOON_MS + 1_500)
    restarted.process([], NOON_MS + 2_500)

    assert restarted.read("streams_segment_members", "buyer.first_time") == customers / 2 + 1
    assert restarted.read("streams_segment_members", "buyer.repeat") == customers / 2
    assert restarted.read("streams_profiles", "0") == customers
    assert restarted.read("streams_state_bytes", "0") == sum(
        len(state) for _, state in restarted.processor.core.committed()
    )


def test_the_census_is_repeated(shop: MeasuredShop) -> None:
    """Now and then everything is counted again, so that no error stays."""
    shop.process([order("a", NOON_MS)])
    shop.commit()
    shop.telemetry._metering._watched[0].census.members["buyer.first_time"] += 7

    shop.process([], NOON_MS + CENSUS_EVERY_MS)

    assert shop.read("streams_segment_members", "buyer.first_time") == 1


def test_a_census_counts_at_most_what_it_is_told(shop: MeasuredShop) -> None:
    """A step is bounded, so that no batch waits for a long count."""
    shop.process([order(f"c{number}", NOON_MS) for number in range(10)])
    shop.commit()
    census = Census(shop.processor.core)

    complete = []
    for _ in range(2):
        census.step(9)
        complete.append(census.complete)

    assert complete == [False, True]
    assert census.members["buyer.first_time"] == 10


def test_the_size_of_new_profiles_is_estimated(shop: MeasuredShop) -> None:
    """Profiles that came after the last census are not left out of the size of the state."""
    shop.process([order(f"c{number}", NOON_MS) for number in range(10)])
    shop.commit()
    shop.process([], NOON_MS + 1_000)

    assert shop.read("streams_state_bytes", "0") == sum(
        len(state) for _, state in shop.processor.core.committed()
    )


def test_no_metric_shows_a_customer(shop: MeasuredShop) -> None:
    """Whatever is processed, no id of a customer or an event is in the metrics."""
    shop.process([order("secret-customer", NOON_MS, "secret-event"), b'{"event_id": "secret"}'])

    text: Any = shop.instruments.text()
    assert b"secret" not in text
