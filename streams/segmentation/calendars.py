"""Local time for generated code: days, weeks, months and years as instants, exact through daylight saving.

A zone that nobody knows is no error: producers write anything; the shop's zone counts then. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from streams.segmentation.timeline import DAY_MS, NEVER, EpochMs

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


@lru_cache(maxsize=1_024)
def zone_of(name: str) -> ZoneInfo | None:
    """Return the time zone *name*, such as ``Europe/Berlin``; None when there is none."""
    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError):  # no name of a zone, an unknown one, a folder of them
        return None


def customer_zone(times: Sequence[EpochMs], stop: int, names: Sequence[Any], otherwise: str) -> str:
    """Return the newest time zone that a customer was said to be in, or *otherwise*.

    Of several at one millisecond the last by name counts: order of arrival decides nothing.
    """
    newest: list[str] = []
    for i in range(stop - 1, -1, -1):
        if times[i] != times[stop - 1]:
            break
        name = names[i]
        if isinstance(name, str) and zone_of(name) is not None:
            newest.append(name)
    return max(newest, default=otherwise)


def local(t: EpochMs, zone: str) -> datetime:
    """Return the local time at *t* in a zone that exists."""
    return (_EPOCH + t * _MS).astimezone(zone_of(zone) or UTC)


def _instant(day: date, hour: int, zone: str, fold: int = 0) -> EpochMs:
    """Return when it is *hour* o'clock of *day* in *zone*; 24 is the midnight after it."""
    if hour == 24:
        day, hour = day + timedelta(days=1), 0
    at = datetime.combine(day, time(hour, fold=fold), tzinfo=zone_of(zone) or UTC)
    return (at - _EPOCH) // _MS


@lru_cache(maxsize=16_384)
def start_of_day(day: date, zone: str) -> EpochMs:
    """Return the first instant of the local *day*; where midnight is skipped, when the clock jumps over it."""
    found = _instant(day, 0, zone)
    if local(found - 1, zone).date() < day:
        return found
    early, late = found - DAY_MS, found
    while late - early > 1:
        middle = (early + late) // 2
        early, late = (early, middle) if local(middle, zone).date() >= day else (middle, late)
    return late


def unit_start(day: date, unit: str, offset: int = 0) -> date:
    """Return the first day of the day, week (from Monday), month or year of *day*, *offset* of them later."""
    match unit:
        case "day":
            return day + timedelta(days=offset)
        case "week":
            return day - timedelta(days=day.weekday()) + timedelta(weeks=offset)
        case "month":
            months = day.year * 12 + day.month - 1 + offset
            return date(months // 12, months % 12 + 1, 1)
        case _:
            return date(day.year + offset, 1, 1)


def period(t: EpochMs, zone: str, unit: str, offset: int) -> tuple[EpochMs, EpochMs, EpochMs]:
    """Return start and end of a calendar period at *t*, and when it becomes another one.

    Args:
        t: the instant.
        zone: the time zone.
        unit: day, week, month or year.
        offset: 0: the one that *t* lies in, -1: the one before it.
    """
    day = local(t, zone).date()
    start = start_of_day(unit_start(day, unit, offset), zone)
    end = start_of_day(unit_start(day, unit, offset + 1), zone)
    return start, end, _after(t, unit_start(day, unit, 1), zone)


def _after(t: EpochMs, day: date, zone: str) -> EpochMs:
    """Return when *day* begins, later than *t*: a clock put back over midnight begins it twice."""
    found = start_of_day(day, zone)
    return found if found > t else max(_instant(day, 0, zone, fold=1), t + 1)


def between_days(zone: str, first: str | None, end: str | None) -> tuple[EpochMs, EpochMs]:
    """Return the instants from the day *first* to the day *end* (which no longer belongs to it)."""
    begins = -NEVER if first is None else start_of_day(date.fromisoformat(first), zone)
    return begins, NEVER if end is None else start_of_day(date.fromisoformat(end), zone)


def is_now(
    t: EpochMs,
    zone: str,
    months: Sequence[int],
    weekdays: Sequence[int],
    hours: tuple[int, int] | None,
) -> tuple[int, EpochMs]:
    """Return the truth that the local time at *t* is in these months, weekdays (Monday is 0), hours; its next change.

    What is empty is not asked. Hours are [from, to), over midnight when from is the greater.
    """
    now = local(t, zone)
    today = now.date()
    truth, change = 2, NEVER
    if months:
        truth = truth if now.month in months else 0
        change = _after(t, unit_start(today, "month", 1), zone)
    if weekdays:
        truth = truth if now.weekday() in weekdays else 0
        change = min(change, _after(t, today + timedelta(days=1), zone))
    if hours is not None:
        begin, end = hours
        inside = begin <= now.hour < end if begin < end else now.hour >= begin or now.hour < end
        truth = truth if inside else 0
        days = (today, today + timedelta(days=1))
        turns = (_instant(day, hour, zone, fold) for day in days for hour in hours for fold in (0, 1))
        change = min(change, *(turn for turn in turns if turn > t))
    return truth, change
