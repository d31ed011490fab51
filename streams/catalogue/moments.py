"""Instants as scenarios write them: ``10:30``, ``+30m``, ``12:00 - 1ms``, ``2026-03-05 09:00 + 2d``; all in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from streams.catalogue.nodes import Node
from streams.segmentation.timeline import DAY_MS, EpochMs, rfc3339

START_MS: EpochMs = 1_772_445_600_000
"""When a scenario starts that does not say: Monday 2026-03-02 10:00."""

_MOMENT = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)?(?:T|\s+)?(?P<clock>\d\d?:\d\d(?::\d\d(?:\.\d{1,3})?)?)?Z?"
    r"(?P<offsets>(?:\s*[+-]\s*[0-9a-z]+)*)"
)
_OFFSET = re.compile(r"([+-])\s*([0-9a-z]+)")
HINT = "write it like 10:30, +30m, 12:00 - 1ms or 2026-03-05 09:00"


def moment(node: Node, start_ms: EpochMs) -> EpochMs:
    """Return the instant that *node* writes.

    Args:
        node: a date, a time of day, or both; durations added or taken away. A time of day alone is on the day of the
            start, a date alone means its midnight, durations alone count from the start.
        start_ms: when the scenario starts.

    Raises:
        DefinitionError: it is no instant.
    """
    text = node.text()
    found = _MOMENT.fullmatch(text)
    if found is None or not text:
        raise node.error(f"{text[:40]!r} is no instant", HINT)
    try:
        instant = _based(found["date"], found["clock"], start_ms)
    except (ValueError, OverflowError):
        raise node.error(f"{text[:40]!r} is no instant", HINT) from None
    for sign, length in _OFFSET.findall(found["offsets"]):
        duration_ms = node.duration_of(length)
        instant += duration_ms if sign == "+" else -duration_ms
    return instant


def _based(date: str | None, clock: str | None, start_ms: EpochMs) -> EpochMs:
    """Return the instant without its offsets."""
    if date is None and clock is None:
        return start_ms
    day_ms = start_ms - start_ms % DAY_MS
    if date is not None:
        day_ms = round(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp()) * 1000
    if clock is None:
        return day_ms
    hours, minutes, *seconds = clock.split(":")
    if int(hours) > 24 or int(minutes) > 59 or (seconds and float(seconds[0]) >= 60):
        raise ValueError(clock)
    return (
        day_ms
        + (int(hours) * 60 + int(minutes)) * 60_000
        + (round(float(seconds[0]) * 1000) if seconds else 0)
    )


def written(instant_ms: EpochMs, start_ms: EpochMs) -> str:
    """Return *instant_ms* as short as a scenario that starts at *start_ms* may write it, e.g. ``10:30 + 2d``."""
    _, _, clock = rfc3339(instant_ms).removesuffix("Z").partition("T")
    shown = clock[:5] if clock.endswith(":00.000") else clock.removesuffix(".000")
    days = instant_ms // DAY_MS - start_ms // DAY_MS
    return f"{shown} {'+' if days > 0 else '-'} {abs(days)}d" if days else shown
