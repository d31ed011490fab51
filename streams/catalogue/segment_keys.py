"""Reads the keys of a definition that stand beside its conditions: when it may be entered again, and what it carries."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from streams.catalogue.nodes import Node
from streams.segmentation.definitions import ContextValue
from streams.segmentation.timeline import DurationMs

ENTRIES_MAX = 1_000
"""Most entries that a `max_entries` may count: a customer's state keeps so many instants."""

CONTEXT_MAX = 10
"""Most properties that a transition carries."""

_NAME = re.compile(r"[A-Za-z_]\w{0,63}", re.ASCII)
_RATE = re.compile(r"([0-9]{1,9})\s+per\s+(\S+)", re.ASCII)


def read_cooldown(parts: Mapping[str, Node]) -> DurationMs:
    """Return how long nobody enters after an exit, in milliseconds; 0 when nothing is said."""
    if "cooldown" not in parts:
        return 0
    found = parts["cooldown"].duration()
    if not found:
        raise parts["cooldown"].error("a cooldown of nothing", "leave it out, or say how long, such as 24h")
    return found


def read_max_entries(parts: Mapping[str, Node]) -> tuple[int, DurationMs]:
    """Return how many entries are allowed in how many milliseconds; (0, 0) when nothing is said.

    Raises:
        DefinitionError: it is not written ``N per T``, or N or T is out of bounds.
    """
    node = parts.get("max_entries")
    if node is None:
        return 0, 0
    text = node.text()
    found = _RATE.fullmatch(text)
    if found is None:
        raise node.error(
            f"{text[:40]!r} does not say how many entries in which time", "write it like 3 per 30d"
        )
    count, within_ms = int(found[1]), node.duration_of(found[2])
    if not 1 <= count <= ENTRIES_MAX:
        raise node.error(f"expected 1 to {ENTRIES_MAX} entries, found {found[1]}", "write it like 3 per 30d")
    if not within_ms:
        raise node.error("entries within no time", "write it like 3 per 30d")
    return count, within_ms


def read_context(
    parts: Mapping[str, Node], named: Callable[[Node], tuple[str, str | None]]
) -> tuple[ContextValue, ...]:
    """Return what transitions carry.

    Args:
        parts: the keys of the definition.
        named: reads ``EVENT.PROPERTY``.

    Raises:
        DefinitionError: too much, no name, an unknown event, or no whole property of it.
    """
    node = parts.get("context")
    if node is None:
        return ()
    found = []
    for key, value in zip(node.keys(), node.mapping().values(), strict=True):
        name = key.text()
        if not _NAME.fullmatch(name):
            raise key.error(
                f"{name[:80]!r} is no name for a value", "letters, digits and '_' only, such as cart_id"
            )
        event, field = named(value)
        if field is None:
            raise value.error(f"which property of {event!r}?", f"write '{name}: {event}.PROPERTY'")
        if "." in field:
            raise value.error(
                "a transition carries whole properties", f"write '{event}.{field.partition('.')[0]}'"
            )
        found.append(ContextValue(name, event, field))
    if not found:
        raise node.error(
            "a context of nothing", "name what to carry, such as 'cart_id: Product Added.cart_id'"
        )
    if len(found) > CONTEXT_MAX:
        raise node.error(f"{len(found)} values, more than {CONTEXT_MAX}", "leave out what nobody reads")
    return tuple(found)
