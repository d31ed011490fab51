"""The worked timelines that decide the semantics, on the built-in catalogue; each rule at -1, 0 and +1 ms."""

from __future__ import annotations

import pytest

from streams.segmentation.options import Options
from streams.testing.shop import driver, instant, told

TEN = instant("2026-03-02 10:00")
MINUTE = 60_000
LIFECYCLE = tuple(
    f"lifecycle.{name}"
    for name in (
        *("lapsed_sunset", "winback", "at_risk_vip", "at_risk", "first_time_aging", "first_time_recent"),
        *("active_repeat", "active_loyal", "new_subscriber", "other"),
    )
)


def minutes(number: float) -> int:
    """Return the instant *number* minutes after ten o'clock."""
    return TEN + round(number * MINUTE)


@pytest.mark.parametrize(
    ("watermark", "expected"),
    [(-1, []), (0, ["entered checkout.abandon 2026-03-02T10:30:00.000Z timer"])],
)
def test_checkout_entry_waits_for_its_grace(watermark: int, expected: list[str]) -> None:
    """S5, S23: the entry of 10:30 is emitted when the watermark reaches 10:45:00.000, not a millisecond before."""
    shop = driver()
    shop.happen("Checkout Started", TEN)

    assert expected == told(shop.advance(None, minutes(45) + watermark))


@pytest.mark.parametrize("late_by", [-1, 0, 1])
def test_checkout_ends_two_hours_after_the_start(late_by: int) -> None:
    """S1, S23: the membership ends at 12:00:00.000 exactly, without grace."""
    shop = driver()
    shop.happen("Checkout Started", TEN)
    shop.advance(None, minutes(45))

    emitted = told(shop.advance(None, minutes(120) + late_by))

    assert (["exited checkout.abandon 2026-03-02T12:00:00.000Z timer"] if late_by >= 0 else []) == emitted


@pytest.mark.parametrize("ordered_at", [20, 40, 44.99999])
def test_order_known_before_the_gate_opens_cancels_silently(ordered_at: float) -> None:
    """S6: an order with event time before D + grace, read in time, means that nothing is ever emitted."""
    shop = driver()
    shop.happen("Checkout Started", TEN)
    shop.happen("Order Completed", minutes(ordered_at), order_id="1", total="10")
    shop.advance(None, minutes(24 * 60 * 2))

    assert told(shop.transitions, "checkout.abandon") == []


def test_order_at_the_end_of_the_grace_does_not_cancel() -> None:
    """S6: evidence at D + grace never cancels: the entry is emitted, then exited at that time."""
    shop = driver()
    shop.happen("Checkout Started", TEN)
    shop.happen("Order Completed", minutes(45), event_id="order", order_id="1", total="10")

    assert told(shop.transitions, "checkout.abandon") == [
        "entered checkout.abandon 2026-03-02T10:30:00.000Z timer",
        "exited checkout.abandon 2026-03-02T10:45:00.000Z event",
    ]


@pytest.mark.parametrize(
    ("ordered_at_ms", "expected"),
    [
        (minutes(30) - 1, "retracted checkout.abandon 2026-03-02T10:30:00.000Z late"),
        (minutes(30), "retracted checkout.abandon 2026-03-02T10:30:00.000Z late"),
        (minutes(30) + 1, "exited checkout.abandon 2026-03-02T10:30:00.001Z late"),
        (minutes(40), "exited checkout.abandon 2026-03-02T10:40:00.000Z late"),
    ],
)
def test_late_order_after_the_entry(ordered_at_ms: int, expected: str) -> None:
    """S13: a late order at or before the entry retracts it and names it; a later one ends it at its own time."""
    shop = driver()
    shop.happen("Checkout Started", TEN)
    (entry,) = shop.advance(None, minutes(50))
    emitted = shop.happen("Order Completed", ordered_at_ms, order_id="1", total="10")
    correction = next(t for t in emitted if t.segment_id == "checkout.abandon")

    assert expected == told([correction])[0]
    assert correction.retracts == (entry.transition_id if correction.kind == "retracted" else "")


