"""What each leaf of a condition asks of the events: which ones, how far back, and what is kept of them.

One place says it for the journals (what is kept, and for how long), the machines (what is evidence) and coverage (how
long a segment stays silent).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from streams.segmentation.conditions import (
    Aggregate,
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
    LookedUp,
    Now,
    Otherwise,
    Performed,
    Regularly,
    Resumed,
    Sequence,
    Trait,
    Zone,
)
from streams.segmentation.definitions import SegmentDefinition
from streams.segmentation.timeline import DAY_MS, DurationMs

ColumnKind = Literal["plain", "number", "each", "test", "json"]


class Column(msgspec.Struct, frozen=True):
    """What is kept of an event beside its time.

    Attributes:
        kind: ``plain``: a property as it came; ``number``: in millionths, None when it is no number; ``each``: the
            different values over the items of a list; ``test``: whether the event passes *where*; ``json``: the whole
            property as JSON text, for a transition to carry.
        property: the property; for ``each`` a path such as ``products.category``.
        where: for ``test``.
    """

    kind: ColumnKind
    property: str = ""
    where: tuple[Filter, ...] = ()


class Reading(msgspec.Struct, frozen=True):
    """What a leaf asks of one event or fact.

    Attributes:
        event: the event or fact.
        where: filters that the events must pass.
        reach_ms: how far back from the instant it asks; 0: the newest alone answers; None: for ever.
        undone_reach_ms: the same where events can be taken back, and the one before answers.
        looks_ms: how far back what is unknown could decide it (S10); None: for ever.
        looks: whether what happened before the coverage matters at all.
        columns: what it reads beside the times.
        sums: whether it reads the running sum of money; *property* names it, else the fact's amount.
    """

    event: str
    where: tuple[Filter, ...] = ()
    reach_ms: DurationMs | None = 0
    undone_reach_ms: DurationMs | None = None
    looks_ms: DurationMs | None = None
    looks: bool = True
    columns: tuple[Column, ...] = ()
    sums: bool = False
    property: str | None = None


def readings(leaf: Condition) -> list[Reading]:
    """Return what *leaf* asks for, its own event first; a reference to another segment asks for nothing itself."""
    match leaf:
        case Performed():
            return _performed(leaf)
        case Last(event, age, where, test):
            return [Reading(event, where, looks_ms=age.to_ms, columns=columns_of(test))]
        case Trait(event, name, test):
            return [Reading(event, carries(name), columns=columns_of(test))]
        case Consent():
            return [
                Reading(leaf.updates, consent_filters(leaf), columns=(Column("plain", "state"),)),
                *(Reading(event) for event in (*leaf.grants, *leaf.denials)),
            ]
        case Compare(left=left, right=right):
            return [_aggregate(one) for one in (left, right) if one is not None]
        case InSegment() | Otherwise():
            return []
        case _:
            return _pattern(leaf)


def _rhythm(leaf: Condition) -> list[Reading]:
    """Return what a rhythm, a looked-up window or chance reads."""
    match leaf:
        case Cadence(event, by, age=age, where=where):
            return [_windowed(event, where, age.to_ms, () if by is None else (Column("each", by),))]
        case LookedUp(event, by, _, end, newest, where):
            lengths = [ms for _, ms in end.rows] + [end.default_ms or 0] if end is not None else []
            reach_ms = max(lengths) if lengths else None
            columns = tuple(Column("each", name) for name in by)
            if newest:
                return [Reading(event, where, looks_ms=reach_ms, columns=columns)]
            return [_windowed(event, where, reach_ms, columns)]
        case Bucket():
            return []
        case _:
            raise TypeError(f"{type(leaf).__name__} is no leaf")


def _pattern(leaf: Condition) -> list[Reading]:
    """Return what a pattern over time reads."""
    match leaf:
        case Sequence(steps, by, _, without, age):
            key = () if by is None else (Column("plain", by),)
            ends = () if without is None else (without,)
            return [_windowed(step.event, step.where, age.to_ms, key) for step in (*steps, *ends)]
        case First(event, _, where):
            return [_windowed(event, where, None)]
        case Resumed(event, _, within_ms, where):
            return [Reading(event, where, reach_ms=within_ms)]
        case During(event, period, zone, where=where):
            longest_ms = _UNITS_MS.get(period.unit)
            reach_ms = None if longest_ms is None else (1 - period.offset) * longest_ms + DAY_MS
            return [_windowed(event, where, reach_ms), *_zone(zone)]
        case Now(zone):
            return _zone(zone)
        case Regularly(event, _, periods, length_ms, where):
            return [_windowed(event, where, periods * length_ms)]
        case _:
            return _rhythm(leaf)


_UNITS_MS = {"day": 2 * DAY_MS, "week": 8 * DAY_MS, "month": 32 * DAY_MS, "year": 367 * DAY_MS}
"""Longer than any of these is, wherever the clock is put back."""

ZONE_TRAIT = "timezone"


def _zone(zone: Zone) -> list[Reading]:
    """Return what is read to know a customer's time zone."""
    if zone.event is None:
        return []
    return [Reading(zone.event, carries(ZONE_TRAIT), looks=False, columns=(Column("plain", ZONE_TRAIT),))]


