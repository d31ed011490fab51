"""The oracle on the worked timelines, with the core definitions written as values (SEMANTICS S5 to S26)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from streams.errors import DefinitionError
from streams.segmentation.conditions import (
    AgeRange,
    Aggregate,
    All,
    Any_,
    Compare,
    Condition,
    Filter,
    InSegment,
    Last,
    Not,
    Otherwise,
    Performed,
)
from streams.segmentation.definitions import (
    Catalogue,
    FactDefinition,
    GroupDefinition,
    SegmentDefinition,
    Undoing,
)
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import DAY_MS, HOUR_MS, MINUTE_MS
from streams.testing.oracle import Oracle, OracleTransition

MONDAY_MS = 1_772_409_600_000
"""2026-03-02T00:00:00Z."""

SOURCES = {
    "Product Viewed": "behaviour",
    "Product Added": "behaviour",
    "Checkout Started": "behaviour",
    "Order Completed": "orders",
    "Order Cancelled": "orders",
    "Order Refunded": "orders",
    "Email Opened": "email",
    "Signed Up": "profiles",
}

FULL_REFUND = (Filter("is_full", operator="eq", value=True),)
ORDERS = FactDefinition(
    name="orders",
    events=("Order Completed",),
    key="order_id",
    amount=("total",),
    undone_by=(Undoing("Order Cancelled"), Undoing("Order Refunded", FULL_REFUND)),
)
ENGAGEMENT = FactDefinition(
    name="engagement",
    events=("Product Viewed", "Product Added", "Checkout Started", "Order Completed"),
)


def within(days: float, until: float | None = None) -> AgeRange:
    """Return the ages [0, days), or [days, until) when both are given."""
    bounds = (0, days) if until is None else (days, until)
    return AgeRange(*(round(bound * DAY_MS) for bound in bounds))


def never(event: str, since: str | None = None) -> Performed:
    """Return the condition that *event* never happened (since the last event of another kind)."""
    return Performed(event, at_least=0, at_most=0, since=since)


def exactly(count: int) -> Performed:
    """Return the condition of *count* net orders."""
    return Performed("orders", at_least=count, at_most=count)


def older(days: float) -> AgeRange:
    """Return the ages from *days* on."""
    return AgeRange(from_ms=round(days * DAY_MS))


AT_RISK = All(
    (
        Last("engagement", within(60, 120)),
        Any_((Performed("orders", before="engagement"), Performed("Signed Up", before="engagement"))),
    )
)
LIFECYCLE: dict[str, Condition] = {
    "lapsed_sunset": All((Last("orders", older(270)), Not(Performed("engagement", age=within(90))))),
    "winback": All((Last("orders", within(120, 270)), Performed("orders", at_least=2))),
    "at_risk_vip": All((AT_RISK, InSegment("value.vip"))),
    "at_risk": AT_RISK,
    "first_time_aging": All((exactly(1), Last("orders", within(30, 90)))),
    "first_time_recent": All((exactly(1), Last("orders", within(30)))),
    "active_repeat": All((Performed("orders", at_least=2, at_most=4), Last("orders", within(60)))),
    "active_loyal": All((Performed("orders", at_least=5), Last("orders", within(60)))),
    "new_subscriber": All((Performed("Signed Up"), exactly(0))),
    "other": Otherwise(),
}


def segment(segment_id: str, when: Condition, **rest: Any) -> SegmentDefinition:
    """Return a definition, version 1."""
    return SegmentDefinition(segment_id=segment_id, version=1, label=segment_id, when=when, **rest)


CHECKOUT_ABANDON = segment(
    "checkout.abandon",
    All((Performed("Checkout Started", age=within(2 / 24)), never("Order Completed", "Checkout Started"))),
    dwell_ms=30 * MINUTE_MS,
    grace_ms=15 * MINUTE_MS,
    exclude=("post_purchase.24h",),
)
CART_ABANDON = segment(
    "cart.abandon",
    All(
        (
            Last("Product Added", within(1 / 48, 1)),
            never("Checkout Started", "Product Added"),
            never("Order Completed", "Product Added"),
        )
    ),
    grace_ms=15 * MINUTE_MS,
    exclude=("post_purchase.24h",),
)
FIRST_PURCHASE_INTENT = segment(
    "browse.first_purchase_intent",
    All((Performed("Product Viewed", at_least=2, age=within(3)), never("Order Completed"))),
)
POST_PURCHASE = segment("post_purchase.24h", Performed("Order Completed", age=within(1)))
VIP = segment("value.vip", Performed("orders", at_least=5), min_membership_ms=7 * DAY_MS)
REFUND_HEAVY = segment(
    "value.refund_heavy",
    Any_(
        (
            Performed("Order Refunded", at_least=2, age=within(180)),
            Compare(
                left=Aggregate("sum", "Order Refunded", "total", within(180)),
                operator="ge",
                right=Aggregate("sum", "Order Completed", "total", within(180)),
                factor_ppm=300_000,
            ),
        )
    ),
)
LIFECYCLE_GROUP = GroupDefinition(
    "LIFECYCLE", "partition", population=Any_((Performed("Signed Up"), Performed("Order Completed")))
)
CORE = Catalogue(
    facts=(ORDERS, ENGAGEMENT),
    groups=(LIFECYCLE_GROUP,),
    segments=(
        CHECKOUT_ABANDON,
        CART_ABANDON,
        FIRST_PURCHASE_INTENT,
        POST_PURCHASE,
        VIP,
        segment("buyer.first_time", exactly(1)),
        segment("buyer.repeat", All((Performed("orders", at_least=2), Not(InSegment("value.vip"))))),
        REFUND_HEAVY,
        *(
            segment(f"lifecycle.{name}", when, group="LIFECYCLE", rank=rank)
            for rank, (name, when) in enumerate(LIFECYCLE.items(), start=1)
        ),
    ),
)


def at(clock: str, day: int = 0) -> int:
    """Return ``HH:MM[:SS[.mmm]]`` on Monday plus *day* days, in milliseconds since 1970."""
    hours, minutes, *seconds = clock.split(":")
    millis = round(float(seconds[0]) * 1000) if seconds else 0
    return MONDAY_MS + day * DAY_MS + int(hours) * HOUR_MS + int(minutes) * MINUTE_MS + millis


class Timeline:
    """A story told to the oracle, and what it said about one segment."""

    def __init__(self, catalogue: Catalogue = CORE, **settings: Any) -> None:
        self.oracle = Oracle(catalogue, sources=SOURCES, **settings)
        self._ids: Iterator[int] = iter(range(1, 1000))

    def event(
        self, event_type: str, at_ms: int, event_id: str | None = None, customer: str = "c", **properties: Any
    ) -> str:
        """Read an event and return its id."""
        event_id = event_id or f"e{next(self._ids)}"
        self.oracle.observe(
            EventObserved(
                event_type=event_type,
                event_time_ms=at_ms,
                event_id=event_id,
                shop_id="default",
                customer_id=customer,
                source=SOURCES[event_type],
                properties=properties,
            )
        )
        return event_id

    def said(self, segment_id: str) -> list[OracleTransition]:
        """Return the transitions of *segment_id*."""
        return [t for t in self.oracle.transitions if t.segment_id == segment_id]

    def brief(self, segment_id: str) -> list[tuple[str, str, int]]:
        """Return kind, origin and instant of the transitions of *segment_id*."""
        return [(t.kind, t.origin, t.occurred_at_ms) for t in self.said(segment_id)]

    def members(self) -> dict[str, int]:
        """Return the customer's memberships: segment → since when."""
        return self.oracle.memberships().get("default/c", {})