def test_order_exits_a_member_and_is_the_cause() -> None:
    """The exit at 11:00 has origin event and names the order's message."""
    shop = driver()
    shop.happen("Checkout Started", TEN)
    emitted = shop.happen("Order Completed", minutes(60), event_id="m-order", order_id="1", total="10")

    assert [t.kind for t in emitted if t.segment_id == "checkout.abandon"] == ["entered", "exited"]
    assert ("event", "m-order", minutes(60)) == next(
        (t.origin, t.cause, t.occurred_at_ms) for t in emitted if t.kind == "exited"
    )


def test_second_checkout_moves_the_exit() -> None:
    """S23: a second Checkout Started while a member makes no second entry; the exit moves to 13:30."""
    shop = driver()
    shop.happen("Checkout Started", TEN)
    shop.happen("Checkout Started", minutes(90))
    shop.advance(None, minutes(600))

    assert told(shop.transitions, "checkout.abandon") == [
        "entered checkout.abandon 2026-03-02T10:30:00.000Z timer",
        "exited checkout.abandon 2026-03-02T13:30:00.000Z timer",
    ]


def test_second_checkout_while_pending_does_not_restart_the_dwell() -> None:
    """S23: the entry stays at the first Checkout Started + 30 min."""
    shop = driver()
    shop.happen("Checkout Started", TEN)
    shop.happen("Checkout Started", minutes(20))

    assert told(shop.advance(None, minutes(45))) == [
        "entered checkout.abandon 2026-03-02T10:30:00.000Z timer"
    ]


def test_same_message_again_changes_nothing() -> None:
    """The same messageId again: nothing, not even days later."""
    shop = driver()
    shop.happen("Order Completed", TEN, event_id="m", order_id="1", total="10")
    shop.advance(None, minutes(3 * 24 * 60))
    emitted = shop.happen("Order Completed", TEN, event_id="m", order_id="1", total="10")

    assert emitted == []


@pytest.mark.parametrize("added_at", [0, 29, 44])
def test_cart_entry_moves_with_each_add(added_at: int) -> None:
    """S24: the entry is due 30 min after the last add; an add before D + grace moves it."""
    shop = driver()
    shop.happen("Product Added", TEN)
    shop.happen("Product Added", minutes(added_at), event_id="second")
    shop.advance(None, minutes(added_at + 45))

    assert [minutes(added_at + 30)] == [t.occurred_at_ms for t in shop.transitions]


def test_new_add_moves_the_end_of_a_cart_member() -> None:
    """S24: a new Product Added while a member makes neither exit nor entry; the end is 24 h after the last add."""
    shop = driver()
    shop.happen("Product Added", TEN)
    shop.happen("Product Added", minutes(120), event_id="second")
    shop.advance(None, minutes(3 * 24 * 60))

    assert told(shop.transitions) == [
        "entered cart.abandon 2026-03-02T10:30:00.000Z timer",
        "exited cart.abandon 2026-03-03T12:00:00.000Z timer",
    ]


@pytest.mark.parametrize("event", ["Checkout Started", "Order Completed", "Cart Emptied"])
def test_cart_member_leaves_by_event(event: str) -> None:
    """S24: checkout, order or an emptied cart ends the membership at its own time."""
    shop = driver()
    shop.happen("Product Added", TEN)
    shop.happen(event, minutes(100))

    assert told(shop.transitions, "cart.abandon")[1:] == [
        "exited cart.abandon 2026-03-02T11:40:00.000Z event"
    ]


def test_browse_intent_ends_when_the_first_view_is_72_hours_old() -> None:
    """S1: viewed Monday and Tuesday 09:00: entered on Tuesday, exited on Thursday 09:00:00.000."""
    shop = driver()
    shop.happen("Product Viewed", instant("2026-03-02 09:00"), product_id="p1")
    shop.happen("Product Viewed", instant("2026-03-03 09:00"), product_id="p1")
    early = shop.advance(None, instant("2026-03-05 09:00", -1))
    shop.advance(None, instant("2026-03-05 09:00"))

    assert early == []
    assert told(shop.transitions) == [
        "entered browse.first_purchase_intent 2026-03-03T09:00:00.000Z event",
        "exited browse.first_purchase_intent 2026-03-05T09:00:00.000Z timer",
    ]


