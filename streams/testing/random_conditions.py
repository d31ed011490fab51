"""Random conditions over a few event types: every construct of the language, simple ones first.

All is drawn through one function that chooses from a sequence (`Choose`): see `streams.testing.histories`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Sequence as Several
from typing import Literal, Protocol, TypeVar

from streams.segmentation.conditions import (
    EVER,
    AgeRange,
    Aggregate,
    AggregateKind,
    All,
    Any_,
    Bucket,
    Cadence,
    Compare,
    Condition,
    Consent,
    During,
    Filter,
    First,
    InSegment,
    Last,
    Leaf,
    LookedUp,
    Lookup,
    Not,
    Now,
    Performed,
    Period,
    Regularly,
    Resumed,
    Sequence,
    Step,
    Trait,
    Zone,
)
from streams.segmentation.definitions import FactDefinition, Undoing
from streams.segmentation.timeline import MINUTE_MS

Option = TypeVar("Option")

TICK_MS = 10 * MINUTE_MS
"""The grid: ages, delays and almost all event times are multiples of it."""

SOURCES: Mapping[str, str] = {
    "Product Viewed": "behaviour",
    "Product Added": "behaviour",
    "Order Completed": "orders",
    "Order Cancelled": "orders",
    "Order Refunded": "orders",
    "Email Opened": "email",
    "identify": "profile",
    "Consent Updated": "profile",
    "Email Subscribed": "profile",
    "Email Unsubscribed": "profile",
    "Profile Suppressed": "profile",
    "Profile Unsuppressed": "profile",
}
"""Event type → source."""

CORE_EVENTS = tuple(SOURCES)[:6]

FACTS = (
    FactDefinition(
        "orders",
        ("Order Completed",),
        where=(Filter("is_test", operator="ne", value=True),),
        key="order_id",
        amount=("total", "value"),
        undone_by=(
            Undoing("Order Cancelled"),
            Undoing("Order Refunded", (Filter("is_full", operator="eq", value=True),)),
        ),
    ),
    FactDefinition("browsing", ("Product Viewed", "Product Added"), amount=("value",)),
)


class Choose(Protocol):
    """Chooses one of the options; the first is the simplest."""

    def __call__(self, options: Several[Option], /) -> Option:
        """Return one of *options*."""


_EVENTS = (*CORE_EVENTS, "orders", "browsing")
_MARKS = ("Product Added", "Order Completed", "orders", "browsing", "Product Viewed")
_COUNTS: tuple[tuple[int, int | None], ...] = (
    (1, None),
    (2, None),
    (0, 0),
    (1, 1),
    (3, None),
    (0, 1),
    (1, 2),
    (2, 2),
)
_TICKS = (2, 1, 3, 6, 12, 50)
_FILTERS: tuple[tuple[Filter, ...], ...] = (
    (),
    (),
    (),
    (Filter("product_id", operator="eq", value="p1"),),
    (Filter("product_id", operator="ne", value="p1"),),
    (Filter("quantity", operator="ge", value=2),),
    (Filter("product_id", operator="in", value=("p1", "p2")),),
    (Filter("product_id", operator="exists", value=False),),
)
_TESTS: tuple[tuple[Filter, ...], ...] = (
    *(test for test in _FILTERS if test),
    (Filter("tags", "has", "new"),),
    (Filter("tags", "contains", ("NE",)),),
    (Filter("product_id", "eq", "p1"), Filter("quantity", "ge", 2)),
)
_TRAITS = (
    ("country", Filter("country", "eq", "DE")),
    ("country", Filter("country", "ne", "DE")),
    ("country", Filter("country", "in", ("DE", "AT"))),
    ("country", Filter("country", "exists", False)),
    ("points", Filter("points", "ge", 100)),
    ("tags", Filter("tags", "has", "new")),
)
_ITEM_FILTERS: tuple[Filter, ...] = (
    Filter("products", "any_item", (Filter("category", "eq", "shoes"),)),
    Filter("products", "any_item", (Filter("category", "eq", "shoes"), Filter("quantity", "ge", 2))),
    Filter("products", "all_items", (Filter("category", "ne", "hats"),)),
    Filter("products", "items_sum", (("quantity",), "ge", 3_000_000)),
    Filter("products", "items_sum", (("price", "quantity"), "gt", 20_000_000)),
    Filter("products", "items_sum", (("price",), "lt", 10_500_000)),
)
_ADDED_UP = ("total", "products.quantity", "products.price", None)
_UNITS: tuple[tuple[tuple[AggregateKind, ...], tuple[int, ...]], ...] = (
    (("avg", "min", "max", "sum"), (10_000_000, 3_000_000, 30_010_000)),
    (("distinct", "count"), (1, 2)),
    (("share",), (0, 500_000, 600_000, 1_000_000)),
)
_VALUES = ("order_id", "product_id", "products.category", "tags")
_OPERATORS: tuple[Literal["ge", "gt", "le", "lt"], ...] = ("ge", "gt", "le", "lt")
_CONSTANTS = {"count": (1, 2), "sum": (10_000_000, 30_000_001)}


def random_age(choose: Choose, shapes: Several[str] = ("within", "ever", "between")) -> AgeRange:
    """Choose the ages that a condition counts: ever, the last few ticks, or a range further back."""
    shape = choose(shapes)
    if shape == "ever":
        return EVER
    length = choose(_TICKS) * TICK_MS
    if shape == "within":
        return AgeRange(0, length)
    return AgeRange(length, None if shape == "from" else length + choose(_TICKS) * TICK_MS)


def random_performed(choose: Choose) -> Performed:
    """Choose a count of events."""
    at_least, at_most = choose(_COUNTS)
    mark = choose((None, None, "since", "before", "both"))
    return Performed(
        choose(_EVENTS),
        at_least=at_least,
        at_most=at_most,
        age=random_age(choose),
        since=choose(_MARKS) if mark in {"since", "both"} else None,
        before=choose(_MARKS) if mark in {"before", "both"} else None,
        where=choose(_FILTERS),
        same=choose((None, None, "product_id")),
    )


def random_aggregate(choose: Choose, kind: str) -> Aggregate:
    """Choose a count, or a sum of money."""
    if kind == "count":
        return Aggregate("count", choose(_EVENTS), age=random_age(choose), where=choose(_FILTERS))
    event, name = choose((("orders", None), ("Order Refunded", "total"), ("Order Completed", "total")))
    return Aggregate("sum", event, name, random_age(choose))


def random_comparison(choose: Choose) -> Compare:
    """Choose a comparison with a constant or between two numbers."""
    kind, operator = choose(("count", "sum")), choose(_OPERATORS)
    left = random_aggregate(choose, kind)
    if choose((True, False)):
        return Compare(left, operator, choose(_CONSTANTS[kind]))
    right = random_aggregate(choose, kind)
    return Compare(left, operator, right=right, factor_ppm=choose((1_000_000, 300_000)))


def random_last(choose: Choose) -> Last:
    """Choose the age of the newest event."""
    return Last(choose(_EVENTS), random_age(choose, ("within", "between", "from")))


def random_tested_last(choose: Choose) -> Last:
    """Choose a test of the newest event."""
    age = random_age(choose, ("ever", "within", "between", "from"))
    return Last(choose(_EVENTS), age, choose(_FILTERS), choose(_TESTS))


def random_trait(choose: Choose) -> Trait:
    """Choose a test of a property of the customer."""
    name, test = choose(_TRAITS)
    return Trait("identify", name, (test,))


def random_consent(choose: Choose) -> Consent:
    """Choose a state of a consent."""
    channel, purpose = choose((("email", None), ("sms", None), ("email", "marketing")))
    opting = (("Email Subscribed",), ("Email Unsubscribed",)) if channel == "email" else ((), ())
    state = choose(("granted", "denied", "pending", "unknown"))
    return Consent(channel, state, purpose, grants=opting[0], denials=opting[1])


def random_item_filter(choose: Choose) -> Leaf:
    """Choose a condition whose events are filtered by their items."""
    event, test = choose(("Order Completed", "orders", "Product Viewed")), (choose(_ITEM_FILTERS),)
    match choose(("performed", "last", "tested last")):
        case "performed":
            at_least, at_most = choose(_COUNTS)
            return Performed(event, at_least, at_most, random_age(choose), where=test)
        case "last":
            return Last(event, random_age(choose), test)
        case _:
            return Last(event, random_age(choose), choose(_FILTERS), test)


def random_number(choose: Choose, kind: AggregateKind) -> Aggregate:
    """Choose an aggregate of *kind*."""
    event, age, where = choose(("orders", "Order Completed")), random_age(choose), choose(_FILTERS)
    if kind == "count":
        return Aggregate(kind, event, None, age, where)
    if kind == "sum":
        return Aggregate(kind, event, choose(("products.quantity", "products.price")), age, where)
    if kind in {"avg", "min", "max"}:
        name = choose(_ADDED_UP)
        return Aggregate(kind, "orders" if name is None else event, name, age, () if name is None else where)
    wanted = choose(((), ("shoes", "o1"), ("hats",))) if kind == "share" else ()
    return Aggregate(kind, event, choose(_VALUES), age, where, wanted)


def random_aggregate_comparison(choose: Choose) -> Compare:
    """Choose a comparison of any aggregate with a constant, or with another of the same unit."""
    kinds, constants = choose(_UNITS)
    left, operator = random_number(choose, choose(kinds)), choose(_OPERATORS)
    if choose((True, False)) or left.kind == "share":
        return Compare(left, operator, choose(constants))
    right = random_number(choose, choose(kinds))
    return Compare(left, operator, 0, right, choose((1_000_000, 500_000, 1_500_000)))


def random_sequence(choose: Choose) -> Sequence:
    """Choose steps in order."""
    steps = tuple(Step(choose(_EVENTS), choose(_FILTERS[:5])) for _ in range(choose((2, 1, 3))))
    return Sequence(
        steps,
        by=choose((None, "product_id", "order_id")),
        gap_ms=choose((None, TICK_MS, 3 * TICK_MS)),
        without=choose((None, None, Step("Order Completed"), Step("orders"), Step("Product Viewed"))),
        age=random_age(choose, ("within", "ever", "between", "from")),
    )


def random_first(choose: Choose) -> First:
    """Choose the age of the first event."""
    return First(choose(_EVENTS), random_age(choose, ("within", "between", "from")), choose(_FILTERS))


def random_resumed(choose: Choose) -> Resumed:
    """Choose a pause."""
    within_ms = random_age(choose, ("within", "ever")).to_ms
    return Resumed(choose(_EVENTS), choose(_TICKS) * TICK_MS, within_ms, choose(_FILTERS))


def random_regularly(choose: Choose) -> Regularly:
    """Choose periods of which some must be hit."""
    least, periods = choose(((1, 2), (2, 2), (2, 3), (3, 4)))
    return Regularly(choose(_EVENTS), least, periods, choose(_TICKS) * TICK_MS, choose(_FILTERS))


_PERIODS = (
    *(Period("day"), Period("day", -1), Period("week"), Period("month"), Period("month", -1), Period("year")),
    *(Period("days", 0, "2026-03-02", "2026-03-03"), Period("days", 0, "2026-03-03")),
)
_ZONES = (Zone(), Zone("Europe/Berlin", "identify"), Zone("America/New_York"), Zone("UTC", "identify"))


def random_during(choose: Choose) -> During:
    """Choose a stretch of the calendar."""
    period = choose(_PERIODS)
    at_least, at_most = choose(_COUNTS)
    return During(choose(_EVENTS), period, choose(_ZONES), at_least, at_most, choose(_FILTERS))


def random_now(choose: Choose) -> Leaf:
    """Choose a local time."""
    return choose(
        (
            Now(choose(_ZONES), months=choose(((3,), (4, 12)))),
            Now(choose(_ZONES), weekdays=(5, 6)),
            Now(choose(_ZONES), hours=choose(((0, 2), (22, 3), (1, 24))), months=(3,)),
            Now(choose(_ZONES), first="2026-03-03", end=choose((None, "2026-03-29"))),
        )
    )


def random_cadence(choose: Choose) -> Cadence:
    """Choose a rhythm."""
    return Cadence(
        choose(("Product Viewed", "orders", "Order Completed", "browsing")),
        by=choose((None, "product_id", "products.category")),
        intervals=choose((1, 2)),
        variation_ppm=choose((None, 0, 400_000, 750_000)),
        due_ppm=choose((None, (800_000, 1_200_000), (500_000, 3_333_333), (0, 1_000_000))),
        age=random_age(choose),
        where=choose(_FILTERS[:4]),
    )


_TABLES = (
    Lookup((("p1", 2 * TICK_MS), ("shoes", TICK_MS), ("hats", 3 * TICK_MS)), 6 * TICK_MS),
    Lookup((("p1", 12 * TICK_MS), ("p2", TICK_MS), ("shoes", 50 * TICK_MS))),
    Lookup((), 3 * TICK_MS),
)


def random_looked_up(choose: Choose) -> LookedUp:
    """Choose a window that the event looks up."""
    begin, end = choose(
        ((None, _TABLES[0]), (None, _TABLES[1]), (_TABLES[0], None), (_TABLES[2], _TABLES[1]))
    )
    by = choose((("product_id",), ("products.category",), ("product_id", "products.category")))
    return LookedUp(choose(_EVENTS), by, begin, end, choose((True, False)), choose(_FILTERS))


def random_bucket(choose: Choose) -> Bucket:
    """Choose a share of the customers."""
    return Bucket(choose(("a", "b", "c")), *choose(((0, 500_000), (500_000, 1_000_000), (0, 0))))


Construct = Callable[[Choose], Leaf]

CORE: Mapping[str, Construct] = {
    "performed": random_performed,
    "last": random_last,
    "compare": random_comparison,
}
"""The constructs that `tests/properties/test_oracle_against_intervals.py` formulates a second time."""

WHOLE: Mapping[str, Construct] = {
    **CORE,
    "tested last": random_tested_last,
    "trait": random_trait,
    "consent": random_consent,
    "item filter": random_item_filter,
    "aggregate": random_aggregate_comparison,
    "sequence": random_sequence,
    "first": random_first,
    "resumed": random_resumed,
    "regularly": random_regularly,
    "during": random_during,
    "now": random_now,
    "cadence": random_cadence,
    "looked up": random_looked_up,
    "bucket": random_bucket,
}
"""Every construct of the language."""


def random_condition(
    choose: Choose,
    referable: Several[str] = (),
    depth: int = 3,
    language: Mapping[str, Construct] = CORE,
) -> Condition:
    """Choose a condition tree of at most *depth* levels; *referable* are the segments it may refer to."""
    shapes = [*language, *(["in"] if referable else [])]
    shape = choose([*shapes, *(["all", "all", "any", "not"] if depth > 1 else [])])
    if shape in language:
        return language[shape](choose)
    if shape == "in":
        return InSegment(choose(referable))
    if shape == "not":
        return Not(random_condition(choose, referable, depth - 1, language))
    count = choose((2, 2, 3))
    parts = tuple(random_condition(choose, referable, depth - 1, language) for _ in range(count))
    return All(parts) if shape == "all" else Any_(parts)
