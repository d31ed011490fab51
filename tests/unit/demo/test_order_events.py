"""The real shop as customer events."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from streams.demo.order_events import ShopEvent


def test_the_first_order_as_an_event(real_events: list[ShopEvent]) -> None:
    """An invoice is one Order Completed in the Segment spec, money as decimal text."""
    first = real_events[0]
    assert first.topic == "demo.orders"
    assert first.key == first.event["userId"] == "17850"
    assert first.event["timestamp"] == "2010-12-01T08:26:00.000Z"
    assert first.event["messageId"] == "order-536365"
    properties = first.event["properties"]
    assert (properties["order_id"], properties["total"], properties["currency"]) == (
        "536365",
        "139.12",
        "GBP",
    )
    assert properties["products"][0] == {
        "product_id": "85123A",
        "name": "WHITE HANGING HEART T-LIGHT HOLDER",
        "price": "2.55",
        "quantity": 6,
    }


def test_the_events_carry_the_published_figures(real_events: list[ShopEvent]) -> None:
    """S27: counted from the events themselves, buyers, orders and revenue are the published ones."""
    completed = [e.event for e in real_events if e.event["event"] == "Order Completed"]
    assert len(completed) == 18_532
    assert len({event["userId"] for event in completed}) == 4_338
    assert sum(Decimal(event["properties"]["revenue"]) for event in completed) == Decimal("8911407.904")


def test_ids_are_unique_and_nothing_is_simulated(real_events: list[ShopEvent]) -> None:
    """Every event has an id of its own and none claims or hides a simulation."""
    events = [e.event for e in real_events]
    assert len({event["messageId"] for event in events}) == len(events)
    assert not any("simulated" in event["properties"] for event in events)
    refund_ids = [e["properties"]["refund_id"] for e in events if e["event"] == "Order Refunded"]
    assert len(set(refund_ids)) == len(refund_ids) == 4_408


def test_an_order_ends_at_most_once(real_events: list[ShopEvent]) -> None:
    """Each order is cancelled or fully refunded at most once, after it was completed."""
    completed: dict[str, int] = {}
    ended: Counter[str] = Counter()
    for shop_event in real_events:
        properties = shop_event.event["properties"]
        if shop_event.event["event"] == "Order Completed":
            completed[properties["order_id"]] = shop_event.event_time_ms
        elif "order_id" in properties:
            assert completed[properties["order_id"]] <= shop_event.event_time_ms
            ended[properties["order_id"]] += properties.get("is_full", True)
    assert sum(ended.values()) == 148
    assert max(ended.values()) == 1


def test_unattributed_refunds_name_no_order(real_events: list[ShopEvent]) -> None:
    """S27: a credit without a matching line is a refund of the customer that touches no order."""
    refunded = [e.event["properties"] for e in real_events if e.event["event"] == "Order Refunded"]
    unattributed = [properties for properties in refunded if "order_id" not in properties]
    assert len(unattributed) == 786
    assert not any(properties["is_full"] for properties in unattributed)
