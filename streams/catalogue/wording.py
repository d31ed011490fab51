"""Says conditions in words, as transitions and `streams catalogue show` print them."""

from __future__ import annotations

from streams.segmentation.conditions import (
    AgeRange,
    Aggregate,
    Compare,
    Condition,
    Filter,
    InSegment,
    Last,
    Not,
    Otherwise,
    Performed,
)
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
}


def describe(leaf: Condition, *, negated: bool = False) -> str:
    """Return *leaf* in words, e.g. ``did Product Viewed at least 2 times within 3d``."""
    match leaf:
        case Performed():
            return _performed(leaf, negated=negated)
        case Last(event, age):
            return f"last {event}{_age(age)}" if not negated else f"last {event} not{_age(age)}"
        case Compare(left, operator, constant, right, factor_ppm):
            other = str(constant if left.kind == "count" else constant / 1_000_000)
            if right is not None:
                other = f"{factor_ppm / 10_000:g}% of {_aggregate(right)}"
            return f"{'not ' if negated else ''}{_aggregate(left)} {_SIGNS[operator]} {other}"
        case InSegment(segment_id):
            return f"{'not ' if negated else ''}in {segment_id}"
        case Otherwise():
            return "in no other segment of the group"
        case Not(part):
            return describe(part, negated=not negated)
        case _:
            return "..."


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
    return f"{aggregate.kind} of {of}{_where(aggregate.where)}{_age(aggregate.age)}"


def _age(age: AgeRange) -> str:
    if age.to_ms is None:
        return f" {duration_text(age.from_ms)} ago or longer" if age.from_ms else ""
    if not age.from_ms:
        return f" within {duration_text(age.to_ms)}"
    return f" {duration_text(age.from_ms)} to {duration_text(age.to_ms)} ago"


def _where(filters: tuple[Filter, ...]) -> str:
    return "".join(f" [{f.property} {_SIGNS[f.operator]} {f.value}]" for f in filters)
