"""Event time: integers in milliseconds since 1970-01-01 UTC, half-open intervals, exact durations.

Nothing here reads a clock. RFC 3339 text exists only at the edges (`streams.codecs`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

EpochMs = int
DurationMs = int

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

NEVER: Final[EpochMs] = 1 << 61
"""Later than every instant: 'no such time ahead'."""

BEFORE_ALL: Final[EpochMs] = -(1 << 61)
"""Earlier than every instant: 'nothing seen yet'."""


_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive on purpose: exact arithmetic in UTC


def rfc3339(instant_ms: EpochMs) -> str:
    """Return *instant_ms* as text in UTC with milliseconds, e.g. ``2026-03-02T13:37:11.250Z``."""
    minute, rest_ms = divmod(instant_ms, MINUTE_MS)
    seconds, ms = divmod(rest_ms, SECOND_MS)
    return f"{_minute_text(minute)}{seconds:02d}.{ms:03d}Z"


@lru_cache(maxsize=65_536)  # a month and a half: what is written is nearly always near the same few days
def _minute_text(minute: int) -> str:
    return f"{(_EPOCH + timedelta(minutes=minute)).isoformat(timespec='minutes')}:"


def duration_text(duration_ms: DurationMs) -> str:
    """Return *duration_ms* in its largest whole unit, e.g. ``90d``, ``36h``, ``250ms``."""
    for unit, name in ((DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "m"), (SECOND_MS, "s")):
        if duration_ms % unit == 0 and duration_ms:
            return f"{duration_ms // unit}{name}"
    return f"{duration_ms}ms"
