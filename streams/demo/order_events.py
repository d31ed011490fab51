"""The real shop's orders and credit notes as customer events in the Segment spec. Nothing here is made up.

One credit note becomes one event for each order it touches: `Order Cancelled` when it alone takes back everything the
order had, else `Order Refunded`, with `is_full` when nothing of the order is left. Both end the order's part in counts
and spend at their own event time (S15); a cancellation is no refund, so it does not make a customer refund-heavy. What
touches no order that we know is an `Order Refunded` without `order_id`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from streams.demo.credits import Refund, refunds
from streams.demo.retail import CURRENCY, History, Invoice, Line, money
from streams.segmentation.timeline import EpochMs, rfc3339

ORDERS_TOPIC: Final = "demo.orders"


class ShopEvent(NamedTuple):
    """One customer event on its way to Kafka.

    Attributes:
        arrival_ms: when it reaches Kafka, in event time; later than *event_time_ms* for late records.
        key: the identifier that the producer keys the record by.
        event: the record in the Segment spec.
    """

    arrival_ms: EpochMs
    event_time_ms: EpochMs
    topic: str
    key: str
    event: dict[str, Any]


def track(
    name: str, message_id: str, user_id: str, event_time_ms: EpochMs, properties: dict[str, Any]
) -> dict[str, Any]:
    """Return a `track` call of the Segment spec."""
    return {
        "messageId": message_id,
        "type": "track",
        "event": name,
        "userId": user_id,
        "timestamp": rfc3339(event_time_ms),
        "properties": properties,
    }


def items(lines: list[Line]) -> list[dict[str, Any]]:
    """Return *lines* as `products`."""
    return [
        {
            "product_id": line.product_id,
            "name": line.name,
            "price": money(line.price_milli),
            "quantity": line.quantity,
        }
        for line in lines
    ]


def order_completed(order: Invoice) -> ShopEvent:
    """Return the event of an order; it arrives when it happens."""
    total = money(order.total_milli)
    properties = {
        "order_id": order.number,
        "currency": CURRENCY,
        "total": total,
        "revenue": total,
        "products": items(order.lines),
    }
    event = track("Order Completed", f"order-{order.number}", order.customer_id, order.time_ms, properties)
    return ShopEvent(order.time_ms, order.time_ms, ORDERS_TOPIC, order.customer_id, event)


def order_taken_back(refund: Refund) -> ShopEvent:
    """Return the `Order Cancelled` or `Order Refunded` of a refund."""
    note = refund.credit_note
    name = "Order Cancelled" if refund.is_whole else "Order Refunded"
    properties: dict[str, Any] = {
        "total": money(refund.total_milli),
        "currency": CURRENCY,
        "reason": "credit note",
        "products": items(refund.lines),
    }
    if refund.order_number is not None:
        properties["order_id"] = refund.order_number
    if not refund.is_whole:
        properties["refund_id"] = f"{note.number}-{refund.order_number or 'unattributed'}"
        properties["is_full"] = refund.is_full
    message_id = f"credit-{note.number}-{refund.order_number or 'unattributed'}"
    event = track(name, message_id, note.customer_id, note.time_ms, properties)
    return ShopEvent(note.time_ms, note.time_ms, ORDERS_TOPIC, note.customer_id, event)


def order_events(history: History) -> Iterator[ShopEvent]:
    """Yield every order and what the credit notes take back, oldest first."""
    taken_back: dict[str, list[Refund]] = {}
    for refund in refunds(history.invoices):
        taken_back.setdefault(refund.credit_note.number, []).append(refund)
    for invoice in history.invoices:
        if invoice.is_credit:
            yield from map(order_taken_back, taken_back[invoice.number])
        else:
            yield order_completed(invoice)
