"""Simulated browsing around the real orders: what the shop's file cannot know, made up so that journeys live too.

Every event here says so: its `messageId` begins with ``sim-`` and its property `simulated` is true. Each order has a
random source of its own, seeded by the order's number, so the same seed gives the same events whatever else changes.
Nothing is added to the real events; some of them only *arrive* late.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, Final

import msgspec

from streams.demo.order_events import ShopEvent, track
from streams.demo.retail import CURRENCY, History, Invoice, Line, money
from streams.segmentation.timeline import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, DurationMs, EpochMs

BEHAVIOUR_TOPIC: Final = "demo.behaviour"
EPISODES: Final = {"visit": 36, "mail": 30, "abandoned cart": 22, "abandoned checkout": 12}
"""What else happened around an order, by how often in a hundred."""

LATE_ORDERS: Final = 0.02
"""Share of orders whose record arrives late: half within the grace of an abandonment, half hours later."""

SIGNED_UP: Final = 0.4
"""Share of buyers who signed up before their first order."""

STRANGERS_PER_BUYER: Final = 0.1
"""Visitors who never buy, for each buyer."""


class Shopper(msgspec.Struct):
    """One simulated story: who acts, with which dice; numbers its events."""

    customer_id: str
    story: str
    dice: Random
    anonymous: bool = False
    acts: int = 0

    def act(self, name: str, time_ms: EpochMs, properties: dict[str, Any]) -> ShopEvent:
        """Return the event *name* of this shopper, labelled as simulated."""
        self.acts += 1
        properties["simulated"] = True
        event = track(name, f"sim-{self.story}-{self.acts}", self.customer_id, time_ms, properties)
        if self.anonymous:
            event["anonymousId"] = event.pop("userId")
        return ShopEvent(time_ms, time_ms, BEHAVIOUR_TOPIC, self.customer_id, event)

    def between(self, low_ms: DurationMs, high_ms: DurationMs) -> DurationMs:
        """Return a random duration from *low_ms* to *high_ms*, both included."""
        return low_ms + int(self.dice.random() * (high_ms - low_ms + 1))

    def view(self, time_ms: EpochMs, line: Line) -> ShopEvent:
        """Return a view of an article."""
        return self.act("Product Viewed", time_ms, article(line))

    def add(self, time_ms: EpochMs, line: Line, cart_id: str) -> ShopEvent:
        """Return an article's way into the cart."""
        return self.act(
            "Product Added", time_ms, {"cart_id": cart_id, "quantity": line.quantity, **article(line)}
        )

    def check_out(self, time_ms: EpochMs, lines: list[Line], cart_id: str) -> ShopEvent:
        """Return the start of a checkout of the cart."""
        value = money(sum(line.total_milli for line in lines))
        properties = {
            "checkout_id": f"{cart_id}-checkout",
            "cart_id": cart_id,
            "value": value,
            "currency": CURRENCY,
        }
        return self.act("Checkout Started", time_ms, properties)

    def open_mail(self, time_ms: EpochMs) -> ShopEvent:
        """Return a person's opening of a newsletter."""
        week = time_ms // (7 * DAY_MS)
        properties = {
            "message_id": f"sim-newsletter-{week}-{self.customer_id}",
            "campaign_id": f"newsletter-{week}",
        }
        return self.act("Email Opened", time_ms, properties | {"is_machine_open": False})

    def session(
        self, end_ms: EpochMs, lines: list[Line], size: int, *, checks_out: bool
    ) -> Iterator[ShopEvent]:
        """Yield *size* events that lead to *end_ms*: views, things added, and perhaps a checkout at the end."""
        cart_id = f"sim-cart-{self.story}-{self.acts}"
        checkouts = 1 if checks_out else 0
        adds = min(max(1, size // 3), size - checkouts)
        chosen = [self.dice.choice(lines) for _ in range(adds)]
        for _ in range(size - adds - checkouts):
            yield self.view(end_ms - self.between(30 * MINUTE_MS, HOUR_MS), self.dice.choice(lines))
        for line in chosen:
            yield self.add(end_ms - self.between(2 * MINUTE_MS, 25 * MINUTE_MS), line, cart_id)
        if checks_out:
            yield self.check_out(end_ms - self.between(0, MINUTE_MS), chosen, cart_id)

    def visit(self, time_ms: EpochMs, lines: list[Line], size: int) -> Iterator[ShopEvent]:
        """Yield *size* views of a few articles, one of which is looked at again and again."""
        favourite = self.dice.choice(lines)
        for step in range(size):
            line = favourite if step % 2 == 0 else self.dice.choice(lines)
            yield self.view(time_ms + step * self.between(20 * SECOND_MS, 4 * MINUTE_MS), line)


def article(line: Line) -> dict[str, Any]:
    """Return the properties of an article in an event about it alone."""
    return {
        "product_id": line.product_id,
        "name": line.name,
        "price": money(line.price_milli),
        "currency": CURRENCY,
    }


def around_order(order: Invoice, per_order: int, seed: int) -> Iterator[ShopEvent]:
    """Yield what its customer did before and around *order*: *per_order* events on average, at least half of that."""
    shopper = Shopper(order.customer_id, order.number, Random(f"{seed}/{order.number}"))
    fewest = per_order // 2
    left = shopper.dice.randint(fewest, 2 * per_order - fewest)
    goods = order.goods
    if not left or not goods:
        return
    run_up = max(1, left * 6 // 10)
    end_ms = order.time_ms - shopper.between(MINUTE_MS, 8 * MINUTE_MS)
    yield from shopper.session(end_ms, goods, run_up, checks_out=True)
    left -= run_up
    while left > 0:
        size = min(left, shopper.dice.randint(1, 4))
        yield from episode(shopper, order.time_ms, goods, size)
        left -= size


def episode(shopper: Shopper, order_ms: EpochMs, goods: list[Line], size: int) -> Iterator[ShopEvent]:
    """Yield one episode of *size* events about *goods* on another day within three weeks of the order."""
    days = shopper.dice.choice((-1, 1)) * shopper.dice.randint(1, 20)
    morning_ms = order_ms // DAY_MS * DAY_MS + days * DAY_MS
    time_ms = morning_ms + shopper.between(8 * HOUR_MS, 21 * HOUR_MS)
    kind = shopper.dice.choices(list(EPISODES), weights=list(EPISODES.values()))[0]
    if kind == "mail":
        for step in range(size):
            yield shopper.open_mail(time_ms + step * 7 * DAY_MS)
    elif kind == "visit":
        yield from shopper.visit(time_ms, goods, size)
    else:
        yield from shopper.session(time_ms, goods, size, checks_out=kind == "abandoned checkout")


def signups(history: History, seed: int) -> Iterator[ShopEvent]:
    """Yield the sign-up of some buyers, up to two weeks before their first order."""
    seen: set[str] = set()
    for order in history.orders:
        if order.customer_id in seen:
            continue
        seen.add(order.customer_id)
        shopper = Shopper(
            order.customer_id, f"signup-{order.customer_id}", Random(f"{seed}/{order.customer_id}")
        )
        if shopper.dice.random() < SIGNED_UP:
            time_ms = order.time_ms - shopper.between(2 * HOUR_MS, 14 * DAY_MS)
            yield shopper.act("Signed Up", time_ms, {"method": "shop"})


def strangers(history: History, seed: int) -> Iterator[ShopEvent]:
    """Yield visitors who never buy: most unknown, some who sign up and read the newsletter."""
    orders = history.orders
    first_ms, last_ms = orders[0].time_ms, orders[-1].time_ms
    shelves = [goods for goods in (order.goods for order in orders) if goods]
    for number in range(int(len({order.customer_id for order in orders}) * STRANGERS_PER_BUYER)):
        dice = Random(f"{seed}/stranger/{number}")
        signs_up = dice.random() < 0.3
        name = f"sim-{'lead' if signs_up else 'visitor'}-{number}"
        shopper = Shopper(name, f"stranger-{number}", dice, anonymous=not signs_up)
        time_ms = shopper.between(first_ms, last_ms)
        lines = dice.choice(shelves)
        for _ in range(dice.randint(1, 3)):
            yield from shopper.visit(time_ms, lines, dice.randint(1, 4))
            time_ms += shopper.between(HOUR_MS, 2 * DAY_MS)
        if dice.random() < 0.3:
            yield from shopper.session(time_ms, lines, 3, checks_out=dice.random() < 0.5)
        if signs_up:
            yield shopper.act("Signed Up", time_ms + MINUTE_MS, {"method": "newsletter"})
            yield shopper.open_mail(time_ms + shopper.between(DAY_MS, 9 * DAY_MS))


def simulated_events(history: History, per_order: int, seed: int) -> Iterator[ShopEvent]:
    """Yield all simulated events, in no order, up to the time of the last real order.

    Args:
        history: the real shop.
        per_order: simulated events for each real order on average; 0 gives none at all.
        seed: the same seed gives the same events.
    """
    if per_order <= 0:
        return
    orders = history.orders
    last_ms = orders[-1].time_ms
    for order in orders:
        yield from (event for event in around_order(order, per_order, seed) if event.event_time_ms <= last_ms)
    yield from (event for event in signups(history, seed) if event.event_time_ms <= last_ms)
    yield from (event for event in strangers(history, seed) if event.event_time_ms <= last_ms)


def arrival_of_order_ms(order: ShopEvent, seed: int) -> EpochMs:
    """Return when the record of a real order reaches Kafka; for a few of them late."""
    dice = Random(f"{seed}/arrival/{order.event['messageId']}")
    if dice.random() >= LATE_ORDERS:
        return order.event_time_ms
    low_ms, high_ms = dice.choice(((3 * MINUTE_MS, 12 * MINUTE_MS), (HOUR_MS, 6 * HOUR_MS)))
    return order.event_time_ms + dice.randint(low_ms, high_ms)
