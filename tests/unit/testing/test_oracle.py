"""The oracle on the worked timelines of abandonment and browsing, with the definitions as values (S5 to S24)."""

from __future__ import annotations

from typing import Any

import pytest

from streams.errors import DefinitionError
from streams.segmentation.conditions import AgeRange, All, Last, Performed
from streams.segmentation.definitions import Catalogue
from streams.segmentation.timeline import DAY_MS, HOUR_MS, MINUTE_MS
from streams.testing.oracle import Oracle
from streams.testing.oracle_told import OracleTransition
from streams.testing.stories import Story, segment

MONDAY_MS = 1_772_409_600_000
"""2026-03-02T00:00:00Z."""

SOURCES = {
    "Product Viewed": "behaviour",
    "Product Added": "behaviour",
    "Checkout Started": "behaviour",
    "Order Completed": "orders",
}


def never(event: str, since: str | None = None) -> Performed:
    """Return the condition that *event* never happened (since the last event of another kind)."""
    return Performed(event, at_least=0, at_most=0, since=since)


CORE = Catalogue(
    segments=(
        segment(
            "checkout.abandon",
            All(
                (
                    Performed("Checkout Started", age=AgeRange(0, 2 * HOUR_MS)),
                    never("Order Completed", since="Checkout Started"),
                )
            ),
            dwell_ms=30 * MINUTE_MS,
            grace_ms=15 * MINUTE_MS,
            exclude=("post_purchase.24h",),
        ),
        segment(
            "cart.abandon",
            All(
                (
                    Last("Product Added", AgeRange(30 * MINUTE_MS, DAY_MS)),
                    never("Checkout Started", since="Product Added"),
                    never("Order Completed", since="Product Added"),
                )
            ),
            grace_ms=15 * MINUTE_MS,
            exclude=("post_purchase.24h",),
        ),
        segment(
            "browse.first_purchase_intent",
            All(
                (
                    Performed("Product Viewed", at_least=2, age=AgeRange(0, 3 * DAY_MS)),
                    never("Order Completed"),
                )
            ),
        ),
        segment("post_purchase.24h", Performed("Order Completed", age=AgeRange(0, DAY_MS))),
    )
)


def at(clock: str, day: int = 0) -> int:
    """Return ``HH:MM[:SS[.mmm]]`` on Monday plus *day* days, in milliseconds since 1970."""
    hours, minutes, *seconds = clock.split(":")
    millis = round(float(seconds[0]) * 1000) if seconds else 0
    return MONDAY_MS + day * DAY_MS + int(hours) * HOUR_MS + int(minutes) * MINUTE_MS + millis


def timeline_of(**settings: Any) -> Story:
    """Return a story told to the core definitions."""
    return Story(CORE, SOURCES, **settings)


