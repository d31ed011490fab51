"""Delays as a scraper reads them: late events, late timers, and how long until consumers can read a transition."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.runtime.delays import LOOKED_AT_MAX
from streams.runtime.observing import CommitReport
from streams.segmentation.options import InputSpec
from streams.segmentation.timeline import MINUTE_MS, SECOND_MS
from streams.testing.measured_shop import NOON_MS, MeasuredShop, event, order

COMMIT = CommitReport(duration_s=0.02, open_s=0.2, records=1, outputs=1, flushed=1, partitions=1)
ABANDONED_MS = 45 * MINUTE_MS
"""An abandoned checkout is an entry half an hour after its start, and is waited for a quarter of an hour longer."""


def entered_late(shop: MeasuredShop, late_ms: int) -> None:
    """Let a checkout be abandoned, and time be looked at *late_ms* after that could first be decided."""
    shop.process([event("Checkout Started", "a", NOON_MS)])
    (spec,) = shop.processor.core.watermarks.specs
    first_ms = NOON_MS + ABANDONED_MS + spec.out_of_orderness_ms
    shop.process_all({}, first_ms + late_ms, caught_up_ms={"events": 10 * SECOND_MS})
    assert shop.read("streams_transitions_total", "checkout.abandon", "entered", shop_origin(late_ms)) == 1


def shop_origin(late_ms: int) -> str:
    """Return the origin that a timer has which is *late_ms* late: after a minute it is catching up (S9)."""
    return "catchup" if late_ms > MINUTE_MS else "timer"


@pytest.mark.parametrize("late_ms", [0, 1, 7_000, 50_000])
@pytest.mark.parametrize("disorder_ms", [0, 5 * SECOND_MS])
def test_a_timer_is_late_by_what_grace_and_disorder_do_not_explain(late_ms: int, disorder_ms: int) -> None:
    """S5: an entry may be decided once the gate has passed its instant and the grace; what is beyond that is late."""
    shop = MeasuredShop((InputSpec("events", out_of_orderness_ms=disorder_ms),))
    entered_late(shop, late_ms)

    assert shop.read("streams_timer_lateness_seconds_count", "timer") == 1
    assert shop.read("streams_timer_lateness_seconds_sum", "timer") == pytest.approx(late_ms / 1_000)


def test_timers_after_an_outage_are_measured_apart() -> None:
    """S9: what fires long after it was due is catching up, and does not spoil the picture of punctual timers."""
    shop = MeasuredShop()
    entered_late(shop, 3 * MINUTE_MS)

    assert shop.read("streams_timer_lateness_seconds_sum", "catchup") == 180
    assert shop.read("streams_timer_lateness_seconds_count", "timer") is None


def test_an_event_in_order_has_no_timer_lateness() -> None:
    """What an event causes is not late by any timer."""
    shop = MeasuredShop()
    shop.process([order("a", NOON_MS)])

    assert shop.read("streams_timer_lateness_seconds_count", "event") is None


def test_end_to_end_ends_with_the_commit() -> None:
    """From the event until consumers can read what it brought about: nothing before the commit, once after it."""
    shop = MeasuredShop()
    shop.process([order("a", NOON_MS)], NOON_MS + 1_000)
    transitions = shop.read("streams_transition_delay_seconds_count", "event")
    assert transitions
    assert shop.read("streams_end_to_end_seconds_count", "event") is None

    shop.wall_ms = NOON_MS + 3_000
    shop.telemetry.committed(COMMIT)
    shop.telemetry.committed(COMMIT)

    assert shop.read("streams_end_to_end_seconds_count", "event") == transitions
    assert shop.read("streams_end_to_end_seconds_sum", "event") == pytest.approx(3 * transitions)


def test_what_is_rolled_back_reaches_nobody() -> None:
    """After a rollback the same is decided again, and counted when that is committed."""
    shop = MeasuredShop()
    shop.process([order("a", NOON_MS)])
    shop.processor.rollback()
    shop.telemetry.aborted("lost")
    shop.telemetry.committed(COMMIT)

    assert shop.read("streams_end_to_end_seconds_count", "event") is None


def test_a_replay_has_no_end_to_end_latency() -> None:
    """Events of last year say nothing about how fast they are worked on."""
    shop = MeasuredShop(wall=False)
    shop.process([order("a", NOON_MS)])
    shop.telemetry.committed(COMMIT)

    assert shop.read("streams_transition_delay_seconds_count", "event")
    assert shop.read("streams_end_to_end_seconds_count", "event") is None


def test_late_events_are_counted_by_how_late() -> None:
    """S2: an event older than its watermark is late by the difference; one that comes twice is late once."""
    shop = MeasuredShop()
    shop.process([order("a", NOON_MS), event("Product Added", "a", NOON_MS - 1)])
    late = [order("b", NOON_MS - 90_000), order("b", NOON_MS - 90_000), order("c", NOON_MS)]
    shop.process(late, NOON_MS + 2_000)

    assert shop.read("streams_event_lateness_seconds_count", "orders") == 1
    assert shop.read("streams_event_lateness_seconds_sum", "orders") == 90
    assert shop.read("streams_event_lateness_seconds_sum", "behaviour") == pytest.approx(0.001)
    assert shop.read("streams_events_late_total") == 2


def test_lateness_is_behind_the_input_that_carries_the_source() -> None:
    """With several topics the watermark is that of the event's own topic, not of the furthest."""
    orders = InputSpec("orders", frozenset({"orders"}))
    shop = MeasuredShop((InputSpec("behaviour", frozenset({"behaviour"})), orders))
    both = {"orders": 1, "behaviour": 1}
    views = [event("Product Added", "a", NOON_MS)]
    shop.process_all(
        {"orders": [order("a", NOON_MS - 60_000)], "behaviour": views}, NOON_MS, caught_up_ms=both
    )
    shop.process_all({"orders": [order("b", NOON_MS - 70_000)]}, NOON_MS + 2_000, caught_up_ms=both)

    assert shop.read("streams_event_lateness_seconds_sum", "orders") == 10


def test_of_a_great_batch_some_stand_for_all() -> None:
    """However many transitions a batch brings, about a hundred are looked at, and the numbers are those of all."""
    shop = MeasuredShop()
    shop.process([order(f"c{number}", NOON_MS - 5_000) for number in range(400)], NOON_MS)
    decided = sum(
        sample.value
        for family in text_string_to_metric_families(shop.instruments.text().decode())
        for sample in family.samples
        if sample.name == "streams_transitions_total"
    )
    looked_at = shop.read("streams_transition_delay_seconds_count", "event")

    assert decided > 4 * LOOKED_AT_MAX
    assert looked_at == pytest.approx(decided, rel=1 / LOOKED_AT_MAX)
    assert shop.read("streams_transition_delay_seconds_sum", "event") == pytest.approx(5 * (looked_at or 0))
