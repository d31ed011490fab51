"""The oracle on lifecycle, value and net orders, with the definitions as values (S15, S16, S25, S26)."""

from __future__ import annotations

import pytest

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
from streams.segmentation.definitions import Catalogue, FactDefinition, GroupDefinition, Undoing
from streams.segmentation.timeline import DAY_MS, HOUR_MS, MINUTE_MS
from streams.testing.stories import Story, segment

DAY_ZERO_MS = 1_772_409_600_000
"""2026-03-02T00:00:00Z."""

SOURCES = {
    "Product Viewed": "behaviour",
    "Order Completed": "orders",
    "Order Cancelled": "orders",
    "Order Refunded": "orders",
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
    events=("Product Viewed", "Order Completed"),
)


def within(days: float, until: float | None = None) -> AgeRange:
    """Return the ages [0, days), or [days, until) when both are given."""
    bounds = (0, days) if until is None else (days, until)
    return AgeRange(*(round(bound * DAY_MS) for bound in bounds))


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


CORE = Catalogue(
    facts=(ORDERS, ENGAGEMENT),
    groups=(
        GroupDefinition(
            "LIFECYCLE", "partition", Any_((Performed("Signed Up"), Performed("Order Completed")))
        ),
    ),
    segments=(
        segment("post_purchase.24h", Performed("Order Completed", age=within(1))),
        segment("value.vip", Performed("orders", at_least=5), min_membership_ms=7 * DAY_MS),
        segment("buyer.first_time", exactly(1)),
        segment("buyer.repeat", All((Performed("orders", at_least=2), Not(InSegment("value.vip"))))),
        segment(
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
        ),
        *(
            segment(f"lifecycle.{name}", when, group="LIFECYCLE", rank=rank)
            for rank, (name, when) in enumerate(LIFECYCLE.items(), start=1)
        ),
    ),
)


def at(clock: str, day: int = 0) -> int:
    """Return ``HH:MM`` on day *day*, in milliseconds since 1970."""
    hours, minutes = clock.split(":")
    return DAY_ZERO_MS + day * DAY_MS + int(hours) * HOUR_MS + int(minutes) * MINUTE_MS


def timeline_of() -> Story:
    """Return a story told to the definitions."""
    return Story(CORE, SOURCES)


class TestLifecycle:
    """Exactly one of the ten, from the first order or sign-up on (S16, S25)."""

    def test_first_order_ages_after_thirty_days(self) -> None:
        """Recent from the order on; 30 days later, same instant, recent exits and aging enters."""
        timeline = timeline_of()
        order = timeline.event("Order Completed", at("12:00"), order_id="o1")
        timeline.oracle.advance(None, at("12:00", day=30) - 1)
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
        timeline = timeline_of()
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
        timeline = timeline_of()
        timeline.event("Product Viewed", at("12:00"))
        assert not timeline.said("lifecycle.other")
        timeline.event("Order Completed", at("12:00", day=1), order_id="o1")
        for day in range(2, 300, 7):
            timeline.oracle.advance(None, at("12:00", day=day))
            members = [s for s in timeline.members() if s.startswith("lifecycle.")]
            assert len(members) == 1

    def test_late_order_corrects_a_switch(self) -> None:
        """A late second order before the switch: retracted, and the right one entered at D (S16)."""
        timeline = timeline_of()
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
        timeline = timeline_of()
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
        timeline = timeline_of()
        timeline.event("Order Completed", at("11:00"), order_id="o1")
        timeline.event("Order Completed", at("12:00"), order_id="o2")
        timeline.oracle.advance(None, at("12:00", day=days) + offset_ms)

        assert [s for s in timeline.members() if s.startswith("lifecycle.")] == [f"lifecycle.{expected}"]


class TestValue:
    """Counts of net orders, and sums of money."""

    def test_fifth_order_makes_vip(self) -> None:
        """value.vip enters at the fifth order, buyer.repeat ends with it (S26)."""
        timeline = timeline_of()
        for number in range(5):
            timeline.event("Order Completed", at("12:00", day=number), order_id=f"o{number}")

        assert timeline.brief("value.vip") == [("entered", "event", at("12:00", day=4))]
        assert timeline.brief("buyer.repeat") == [
            ("entered", "event", at("12:00", day=1)),
            ("exited", "event", at("12:00", day=4)),
        ]

    def test_cancellation_counts_from_its_own_time(self) -> None:
        """A cancelled order ends buyer.first_time at the cancellation, not before; the raw order stays (S15)."""
        timeline = timeline_of()
        timeline.event("Order Completed", at("11:10"), order_id="o1")
        cancellation = timeline.event("Order Cancelled", at("11:20"), order_id="o1")

        assert timeline.brief("buyer.first_time") == [
            ("entered", "event", at("11:10")),
            ("exited", "event", at("11:20")),
        ]
        assert timeline.said("buyer.first_time")[1].cause == cancellation
        assert timeline.brief("post_purchase.24h") == [("entered", "event", at("11:10"))]

    def test_vip_stays_seven_days(self) -> None:
        """A cancellation inside min_membership ends it after 7 days, by time."""
        timeline = timeline_of()
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
        timeline = timeline_of()
        timeline.event("Order Completed", at("12:00"), order_id="o1", total="100.00")
        timeline.event("Order Refunded", at("13:00"), order_id="o1", total=refund)

        assert len(timeline.said("value.refund_heavy")) == entries

    def test_refund_without_an_order_is_no_share(self) -> None:
        """With no order in the window the share is false; two refunds are still two."""
        timeline = timeline_of()
        timeline.event("Order Refunded", at("12:00"), order_id="o1", total="5")
        assert timeline.said("value.refund_heavy") == []
        timeline.event("Order Refunded", at("13:00"), order_id="o1", total="5")

        assert timeline.brief("value.refund_heavy") == [("entered", "event", at("13:00"))]