class TestCheckoutAbandon:
    """Checkout Started 10:00; dwell 30 min, grace 15 min, end after 2 h (S23)."""

    @pytest.fixture
    def timeline(self) -> Timeline:
        """A checkout that was started at 10:00."""
        timeline = Timeline()
        timeline.event("Checkout Started", at("10:00"))
        return timeline

    def test_waits_for_the_gate(self, timeline: Timeline) -> None:
        """Nothing at 10:44:59.999; entered as of 10:30 when the watermark is 10:45 (S5)."""
        timeline.oracle.advance(None, at("10:44:59.999"))
        assert timeline.said("checkout.abandon") == []

        timeline.oracle.advance(None, at("10:45"))

        assert timeline.said("checkout.abandon") == [
            OracleTransition("default/c", "checkout.abandon", 1, "entered", "timer", at("10:30"), "timer", 1)
        ]
        assert timeline.members()["checkout.abandon"] == at("10:30")

    @pytest.mark.parametrize(("clock", "exits"), [("11:59:59.999", 0), ("12:00", 1), ("12:00:00.001", 1)])
    def test_ends_with_the_window(self, timeline: Timeline, clock: str, exits: int) -> None:
        """The exit by time fires at 12:00:00.000, without grace."""
        timeline.oracle.advance(None, at(clock))

        expected = [("entered", "timer", at("10:30")), ("exited", "timer", at("12:00"))]
        assert timeline.brief("checkout.abandon") == expected[: 1 + exits]

    @pytest.mark.parametrize("clock", ["10:20", "10:30", "10:40", "10:44:59.999"])
    def test_order_before_the_gate_cancels(self, timeline: Timeline, clock: str) -> None:
        """An order before D + grace that is read before the gate cancels silently (S6)."""
        timeline.event("Order Completed", at(clock))
        timeline.oracle.advance(None, at("23:00"))

        assert timeline.said("checkout.abandon") == []
        assert timeline.brief("post_purchase.24h") == [("entered", "event", at(clock))]

    def test_order_at_the_gate_does_not_cancel(self, timeline: Timeline) -> None:
        """An order at D + grace exactly: entered, then exited at that time (S6)."""
        timeline.event("Order Completed", at("10:45"))

        assert timeline.brief("checkout.abandon") == [
            ("entered", "timer", at("10:30")),
            ("exited", "event", at("10:45")),
        ]

    def test_post_purchase_lasts_a_day(self, timeline: Timeline) -> None:
        """post_purchase.24h ends by time 24 h after the order, to the millisecond (S1)."""
        timeline.event("Order Completed", at("10:20"))
        timeline.oracle.advance(None, at("10:19:59.999", day=1))
        assert timeline.brief("post_purchase.24h") == [("entered", "event", at("10:20"))]

        timeline.oracle.advance(None, at("10:20", day=1))

        assert timeline.brief("post_purchase.24h")[1:] == [("exited", "timer", at("10:20", day=1))]

    def test_late_order_before_the_gate_cancels(self, timeline: Timeline) -> None:
        """The order of 10:20 that comes at watermark 10:30 cancels; post_purchase begins late."""
        timeline.oracle.advance(None, at("10:30"))
        timeline.event("Order Completed", at("10:20"))
        timeline.oracle.advance(None, at("12:00"))

        assert timeline.said("checkout.abandon") == []
        assert timeline.brief("post_purchase.24h") == [("entered", "late", at("10:20"))]

    def test_late_order_after_the_entry_exits(self, timeline: Timeline) -> None:
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

    def test_order_in_order_exits(self, timeline: Timeline) -> None:
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
        self, timeline: Timeline, clock: str, kind: str, occurred: str
    ) -> None:
        """Late evidence at or before the entry's time retracts it, later evidence ends it (S13)."""
        timeline.oracle.advance(None, at("10:46"))
        timeline.event("Order Completed", at(clock))

        entered, after = timeline.said("checkout.abandon")
        assert (after.kind, after.origin, after.occurred_at_ms) == (kind, "late", at(occurred))
        assert after.retracts == (("checkout.abandon", entered.sequence) if kind == "retracted" else None)

    def test_second_checkout_moves_the_end(self, timeline: Timeline) -> None:
        """A checkout at 11:30 while a member: no second entry, and the end is 13:30 (S23)."""
        timeline.event("Checkout Started", at("11:30"))
        timeline.oracle.advance(None, at("23:00"))

        assert timeline.brief("checkout.abandon") == [
            ("entered", "timer", at("10:30")),
            ("exited", "timer", at("13:30")),
        ]

    def test_second_checkout_does_not_restart_the_dwell(self, timeline: Timeline) -> None:
        """A checkout at 10:20 while pending: still entered as of 10:30, ended at 12:20 (S23)."""
        timeline.event("Checkout Started", at("10:20"))
        timeline.oracle.advance(None, at("23:00"))

        assert [t.occurred_at_ms for t in timeline.said("checkout.abandon")] == [at("10:30"), at("12:20")]

    def test_same_event_again_changes_nothing(self, timeline: Timeline) -> None:
        """The same messageId again: nothing."""
        timeline.event("Product Viewed", at("13:00"))
        before = list(timeline.oracle.transitions)
        timeline.event("Checkout Started", at("10:00"), event_id="e1")

        assert timeline.oracle.transitions == before

    def test_orders_behind_hold_the_entry(self) -> None:
        """Behaviour goes on while orders are behind: no entry; they catch up: entered as of 10:30 (S5)."""
        timeline = Timeline(shared_watermark=False)
        timeline.oracle.advance("orders", at("10:00"))
        timeline.event("Checkout Started", at("10:00"))
        timeline.event("Product Viewed", at("11:50"))
        timeline.oracle.advance("orders", at("10:44:59.999"))
        assert timeline.said("checkout.abandon") == []

        timeline.oracle.advance("orders", at("11:00"))

        assert timeline.brief("checkout.abandon") == [("entered", "timer", at("10:30"))]

    def test_exit_by_time_waits_for_the_gate_too(self) -> None:
        """The exit at 12:00 fires when behaviour and orders have both come to 12:00 (S5)."""
        timeline = Timeline(shared_watermark=False)
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
        timeline = Timeline()
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
        timeline = Timeline()
        timeline.event("Product Added", at("10:00"))
        timeline.event("Product Added", at(clock))
        timeline.oracle.advance(None, at("23:00"))

        assert timeline.brief("cart.abandon") == [("entered", "timer", at(clock) + 30 * MINUTE_MS)]

    @pytest.mark.parametrize("event_type", ["Checkout Started", "Order Completed"])
    def test_checkout_or_order_exits(self, event_type: str) -> None:
        """A checkout or an order ends it at its time, in order."""
        timeline = Timeline()
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
        timeline = Timeline()
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
        timeline = Timeline()
        timeline.event("Product Viewed", at("09:00"))
        timeline.event("Product Viewed", at("09:00", day=3) + offset_ms)

        assert len(timeline.said("browse.first_purchase_intent")) == entries


