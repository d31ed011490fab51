"""Reads what several forms share: ages, tests of properties, numbers, the keys that must be there."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from streams.catalogue.grammar import FORMS
from streams.catalogue.nodes import Node
from streams.segmentation.conditions import EVER, AgeRange, Filter

_FILTERS = {
    "not": "ne",
    "below": "lt",
    "at_most": "le",
    "above": "gt",
    "at_least": "ge",
    "in": "in",
    "exists": "exists",
    "has": "has",
    "contains": "contains",
}
COMPARISONS = {"at_least": "ge", "more_than": "gt", "at_most": "le", "less_than": "lt"}
SCALES = {
    "count": 1,
    "distinct": 1,
    "share": 0,
    **dict.fromkeys(("sum", "avg", "min", "max"), 1_000_000),
}
"""Kind of an aggregate → what its numbers count; only those of one scale are compared."""

_NUMERIC = ("below", "at_most", "above", "at_least")
_NUMBER_MAX = 10**12


def required(node: Node, parts: dict[str, Node], key: str) -> Node:
    """Return the value of *key*, which *node* must have."""
    if key not in parts:
        raise node.error(f"{key!r} is missing")
    return parts[key]


def read_filters(parts: dict[str, Node], under: str = "where") -> tuple[Filter, ...]:
    """Return the tests below the key *under*; none when there is no such key."""
    found: list[Filter] = []
    for name, node in parts[under].mapping().items() if under in parts else ():
        if node.is_mapping:
            found += read_tests(name, node.mapping(FORMS["filter"]))
        else:
            found.append(Filter(name, "eq", _wanted("eq", node)))
    return tuple(found)


def read_tests(name: str, tests: dict[str, Node]) -> list[Filter]:
    """Return the *tests* (key → value) of the property *name*; ``is`` means that it equals."""
    found = []
    if "sum" in tests:
        return [_sum_of_items(name, tests)]
    for key, node in tests.items():
        match key:
            case "is":
                found.append(Filter(name, "eq", _wanted("eq", node)))
            case "any" | "all":
                wanted = read_filters(tests, key)
                if not wanted:
                    raise node.error("expected at least one test of an item")
                found.append(Filter(name, "any_item" if key == "any" else "all_items", wanted))
            case "more_than" | "less_than":
                raise node.error(f"{key!r} limits a sum", "add 'sum: quantity', or write 'above' or 'below'")
            case _:
                found.append(Filter(name, _FILTERS[key], _wanted(key, node)))  # type: ignore[arg-type]
    return found


def _sum_of_items(name: str, tests: dict[str, Node]) -> Filter:
    """Return the test of a sum over the items of a list: its factors, and one limit."""
    summed = tests["sum"]
    factors = tuple(part.strip() for part in summed.text().split(" x "))
    if not all(factors) or len(factors) > 2:
        raise summed.error(
            f"{summed.text()[:40]!r} is no sum", "write 'quantity', 'price' or 'price x quantity'"
        )
    limits = [key for key in tests if key in COMPARISONS]
    others = [key for key in tests if key not in COMPARISONS and key != "sum"]
    if len(limits) != 1 or others:
        raise summed.error("a sum needs exactly one of " + ", ".join(COMPARISONS) + " beside it")
    limit = tests[limits[0]]
    return Filter(
        name, "items_sum", (factors, COMPARISONS[limits[0]], scaled(limit, limit.text(), 1_000_000))
    )


def _wanted(test: str, node: Node) -> Any:
    """Return what a filter compares with."""
    if test == "in":
        return tuple(_wanted("eq", item) for item in node.items())
    if test == "contains":
        return tuple(item.text() for item in node.items())
    if test == "exists":
        return node.flag()
    value = node.scalar()
    if value is None:
        raise node.error("expected a value", "write 'exists: false' for a property that is missing")
    if test in _NUMERIC and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise node.error(f"expected a number, found {node.text()[:40]!r}")
    return value


def read_age(parts: dict[str, Node]) -> AgeRange:
    """Return the ages that ``within`` or ``ago`` mean; every age when there is neither."""
    if "within" in parts and "ago" in parts:
        raise parts["ago"].error("'within' and 'ago' exclude each other")
    if "within" in parts:
        length = parts["within"].duration()
        if not length:
            raise parts["within"].error("nothing lies within no time")
        return AgeRange(0, length)
    if "ago" not in parts:
        return EVER
    ago = parts["ago"].mapping(FORMS["ago"])
    begin = ago["from"].duration() if "from" in ago else 0
    end = ago["to"].duration() if "to" in ago else None
    if end is not None and end <= begin:
        raise parts["ago"].error("'to' must be longer ago than 'from'")
    return AgeRange(begin, end)


def scaled(node: Node, text: str, scale: int) -> int:
    """Return the number in *text*, times *scale*; it must be whole then."""
    try:
        value = Decimal(text.strip())
        whole = int(value * scale) if abs(value) <= _NUMBER_MAX else None
    except (InvalidOperation, ValueError):
        raise node.error(f"expected a number, found {text[:40]!r}") from None
    if whole is None or whole != value * scale:
        raise node.error(f"{text[:40]!r} is too large or has too many decimals")
    return whole