class TestCheckoutAbandon:
    """Checkout Started 10:00; dwell 30 min, grace 15 min, end after 2 h (S23)."""

    @pytest.fixture
    def timeline(self) -> Story:
        """A checkout that was started at 10:00."""
        timeline = timeline_of()
        timeline.event("Checkout Started", at("10:00"))
        return timeline

    def test_waits_for_the_gate(self, timeline: Story) -> None:
        """Nothing at 10:44:59.999; entered as of 10:30 when the watermark is 10:45 (S5)."""
        timeline.oracle.advance(None, at("10:44:59.999"))
        assert timeline.said("checkout.abandon") == []

        timeline.oracle.advance(None, at("10:45"))

        assert timeline.said("checkout.abandon") == [
            OracleTransition("default/c", "checkout.abandon", 1, "entered", "timer", at("10:30"), "timer", 1)
        ]
        assert timeline.members()["checkout.abandon"] == at("10:30")

    @pytest.mark.parametrize(("clock", "exits"), [("11:59:59.999", 0), ("12:00", 1), ("12:00:00.001", 1)])
    def test_ends_with_the_window(self, timeline: Story, clock: str, exits: int) -> None:
        """The exit by time fires at 12:00:00.000, without grace."""
        timeline.oracle.advance(None, at(clock))

        expected = [("entered", "timer", at("10:30")), ("exited", "timer", at("12:00"))]
        assert timeline.brief("checkout.abandon") == expected[: 1 + exits]

    @pytest.mark.parametrize("clock", ["10:20", "10:30", "10:40", "10:44:59.999"])
    def test_order_before_the_gate_cancels(self, timeline: Story, clock: str) -> None:
        """An order before D + grace that is read before the gate cancels silently (S6)."""
        timeline.event("Order Completed", at(clock))
        timeline.oracle.advance(None, at("23:00"))

        assert timeline.said("checkout.abandon") == []
        assert timeline.brief("post_purchase.24h") == [("entered", "event", at(clock))]

    def test_order_at_the_gate_does_not_cancel(self, timeline: Story) -> None:
        """An order at D + grace exactly: entered, then exited at that time (S6)."""
        timeline.event("Order Completed", at("10:45"))

        assert timeline.brief("checkout.abandon") == [
            ("entered", "timer", at("10:30")),
            ("exited", "event", at("10:45")),
        ]

    def test_post_purchase_lasts_a_day(self, timeline: Story) -> None:
        """post_purchase.24h ends by time 24 h after the order, to the millisecond (S1)."""
        timeline.event("Order Completed", at("10:20"))
        timeline.oracle.advance(None, at("10:19:59.999", day=1))
        assert timeline.brief("post_purchase.24h") == [("entered", "event", at("10:20"))]

        timeline.oracle.advance(None, at("10:20", day=1))

        assert timeline.brief("post_purchase.24h")[1:] == [("exited", "timer", at("10:20", day=1))]

    def test_late_order_before_the_gate_cancels(self, timeline: Story) -> None:
        """The order of 10:20 that comes at watermark 10:30 cancels; post_purchase begins late."""
        timeline.oracle.advance(None, at("10:30"))
        timeline.event("Order Completed", at("10:20"))
        timeline.oracle.advance(None, at("12:00"))

        assert timeline.said("checkout.abandon") == []
        assert timeline.brief("post_purchase.24h") == [("entered", "late", at("10:20"))]

    def test_late_order_after_the_entry_exits(self, timeline: Story) -> None:
        """The order of 10:40 that comes after the entry was emitted: exited 10:40, late (S13)."""
        timeline.oracle.advance(None, at("10:50"))
        order = timeline.event("Order Completed", at("10:40"))

        assert timeline.said("checkout.abandon")[1:] == [
            OracleTransition(
                "default/c",
                "checkout.abandon",
                1,
                "exited",
                "late",
                at("10:40"),
                order,
                2,
                entered_at_ms=at("10:30"),
            )
        ]

    def test_order_in_order_exits(self, timeline: Story) -> None:
        """The order of 11:00 exits, and is named as the cause."""
        order = timeline.event("Order Completed", at("11:00"))

        entered, exited = timeline.said("checkout.abandon")
        assert (entered.kind, entered.occurred_at_ms) == ("entered", at("10:30"))
        assert (exited.kind, exited.origin, exited.cause) == ("exited", "event", order)
        assert exited.occurred_at_ms == at("11:00")

    @pytest.mark.parametrize(
        ("clock", "kind", "occurred"),
        [
            ("10:20", "retracted", "10:30"),
            ("10:29:59.999", "retracted", "10:30"),
            ("10:30", "retracted", "10:30"),
            ("10:30:00.001", "exited", "10:30:00.001"),
        ],
    )
    def test_late_order_retracts_or_exits(
        self, timeline: Story, clock: str, kind: str, occurred: str
    ) -> None:
        """Late evidence at or before the entry's time retracts it, later evidence ends it (S13)."""
        timeline.oracle.advance(None, at("10:46"))
        timeline.event("Order Completed", at(clock))

        entered, after = timeline.said("checkout.abandon")
        assert (after.kind, after.origin, after.occurred_at_ms) == (kind, "late", at(occurred))
        assert after.retracts == (("checkout.abandon", entered.sequence) if kind == "retracted" else None)

    def test_second_checkout_moves_the_end(self, timeline: Story) -> None:
        """A checkout at 11:30 while a member: no second entry, and the end is 13:30 (S23)."""
        timeline.event("Checkout Started", at("11:30"))
        timeline.oracle.advance(None, at("23:00"))

        assert timeline.brief("checkout.abandon") == [
            ("entered", "timer", at("10:30")),
            ("exited", "timer", at("13:30")),
        ]

    def test_second_checkout_does_not_restart_the_dwell(self, timeline: Story) -> None:
        """A checkout at 10:20 while pending: still entered as of 10:30, ended at 12:20 (S23)."""
        timeline.event("Checkout Started", at("10:20"))
        timeline.oracle.advance(None, at("23:00"))

        assert [t.occurred_at_ms for t in timeline.said("checkout.abandon")] == [at("10:30"), at("12:20")]

    def test_same_event_again_changes_nothing(self, timeline: Story) -> None:
        """The same messageId again: nothing."""
        timeline.event("Product Viewed", at("13:00"))
        before = list(timeline.oracle.transitions)
        timeline.event("Checkout Started", at("10:00"), event_id="e1")

        assert timeline.oracle.transitions == before

    def test_orders_behind_hold_the_entry(self) -> None:
        """Behaviour goes on while orders are behind: no entry; they catch up: entered as of 10:30 (S5)."""
        timeline = timeline_of(shared_watermark=False)
        timeline.oracle.advance("orders", at("10:00"))
        timeline.event("Checkout Started", at("10:00"))
        timeline.event("Product Viewed", at("11:50"))
        timeline.oracle.advance("orders", at("10:44:59.999"))
        assert timeline.said("checkout.abandon") == []

        timeline.oracle.advance("orders", at("11:00"))

        assert timeline.brief("checkout.abandon") == [("entered", "timer", at("10:30"))]

    def test_exit_by_time_waits_for_the_gate_too(self) -> None:
        """The exit at 12:00 fires when behaviour and orders have both come to 12:00 (S5)."""
        timeline = timeline_of(shared_watermark=False)
        timeline.event("Checkout Started", at("10:00"))
        timeline.oracle.advance("behaviour", at("13:00"))
        timeline.oracle.advance("orders", at("11:59:59.999"))
        assert timeline.brief("checkout.abandon") == [("entered", "timer", at("10:30"))]

        timeline.oracle.advance("orders", at("12:00"))

        assert timeline.brief("checkout.abandon")[1:] == [("exited", "timer", at("12:00"))]


