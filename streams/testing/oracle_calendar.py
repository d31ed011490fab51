"""The calendar as the oracle reads it: it looks up the local time of every event and compares dates, no boundaries.

Where the local time changes is found by looking at every quarter of an hour: all zones change at one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from streams.segmentation.conditions import Condition, During, Now, Period, Zone, leaves
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import DAY_MS, MINUTE_MS, EpochMs
from streams.testing.oracle_events import View, newest_ms, passes

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "America/Havana")
"""What histories may say; anything else is no time zone."""


def calendar_holds(
    occurrences: Callable[[str, View], Sequence[EventObserved]], leaf: During | Now, view: View
) -> bool:
    """Return whether a condition of the calendar is true in *view*."""
    zone = zone_in(occurrences, leaf.zone, view)
    now = local(view.at_ms, zone)
    if isinstance(leaf, Now):
        return is_now(leaf, now)
    counted = [
        event
        for event in occurrences(leaf.event, view)
        if passes(leaf.where, event) and in_period(leaf.period, local(event.event_time_ms, zone), now)
    ]
    return leaf.at_least <= len(counted) and (leaf.at_most is None or len(counted) <= leaf.at_most)


def zone_in(occurrences: Callable[[str, View], Sequence[EventObserved]], zone: Zone, view: View) -> str:
    """Return the customer's time zone: the newest that was said; of two at once the last by name."""
    if zone.event is None:
        return zone.name
    said = [e for e in occurrences(zone.event, view) if e.properties.get("timezone") is not None]
    newest = [e.properties["timezone"] for e in said if e.event_time_ms == newest_ms(said)]
    return max((name for name in newest if name in ZONES), default=zone.name)


def local(at_ms: EpochMs, zone: str) -> datetime:
    """Return the local time."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(ZoneInfo(zone))


def in_period(period: Period, at: datetime, now: datetime) -> bool:
    """Return whether a local time lies in a period, as of the local time *now*."""
    if period.unit == "days":
        return is_between(at.date(), period.first, period.end)
    return number_of(at, period.unit) == number_of(now, period.unit) + period.offset


def number_of(at: datetime, unit: str) -> int:
    """Return how many days, weeks, months or years lie before a local time."""
    if unit == "day":
        return at.toordinal()
    if unit == "week":
        return (at.toordinal() - 1) // 7
    return at.year * 12 + at.month if unit == "month" else at.year


def is_now(leaf: Now, now: datetime) -> bool:
    """Return whether a local time is one of those asked for."""
    begin, end = leaf.hours or (0, 24)
    hours = set(range(begin, end)) if begin < end else {*range(begin, 24), *range(end)}
    months, weekdays = leaf.months or range(13), leaf.weekdays or range(7)
    within = is_between(now.date(), leaf.first, leaf.end)
    return now.month in months and now.weekday() in weekdays and now.hour in hours and within


def is_between(day: date, first: str | None, end: str | None) -> bool:
    """Return whether *day* lies in [first, end)."""
    return (first is None or first <= day.isoformat()) and (end is None or day.isoformat() < end)


def calendar_instants(conditions: Iterable[Condition], begin_ms: EpochMs, end_ms: EpochMs) -> set[EpochMs]:
    """Return every instant in [begin, end] at which the calendar may change what *conditions* say."""
    found: set[EpochMs] = set()
    for leaf in (leaf for condition in conditions for leaf in leaves(condition)):
        if isinstance(leaf, During | Now):
            for zone in ZONES if leaf.zone.event else (leaf.zone.name,):
                unit = leaf.period.unit if isinstance(leaf, During) else "now"
                found.update(
                    _turns(leaf if unit == "now" else unit, zone, begin_ms // DAY_MS, end_ms // DAY_MS)
                )
    return {at for at in found if begin_ms <= at <= end_ms}


@cache
def _turns(what: Any, zone: str, first_day: int, last_day: int) -> tuple[EpochMs, ...]:
    """Return the quarters of an hour at which a unit of the calendar, or the truth of a `Now`, changes."""
    if what == "days":
        return ()
    found, before = [], None
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=first_day - 1)
    for quarter in range((last_day - first_day + 3) * 96):
        now = (at + timedelta(minutes=15 * quarter)).astimezone(ZoneInfo(zone))
        value = is_now(what, now) if isinstance(what, Now) else number_of(now, what)
        if before is not None and value != before:
            found.append((first_day - 1) * DAY_MS + quarter * 15 * MINUTE_MS)
        before = value
    return tuple(found)
