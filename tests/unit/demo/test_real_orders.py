"""The real orders' figures, read back from the engine's own state (S27)."""

from __future__ import annotations

import msgspec
import pytest

from streams.demo.order_events import ShopEvent
from streams.demo.real_orders import PUBLISHED, OrderFigures, builtin_plan, figures, real_orders
from streams.errors import OperationError
from streams.segmentation.options import InputSpec
from streams.segmentation.partition import Partition
from streams.segmentation.plans import Plan
from streams.segmentation.stimuli import EventObserved


@pytest.fixture(scope="module")
def plan() -> Plan:
    """What the demo's worker runs."""
    return builtin_plan()


def observed(shop_event: ShopEvent) -> EventObserved:
    """Return a shop's event as the core takes it."""
    event = shop_event.event
    return EventObserved(
        event["event"],
        shop_event.event_time_ms,
        event["messageId"],
        "default",
        event["userId"],
        "orders",
        event["properties"],
    )


@pytest.mark.timeout(300)
def test_s27_the_engine_knows_the_published_figures(plan: Plan, real_events: list[ShopEvent]) -> None:
    """S27: after the whole shop, the gross aggregates in the changelog are the published figures; net ones are less."""
    partition = Partition(plan, (InputSpec("demo.orders"),))
    for shop_event in real_events:
        partition.observe(observed(shop_event))
    changelog = partition.flush()
    known = real_orders(plan, changelog)
    assert OrderFigures(known.buyers, known.one_time, known.repeat, known.orders, known.revenue) == PUBLISHED
    assert known.net.orders == 18_532 - 148
    assert known.net.buyers < known.buyers
    assert known.net.revenue < known.revenue


def test_the_state_of_another_plan_is_refused(plan: Plan) -> None:
    """A state that other definitions wrote is not read as if it were ours."""
    partition = Partition(plan, (InputSpec("demo.orders"),))
    partition.advance(0, 1)
    changelog = partition.flush()
    assert real_orders(plan, changelog).orders == 0
    with pytest.raises(OperationError, match="other definitions"):
        real_orders(msgspec.structs.replace(plan, plan_hash="another"), changelog)


def test_figures_count_each_buyer_once() -> None:
    """Somebody with one order is a one-time buyer, with more a repeat buyer, with none no buyer."""
    assert figures([(0, 0), (1, 2_500_000), (3, 1)]) == OrderFigures(2, 1, 1, 4, 2.500001)
