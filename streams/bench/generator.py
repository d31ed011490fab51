"""The input of the race: one stream of customer events, the same for every engine, by seed.

`generated` is deterministic: the same arguments give the same events for ever, because engines are compared on them and
totals are published for seed 7. What each random number is drawn for, and in which order, is therefore part of it.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from streams.segmentation.timeline import DAY_MS, MINUTE_MS, DurationMs, EpochMs

FIRST_MS: Final[EpochMs] = 1_760_000_000_000
"""Where event time begins: 2025-10-09T08:53:20Z."""

CUSTOMERS: Final = 100_000
SPAN_MS: Final[DurationMs] = 4 * DAY_MS
SEED: Final = 7

_SHARES = {
    "Product Viewed": 55,
    "Product Added": 18,
    "Checkout Started": 8,
    "Order Completed": 6,
    "Email Opened": 8,
    "Email Link Clicked": 3,
    "Product Removed": 2,
}
_TYPES: Final = [event_type for event_type, share in _SHARES.items() for _ in range(share)]
_DOUBLE_SHARE = 0.005
_DOUBLE_WITHIN = 10_000
_LATE_SHARE = 0.05
_PRODUCTS = 5_000
_CATEGORIES = 30


class Properties(msgspec.Struct, frozen=True, gc=False):
    """What is said about the product; *price* in units of *currency*."""

    product_id: str
    category: str
    price: float
    quantity: int
    cart_id: str
    currency: str


class BenchEvent(msgspec.Struct, frozen=True, gc=False):
    """One customer event of the race; *occurred_at* is its event time in epoch milliseconds."""

    event_id: str
    type: str
    occurred_at: EpochMs
    customer_id: str
    properties: Properties


def generated(
    count: int, *, customers: int = CUSTOMERS, span_ms: DurationMs = SPAN_MS, seed: int = SEED
) -> Iterator[BenchEvent]:
    """Yield *count* events in order of arrival.

    Event time ascends over about *span_ms*; one event in twenty comes up to a minute late, one in two hundred is a
    repetition of one of the last 10,000. Half the time a customer turns to one of four favourite products.

    Args:
        count: how many, at least 1.
        customers: how many different ones.
        span_ms: event time that the whole stream covers.
        seed: another seed, another stream.
    """
    source = random.Random(seed)
    chance, below, pick = source.random, _below(source), _picker(source, _TYPES)
    identifier = source.getrandbits
    step_ms = 2 * span_ms // count
    now_ms = FIRST_MS
    recent: deque[BenchEvent] = deque(maxlen=_DOUBLE_WITHIN)
    for _ in range(count):
        if recent and chance() < _DOUBLE_SHARE:
            yield recent[below(len(recent))]
            continue
        now_ms += below(step_ms + 1)
        customer = below(customers)
        event_type = pick()
        favours = chance() < 0.5
        product = (customer * 31 + below(4)) % _PRODUCTS if favours else below(_PRODUCTS)
        event_id = f"{identifier(128):032x}"
        late_ms = below(MINUTE_MS) if chance() < _LATE_SHARE else 0
        price = (100 + below(19_900)) / 100
        name = f"c{customer}"
        about = Properties(f"p{product}", f"cat{product % _CATEGORIES}", price, 1, f"{name}-cart", "EUR")
        event = BenchEvent(event_id, event_type, now_ms - late_ms, name, about)
        recent.append(event)
        yield event


def _below(source: random.Random) -> Callable[[int], int]:
    """Return a function that draws a whole number below its argument; what `randrange` does, without its checks."""
    getrandbits = source.getrandbits

    def below(limit: int) -> int:
        bits = limit.bit_length()
        drawn = getrandbits(bits)
        while drawn >= limit:
            drawn = getrandbits(bits)
        return drawn

    return below


def _picker(source: random.Random, choices: Sequence[str]) -> Callable[[], str]:
    below, number = _below(source), len(choices)
    return lambda: choices[below(number)]