class TestCartAbandon:
    """Product Added; entered 30 min after the last one, ended after 24 h (S24)."""

    def test_new_add_moves_entry_and_end(self) -> None:
        """A second product at 10:20 moves the entry to 10:50 and the end to 10:20 next day."""
        timeline = timeline_of()
        timeline.event("Product Added", at("10:00"))
        timeline.event("Product Added", at("10:20"))
        timeline.oracle.advance(None, at("23:00", day=1))

        assert timeline.brief("cart.abandon") == [
            ("entered", "timer", at("10:50")),
            ("exited", "timer", at("10:20", day=1)),
        ]

    @pytest.mark.parametrize("clock", ["10:44:59.999", "10:30"])
    def test_add_before_the_gate_moves_the_entry(self, clock: str) -> None:
        """A product added after 10:30 but before the gate cancels that entry and is due anew (S6, S24)."""
        timeline = timeline_of()
        timeline.event("Product Added", at("10:00"))
        timeline.event("Product Added", at(clock))
        timeline.oracle.advance(None, at("23:00"))

        assert timeline.brief("cart.abandon") == [("entered", "timer", at(clock) + 30 * MINUTE_MS)]

    @pytest.mark.parametrize("event_type", ["Checkout Started", "Order Completed"])
    def test_checkout_or_order_exits(self, event_type: str) -> None:
        """A checkout or an order ends it at its time, in order."""
        timeline = timeline_of()
        timeline.event("Product Added", at("10:00"))
        timeline.event(event_type, at("12:00"))

        assert timeline.brief("cart.abandon") == [
            ("entered", "timer", at("10:30")),
            ("exited", "event", at("12:00")),
        ]


class TestBrowse:
    """Two product views in three days, no order ever."""

    def test_enters_with_the_second_view_and_ends_half_open(self) -> None:
        """Entered Tuesday 09:00 by the event, exited Thursday 09:00: the first view is 72 h old (S1)."""
        timeline = timeline_of()
        timeline.event("Product Viewed", at("09:00"))
        second = timeline.event("Product Viewed", at("09:00", day=1))
        assert timeline.brief("browse.first_purchase_intent") == [("entered", "event", at("09:00", day=1))]
        assert timeline.said("browse.first_purchase_intent")[0].cause == second

        timeline.oracle.advance(None, at("08:59:59.999", day=3))
        assert len(timeline.said("browse.first_purchase_intent")) == 1
        timeline.oracle.advance(None, at("09:00", day=3))

        assert timeline.brief("browse.first_purchase_intent")[1:] == [("exited", "timer", at("09:00", day=3))]

    @pytest.mark.parametrize(("offset_ms", "entries"), [(-1, 1), (0, 0), (1, 0)])
    def test_window_is_half_open(self, offset_ms: int, entries: int) -> None:
        """A second view 72 h after the first is too late by exactly nothing (S1)."""
        timeline = timeline_of()
        timeline.event("Product Viewed", at("09:00"))
        timeline.event("Product Viewed", at("09:00", day=3) + offset_ms)

        assert len(timeline.said("browse.first_purchase_intent")) == entries


def test_event_type_without_a_source_is_refused() -> None:
    """A catalogue that reads an event of no known source is an error of its author."""
    catalogue = Catalogue(segments=(segment("x", Performed("Unheard Of")),))
    with pytest.raises(DefinitionError, match="Unheard Of"):
        Oracle(catalogue, sources=SOURCES)
