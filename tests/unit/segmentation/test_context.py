"""What a transition carries of the newest events: which, how much, and what late evidence does to it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.segmentation.filters import CONTEXT_BYTES_MAX, json_of
from streams.segmentation.timeline import HOUR_MS, MINUTE_MS
from streams.testing.driver import SegmentationTestDriver
from streams.testing.shop import catalogue_of, driver, instant

TEN = instant("2026-03-02 10:00")
ABANDON = """
segments:
  - id: s
    label: S
    when: [{did: Product Added, within: 2h}, {did_not: Order Completed, since: Product Added}]
    dwell: 30m
    context: {cart: Product Added.cart_id, items: Cart Updated.products, letter: Email Opened.message_id}
"""


def carried(shop: SegmentationTestDriver) -> list[tuple[str, dict[str, Any]]]:
    """Return kind and context of every transition so far."""
    return [(t.kind, {k: json.loads(v) for k, v in t.context.items()}) for t in shop.transitions]


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_the_newest_before_the_entry_by_time(offset: int) -> None:
    """An entry by time sees the events before its instant; the exit sees what came since."""
    shop = driver(catalogue_of(ABANDON))
    due = TEN + 30 * MINUTE_MS
    shop.happen("Product Added", TEN, cart_id="c1")
    shop.happen("Cart Updated", due + offset, products=[{"product_id": "p1", "price": "9.90"}])
    shop.advance(None, TEN + 5 * HOUR_MS)

    items = {"items": [{"product_id": "p1", "price": "9.90"}]}
    assert carried(shop) == [
        ("entered", {"cart": "c1", **(items if offset < 0 else {})}),
        ("exited", {"cart": "c1", **items}),
    ]


def test_an_event_that_only_the_context_reads_moves_nobody() -> None:
    """It is kept, and nothing is decided because of it, in whatever order it comes."""
    shop = driver(catalogue_of(ABANDON))
    shop.happen("Product Added", TEN, cart_id="c1")
    shop.advance(None, TEN + HOUR_MS)
    assert shop.happen("Email Opened", TEN - HOUR_MS, message_id="old") == []
    assert shop.happen("Email Opened", TEN + MINUTE_MS, message_id="m1") == []
    shop.restart()
    shop.happen("Order Completed", TEN + HOUR_MS)

    assert carried(shop)[1:] == [("exited", {"cart": "c1", "letter": "m1"})]


def test_a_value_that_the_newest_event_lacks_is_left_out() -> None:
    """The newest event of the kind answers, not the newest that has the property."""
    shop = driver(catalogue_of(ABANDON))
    shop.happen("Product Added", TEN, cart_id="c1")
    shop.happen("Product Added", TEN + MINUTE_MS, event_id="again")
    shop.advance(None, TEN + HOUR_MS)

    assert carried(shop) == [("entered", {})]


def test_what_was_taken_back_is_not_carried() -> None:
    """S15: after a cancellation the order before it is the newest."""
    shop = driver(
        catalogue_of("""
facts: {bought: {events: Order Completed, key: order_id, undone_by: Order Cancelled}}
segments:
  - {id: s, label: S, when: {did: bought, at_least: 2}, context: {order: bought.order_id}}
""")
    )
    for number in (1, 2):
        shop.happen("Order Completed", TEN + number, event_id=f"e{number}", order_id=f"o{number}")
    shop.happen("Order Cancelled", TEN + 3, order_id="o2")

    assert carried(shop) == [("entered", {"order": "o2"}), ("exited", {"order": "o1"})]


def test_a_partition_group_carries_too() -> None:
    """Every member carries what its own definition asks for."""
    shop = driver(
        catalogue_of("""
groups: {G: {kind: partition}}
segments:
  - {id: a, label: A, group: G, rank: 1, when: {did: Order Completed}, context: {total: Order Completed.total}}
  - {id: b, label: B, group: G, rank: 2, when: {did: Product Viewed}, context: {seen: Product Viewed.product_id}}
""")
    )
    shop.happen("Product Viewed", TEN, product_id="p")
    shop.happen("Order Completed", TEN + 1, total="9.90")
    shop.advance(None, TEN + HOUR_MS)

    assert carried(shop) == [
        ("entered", {"seen": "p"}),
        ("exited", {"seen": "p"}),
        ("entered", {"total": "9.90"}),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("19.90", '"19.90"'),
        (3, "3"),
        (True, "true"),
        ([{"a": 1}], '[{"a":1}]'),
        (1 << 70, "1180591620717411303424"),
        ("x" * (CONTEXT_BYTES_MAX - 2), '"' + "x" * (CONTEXT_BYTES_MAX - 2) + '"'),
        ("x" * (CONTEXT_BYTES_MAX - 1), "null"),
    ],
)
def test_values_are_json_of_bounded_length(value: object, text: str | None) -> None:
    """A value is whole, or null where it would be too long; one that JSON does not know is text."""
    assert json_of(value) == text
