"""Tests of single properties, and money read from them, for generated code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import eq, ge, gt, le, lt
from sys import intern
from typing import Any

import msgspec

from streams.errors import RecordError
from streams.segmentation.conditions import Operator
from streams.segmentation.money import MICROS, micros
from streams.segmentation.timeline import BEFORE_ALL, EpochMs

_ORDERED: dict[str, Callable[[Any, Any], bool]] = {"eq": eq, "lt": lt, "le": le, "gt": gt, "ge": ge}
_FLAGS = {"true": True, "false": False}


def passes(value: Any, operator: Operator, wanted: Any) -> bool:
    """Return whether a property's *value* passes the test; None means that the property is missing.

    Text that spells a number or a flag is compared as one where a number or a flag is wanted.
    """
    if operator == "exists":
        return (value is not None) == bool(wanted)
    if operator == "ne":
        return not passes(value, "eq", wanted)
    if value is None:
        return False
    if operator == "in":
        return any(passes(value, "eq", one) for one in wanted)
    if operator == "has":
        return any(passes(one, "eq", wanted) for one in (value if isinstance(value, list) else [value]))
    if operator == "contains":
        texts = [str(one).casefold() for one in (value if isinstance(value, list) else [value])]
        return any(word.casefold() in text for text in texts for word in wanted)
    if operator in {"any_item", "all_items", "items_sum"}:
        return _items_pass(value, operator, wanted)
    if isinstance(value, str) and not isinstance(wanted, str):
        value = _read_as(type(wanted), value)
    try:
        return bool(_ORDERED[operator](value, wanted))
    except TypeError:
        return False


def _items_pass(value: Any, operator: Operator, wanted: Any) -> bool:
    """Return whether the items of a list pass; what is no list of mappings has none."""
    items = items_of(value)
    if operator == "items_sum":
        names, sign, limit = wanted
        return bool(items) and _ORDERED[sign](items_total(items, names), limit * MICROS)
    passed = (all(passes(item.get(f.property), f.operator, f.value) for f in wanted) for item in items)
    return any(passed) if operator == "any_item" else bool(items) and all(passed)


def items_of(value: Any) -> list[dict[str, Any]]:
    """Return the items of a list property; nothing when it is none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def items_total(items: Iterable[dict[str, Any]], names: Sequence[str]) -> int:
    """Return the sum over *items* of the product of the properties *names*, in millionths of millionths."""
    total = 0
    for item in items:
        product = 1
        for name in names:
            number = number_of(item.get(name))
            product *= (MICROS if name == "quantity" else 0) if number is None else number
        total += product if len(names) > 1 else product * MICROS
    return total


def number_of(value: Any) -> int | None:
    """Return a number or a number's text in millionths; None when it is neither, or too large."""
    if value is None:
        return None
    try:
        return micros(value)
    except ValueError:
        return None


def number_at(value: Any, name: str) -> int | None:
    """Return the sum over the items of the list *value* of their number *name*, in millionths; None without items."""
    items = items_of(value)
    return items_total(items, (name,)) // MICROS if items else None


def each(value: Any, name: str) -> list[str | int | float]:
    """Return the different values that the items of the list *value* have for *name*, in order."""
    found = dict.fromkeys(plain(one) for item in items_of(value) for one in _listed(item.get(name)))
    return [one for one in found if one is not None]


def each_of(value: Any) -> list[str | int | float]:
    """Return the different values of a list of texts, or the one value of a single one."""
    return [one for one in dict.fromkeys(map(plain, _listed(value))) if one is not None]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def newest_passes(
    times: Sequence[EpochMs], stop: int, tests: Iterable[tuple[Sequence[Any], Operator, Any]]
) -> bool:
    """Return whether the newest entry before *stop* passes *tests*: (its column, operator, wanted).

    Of several entries at the newest millisecond any may: in which order they came decides nothing.
    """
    i = stop - 1
    while True:
        if all(passes(column[i], operator, wanted) for column, operator, wanted in tests):
            return True
        i -= 1
        if i < 0 or times[i] != times[stop - 1]:
            return False


_WEIGHT = {"granted": 0, "pending": 1, "denied": 3}
"""Where two states were said at one millisecond, the heavier one counts: nobody is written to by mistake."""


def consent_state(said: Iterable[tuple[Sequence[EpochMs], int, Sequence[Any] | str]]) -> str:
    """Return the newest state of a consent, ``unknown`` when none was said.

    Args:
        said: times, how many of them count, and the states beside them (or the one state of them all).
    """
    newest, found = BEFORE_ALL, (2, "unknown")
    for times, stop, states in said:
        for i in range(stop - 1, -1, -1):
            if times[i] < newest:
                break
            value = states if isinstance(states, str) else str(states[i])
            weighed = (_WEIGHT.get(value, 2), value)
            if times[i] > newest or weighed > found:
                newest, found = times[i], weighed
    return found[1]


def _read_as(kind: type, text: str) -> Any:
    if kind is bool:
        return _FLAGS.get(text.strip().casefold())
    for number in (int, float):
        try:
            read: int | float = number(text)
        except ValueError:
            continue
        return read
    return None


def plain(value: Any) -> str | int | float | None:
    """Return a property's *value* as it is kept in a journal and compared: text, number or flag; else its text.

    Lists and mappings have no equality that a journal could use, and a profile holds no number beyond 64 bits.
    """
    if value.__class__ is str:
        return intern(value)  # many customers view one product: its id is kept once, and is warm in the cache
    if (
        value is None
        or isinstance(value, str | float)
        or (isinstance(value, int) and -(1 << 63) <= value < 1 << 63)
    ):
        return value
    return str(value)


CONTEXT_BYTES_MAX = 2_000
"""Longest JSON text of one property that a transition carries."""


def json_of(value: Any) -> str | None:
    """Return a property's *value* as JSON text for transitions to carry; None when there is none.

    One whose text would be longer than `CONTEXT_BYTES_MAX` becomes ``null``, never a part of it.
    """
    if value is None:
        return None
    try:
        text = msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError):
        text = msgspec.json.encode(str(value))
    return text.decode() if len(text) <= CONTEXT_BYTES_MAX else "null"


def amount_of(get: Callable[[str], Any], names: tuple[str, ...]) -> int:
    """Return the first present money property of *names* in micros; 0 when none is present.

    Raises:
        RecordError: it is present and no amount of money.
    """
    for name in names:
        value = get(name)
        if value is not None:
            try:
                return micros(value)
            except ValueError as error:
                raise RecordError("invalid_property", f"{name}: {error}") from None
    return 0