def _windowed(
    event: str, where: tuple[Filter, ...], reach_ms: DurationMs | None, columns: tuple[Column, ...] = ()
) -> Reading:
    """Return what is read of the events of a window, *reach_ms* long."""
    return Reading(event, where, reach_ms, undone_reach_ms=reach_ms, looks_ms=reach_ms, columns=columns)


def carries(name: str) -> tuple[Filter, ...]:
    """Return the filter that events pass which say the trait *name*."""
    return (Filter(name, "exists", True),)


def consent_filters(leaf: Consent) -> tuple[Filter, ...]:
    """Return the filters that updates of this consent pass."""
    channel = Filter("channel", "eq", leaf.channel)
    return (channel,) if leaf.purpose is None else (channel, Filter("purpose", "eq", leaf.purpose))


def column_of(test: Filter) -> Column:
    """Return what is kept of an event to test it later: the property, or the outcome where that is smaller."""
    kept_as_it_is = test.operator in {"eq", "ne", "lt", "le", "gt", "ge", "in", "exists"}
    return Column("plain", test.property) if kept_as_it_is else Column("test", test.property, (test,))


def columns_of(tests: tuple[Filter, ...]) -> tuple[Column, ...]:
    """Return what is kept of an event to pass *tests* later."""
    return tuple(dict.fromkeys(map(column_of, tests)))


def context_readings(segment: SegmentDefinition) -> list[Reading]:
    """Return what the transitions of *segment* read beside its conditions: each time the newest event."""
    return [
        Reading(one.event, looks=False, columns=(Column("json", one.property),)) for one in segment.context
    ]


def events_of(leaf: Condition) -> list[str]:
    """Return every event or fact that *leaf* names, in order, each once."""
    return list(dict.fromkeys(reading.event for reading in readings(leaf)))


def _aggregate(aggregate: Aggregate) -> Reading:
    """Return what a number over events reads."""
    column = column_behind(aggregate)
    return Reading(
        aggregate.event,
        aggregate.where,
        reach_ms=aggregate.age.to_ms,
        undone_reach_ms=aggregate.age.to_ms,
        looks_ms=aggregate.age.to_ms,
        columns=() if column is None else (column,),
        sums=aggregate.kind != "count" and column is None,
        property=aggregate.property,
    )


def column_behind(aggregate: Aggregate) -> Column | None:
    """Return the column that *aggregate* reads; None: the times alone, or the running amount of money."""
    kind, name = aggregate.kind, aggregate.property
    if kind == "count" or name is None or (kind == "sum" and "." not in name):
        return None
    return Column("each" if kind in {"distinct", "share"} else "number", name)


def _performed(leaf: Performed) -> list[Reading]:
    """Return what a count reads, and its marks; since another event nothing older than that event matters."""
    own = Reading(
        leaf.event,
        leaf.where,
        reach_ms=reach_of(leaf),
        undone_reach_ms=leaf.age.to_ms,
        looks_ms=leaf.age.to_ms,
        looks=leaf.since is None and leaf.before is None,
        columns=() if leaf.same is None else (Column("plain", leaf.same),),
    )
    marks = [Reading(mark, looks=False) for mark in (leaf.since, leaf.before) if mark is not None]
    return [own, *marks]


def reach_of(leaf: Performed) -> DurationMs | None:
    """Return how far back from the newest event *leaf* asks; 0 when the newest event alone answers it."""
    if (
        leaf.at_most in (None, 0)
        and leaf.at_least <= 1
        and not leaf.age.from_ms
        and not leaf.before
        and not leaf.same
    ):
        return 0
    return leaf.age.to_ms
