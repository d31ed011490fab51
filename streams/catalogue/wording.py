"""Says conditions in words, as transitions and `streams catalogue show` print them."""

from __future__ import annotations

from streams.catalogue.calendar_phrases import WEEKDAYS
from streams.catalogue.grammar import PERIODS
from streams.segmentation.conditions import (
    AgeRange,
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
    Lookup,
    Not,
    Now,
    Otherwise,
    Performed,
    Regularly,
    Resumed,
    Sequence,
    Trait,
)
from streams.segmentation.definitions import SegmentDefinition
from streams.segmentation.timeline import duration_text

_SIGNS = {
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "eq": "=",
    "ne": "is not",
    "in": "in",
    "exists": "exists",
    "has": "has",
    "contains": "contains",
}


def describe(leaf: Condition, *, negated: bool = False) -> str:
    """Return *leaf* in words, e.g. ``did Product Viewed at least 2 times within 3d``."""
    match leaf:
        case Performed():
            return _performed(leaf, negated=negated)
        case Last():
            return _last(leaf, negated=negated)
        case Trait(_, name, test):
            return f"trait {name}{' not' if negated else ''} {' and '.join(map(_test, test))}"
        case Consent(channel, state, purpose):
            of = f" for {purpose}" if purpose else ""
            return f"consent to {channel}{of} is {'not ' if negated else ''}{state}"
        case Compare():
            return f"{'not ' if negated else ''}{_compared(leaf)}"
        case (
            Sequence()
            | First()
            | Resumed()
            | Regularly()
            | During()
            | Now()
            | Cadence()
            | LookedUp()
            | Bucket()
        ):
            return f"{'not ' if negated else ''}{_pattern(leaf)}"
        case InSegment(segment_id):
            return f"{'not ' if negated else ''}in {segment_id}"
        case Otherwise():
            return "in no other segment of the group"
        case Not(part):
            return describe(part, negated=not negated)
        case _:
            return "..."


def _compared(leaf: Compare) -> str:
    kind, right = leaf.left.kind, leaf.right
    if right is not None:
        part = "" if leaf.factor_ppm == 1_000_000 else f"{leaf.factor_ppm / 10_000:g}% of "
        other = f"{part}{_aggregate(right)}"
    elif kind == "share":
        other = f"{leaf.constant / 10_000:g}%"
    else:
        other = str(leaf.constant if kind in {"count", "distinct"} else leaf.constant / 1_000_000)
    return f"{_aggregate(leaf.left)} {_SIGNS[leaf.operator]} {other}"


def _pattern(
    leaf: Sequence | First | Resumed | Regularly | During | Now | Cadence | LookedUp | Bucket,
) -> str:
    match leaf:
        case During() | Now():
            return _calendar(leaf)
        case Cadence() | LookedUp() | Bucket():
            return _rhythm(leaf)
        case Sequence(steps, by, gap_ms, without, age):
            said = " then ".join(f"{step.event}{_where(step.where)}" for step in steps)
            of = f" with the same {by}" if by else ""
            gap = f" less than {duration_text(gap_ms)} apart" if gap_ms is not None else ""
            end = f" and no {without.event}{_where(without.where)} since" if without else ""
            return f"{said}{of}{gap}{_age(age)}{end}"
        case First(event, age, where):
            return f"first {event}{_where(where)}{_age(age)}"
        case Resumed(event, pause_ms, within_ms, where):
            within = _age(AgeRange(0, within_ms))
            return f"{event}{_where(where)} again after a pause of {duration_text(pause_ms)}{within}"
        case Regularly(event, at_least, periods, length_ms, where):
            every = duration_text(length_ms)
            return f"{event}{_where(where)} in {at_least} of the last {periods} periods of {every}"


def _calendar(leaf: During | Now) -> str:
    zone = f"{'the customer, else ' if leaf.zone.event else ''}{leaf.zone.name}"
    if isinstance(leaf, During):
        period = leaf.period
        words = {(unit, offset): word for word, (unit, offset) in PERIODS.items()}
        when = words.get((period.unit, period.offset)) or _days(period.first, period.end)
        times = f" {leaf.at_least} to {leaf.at_most} times"
        if leaf.at_most is None:
            times = "" if leaf.at_least == 1 else f" at least {leaf.at_least} times"
        return f"did {leaf.event}{_where(leaf.where)}{times} {when} ({zone})"
    parts = [f"month {', '.join(map(str, leaf.months))}"] if leaf.months else []
    if leaf.weekdays:
        parts.append(", ".join(WEEKDAYS[number] for number in leaf.weekdays))
    if leaf.hours:
        parts.append(f"{leaf.hours[0]} to {leaf.hours[1]} o'clock")
    if leaf.first or leaf.end:
        parts.append(_days(leaf.first, leaf.end))
    return f"now is {' and '.join(parts)} ({zone})"


