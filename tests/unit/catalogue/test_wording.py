"""Conditions in words, as transitions and ``streams catalogue show`` print them."""

from __future__ import annotations

import pytest

from streams.catalogue.wording import describe
from streams.segmentation.conditions import (
    AgeRange,
    Aggregate,
    Compare,
    Condition,
    Consent,
    Filter,
    First,
    InSegment,
    Last,
    Not,
    Otherwise,
    Performed,
    Regularly,
    Resumed,
    Sequence,
    Step,
    Trait,
)
from streams.segmentation.timeline import DAY_MS, HOUR_MS

WITHIN = AgeRange(0, 2 * HOUR_MS)
COUNT = Aggregate("count", "Order Refunded")


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Performed("Product Viewed"), "did Product Viewed"),
        (
            Performed("Product Viewed", at_least=2, age=WITHIN),
            "did Product Viewed at least 2 times within 2h",
        ),
        (Performed("orders", at_least=1, at_most=1), "did orders exactly 1 times"),
        (Performed("orders", at_least=2, at_most=4), "did orders 2 to 4 times"),
        (Not(Performed("orders", since="Checkout Started")), "did not orders since Checkout Started"),
        (Performed("orders", before="engagement"), "did orders before the last engagement"),
        (Performed("Product Viewed", same="product_id"), "did Product Viewed with the same product_id"),
        (Performed("Product Viewed", where=(Filter("brand", "eq", "x"),)), "did Product Viewed [brand = x]"),
        (Last("orders", AgeRange(30 * DAY_MS, 90 * DAY_MS)), "last orders 30d to 90d ago"),
        (Last("orders", AgeRange(270 * DAY_MS)), "last orders 270d ago or longer"),
        (Not(Last("orders", WITHIN)), "last orders not within 2h"),
        (
            Last("identify", WITHIN, (Filter("a", "eq", 1),), (Filter("tags", "has", "x"),)),
            "last identify [a = 1] within 2h with tags has x",
        ),
        (Not(Last("a", test=(Filter("b", "ne", 1),))), "last a not with b is not 1"),
        (Trait("identify", "country", (Filter("country", "eq", "DE"),)), "trait country = DE"),
        (Not(Trait("identify", "points", (Filter("points", "ge", 5),))), "trait points not >= 5"),
        (Consent("email"), "consent to email is granted"),
        (Not(Consent("sms", "denied", "service")), "consent to sms for service is not denied"),
        (Compare(COUNT, "ge", 2), "count of Order Refunded >= 2"),
        (
            Compare(Aggregate("sum", "Order Refunded", "total", WITHIN), "gt", 19_990_000),
            "sum of Order Refunded.total within 2h > 19.99",
        ),
        (
            Compare(COUNT, "ge", 0, Aggregate("count", "orders"), 300_000),
            "count of Order Refunded >= 30% of count of orders",
        ),
        (
            Compare(Aggregate("share", "orders", "products.category", wanted=("shoes",)), "ge", 600_000),
            "share of shoes in orders.products.category >= 60%",
        ),
        (
            Compare(
                Aggregate("avg", "orders", "total"), "gt", 0, Aggregate("max", "orders", "total", WITHIN)
            ),
            "avg of orders.total > max of orders.total within 2h",
        ),
        (
            Performed(
                "orders", where=(Filter("products", "items_sum", (("price", "quantity"), "ge", 5_500_000)),)
            ),
            "did orders [products sum of price x quantity >= 5.5]",
        ),
        (
            Performed("orders", where=(Filter("products", "any_item", (Filter("sku", "eq", "a"),)),)),
            "did orders [products any item with sku = a]",
        ),
        (
            Sequence((Step("a"), Step("b", (Filter("c", "eq", 1),))), "cart_id", HOUR_MS, Step("d"), WITHIN),
            "a then b [c = 1] with the same cart_id less than 1h apart within 2h and no d since",
        ),
        (Not(First("orders", WITHIN)), "not first orders within 2h"),
        (Resumed("orders", DAY_MS, DAY_MS), "orders again after a pause of 1d within 1d"),
        (Regularly("orders", 3, 4, DAY_MS), "orders in 3 of the last 4 periods of 1d"),
        (Not(Compare(COUNT, "lt", 3)), "not count of Order Refunded < 3"),
        (InSegment("value.vip"), "in value.vip"),
        (Not(InSegment("value.vip")), "not in value.vip"),
        (Otherwise(), "in no other segment of the group"),
    ],
)
def test_words(condition: Condition, words: str) -> None:
    """Each leaf reads as a person would say it."""
    assert describe(condition) == words
