"""Reads the keys of a definition that stand beside its conditions: when it may be entered again."""

from __future__ import annotations

import re
from collections.abc import Mapping

from streams.catalogue.nodes import Node
from streams.segmentation.timeline import DurationMs

ENTRIES_MAX = 1_000
"""Most entries that a `max_entries` may count: a customer's state keeps so many instants."""

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