def test_post_purchase_ends_to_the_millisecond() -> None:
    """An order at 10:20 keeps the customer in post_purchase.24h until the next day 10:20:00.000."""
    shop = driver()
    shop.happen("Order Completed", minutes(20), order_id="1", total="10")
    shop.advance(None, minutes(20 + 24 * 60) - 1)
    before = told(shop.transitions, "post_purchase.24h")
    shop.advance(None, minutes(20 + 24 * 60))

    assert before == ["entered post_purchase.24h 2026-03-02T10:20:00.000Z event"]
    assert (
        told(shop.transitions, "post_purchase.24h")[-1]
        == "exited post_purchase.24h 2026-03-03T10:20:00.000Z timer"
    )


def test_lifecycle_switches_at_one_instant_and_never_leaves_a_hole() -> None:
    """S16, S25: from the first order on, at every switch one exit and one entry with the same instant."""
    shop = driver()
    shop.happen("Order Completed", instant("2026-03-01 12:00"), order_id="1", total="10")
    shop.advance(None, instant("2027-03-01 12:00"))
    lines = told(shop.transitions, *LIFECYCLE)

    assert lines == [
        "entered lifecycle.first_time_recent 2026-03-01T12:00:00.000Z event",
        "exited lifecycle.first_time_recent 2026-03-31T12:00:00.000Z timer",
        "entered lifecycle.first_time_aging 2026-03-31T12:00:00.000Z timer",
        "exited lifecycle.first_time_aging 2026-05-30T12:00:00.000Z timer",
        "entered lifecycle.other 2026-05-30T12:00:00.000Z timer",
        "exited lifecycle.other 2026-11-26T12:00:00.000Z timer",
        "entered lifecycle.lapsed_sunset 2026-11-26T12:00:00.000Z timer",
    ]


def test_vip_at_the_fifth_order_for_at_least_a_week() -> None:
    """S26, S15: entered at the fifth order; a cancellation takes effect, but not within the first seven days."""
    shop = driver()
    for day in range(1, 6):
        shop.happen("Order Completed", instant(f"2026-03-0{day} 12:00"), order_id=str(day), total="10")
    shop.happen("Order Cancelled", instant("2026-03-06 12:00"), order_id="3")
    shop.advance(None, instant("2026-04-01 12:00"))

    assert told(shop.transitions, "value.vip") == [
        "entered value.vip 2026-03-05T12:00:00.000Z event",
        "exited value.vip 2026-03-12T12:00:00.000Z timer",
    ]


def test_lagging_orders_hold_entries_back() -> None:
    """S5: behaviour goes on while orders are behind: no entry; when they catch up with nothing, it is still of 10:30."""
    shop = driver(shared_watermark=False)
    shop.happen("Checkout Started", TEN)
    held = shop.happen("Product Viewed", minutes(180))
    at_gate = shop.advance("orders", minutes(45))

    assert held == []
    assert told(at_gate) == ["entered checkout.abandon 2026-03-02T10:30:00.000Z timer"]


def test_after_an_outage_everything_due_comes_once_in_event_time_order() -> None:
    """S9: down from 09:00 to 15:00: what was due comes out once, in order, origin catchup, with its true time."""
    shop = driver(options=Options(wall=True))
    for customer, minute in (("a", -65), ("b", -80), ("c", -70)):
        shop.partition.now_ms = minutes(minute)
        shop.happen("Checkout Started", minutes(minute), customer_id=customer)
    shop.restart()
    shop.partition.now_ms = minutes(300)
    shop.partition.fall_idle(frozenset({0}), minutes(300))
    emitted = shop.partition.take_effects()

    assert list({(t.origin, "catchup") for t in emitted}) == [("catchup", "catchup")]
    assert sorted(t.occurred_at_ms for t in emitted) == [t.occurred_at_ms for t in emitted]
    assert [t.customer_id for t in emitted] == ["b", "c", "a", "b", "c", "a"]
