"""Numbers over events as the oracle computes them, in exact fractions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from streams.segmentation.conditions import Aggregate
from streams.segmentation.stimuli import EventObserved
from streams.testing.oracle_events import number


def number_over(
    aggregate: Aggregate, events: Sequence[EventObserved], amount: Sequence[str]
) -> Fraction | None:
    """Return *aggregate* over *events*, in its own unit; None where there is no such number.

    Args:
        aggregate: what to compute.
        events: those that count.
        amount: the money properties of the fact, where the aggregate names none.
    """
    kind, name = aggregate.kind, aggregate.property
    if kind == "count":
        return Fraction(len(events))
    if kind in {"distinct", "share"}:
        values = [different(event, name or "") for event in events]
        every = [value for several in values for value in several]
        if kind == "distinct":
            return Fraction(len(set(every)))
        saying = sum(1 for several in values if several)
        if not saying:
            return None
        most = max(every.count(value) for value in every)
        frequent = [value for value in every if every.count(value) == most]
        wanted = not aggregate.wanted or any(value in aggregate.wanted for value in frequent)
        return Fraction(most * 1_000_000, saying) if wanted else Fraction(0)
    numbers = numbers_of(aggregate, events, amount)
    if kind == "sum":
        return Fraction(sum(numbers))
    if not numbers:
        return None
    if kind == "avg":
        return Fraction(sum(numbers), len(numbers))
    return Fraction(min(numbers) if kind == "min" else max(numbers))


def numbers_of(aggregate: Aggregate, events: Sequence[EventObserved], amount: Sequence[str]) -> list[int]:
    """Return the number that each event has, in micros; events without one are left out, or of amount 0."""
    name = aggregate.property
    if name is None or (aggregate.kind == "sum" and "." not in name):
        return [amount_micros(event, [name] if name else amount) for event in events]
    found = []
    for event in events:
        whole, _, part = name.rpartition(".")
        if whole:
            items = items_of(event, whole)
            if items:
                missing = 1_000_000 if part == "quantity" else 0
                parts = [micros_of(item.get(part)) for item in items]
                found.append(sum(missing if one is None else one for one in parts))
        elif (one := micros_of(event.properties.get(name))) is not None:
            found.append(one)
    return found


def different(event: EventObserved, name: str) -> set[Any]:
    """Return the different values of a property, or of a path over the items of a list."""
    whole, _, part = name.rpartition(".")
    values = [item.get(part) for item in items_of(event, whole)] if whole else [event.properties.get(name)]
    every = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return {one for one in every if one is not None}


def items_of(event: EventObserved, name: str) -> list[dict[str, Any]]:
    """Return the items of a list property."""
    value = event.properties.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def micros_of(value: Any) -> int | None:
    """Return a number in millionths, rounded half to even; None when it is none."""
    exact = number(value)
    return None if exact is None else int(exact.scaleb(6).to_integral_value())


def amount_micros(event: EventObserved, names: Sequence[str]) -> int:
    """Return the first present of the money properties *names* in millionths; 0 when none can be read."""
    present = next((event.properties[name] for name in names if event.properties.get(name) is not None), None)
    return micros_of(present) or 0
