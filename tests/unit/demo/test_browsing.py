"""Simulated browsing around the real orders."""

from __future__ import annotations

from collections import Counter
from random import Random

import msgspec
import pytest

from streams.demo.browsing import (
    Shopper,
    around_order,
    arrival_of_order_ms,
    signups,
    simulated_events,
    strangers,
)
from streams.demo.order_events import ShopEvent
from streams.demo.retail import History
from streams.segmentation.timeline import HOUR_MS, MINUTE_MS


def small(shop: History, invoices: int = 400) -> History:
    """Return the first *invoices* of the shop."""
    return msgspec.structs.replace(shop, invoices=shop.invoices[:invoices])


def test_every_simulated_event_says_so(shop: History) -> None:
    """Whatever is made up carries the label in its id and among its properties."""
    for made_up in simulated_events(small(shop), 10, 7):
        assert made_up.event["messageId"].startswith("sim-")
        assert made_up.event["properties"]["simulated"] is True
        assert made_up.topic == "demo.behaviour"


def test_the_same_seed_gives_the_same_events(shop: History) -> None:
    """The simulation is a function of shop, amount and seed."""
    part = small(shop)
    assert list(simulated_events(part, 10, 7)) == list(simulated_events(part, 10, 7))
    assert list(simulated_events(part, 10, 7)) != list(simulated_events(part, 10, 8))


def test_ids_are_unique(shop: History) -> None:
    """No two simulated events share an id: a repeated id would be dropped as a duplicate."""
    ids = [made_up.event["messageId"] for made_up in simulated_events(small(shop, 2_000), 10, 7)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("per_order", [1, 2, 10, 25])
def test_the_amount_is_what_was_asked_for(shop: History, per_order: int) -> None:
    """On average an order gets as many events as asked for."""
    orders = [order for order in small(shop, 2_000).orders if order.goods]
    made_up = sum(1 for order in orders for _ in around_order(order, per_order, 7))
    assert made_up / len(orders) == pytest.approx(per_order, rel=0.05)


def test_none_asked_for_none_made(shop: History) -> None:
    """Zero leaves the real shop alone."""
    assert list(simulated_events(small(shop), 0, 7)) == []


def test_a_checkout_leads_to_the_real_order(shop: History) -> None:
    """The run-up to an order starts a checkout in the ten minutes before it, after something was added."""
    order = next(order for order in shop.orders if len(order.goods) > 3)
    run_up = [e for e in around_order(order, 10, 7) if -HOUR_MS * 2 < e.event_time_ms - order.time_ms <= 0]
    names = [e.event["event"] for e in sorted(run_up, key=lambda e: e.event_time_ms)]
    assert names[-1] == "Checkout Started"
    assert {"Product Viewed", "Product Added"} <= set(names)
    assert order.time_ms - max(e.event_time_ms for e in run_up) <= 10 * MINUTE_MS


def test_nothing_happens_after_the_last_order(shop: History) -> None:
    """The simulation ends with the shop's own history."""
    part = small(shop)
    assert max(e.event_time_ms for e in simulated_events(part, 10, 7)) <= part.orders[-1].time_ms


def test_all_kinds_of_stories_are_told(shop: History) -> None:
    """There are abandoned checkouts: more checkouts than orders; and mails, sign-ups and visitors."""
    part = small(shop, 2_000)
    names = Counter(e.event["event"] for e in simulated_events(part, 10, 7))
    assert names["Checkout Started"] > len(part.orders)
    assert set(names) == {"Product Viewed", "Product Added", "Checkout Started", "Email Opened", "Signed Up"}


def test_a_sign_up_comes_before_the_first_order(shop: History) -> None:
    """Only buyers who have not ordered yet sign up, each once."""
    part = small(shop, 2_000)
    first = {order.customer_id: order.time_ms for order in reversed(part.orders)}
    made_up = list(signups(part, 7))
    assert len({e.key for e in made_up}) == len(made_up) > 0
    assert all(e.event_time_ms < first[e.key] for e in made_up)


def test_strangers_are_nobody_who_buys(shop: History) -> None:
    """Visitors who only look have ids that no buyer has; unknown ones an anonymous id only."""
    part = small(shop, 2_000)
    buyers = {order.customer_id for order in part.orders}
    for made_up in strangers(part, 7):
        assert made_up.key not in buyers
        assert ("userId" in made_up.event) != ("anonymousId" in made_up.event)


def test_a_few_orders_arrive_late(real_events: list[ShopEvent]) -> None:
    """About one record in fifty arrives late: some within an abandonment's grace, some hours behind; none early."""
    delays = [arrival_of_order_ms(order, 7) - order.event_time_ms for order in real_events[:5_000]]
    late = [delay for delay in delays if delay > 0]
    assert min(delays) == 0
    assert len(late) / len(delays) == pytest.approx(0.02, abs=0.006)
    assert any(delay < 15 * MINUTE_MS for delay in late)
    assert any(delay > HOUR_MS for delay in late)


def test_an_anonymous_shopper_has_no_user_id() -> None:
    """An unknown visitor's events carry the anonymous id alone."""
    shopper = Shopper("sim-visitor-1", "story", Random(1), anonymous=True)
    event = shopper.act("Product Viewed", 0, {}).event
    assert event["anonymousId"] == "sim-visitor-1"
    assert "userId" not in event
