"""Event time: integers in milliseconds since 1970-01-01 UTC, half-open intervals, exact durations.

Nothing here reads a clock. RFC 3339 text exists only at the edges (`streams.codecs`).
"""

from __future__ import annotations

from typing import Final

EpochMs = int
DurationMs = int

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

NEVER: Final[EpochMs] = 1 << 62
"""Later than every instant: 'no such time ahead'."""

BEFORE_ALL: Final[EpochMs] = -(1 << 62)
"""Earlier than every instant: 'nothing seen yet'."""
