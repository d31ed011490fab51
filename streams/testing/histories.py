"""Random small catalogues and random histories for them, and a failing case written as Python.

Times lie on a coarse grid, so that windows end where events happen and events meet at one instant; now and then one is
a millisecond off. There are few event types, products, orders and customers, so that they concern each other.

All is drawn through one function that chooses from a sequence: Hypothesis' (`histories`, which shrinks: the first
options are the simple ones) or `random.Random(seed).choice`, which is many times as fast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

import msgspec
from hypothesis import strategies as st

from streams.segmentation.conditions import (
    EVER,
    AgeRange,
    Aggregate,
    All,
    Any_,
    Compare,
    Condition,
    Filter,
    InSegment,
    Last,
    Not,
    Otherwise,
    Performed,
)
from streams.segmentation.definitions import (
    Catalogue,
    FactDefinition,
    GroupDefinition,
    SegmentDefinition,
    Undoing,
)
from streams.segmentation.stimuli import EventObserved, WatermarkAdvanced
from streams.segmentation.timeline import DAY_MS, MINUTE_MS, DurationMs, EpochMs

TICK_MS = 10 * MINUTE_MS
"""The grid: ages, delays and almost all event times are multiples of it."""

START_MS: EpochMs = 1_772_409_600_000
"""2026-03-02T00:00:00Z."""

END_MS: EpochMs = START_MS + 400 * DAY_MS
"""Later than everything that a history and its definitions speak of."""

SOURCES: Mapping[str, str] = {
    "Product Viewed": "behaviour",
    "Product Added": "behaviour",
    "Order Completed": "orders",
    "Order Cancelled": "orders",
    "Order Refunded": "orders",
    "Email Opened": "email",
}

_SOURCES = tuple(dict.fromkeys(SOURCES.values()))

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

Stimulus = EventObserved | WatermarkAdvanced
Option = TypeVar("Option")


class Choose(Protocol):
    """Chooses one of the options; the first is the simplest."""

    def __call__(self, options: Sequence[Option], /) -> Option:
        """Return one of *options*."""


@dataclass(frozen=True)
class History:
    """A catalogue, how its inputs run, and what happens: all that a comparison needs."""

    catalogue: Catalogue
    stimuli: tuple[Stimulus, ...]
    out_of_orderness_ms: DurationMs = 0
    shared_watermark: bool = True

    def __str__(self) -> str:
        """Return the history as Python, ready for a regression test."""
        stimuli = "".join(f"        {_call(stimulus)},\n" for stimulus in self.stimuli)
        return (
            f"History(\n    catalogue={_call(self.catalogue)},\n    stimuli=(\n{stimuli}    ),\n"
            f"    out_of_orderness_ms={self.out_of_orderness_ms},\n"
            f"    shared_watermark={self.shared_watermark},\n)"
        )

    __repr__ = __str__


def _call(value: Any) -> str:
    """Return *value* as the shortest call that makes it; fields at their defaults are left out."""
    if isinstance(value, msgspec.Struct):
        fields = [
            f"{field.name}={_call(getattr(value, field.name))}"
            for field in msgspec.structs.fields(value)
            if field.required or getattr(value, field.name) != field.default
        ]
        return f"{type(value).__name__}({', '.join(fields)})"
    if isinstance(value, tuple):
        return f"({''.join(f'{_call(item)}, ' for item in value).rstrip()})"
    if isinstance(value, int) and not isinstance(value, bool) and value >= START_MS:
        return f"START_MS + {value - START_MS:_}"
    return repr(value)


# -- conditions -------------------------------------------------------------------------------------------------

_EVENTS = (*SOURCES, "orders", "browsing")
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
_OPERATORS: tuple[Literal["ge", "gt", "le", "lt"], ...] = ("ge", "gt", "le", "lt")
_CONSTANTS = {"count": (1, 2), "sum": (10_000_000, 30_000_001)}


def random_age(choose: Choose, shapes: Sequence[str] = ("within", "ever", "between")) -> AgeRange:
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


def random_condition(choose: Choose, referable: Sequence[str] = (), depth: int = 3) -> Condition:
    """Choose a condition tree of at most *depth* levels; *referable* are the segments it may refer to."""
    shapes = ["performed", "performed", "last", "compare", *(["in"] if referable else [])]
    match choose([*shapes, *(["all", "all", "any", "not"] if depth > 1 else [])]):
        case "performed":
            return random_performed(choose)
        case "last":
            return Last(choose(_EVENTS), random_age(choose, ("within", "between", "from")))
        case "compare":
            return random_comparison(choose)
        case "in":
            return InSegment(choose(referable))
        case "not":
            return Not(random_condition(choose, referable, depth - 1))
        case shape:
            count = choose((2, 2, 3))
            parts = tuple(random_condition(choose, referable, depth - 1) for _ in range(count))
            return All(parts) if shape == "all" else Any_(parts)


# -- catalogues -------------------------------------------------------------------------------------------------

_DELAYS = (0, 0, 1, 2, 3)


def random_segment(choose: Choose, place: int, referable: Sequence[str]) -> SegmentDefinition:
    """Choose a segment that stands alone and may refer to those before it."""
    exclude = choose(((), (), *((other,) for other in referable)))
    return SegmentDefinition(
        segment_id=f"s{place}",
        version=1,
        label=f"s{place}",
        when=random_condition(choose, referable),
        until=random_condition(choose, referable) if choose((False, False, True)) else None,
        exclude=exclude,
        dwell_ms=choose(_DELAYS) * TICK_MS,
        grace_ms=choose(_DELAYS) * TICK_MS,
        gated=choose((True, True, True, False)),
        min_membership_ms=choose((0, 0, 0, 2, 6)) * TICK_MS,
    )


def random_catalogue(choose: Choose) -> Catalogue:
    """Choose a few definitions: segments that stand alone, a partition group, or both."""
    shape = choose(("alone", "alone", "group", "both"))
    alone: list[SegmentDefinition] = []
    for place in range(1, 1 + (0 if shape == "group" else choose((1, 1, 2, 3)))):
        alone.append(random_segment(choose, place, [other.segment_id for other in alone]))
    if shape == "alone":
        return Catalogue(facts=FACTS, segments=tuple(alone))
    group = GroupDefinition(
        "G",
        "partition",
        population=random_performed(choose) if choose((False, True)) else None,
    )
    whens = [random_condition(choose, [s.segment_id for s in alone]) for _ in range(choose((1, 2)))]
    members = [
        SegmentDefinition(f"g{rank}", 1, f"g{rank}", when, group="G", rank=rank)
        for rank, when in enumerate([*whens, Otherwise()], start=1)
    ]
    return Catalogue(facts=FACTS, groups=(group,), segments=(*alone, *members))


# -- histories --------------------------------------------------------------------------------------------------

_PRODUCTS: tuple[dict[str, Any], ...] = ({"product_id": "p1"}, {"product_id": "p2", "quantity": 2}, {})
_ORDERS: tuple[dict[str, Any], ...] = (
    {"order_id": "o1", "total": "10.00"},
    {"order_id": "o2", "total": 30.01, "product_id": "p1"},
    {"order_id": "o3", "value": "20", "is_full": True},
    {"order_id": "o1", "is_full": True, "total": "3.000001"},
    {"order_id": "o2", "is_test": True},
    {"total": "7.5"},
)
_NEXT = ("event", "event", "event", "event", "behind", "behind", "again", "silence", "watermark")


@dataclass
class _Telling:
    """What has been told so far."""

    now_ms: EpochMs = START_MS
    events: list[EventObserved] = field(default_factory=list)


def _told(choose: Choose, telling: _Telling) -> Stimulus:
    """Choose what comes next: an event in order or not, the same event again, or a watermark."""
    kind = choose(_NEXT)
    if kind == "again" and telling.events:
        return choose(telling.events)
    telling.now_ms += choose((60, 13) if kind == "silence" else (1, 0, 2, 3)) * TICK_MS
    if kind == "watermark":
        return WatermarkAdvanced(choose(_SOURCES), telling.now_ms - choose((0, 1, 3)) * TICK_MS)
    at_ms = telling.now_ms + choose((0, 0, 0, 0, 0, 0, 1, -1))
    if kind == "behind":
        at_ms -= choose((1, 2, 3, 5, 8, 20)) * TICK_MS
    event_type = choose(tuple(SOURCES))
    event = EventObserved(
        event_type=event_type,
        event_time_ms=at_ms,
        event_id=f"e{len(telling.events) + 1}",
        shop_id="default",
        customer_id=choose(("a", "a", "a", "b")),
        source=SOURCES[event_type],
        properties=choose(_ORDERS if SOURCES[event_type] == "orders" else _PRODUCTS),
    )
    telling.events.append(event)
    return event


def random_history(choose: Choose, catalogue: Catalogue | None = None) -> History:
    """Choose a catalogue (unless given) and what happens to it; at the end every watermark passes `END_MS`."""
    telling = _Telling()
    shared = choose((True, False))
    out_of_orderness_ms = choose((0, 0, 3, 100)) * TICK_MS
    stimuli = [_told(choose, telling) for _ in range(choose(range(1, 16)))]
    stimuli += [WatermarkAdvanced(source, END_MS) for source in _SOURCES]
    return History(catalogue or random_catalogue(choose), tuple(stimuli), out_of_orderness_ms, shared)


@st.composite
def histories(draw: st.DrawFn, catalogue: Catalogue | None = None) -> History:
    """Draw a history through Hypothesis, which shrinks a failing one."""

    def choose(options: Sequence[Option], /) -> Option:
        return draw(st.sampled_from(options))

    return random_history(choose, catalogue)
