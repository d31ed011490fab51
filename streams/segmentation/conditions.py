"""The condition tree: what must be true of a customer at an instant.

Meaning, for an instant *t* and the set of events known (only those with event time ≤ t count):

- An event at x has the age t - x. An `AgeRange` [from, to) holds it iff from ≤ t - x < to (SEMANTICS S1).
- `Performed` counts the events in the age range, after the filters, since the last event of another kind
  when asked (x ≥ that event's time), or strictly before it; true iff at_least ≤ n ≤ at_most.
  With `same`, the count is the largest over the values of that property.
- `Last` looks at the newest event only, of those that pass `where`: true iff its age lies in the range and it passes
  `test`. Of several newest events at one millisecond any may pass: order of arrival decides nothing.
- `Trait` tests the newest value of a property of the customer, `Consent` the newest state of a channel.
- `Compare` compares two aggregates, or an aggregate and a constant.
- `InSegment` is the truth of another definition (`when` and not `exclude`), not what was emitted (S12).

The tree is data. `streams.catalogue.compiler` turns it into code; `streams.testing.oracle` interprets it naively.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from streams.segmentation.timeline import DurationMs

DEPTH_MAX = 10
Operator = Literal[
    "eq", "ne", "lt", "le", "gt", "ge", "in", "exists", "has", "contains", "any_item", "all_items", "items_sum"
]  # fmt: skip


class AgeRange(msgspec.Struct, frozen=True):
    """Ages [from_ms, to_ms) before the instant asked about; `to_ms` None reaches back for ever."""

    from_ms: DurationMs = 0
    to_ms: DurationMs | None = None


EVER = AgeRange()


class Filter(msgspec.Struct, frozen=True):
    """A test of one property of an event. A missing property passes only ``ne`` and ``exists: false``.

    ``has``: a list holds the value (a single value is it); ``contains``: a text, or one of a list, contains one of the
    words, whatever their case. ``any_item``, ``all_items``: one, or every one, of the items of a list (and there is one)
    passes all the filters that are the value. ``items_sum``: the value is (properties, operator, limit in millionths):
    the sum over the items of the product of these properties; a missing quantity is 1, any other missing number 0.
    """

    property: str
    operator: Operator
    value: Any


class Performed(msgspec.Struct, frozen=True, tag=True):
    """The customer did *event* (an event type or a fact) between at_least and at_most times."""

    event: str
    at_least: int = 1
    at_most: int | None = None
    age: AgeRange = EVER
    since: str | None = None
    before: str | None = None
    where: tuple[Filter, ...] = ()
    same: str | None = None


class Last(msgspec.Struct, frozen=True, tag=True):
    """The newest *event* (an event type or a fact) that passes *where* has an age in the range, and passes *test*."""

    event: str
    age: AgeRange = EVER
    where: tuple[Filter, ...] = ()
    test: tuple[Filter, ...] = ()


class Trait(msgspec.Struct, frozen=True, tag=True):
    """The newest value of a property of the customer passes *test*; *event* (an event type or a fact) carries it.

    A customer of whom the property was never said has none: that passes only ``ne`` and ``exists: false``.
    """

    event: str
    name: str
    test: tuple[Filter, ...]


class Consent(msgspec.Struct, frozen=True, tag=True):
    """The newest consent for a channel (and purpose) is *state*; never said is ``unknown``.

    Attributes:
        updates: the event whose properties ``channel``, ``purpose`` and ``state`` say it.
        grants, denials: events that grant or deny it for this channel by themselves.
    """

    channel: str
    state: str = "granted"
    purpose: str | None = None
    updates: str = "Consent Updated"
    grants: tuple[str, ...] = ()
    denials: tuple[str, ...] = ()


AggregateKind = Literal["count", "sum", "avg", "min", "max", "distinct", "share"]


class Aggregate(msgspec.Struct, frozen=True):
    """A number over the events in the age range.

    Attributes:
        kind: ``count``: how many; ``distinct``: how many different values of the property; ``share``: of those that
            have a value, the part that has the most frequent one; ``sum``, ``avg``, ``min``, ``max`` of a number or
            money property, in micros, those without the number left out (but 0 where a fact's amount is read).
        property: for all but ``count``; None: the fact's amount. A path such as ``products.category`` means the values
            over the items of a list; of numbers, their sum.
        wanted: for ``share``: only counts when one of these is the most frequent value; empty: whichever it is.
    """

    kind: AggregateKind
    event: str
    property: str | None = None
    age: AgeRange = EVER
    where: tuple[Filter, ...] = ()
    wanted: tuple[Any, ...] = ()


class Compare(msgspec.Struct, frozen=True, tag=True):
    """``left OP constant``, or ``left OP factor_ppm/10^6 · right``; false unless the right side is positive.

    The average, least or greatest of nothing, and the share of nothing, compare with nothing: false. A constant is in
    the aggregate's own unit: events, micros, or for a share millionths.
    """

    left: Aggregate
    operator: Literal["lt", "le", "gt", "ge"]
    constant: int = 0
    right: Aggregate | None = None
    factor_ppm: int = 1_000_000


class Step(msgspec.Struct, frozen=True):
    """One step of a sequence: an event that passes the filters."""

    event: str
    where: tuple[Filter, ...] = ()


class Sequence(msgspec.Struct, frozen=True, tag=True):
    """The customer did *steps* in this order, the first less than `age.to_ms` ago, the last at least `age.from_ms` ago.

    Steps may share a millisecond, unless one event could be both: then the later one comes later.

    Attributes:
        by: a property whose value is the same in all steps; events without it are no step.
        gap_ms: each step comes less than this after the one before.
        without: what did not happen at or after the last step (with the same value of *by*).
    """

    steps: tuple[Step, ...]
    by: str | None = None
    gap_ms: DurationMs | None = None
    without: Step | None = None
    age: AgeRange = EVER


class First(msgspec.Struct, frozen=True, tag=True):
    """The first *event* ever that passes *where* has an age in the range."""

    event: str
    age: AgeRange
    where: tuple[Filter, ...] = ()


class Resumed(msgspec.Struct, frozen=True, tag=True):
    """Less than *within_ms* ago came an *event* at least *pause_ms* after the one before it."""

    event: str
    pause_ms: DurationMs
    within_ms: DurationMs | None = None
    where: tuple[Filter, ...] = ()


class Regularly(msgspec.Struct, frozen=True, tag=True):
    """The customer did *event* in at least *at_least* of the last *periods* periods of *length_ms*."""

    event: str
    at_least: int
    periods: int
    length_ms: DurationMs
    where: tuple[Filter, ...] = ()


class Zone(msgspec.Struct, frozen=True):
    """Whose calendar counts: *event* (an event type or a fact) carries the customer's ``timezone``; else *name*."""

    name: str = "UTC"
    event: str | None = None


class Period(msgspec.Struct, frozen=True):
    """A stretch of the calendar: this (offset 0) or an earlier day, week, month or year, or days [first, end)."""

    unit: Literal["day", "week", "month", "year", "days"]
    offset: int = 0
    first: str | None = None
    end: str | None = None


class During(msgspec.Struct, frozen=True, tag=True):
    """The customer did *event* between at_least and at_most times in a stretch of the calendar."""

    event: str
    period: Period
    zone: Zone
    at_least: int = 1
    at_most: int | None = None
    where: tuple[Filter, ...] = ()


class Now(msgspec.Struct, frozen=True, tag=True):
    """The local time is in these months (1 to 12), weekdays (Monday is 0), hours [from, to), days [first, end)."""

    zone: Zone
    months: tuple[int, ...] = ()
    weekdays: tuple[int, ...] = ()
    hours: tuple[int, int] | None = None
    first: str | None = None
    end: str | None = None


class Cadence(msgspec.Struct, frozen=True, tag=True):
    """The customer does *event* at regular intervals, and the next one is due.

    For some value of *by*: at least *intervals* between the events in `age`, whose coefficient of variation (deviation
    / mean) is at most *variation_ppm*; and since the newest, [from, to) of *due_ppm* of their median has passed.
    """

    event: str
    by: str | None = None
    intervals: int = 2
    variation_ppm: int | None = None
    due_ppm: tuple[int, int] | None = None
    age: AgeRange = EVER
    where: tuple[Filter, ...] = ()


class Lookup(msgspec.Struct, frozen=True):
    """A duration out of a table: (value, ms) rows; without a row *default_ms*, and None: there is none."""

    rows: tuple[tuple[str, DurationMs], ...]
    default_ms: DurationMs | None = None


class LookedUp(msgspec.Struct, frozen=True, tag=True):
    """Some *event* (with *newest*: the newest one) has an age in a range that its own properties look up.

    Of the properties *by* the first counts that has a row; of several values of it (a path to the items of a list)
    the shortest duration. An event for which there is no duration does not count.
    """

    event: str
    by: tuple[str, ...]
    begin: Lookup | None = None
    end: Lookup | None = None
    newest: bool = False
    where: tuple[Filter, ...] = ()


class Bucket(msgspec.Struct, frozen=True, tag=True):
    """The customer's share by chance, the same for ever for one *salt*, lies in [from_ppm, to_ppm)."""

    salt: str
    from_ppm: int
    to_ppm: int


class InSegment(msgspec.Struct, frozen=True, tag=True):
    """The truth of another definition."""

    segment_id: str


class All(msgspec.Struct, frozen=True, tag=True):
    """True iff every one is (Kleene)."""

    conditions: tuple[Condition, ...]


class Any_(msgspec.Struct, frozen=True, tag=True):
    """True iff at least one is (Kleene)."""

    conditions: tuple[Condition, ...]


class Not(msgspec.Struct, frozen=True, tag=True):
    """True iff the other is false (Kleene)."""

    condition: Condition


class Otherwise(msgspec.Struct, frozen=True, tag=True):
    """The catch-all of a partition group: true where none above is."""


Leaf = (
    Performed
    | Last
    | Trait
    | Consent
    | Compare
    | Sequence
    | First
    | Resumed
    | Regularly
    | During
    | Now
    | Cadence
    | LookedUp
    | Bucket
    | InSegment
    | Otherwise
)
Condition = Leaf | All | Any_ | Not


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Yield the leaves of *condition*, left to right."""
    match condition:
        case All(conditions) | Any_(conditions):
            for part in conditions:
                yield from leaves(part)
        case Not(part):
            yield from leaves(part)
        case _:
            yield condition


def depth(condition: Condition) -> int:
    """Return how many levels *condition* nests; a leaf has 1."""
    match condition:
        case All(conditions) | Any_(conditions):
            return 1 + max(map(depth, conditions), default=0)
        case Not(part):
            return 1 + depth(part)
        case _:
            return 1


def _proved(leaf: Compare) -> bool:
    """Return whether events alone prove a comparison true, and no more of them can disprove it."""
    if leaf.left.kind == "min":
        return leaf.operator in {"lt", "le"}
    return leaf.left.kind in {"count", "sum", "distinct", "max"} and leaf.operator in {"gt", "ge"}


def _is_absence(leaf: Condition) -> bool:
    """Return whether *leaf* as it stands says that something did not happen."""
    if isinstance(leaf, LookedUp):
        return leaf.newest or leaf.begin is not None
    return isinstance(leaf, Otherwise | Resumed | Cadence)


def rests_on_absence(condition: Condition, whens: Mapping[str, Condition], *, negated: bool = False) -> bool:
    """Return whether the truth of *condition* can rest on something not having happened (S5).

    Did not, never, exactly N, at most N; `Last` with a lower age, which says that nothing newer came; and being in a
    segment whose own condition does. What another segment excludes does not count.

    Args:
        condition: what is asked.
        whens: segment id → its `when`, of all segments; they refer to each other without circles.
        negated: ask it of the opposite.
    """
    match condition:
        case All(conditions) | Any_(conditions):
            return any(rests_on_absence(part, whens, negated=negated) for part in conditions)
        case Not(part):
            return rests_on_absence(part, whens, negated=not negated)
        case InSegment(name):
            return rests_on_absence(whens[name], whens, negated=negated)
        case Performed(at_most=at_most, since=since):
            return negated or at_most is not None or since is not None
        case Last(age=age):
            return negated or age.from_ms > 0
        case Compare():
            return negated or not _proved(condition)
        case During(at_most=at_most):
            return negated or at_most is not None
        case Sequence(without=without):
            return negated or without is not None
        case First(age=age):
            return negated or age.to_ms is not None
        case _:
            return _is_absence(condition) or (negated and not isinstance(condition, Now | Bucket))