class TestLifecycle:
    """Exactly one of the ten, from the first order or sign-up on (S16, S25)."""

    def test_first_order_ages_after_thirty_days(self) -> None:
        """Recent from the order on; 30 days later, same instant, recent exits and aging enters."""
        timeline = Timeline()
        order = timeline.event("Order Completed", at("12:00"), order_id="o1")
        timeline.oracle.advance(None, at("11:59:59.999", day=30))
        assert set(timeline.members()) & {f"lifecycle.{n}" for n in LIFECYCLE} == {
            "lifecycle.first_time_recent"
        }
        timeline.oracle.advance(None, at("12:00", day=30))

        switch = [
            (t.segment_id, t.kind, t.origin, t.cause, t.occurred_at_ms)
            for t in timeline.oracle.transitions
            if t.segment_id.startswith("lifecycle.")
        ]
        assert switch == [
            ("lifecycle.first_time_recent", "entered", "event", order, at("12:00")),
            ("lifecycle.first_time_recent", "exited", "timer", "timer", at("12:00", day=30)),
            ("lifecycle.first_time_aging", "entered", "timer", "timer", at("12:00", day=30)),
        ]

    def test_a_life(self) -> None:
        """Subscriber, first order, second order, silence: each instant has one member, in the right order."""
        timeline = Timeline()
        timeline.event("Signed Up", at("12:00"))
        timeline.event("Order Completed", at("12:00", day=1), order_id="o1")
        timeline.event("Order Completed", at("12:00", day=50), order_id="o2")
        timeline.oracle.advance(None, at("12:00", day=400))

        entries = [
            (t.segment_id.removeprefix("lifecycle."), (t.occurred_at_ms - at("12:00")) // DAY_MS)
            for t in timeline.oracle.transitions
            if t.segment_id.startswith("lifecycle.") and t.kind == "entered"
        ]
        assert entries == [
            ("new_subscriber", 0),
            ("first_time_recent", 1),
            ("first_time_aging", 31),
            ("active_repeat", 50),
            ("at_risk", 110),
            ("winback", 170),
            ("lapsed_sunset", 320),
        ]

    def test_never_in_none_or_two(self) -> None:
        """At every change the customer is in exactly one, and browsing alone puts nobody in."""
        timeline = Timeline()
        timeline.event("Product Viewed", at("12:00"))
        assert not timeline.said("lifecycle.other")
        timeline.event("Order Completed", at("12:00", day=1), order_id="o1")
        for day in range(2, 300, 7):
            timeline.oracle.advance(None, at("12:00", day=day))
            members = [s for s in timeline.members() if s.startswith("lifecycle.")]
            assert len(members) == 1

    def test_late_order_corrects_a_switch(self) -> None:
        """A late second order before the switch: retracted, and the right one entered at D (S16)."""
        timeline = Timeline()
        timeline.event("Order Completed", at("12:00"), order_id="o1")
        timeline.oracle.advance(None, at("12:00", day=31))
        timeline.event("Order Completed", at("12:00", day=20), order_id="o2")

        corrected = [t for t in timeline.oracle.transitions if t.segment_id.startswith("lifecycle.")][3:]
        assert [(t.segment_id, t.kind, t.origin, t.occurred_at_ms) for t in corrected] == [
            ("lifecycle.first_time_aging", "retracted", "late", at("12:00", day=30)),
            ("lifecycle.active_repeat", "entered", "late", at("12:00", day=30)),
        ]
        assert timeline.members()["lifecycle.active_repeat"] == at("12:00", day=20)

    def test_late_order_after_the_switch(self) -> None:
        """A late second order after the switch: one exit and one entry at its time."""
        timeline = Timeline()
        timeline.event("Order Completed", at("12:00"), order_id="o1")
        timeline.oracle.advance(None, at("12:00", day=40))
        timeline.event("Order Completed", at("12:00", day=35), order_id="o2")

        corrected = [t for t in timeline.oracle.transitions if t.segment_id.startswith("lifecycle.")][3:]
        assert [(t.segment_id, t.kind, t.origin, t.occurred_at_ms) for t in corrected] == [
            ("lifecycle.first_time_aging", "exited", "late", at("12:00", day=35)),
            ("lifecycle.active_repeat", "entered", "late", at("12:00", day=35)),
        ]

    @pytest.mark.parametrize(
        ("days", "offset_ms", "expected"),
        [
            (60, -1, "active_repeat"),
            (60, 0, "at_risk"),
            (60, 1, "at_risk"),
            (120, -1, "at_risk"),
            (120, 0, "winback"),
            (120, 1, "winback"),
            (270, -1, "winback"),
            (270, 0, "lapsed_sunset"),
            (270, 1, "lapsed_sunset"),
        ],
    )
    def test_boundaries(self, days: int, offset_ms: int, expected: str) -> None:
        """Every age boundary is half-open: at it the new one has begun (S1, S25)."""
        timeline = Timeline()
        timeline.event("Order Completed", at("11:00"), order_id="o1")
        timeline.event("Order Completed", at("12:00"), order_id="o2")
        timeline.oracle.advance(None, at("12:00", day=days) + offset_ms)

        assert [s for s in timeline.members() if s.startswith("lifecycle.")] == [f"lifecycle.{expected}"]


class TestValue:
    """Counts of net orders, and sums of money."""

    def test_fifth_order_makes_vip(self) -> None:
        """value.vip enters at the fifth order, buyer.repeat ends with it (S26)."""
        timeline = Timeline()
        for number in range(5):
            timeline.event("Order Completed", at("12:00", day=number), order_id=f"o{number}")

        assert timeline.brief("value.vip") == [("entered", "event", at("12:00", day=4))]
        assert timeline.brief("buyer.repeat") == [
            ("entered", "event", at("12:00", day=1)),
            ("exited", "event", at("12:00", day=4)),
        ]

    def test_cancellation_counts_from_its_own_time(self) -> None:
        """A cancelled order ends buyer.first_time at the cancellation, not before; abandonment stays (S15)."""
        timeline = Timeline()
        timeline.event("Checkout Started", at("11:00"))
        timeline.event("Order Completed", at("11:10"), order_id="o1")
        cancellation = timeline.event("Order Cancelled", at("11:20"), order_id="o1")
        timeline.oracle.advance(None, at("12:30"))

        assert timeline.brief("buyer.first_time") == [
            ("entered", "event", at("11:10")),
            ("exited", "event", at("11:20")),
        ]
        assert timeline.said("buyer.first_time")[1].cause == cancellation
        assert timeline.said("checkout.abandon") == []
        assert timeline.brief("post_purchase.24h") == [("entered", "event", at("11:10"))]

    def test_vip_stays_seven_days(self) -> None:
        """A cancellation inside min_membership ends it after 7 days, by time."""
        timeline = Timeline()
        for number in range(5):
            timeline.event("Order Completed", at("12:00"), order_id=f"o{number}")
        timeline.event("Order Cancelled", at("12:00", day=2), order_id="o1")
        timeline.oracle.advance(None, at("12:00", day=7) - 1)
        assert timeline.brief("value.vip") == [("entered", "event", at("12:00"))]

        timeline.oracle.advance(None, at("12:00", day=7))

        assert timeline.brief("value.vip")[1:] == [("exited", "timer", at("12:00", day=7))]

    @pytest.mark.parametrize(("refund", "entries"), [("29.99", 0), ("30.00", 1), (30.01, 1)])
    def test_refund_share_is_exact(self, refund: object, entries: int) -> None:
        """30 % of 100.00 spent is reached at 30.00 to the cent, in text or as a number."""
        timeline = Timeline()
        timeline.event("Order Completed", at("12:00"), order_id="o1", total="100.00")
        timeline.event("Order Refunded", at("13:00"), order_id="o1", total=refund)

        assert len(timeline.said("value.refund_heavy")) == entries

    def test_refund_without_an_order_is_no_share(self) -> None:
        """With no order in the window the share is false; two refunds are still two."""
        timeline = Timeline()
        timeline.event("Order Refunded", at("12:00"), order_id="o1", total="5")
        assert timeline.said("value.refund_heavy") == []
        timeline.event("Order Refunded", at("13:00"), order_id="o1", total="5")

        assert timeline.brief("value.refund_heavy") == [("entered", "event", at("13:00"))]


def test_event_type_without_a_source_is_refused() -> None:
    """A catalogue that reads an event of no known source is an error of its author."""
    catalogue = Catalogue(segments=(segment("x", Performed("Unheard Of")),))
    with pytest.raises(DefinitionError, match="Unheard Of"):
        Oracle(catalogue, sources=SOURCES)
