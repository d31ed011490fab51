"""Every shipped segment: how it is entered, how left by an event and by time, to the millisecond, and late evidence."""

from __future__ import annotations

from typing import Any

import pytest

from streams.segmentation.effects import MOVES
from streams.segmentation.timeline import DAY_MS, HOUR_MS, MINUTE_MS
from streams.testing.driver import SegmentationTestDriver
from streams.testing.shop import builtin, driver, instant

TEN = instant("2026-03-02 10:00")

Story = list[tuple[str, int] | tuple[str, int, dict[str, Any]]]
"""Event, milliseconds after ten o'clock, properties. An order without an id gets one of its own."""

Told = list[tuple[str, int, str]]
"""Kind, milliseconds after ten o'clock, origin."""


def live(story: Story, until: int | None = None) -> SegmentationTestDriver:
    """Return the shop after *story*, its time moved on to *until* ms after ten o'clock."""
    shop = driver()
    for number, (event, offset, *rest) in enumerate(story):
        properties = {"order_id": str(number), "total": "10", **(rest[0] if rest else {})}
        shop.happen(event, TEN + offset, event_id=f"m{number}", **properties)
    if until is not None:
        shop.advance(None, TEN + until)
    return shop


def told(shop: SegmentationTestDriver, segment: str) -> Told:
    """Return when *segment* was entered and left."""
    return [
        (t.kind, t.occurred_at_ms - TEN, t.origin)
        for t in shop.transitions
        if t.segment_id == segment and t.kind in MOVES
    ]


VIEW, ADD, CHECKOUT, ORDER = "Product Viewed", "Product Added", "Checkout Started", "Order Completed"
CANCEL, REFUND, EMPTIED, SIGN_UP = "Order Cancelled", "Order Refunded", "Cart Emptied", "Signed Up"
D, H, M = DAY_MS, HOUR_MS, MINUTE_MS
ORDERS: Story = [(ORDER, n * H) for n in range(5)]
FULL = {"is_full": True, "total": "10"}