def _days(first: str | None, end: str | None) -> str:
    return " ".join(f"{word} {day}" for word, day in (("from", first), ("before", end)) if day)


def _rhythm(leaf: Cadence | LookedUp | Bucket) -> str:
    match leaf:
        case Cadence(event, by, intervals, variation_ppm, due_ppm, age, where):
            of = f" by {by}" if by else ""
            steady = f", varying at most {variation_ppm / 1_000_000:g}" if variation_ppm is not None else ""
            due = ""
            if due_ppm is not None:
                due = f", due at {due_ppm[0] / 10_000:g}% to {due_ppm[1] / 10_000:g}% of the median"
            return f"{event}{_where(where)} at {intervals} or more intervals{of}{_age(age)}{steady}{due}"
        case LookedUp(event, by, begin, end, newest, where):
            bounds = " ".join(
                f"{word} {_lookup(bound)}"
                for word, bound in (("from", begin), ("to", end))
                if bound is not None
            )
            return f"{'last' if newest else 'did'} {event}{_where(where)} {bounds} ago, by {' or '.join(by)}"
        case Bucket(salt, from_ppm, to_ppm):
            return f"in {from_ppm / 10_000:g}% to {to_ppm / 10_000:g}% of {salt}"


def _lookup(lookup: Lookup) -> str:
    rows = [f"{value} {duration_text(ms)}" for value, ms in lookup.rows]
    if lookup.default_ms is not None:
        rows.append(f"{'else ' if rows else ''}{duration_text(lookup.default_ms)}")
    return f"({', '.join(rows)})"


def _last(leaf: Last, *, negated: bool) -> str:
    text = f"last {leaf.event}{_where(leaf.where)}"
    if not leaf.test:
        return f"{text}{' not' if negated else ''}{_age(leaf.age)}"
    tests = " and ".join(f"{test.property} {_test(test)}" for test in leaf.test)
    return f"{text}{_age(leaf.age)} {'not ' if negated else ''}with {tests}"


def _performed(leaf: Performed, *, negated: bool) -> str:
    if leaf.at_most is None:
        times = "" if leaf.at_least == 1 else f" at least {leaf.at_least} times"
    elif leaf.at_most == leaf.at_least:
        times = f" exactly {leaf.at_least} times"
    else:
        times = f" {leaf.at_least} to {leaf.at_most} times"
    verb = "did not" if negated else "did"
    since = f" since {leaf.since}" if leaf.since else ""
    before = f" before the last {leaf.before}" if leaf.before else ""
    same = f" with the same {leaf.same}" if leaf.same else ""
    return f"{verb} {leaf.event}{_where(leaf.where)}{times}{same}{_age(leaf.age)}{since}{before}"


def _aggregate(aggregate: Aggregate) -> str:
    of = f"{aggregate.event}.{aggregate.property}" if aggregate.property else aggregate.event
    if aggregate.kind == "share":
        wanted = " or ".join(map(str, aggregate.wanted))
        return (
            f"share of {wanted or 'the most frequent'} in {of}{_where(aggregate.where)}{_age(aggregate.age)}"
        )
    return f"{aggregate.kind} of {of}{_where(aggregate.where)}{_age(aggregate.age)}"


def _age(age: AgeRange) -> str:
    if age.to_ms is None:
        return f" {duration_text(age.from_ms)} ago or longer" if age.from_ms else ""
    if not age.from_ms:
        return f" within {duration_text(age.to_ms)}"
    return f" {duration_text(age.from_ms)} to {duration_text(age.to_ms)} ago"


def _where(filters: tuple[Filter, ...]) -> str:
    return "".join(f" [{test.property} {_test(test)}]" for test in filters)


def _test(test: Filter) -> str:
    """Return what a property is tested for, e.g. ``>= 2`` or ``in (a, b)``."""
    if test.operator == "items_sum":
        names, sign, limit = test.value
        return f"sum of {' x '.join(names)} {_SIGNS[sign]} {limit / 1_000_000:g}"
    if test.operator in {"any_item", "all_items"}:
        tests = " and ".join(f"{one.property} {_test(one)}" for one in test.value)
        return f"{'any' if test.operator == 'any_item' else 'every'} item with {tests}"
    return f"{_SIGNS[test.operator]} {test.value}"


def door_in_words(segment: SegmentDefinition) -> str:
    """Return when *segment* may be entered again, e.g. ``no entry within 24h after an exit``; empty: at any time."""
    parts = []
    if segment.cooldown_ms:
        parts.append(f"no entry within {duration_text(segment.cooldown_ms)} after an exit")
    if segment.entries_max:
        many = "entry" if segment.entries_max == 1 else "entries"
        parts.append(
            f"at most {segment.entries_max} {many} within {duration_text(segment.entries_within_ms)}"
        )
    return "; ".join(parts)
