"""What the engine itself knows about the real orders: read back from the state in its changelog, not from the input.

Nothing simulated ever orders, so these are the figures that others have published about the shop. They are gross, as
published; beside them stand the net ones, without orders that were cancelled or fully refunded later (S27).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from streams.catalogue.compiler import compile_catalogue
from streams.catalogue.events import load_vocabulary
from streams.catalogue.library import builtin_catalogue, source_of_events
from streams.errors import OperationError
from streams.segmentation.chunks import states_in
from streams.segmentation.journals import folded, folded_amount
from streams.segmentation.money import MICROS
from streams.segmentation.plans import Plan
from streams.segmentation.records import PartitionRecord
from streams.segmentation.residence import PARTITION_KEY
from streams.segmentation.timeline import NEVER

ORDERS: Final = "orders"
"""The fact of the built-in catalogue that journals every order with its amount."""


class OrderFigures(msgspec.Struct, frozen=True):
    """Figures over all customers; *revenue* in pounds."""

    buyers: int
    one_time: int
    repeat: int
    orders: int
    revenue: float


class RealOrders(OrderFigures, frozen=True):
    """The gross figures, and the net ones beside them."""

    net: OrderFigures


PUBLISHED: Final = OrderFigures(
    buyers=4_338, one_time=1_493, repeat=2_845, orders=18_532, revenue=8_911_407.904
)
"""What others have published for the same cleaning; `streams/demo/data/README.md` states it."""


def figures(customers: Iterable[tuple[int, int]]) -> OrderFigures:
    """Return the figures of *customers*, each given as (orders, spend in micros)."""
    bought = [(orders, spent) for orders, spent in customers if orders]
    one_time = sum(orders == 1 for orders, _ in bought)
    revenue_micros = sum(spent for _, spent in bought)
    orders = sum(orders for orders, _ in bought)
    return OrderFigures(len(bought), one_time, len(bought) - one_time, orders, revenue_micros / MICROS)


def gross(profile: Any) -> tuple[int, int]:
    """Return every order of a profile, cancelled or not: how many, and their sum in micros."""
    before = profile.orders_folded
    return len(profile.orders) + folded(before), sum(profile.orders_amount) + folded_amount(before)


def net(profile: Any) -> tuple[int, int]:
    """Return the orders of a profile that still stand: how many, and their sum in micros."""
    amounts = profile.orders_amount
    undone = profile.orders_undone or [NEVER] * len(amounts)
    standing = [amount for amount, at in zip(amounts, undone, strict=True) if at == NEVER]
    before = profile.orders_folded
    return len(standing) + folded(before), sum(standing) + folded_amount(before)


def builtin_plan() -> Plan:
    """Return the plan that the demo's worker runs: the built-in catalogue over a complete history."""
    vocabulary = load_vocabulary()
    return compile_catalogue(builtin_catalogue(vocabulary), source_of_events(vocabulary))


def real_orders(plan: Plan, records: Iterable[tuple[str, bytes | None]]) -> RealOrders:
    """Return the figures that the state in the changelog holds.

    Args:
        plan: what the worker runs; it says how a profile is written.
        records: key and value of every record of the changelog; those of one partition in the log's order.

    Raises:
        OperationError: the state was written by another plan.
    """
    profiles: list[Any] = []
    for key, value in states_in(records).items():
        if key != PARTITION_KEY:
            profiles.append(plan.read(key, value))
        elif msgspec.msgpack.decode(value, type=PartitionRecord).plan_hash != plan.plan_hash:
            raise OperationError(
                "the worker's state was made with other definitions than the built-in ones",
                hint="the demo runs the built-in catalogue; `streams worker` runs yours",
            )
    all_of_them = msgspec.structs.asdict(figures(map(gross, profiles)))
    return RealOrders(**all_of_them, net=figures(map(net, profiles)))
