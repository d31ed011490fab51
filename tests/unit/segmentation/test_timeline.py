"""Event time as text."""

from __future__ import annotations

import pytest

from streams.segmentation.timeline import DAY_MS, HOUR_MS, duration_text, rfc3339


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1_772_458_631_250, "2026-03-02T13:37:11.250Z"),
        (1_772_458_631_009, "2026-03-02T13:37:11.009Z"),
    ],
)
def test_rfc3339_has_milliseconds_and_utc(instant: int, text: str) -> None:
    """S18: times are written like 2026-03-02T13:37:11.250Z, before 1970 as well."""
    assert text == rfc3339(instant)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (90 * DAY_MS, "90d"),
        (36 * HOUR_MS, "36h"),
        (90_000, "90s"),
        (60_000, "1m"),
        (250, "250ms"),
        (0, "0ms"),
    ],
)
def test_duration_text_takes_the_largest_whole_unit(duration: int, text: str) -> None:
    """A duration reads as its author would write it."""
    assert text == duration_text(duration)
