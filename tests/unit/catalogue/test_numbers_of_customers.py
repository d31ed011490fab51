"""Numbers over a customer's events: items of lists, aggregates, and what they are compared with."""

from __future__ import annotations

from typing import Any

import pytest

from streams.testing.questions import Question

DAY = "2026-03-02"
SHOES = {"category": "shoes", "price": "9.99", "quantity": 2}
HAT = {"category": "hats", "price": 10.5}
ORDER = "Order Completed"


@pytest.mark.parametrize(
    ("test", "products", "truth"),
    [
        ("{any: {category: shoes}}", [HAT, SHOES], "true"),
        ("{any: {category: shoes, quantity: {below: 2}}}", [HAT, SHOES], "false"),
        ("{all: {category: shoes}}", [HAT, SHOES], "false"),
        ("{all: {category: {in: [shoes, hats]}}}", [HAT, SHOES], "true"),
        ("{all: {category: shoes}}", [], "false"),
        ("{sum: quantity, at_least: 3}", [HAT, SHOES], "true"),
        ("{sum: quantity, more_than: 3}", [HAT, SHOES], "false"),
        ("{sum: price x quantity, at_least: 30.48}", [HAT, SHOES], "true"),
        ("{sum: price x quantity, more_than: 30.48}", [HAT, SHOES], "false"),
        ("{sum: price, less_than: 20.49}", [HAT, SHOES], "false"),
        ("{any: {category: shoes}}", "no list", "false"),
        ("{sum: price, less_than: 5}", [{"price": "a lot"}, None, [], 7], "true"),
    ],
)
def test_tests_of_items(test: str, products: Any, truth: str) -> None:
    """Any item, every item, or a sum over the items; a missing quantity is one, a bad price nothing."""
    asked = Question(f"{{did: {ORDER}, where: {{products: {test}}}}}")
    asked.tell(ORDER, f"{DAY} 10:00", products=products)

    assert asked.at(f"{DAY} 10:00") == truth


@pytest.mark.parametrize(
    ("when", "truth", "value"),
    [
        ("{avg: orders, at_least: 20}", "true", "20.0"),
        ("{avg: orders, more_than: 20}", "false", "20.0"),
        ("{min: orders.total, at_most: 10}", "true", "10.0"),
        ("{max: orders.total, less_than: 30}", "false", "30.0"),
        ("{sum: orders.products.quantity, at_least: 5}", "true", "5.0"),
        ("{avg: orders.products.price, at_least: 15.49}", "false", "15.24"),
        ("{distinct: orders.products.category, at_least: 2}", "true", "2"),
        ("{most_frequent: orders.products.category, at_least: 100%}", "true", "100%"),
        ("{most_frequent: orders.products.category, is: shoes}", "true", "100%"),
        ("{most_frequent: orders.products.category, is: [hats, caps]}", "false", "0%"),
        ("{most_frequent: orders.coupon, more_than: 50%}", "true", "100%"),
        ("{max: orders.total, more_than: 150%, of: {avg: orders}}", "false", "30.0"),
        ("{max: orders.total, at_least: 150%, of: {avg: orders}}", "true", "30.0"),
        ("{avg: orders, less_than: {max: orders.total}}", "true", "20.0"),
        ("{count: orders, where: {coupon: {exists: true}}, at_least: 50%, of: {count: orders}}", "true", "1"),
        ("{avg: orders.tax, at_least: 0}", "false", ""),
        ("{most_frequent: orders.brand, at_most: 100%}", "false", ""),
        ("{distinct: orders.brand, at_most: 0}", "true", "0"),
    ],
)
def test_aggregates(when: str, truth: str, value: str) -> None:
    """Exact in tenths of cents; an average, extreme or share of nothing compares with nothing."""
    asked = Question(when, "facts: {orders: {events: Order Completed, amount: [total]}}")
    asked.tell(ORDER, f"{DAY} 10:00", total="10.00", coupon="x", products=[SHOES])
    asked.tell(ORDER, f"{DAY} 11:00", total=30, products=[HAT, SHOES])

    values = asked.values(f"{DAY} 12:00")
    assert (asked.at(f"{DAY} 12:00"), values) == (truth, [value])


def test_aggregates_end_with_their_window() -> None:
    """The average is that of what lies in the window, to the millisecond."""
    asked = Question(f"{{avg: {ORDER}.total, within: 2h, at_most: 10}}")
    asked.tell(ORDER, f"{DAY} 10:00", total=30).tell(ORDER, f"{DAY} 11:00", total=10)

    assert asked.changes(f"{DAY} 11:00") == "2026-03-02T12:00:00.000Z"
    assert asked.around(f"{DAY} 12:00") == ["false", "true", "true"]
    assert asked.around(f"{DAY} 13:00") == ["true", "false", "false"]


@pytest.mark.parametrize(
    ("limit", "around"),
    [
        ("at_least: 2h", ["false", "true", "true"]),
        ("more_than: 2h", ["false", "false", "true"]),
        ("at_most: 2h", ["true", "true", "false"]),
        ("less_than: 2h", ["true", "false", "false"]),
    ],
)
def test_days_since(limit: str, around: list[str]) -> None:
    """How long ago the newest one was that passes, to the millisecond."""
    asked = Question(f"{{days_since: {ORDER}, where: {{coupon: x}}, {limit}}}")
    asked.tell(ORDER, f"{DAY} 10:00", coupon="x").tell(ORDER, f"{DAY} 11:00")

    assert asked.around(f"{DAY} 12:00") == around
