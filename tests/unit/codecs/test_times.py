"""RFC 3339 text and epoch milliseconds: exact both ways, and nothing without a zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.codecs.times import LATEST_MS, read_time, write_time
from streams.segmentation.timeline import DAY_MS, rfc3339

INSTANT_MS = 1_772_458_631_250


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T13:37:11.250Z",
        "2026-03-02t13:37:11.250z",
        "2026-03-02 13:37:11.25Z",
        "2026-03-02T13:37:11.250000Z",
        "2026-03-02T13:37:11.250999999Z",
        "2026-03-02T14:37:11.250+01:00",
        "2026-03-02T08:07:11.250-05:30",
        "2026-03-03T13:36:11.250+23:59",
        "2026-03-02T13:37:11.250-00:00",
    ],
)
def test_every_spelling_of_an_instant(text: str) -> None:
    """Zone offsets, lower case and any number of fraction digits name the same millisecond; finer is cut off."""
    assert read_time(text) == INSTANT_MS
    assert read_time(text) == INSTANT_MS  # again, now that the minute is known


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2026-03-02T13:37:11Z", 0),
        ("2026-03-02T13:37:11.0Z", 0),
        ("2026-03-02T13:37:11.9Z", 900),
        ("2026-03-02T13:37:11.09Z", 90),
        ("2026-03-02T13:37:11.0009Z", 0),
        ("2026-03-02T13:37:11.999999999Z", 999),
    ],
)
def test_fractions(text: str, milliseconds: int) -> None:
    """0 to 9 fraction digits; what is finer than a millisecond never moves an event forward."""
    assert INSTANT_MS - 250 + milliseconds == read_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T13:37:11.250", "2026-03-02", "", "yesterday", "1772458631250", "2026-03-02T13:37Z",
        "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "0000-01-01T00:00:00Z", "2026-03-02T24:00:00Z",
        "2026-03-02T13:60:11Z", "2026-03-02T13:37:60Z", "2026-03-02T13:37:11.Z", "2026-03-02T13:37:11.1234567890Z",
        "2026-03-02T13:37:11,250Z", "2026-03-02T13:37:11+0100", "2026-03-02T13:37:11+24:00", "\uff12026-03-02T13:37:11Z",
        "2026-03-02T13:37:11.250Z ", " 2026-03-02T13:37:11.250Z", "2026-W10-1T13:37:11Z", "2026-03-02T13:37:+1.250Z",
        "2026-03-02T13:37:11.25\n0Z",
    ],
)  # fmt: skip
def test_what_is_no_instant_is_refused(text: str) -> None:
    """A time without a zone, and anything that RFC 3339 does not allow, raises ValueError, before and after caching."""
    read_time("2026-03-02T13:37:11.250Z")

    with pytest.raises(ValueError, match=r".+"):
        read_time(text)


def test_the_written_form() -> None:
    """Times are written in UTC with three fraction digits and Z."""
    assert write_time(INSTANT_MS) == "2026-03-02T13:37:11.250Z"
    assert write_time(0) == "1970-01-01T00:00:00.000Z"
    assert write_time(-1) == "1969-12-31T23:59:59.999Z"
    assert write_time(LATEST_MS) == "9999-12-31T23:59:59.999Z"


@pytest.mark.parametrize("instant_ms", [LATEST_MS + 1, -(1 << 62), 1 << 62])
def test_what_no_calendar_has_cannot_be_written(instant_ms: int) -> None:
    """An instant outside of the years 1 to 9999 raises OverflowError."""
    with pytest.raises(OverflowError):
        write_time(instant_ms)


@given(st.integers(0, LATEST_MS))
def test_every_instant_survives(instant_ms: int) -> None:
    """Written and read again, an instant is the same; and it is written as the core writes it."""
    assert instant_ms == read_time(write_time(instant_ms))
    assert rfc3339(instant_ms) == write_time(instant_ms)


@given(st.integers(0, LATEST_MS - 2 * DAY_MS), st.integers(0, 999), st.integers(-23 * 60 - 59, 23 * 60 + 59))
def test_reading_agrees_with_the_standard_library(instant_ms: int, micros: int, offset: int) -> None:
    """Any time with any offset is read as `datetime` writes it, cut off to milliseconds."""
    moment = datetime(1970, 1, 2, tzinfo=UTC) + timedelta(milliseconds=instant_ms, microseconds=micros)
    aware = moment.astimezone(timezone(timedelta(minutes=offset)))
    expected_ms = instant_ms + DAY_MS

    assert expected_ms == read_time(aware.isoformat())
    assert expected_ms == read_time(aware.isoformat(timespec="milliseconds"))


def test_many_minutes_do_not_fill_the_memory() -> None:
    """More different minutes than are kept are read and written all the same."""
    for minute in range(0, 140_000, 7):
        assert minute * 60_000 == read_time(write_time(minute * 60_000))