STORIES: list[tuple[str, str, Story, int, Told]] = [
    # ---- journey ------------------------------------------------------------------------------------------------
    ("checkout.abandon", "by time", [(CHECKOUT, 0)], 3 * H, [("entered", 30 * M, "timer"), ("exited", 2 * H, "timer")]),
    ("checkout.abandon", "by an order", [(CHECKOUT, 0), (VIEW, 50 * M), (ORDER, H)], 3 * H,
     [("entered", 30 * M, "timer"), ("exited", H, "event")]),
    ("checkout.abandon", "an order before it does not matter a day later", [(ORDER, 0), (CHECKOUT, D)], 2 * D,
     [("entered", D + 30 * M, "timer"), ("exited", D + 2 * H, "timer")]),
    ("checkout.abandon", "not while just bought", [(ORDER, 0), (CHECKOUT, D - 2 * H - 1)], 2 * D, []),
    ("checkout.abandon", "dwell counts from the end of the exclusion", [(ORDER, 0), (CHECKOUT, D - H)], 2 * D,
     [("entered", D + 30 * M, "timer"), ("exited", D + H, "timer")]),
    ("checkout.abandon", "a cancelled order revives nothing", [(CHECKOUT, 0), (ORDER, 10 * M, {"order_id": "a"}),
     (CANCEL, 20 * M, {"order_id": "a"})], 3 * H, []),
    ("cart.abandon", "by time", [(ADD, 0)], 3 * D, [("entered", 30 * M, "timer"), ("exited", D, "timer")]),
    ("cart.abandon", "by a checkout", [(ADD, 0), (VIEW, H), (CHECKOUT, 2 * H)], D,
     [("entered", 30 * M, "timer"), ("exited", 2 * H, "event")]),
    ("cart.abandon", "a checkout in the grace", [(ADD, 0), (CHECKOUT, 45 * M - 1)], D, []),
    ("cart.abandon", "a checkout at the end of the grace", [(ADD, 0), (CHECKOUT, 45 * M)], D,
     [("entered", 30 * M, "timer"), ("exited", 45 * M, "event")]),
    ("cart.abandon", "a new cart after a checkout", [(ADD, 0), (CHECKOUT, 10 * M), (ADD, 20 * M)], 2 * D,
     [("entered", 50 * M, "timer"), ("exited", D + 20 * M, "timer")]),
    ("browse.first_purchase_intent", "one view is not enough", [(VIEW, 0)], 9 * D, []),
    ("browse.first_purchase_intent", "by an order", [(VIEW, 0), (VIEW, H), (ORDER, 2 * H)], 9 * D,
     [("entered", H, "event"), ("exited", 2 * H, "event")]),
    ("browse.first_purchase_intent", "72 h apart", [(VIEW, 0), (VIEW, 72 * H)], 9 * D, []),
    ("browse.first_purchase_intent", "a millisecond less", [(VIEW, 1), (VIEW, 72 * H)], 9 * D,
     [("entered", 72 * H, "event"), ("exited", 72 * H + 1, "timer")]),
    ("browse.first_purchase_intent", "never again after an order", [(ORDER, 0), (VIEW, D), (VIEW, D + 1)], 9 * D, []),
    ("post_purchase.24h", "by time", [(ORDER, 0)], 9 * D, [("entered", 0, "event"), ("exited", D, "timer")]),
    ("post_purchase.24h", "touching windows", [(ORDER, 0), (ORDER, D)], 9 * D,
     [("entered", 0, "event"), ("exited", D, "timer"), ("entered", D, "event"), ("exited", 2 * D, "timer")]),
    ("post_purchase.24h", "a millisecond earlier it goes on", [(ORDER, 0), (ORDER, D - 1)], 9 * D,
     [("entered", 0, "event"), ("exited", 2 * D - 1, "timer")]),
    ("post_purchase.24h", "a cancellation ends nothing",
     [(ORDER, 0, {"order_id": "a"}), (CANCEL, H, {"order_id": "a"})], 9 * D,
     [("entered", 0, "event"), ("exited", D, "timer")]),
    ("post_purchase.7d", "by time", [(ORDER, 0)], 9 * D, [("entered", 0, "event"), ("exited", 7 * D, "timer")]),
    # ---- value --------------------------------------------------------------------------------------------------
    ("buyer.first_time", "by the second order", [(ORDER, 0), (ORDER, D)], 9 * D,
     [("entered", 0, "event"), ("exited", D, "event")]),
    ("buyer.first_time", "by a cancellation", [(ORDER, 0, {"order_id": "a"}), (CANCEL, H, {"order_id": "a"})], 9 * D,
     [("entered", 0, "event"), ("exited", H, "event")]),
    ("buyer.first_time", "a part of the money back ends nothing",
     [(ORDER, 0, {"order_id": "a"}), (REFUND, H, {"order_id": "a", "is_full": False})], 9 * D, [("entered", 0, "event")]),
    ("buyer.first_time", "all of it does", [(ORDER, 0, {"order_id": "a"}), (REFUND, H, {"order_id": "a", **FULL})], 9 * D,
     [("entered", 0, "event"), ("exited", H, "event")]),
    ("buyer.first_time", "a test order is none", [(ORDER, 0, {"is_test": True})], 9 * D, []),
    ("buyer.repeat", "from the second order on", [(ORDER, 0), (ORDER, D)], 999 * D, [("entered", D, "event")]),
    ("buyer.repeat", "by becoming a VIP", ORDERS, 9 * D, [("entered", H, "event"), ("exited", 4 * H, "event")]),
    ("value.vip", "the fourth order is not enough", ORDERS[:4], 9 * D, []),
    ("value.vip", "at the fifth", ORDERS, 999 * D, [("entered", 4 * H, "event")]),
    ("value.vip", "a cancellation within the first week waits for its end",
     [*ORDERS, (CANCEL, 4 * H + 7 * D - 1, {"order_id": "0"})], 30 * D,
     [("entered", 4 * H, "event"), ("exited", 4 * H + 7 * D, "timer")]),
    ("value.vip", "a cancellation at its end or later does not",
     [*ORDERS, (CANCEL, 4 * H + 7 * D, {"order_id": "0"})], 30 * D,
     [("entered", 4 * H, "event"), ("exited", 4 * H + 7 * D, "event")]),
    ("value.refund_heavy", "two refunds within 180 days",
     [(ORDER, 0, {"total": "1000"}), (REFUND, D), (REFUND, 2 * D)], 400 * D,
     [("entered", 2 * D, "event"), ("exited", 181 * D, "timer")]),
    ("value.refund_heavy", "30 % of the spend", [(ORDER, 0, {"total": "100"}), (REFUND, D, {"total": "30"})], 100 * D,
     [("entered", D, "event")]),
    ("value.refund_heavy", "a cent less", [(ORDER, 0, {"total": "100"}), (REFUND, D, {"total": "29.99"})], 100 * D, []),
    ("value.refund_heavy", "by another order", [(ORDER, 0, {"total": "100"}), (REFUND, D, {"total": "30"}),
     (ORDER, 2 * D, {"total": "0.01"})], 100 * D, [("entered", D, "event"), ("exited", 2 * D, "event")]),
    ("lapsed.by_category", "by time", [(ORDER, 0)], 91 * D, [("entered", 90 * D, "timer")]),
    ("lapsed.by_category", "by an order", [(ORDER, 0), (ORDER, 100 * D)], 101 * D,
     [("entered", 90 * D, "timer"), ("exited", 100 * D, "event")]),
    ("lapsed.by_category", "an order a millisecond before", [(ORDER, 0), (ORDER, 90 * D - 1)], 100 * D, []),
    # ---- life cycle ---------------------------------------------------------------------------------------------
    ("lifecycle.new_subscriber", "until the first order", [(SIGN_UP, 0), (ORDER, D)], 2 * D,
     [("entered", 0, "event"), ("exited", D, "event")]),
    ("lifecycle.first_time_recent", "30 days", [(ORDER, 0)], 31 * D, [("entered", 0, "event"), ("exited", 30 * D, "timer")]),
    ("lifecycle.first_time_recent", "until the second order", [(ORDER, 0), (ORDER, D)], 2 * D,
     [("entered", 0, "event"), ("exited", D, "event")]),
    ("lifecycle.first_time_aging", "from 30 days to 90, while engaged", [(ORDER, 0), (VIEW, 50 * D)], 100 * D,
     [("entered", 30 * D, "timer"), ("exited", 90 * D, "timer")]),
    ("lifecycle.active_repeat", "while the last order is younger than 60 days",
     [(ORDER, 0), (ORDER, D), (VIEW, 50 * D)], 70 * D, [("entered", D, "event"), ("exited", 61 * D, "timer")]),
    ("lifecycle.active_repeat", "until the fifth order", ORDERS, D, [("entered", H, "event"), ("exited", 4 * H, "event")]),
    ("lifecycle.active_loyal", "from the fifth order on", [*ORDERS, (VIEW, 50 * D)], 70 * D,
     [("entered", 4 * H, "event"), ("exited", 60 * D + 4 * H, "timer")]),
    ("lifecycle.at_risk", "60 days without engagement, until 120", [(SIGN_UP, -D), (VIEW, 0)], 130 * D,
     [("entered", 60 * D, "timer"), ("exited", 120 * D, "timer")]),
    ("lifecycle.at_risk", "until they look again", [(SIGN_UP, -D), (VIEW, 0), (VIEW, 70 * D)], 71 * D,
     [("entered", 60 * D, "timer"), ("exited", 70 * D, "event")]),
    ("lifecycle.at_risk", "only with an order or signup before the engagement", [(VIEW, 0), (SIGN_UP, D)], 130 * D, []),
    ("lifecycle.at_risk_vip", "a VIP at risk", [*ORDERS, (VIEW, D)], 100 * D, [("entered", 61 * D, "timer")]),
    ("lifecycle.winback", "120 days since the last of two orders", [(ORDER, 0), (ORDER, D), (VIEW, 200 * D)], 280 * D,
     [("entered", 121 * D, "timer"), ("exited", 271 * D, "timer")]),
    ("lifecycle.lapsed_sunset", "270 days, and 90 without engagement", [(ORDER, 0), (VIEW, 200 * D)], 400 * D,
     [("entered", 290 * D, "timer")]),
    ("lifecycle.lapsed_sunset", "until they look again", [(ORDER, 0), (VIEW, 300 * D)], 301 * D,
     [("entered", 270 * D, "timer"), ("exited", 300 * D, "event")]),
    ("lifecycle.other", "none of the above", [(SIGN_UP, -H), (ORDER, 0, {"order_id": "a"}), (ORDER, D), (ORDER, 2 * D),
     (VIEW, 100 * D)], 122 * D, [("entered", 100 * D, "event"), ("exited", 122 * D, "timer")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("segment", "story", "until", "expected"),
    [(segment, story, until, expected) for segment, _, story, until, expected in STORIES],
    ids=[f"{segment}: {name}" for segment, name, *_ in STORIES],
)
def test_story(segment: str, story: Story, until: int, expected: Told) -> None:
    """S1, S23 to S26: entry and exit as the definition says, at their own instants; the story's name tells which."""
    assert told(live(story, until), segment) == expected


@pytest.mark.parametrize(
    ("segment", "story", "until", "expected"),
    [(segment, story, until, expected) for segment, _, story, until, expected in STORIES],
    ids=[f"{segment}: {name}" for segment, name, *_ in STORIES],
)
def test_time_that_moves_in_steps_changes_nothing(
    segment: str, story: Story, until: int, expected: Told
) -> None:
    """S8: whether time jumps or creeps, restarted at every step, the same comes out."""
    shop = driver()
    for number, (event, offset, *rest) in enumerate(story):
        shop.advance(None, TEN + offset - 1)
        shop.restart()
        properties = {"order_id": str(number), "total": "10", **(rest[0] if rest else {})}
        shop.happen(event, TEN + offset, event_id=f"m{number}", **properties)
    for _, at, _ in expected:
        for step in (-1, 0, 1):
            shop.advance(None, TEN + at + step)
            shop.restart()
    shop.advance(None, TEN + until)

    assert told(shop, segment) == expected


@pytest.mark.parametrize(
    ("segment", "story", "late", "expected"),
    [
        ("browse.first_purchase_intent", [(VIEW, 0), (VIEW, H), (EMPTIED, 3 * H)], (ORDER, H), ("retracted", H)),
        ("browse.first_purchase_intent", [(VIEW, 0), (VIEW, H), (EMPTIED, 3 * H)], (ORDER, H + 1), ("exited", H + 1)),
        ("cart.abandon", [(ADD, 0), (VIEW, 3 * H)], (CHECKOUT, 30 * M), ("retracted", 30 * M)),
        ("cart.abandon", [(ADD, 0), (VIEW, 3 * H)], (CHECKOUT, 30 * M + 1), ("exited", 30 * M + 1)),
        ("post_purchase.24h", [(VIEW, 3 * H)], (ORDER, 0), ("entered", 0)),
        ("buyer.first_time", [(ORDER, 0), (VIEW, 3 * H)], (ORDER, -1), ("retracted", 0)),
        ("buyer.first_time", [(ORDER, 0), (VIEW, 3 * H)], (ORDER, 1), ("exited", 1)),
        ("buyer.repeat", [(ORDER, 0), (ORDER, H), (VIEW, 3 * H)], (CANCEL, 2 * H, {"order_id": "0"}), ("exited", 2 * H)),
        ("value.vip", [*ORDERS[:4], (VIEW, 9 * H)], (ORDER, 4 * H), ("entered", 4 * H)),
        ("lapsed.by_category", [(ORDER, 0), (VIEW, 100 * D)], (ORDER, 95 * D), ("exited", 95 * D)),
        ("lapsed.by_category", [(ORDER, 0), (VIEW, 91 * D)], (ORDER, 89 * D), ("retracted", 90 * D)),
        ("value.refund_heavy", [(ORDER, 0, {"total": "100"}), (REFUND, D, {"total": "30"}), (VIEW, 3 * D)], (ORDER, H),
         ("retracted", D)),
        ("lifecycle.first_time_aging", [(ORDER, 0), (VIEW, 40 * D)], (ORDER, 30 * D), ("retracted", 30 * D)),
        ("lifecycle.first_time_aging", [(ORDER, 0), (VIEW, 40 * D)], (ORDER, 30 * D + 1), ("exited", 30 * D + 1)),
    ],
)  # fmt: skip
def test_late_evidence(segment: str, story: Story, late: Any, expected: tuple[str, int]) -> None:
    """S13 to S16: at or before the entry it is retracted, later it is exited; or entered after all, with its true time."""
    shop = live(story)
    event, offset, *rest = late
    emitted = shop.happen(
        event,
        TEN + offset,
        event_id="late",
        **{"order_id": "late", "total": "10", **(rest[0] if rest else {})},
    )
    (correction,) = (t for t in emitted if t.segment_id == segment)

    assert (correction.kind, correction.occurred_at_ms - TEN, correction.origin) == (*expected, "late")
    assert bool(correction.retracts) is (expected[0] == "retracted")


def test_every_shipped_segment_has_a_story() -> None:
    """Nobody ships a segment without saying how it lives."""
    assert {segment for segment, *_ in STORIES} == {segment.segment_id for segment in builtin().segments}


def test_machine_opens_are_no_engagement() -> None:
    """S25: an email that a machine opened keeps nobody from being at risk."""
    for machine, expected in ((True, True), (False, False)):
        shop = live(
            [(SIGN_UP, -D), (VIEW, 0), ("Email Opened", 30 * D, {"is_machine_open": machine})], 61 * D
        )
        assert ("lifecycle.at_risk" in shop.memberships()["c"]) is expected
