"""What the oracle asks of events: their ages, their properties, the newest of them. Shared with nothing of the engine."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from streams.segmentation.conditions import AgeRange, Filter
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import EpochMs

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}


@dataclass(frozen=True)
class View:
    """What may be known at an instant: the instant, and the events that count there."""

    at_ms: EpochMs
    events: Sequence[EventObserved]


def in_range(age: AgeRange, age_ms: int) -> bool:
    """Return whether *age_ms* lies in the half-open range (S1)."""
    return age.from_ms <= age_ms and (age.to_ms is None or age_ms < age.to_ms)


def newest_ms(events: Iterable[EventObserved]) -> EpochMs | None:
    """Return the time of the newest of *events*, or None when there is none."""
    return max((event.event_time_ms for event in events), default=None)


def most_alike(events: Sequence[EventObserved], name: str) -> int:
    """Return how many of *events* share one value of the property *name*; those without it do not count."""
    values = [event.properties[name] for event in events if event.properties.get(name) is not None]
    return max((values.count(value) for value in values), default=0)


def passes(where: Iterable[Filter], event: EventObserved) -> bool:
    """Return whether *event* passes every filter; a missing property passes only ``ne`` and ``exists: false``."""
    return all(_passes(test, event.properties.get(test.property)) for test in where)


def _passes(test: Filter, value: Any) -> bool:
    if test.operator == "exists":
        return (value is not None) == bool(test.value)
    if value is None:
        return test.operator == "ne"
    match test.operator:
        case "eq":
            return bool(value == test.value)
        case "ne":
            return bool(value != test.value)
        case "in":
            return value in test.value
        case "has":
            return test.value in (value if isinstance(value, list) else [value])
        case "contains":
            return contains(value, test.value)
        case "any_item" | "all_items" | "items_sum":
            return items_pass(test, value)
        case _:
            left, right = number(value), number(test.value)
            return left is not None and right is not None and COMPARISONS[test.operator](left, right)


def items_pass(test: Filter, value: Any) -> bool:
    """Return whether the items of the list *value* pass a test of items."""
    items = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    if test.operator == "items_sum":
        names, sign, limit = test.value
        total = Decimal(0)
        for item in items:
            product = Decimal(1)
            for name in names:
                factor = number(item.get(name))
                product *= factor if factor is not None else Decimal(1 if name == "quantity" else 0)
            total += product
        return bool(items) and COMPARISONS[sign](total * 1_000_000, limit)
    passed = [all(_passes(one, item.get(one.property)) for one in test.value) for item in items]
    return any(passed) if test.operator == "any_item" else bool(items) and all(passed)


def contains(value: Any, words: Sequence[str]) -> bool:
    """Return whether a text, or one of a list, has one of *words* in it."""
    texts = value if isinstance(value, list) else [value]
    return any(word.lower() in str(text).lower() for text in texts for word in words)


def number(value: Any) -> Decimal | None:
    """Return *value*, a number or a number's text, exactly; None when it is neither."""
    if value is None or isinstance(value, bool):
        return None
    try:
        exact = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return exact if exact.is_finite() else None
