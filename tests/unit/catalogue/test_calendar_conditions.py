"""The calendar: local days, weeks and months of the customer's or the shop's zone, through daylight saving."""

from __future__ import annotations

from datetime import date

import pytest

from streams.errors import DefinitionError
from streams.segmentation.calendars import customer_zone, period, start_of_day, zone_of
from streams.segmentation.timeline import HOUR_MS
from streams.testing.questions import Question
from streams.testing.shop import catalogue_of, instant

ORDER = "Order Completed"


def test_today_ends_at_the_customers_midnight() -> None:
    """The zone that the customer was last said to be in counts; a name that is none does not."""
    asked = Question(f"{{did: {ORDER}, during: today}}", "time_zone: Europe/Berlin")
    asked.tell(ORDER, "2026-03-02 12:00")
    assert asked.around("2026-03-02 23:00") == ["true", "false", "false"]

    asked.tell("identify", "2026-03-02 12:00", timezone="America/New_York")
    asked.tell("identify", "2026-03-02 13:00", timezone="Middle/Earth")
    assert asked.changes("2026-03-02 12:00") == "2026-03-03T05:00:00.000Z"
    assert asked.changes("2026-03-02 13:00") == "2026-03-02T23:00:00.000Z"


@pytest.mark.parametrize(
    ("during", "starts", "ends"),
    [
        ("today", "2026-03-28 23:00", "2026-03-29 22:00"),
        ("yesterday", "2026-03-27 23:00", "2026-03-28 23:00"),
        ("this week", "2026-03-22 23:00", "2026-03-29 22:00"),
        ("last week", "2026-03-15 23:00", "2026-03-22 23:00"),
        ("this month", "2026-02-28 23:00", "2026-03-31 22:00"),
        ("last month", "2026-01-31 23:00", "2026-02-28 23:00"),
        ("this year", "2025-12-31 23:00", "2026-12-31 23:00"),
        ("{from: 2026-03-20, to: 2026-03-29}", "2026-03-19 23:00", "2026-03-28 23:00"),
    ],
)
def test_periods_on_the_day_the_clock_is_put_forward(during: str, starts: str, ends: str) -> None:
    """Sunday 2026-03-29 in Berlin has 23 hours; a period begins and ends at its midnights, half-open."""
    begins, now = instant(starts), "2026-03-29 12:00"
    early, first = (
        Question(f"{{did: {ORDER}, during: {during}, zone: Europe/Berlin}}").tell(ORDER, starts, plus_ms)
        for plus_ms in (-1, 0)
    )
    last = Question(f"{{did: {ORDER}, during: {during}, zone: Europe/Berlin}}")
    last.tell(ORDER, min(ends, now, key=instant), -1)

    assert begins < instant(now)
    assert [early.at(now), first.at(now), last.at(now)] == ["false", "true", "true"]


def test_counts_in_a_period() -> None:
    """At least, exactly and not at all, in a stretch of the calendar."""
    twice = Question(f"{{did: {ORDER}, at_least: 2, during: this month, zone: UTC}}")
    never = Question(f"{{did_not: {ORDER}, during: this month, zone: UTC}}")
    for asked in (twice, never):
        asked.tell(ORDER, "2026-03-01 00:00", -1).tell(ORDER, "2026-03-02 10:00")

    assert twice.at("2026-03-02 10:00") == "false"
    twice.tell(ORDER, "2026-03-03 10:00")
    assert twice.around("2026-03-03 10:00") == ["false", "true", "true"]
    assert twice.around("2026-04-01 00:00") == ["true", "false", "false"]
    assert never.around("2026-04-01 00:00") == ["false", "true", "true"]


@pytest.mark.parametrize(
    ("now", "change"),
    [
        ("{month: [jun, 7]}", "2026-06-01 00:00"),
        ("{weekday: [sat, sun]}", "2026-03-07 00:00"),
        ("{hour: {from: 22, to: 6}}", "2026-03-02 22:00"),
        ("{hour: {from: 9, to: 24}}", "2026-03-03 09:00"),
        ("{from: 2026-11-27, to: 2026-12-01}", "2026-11-27 00:00"),
        ("{month: mar, from: 2026-03-15}", "2026-03-15 00:00"),
    ],
)
def test_now_begins_at_its_millisecond(now: str, change: str) -> None:
    """What is asked of the local time is all true from that instant on, and not before."""
    asked = Question(f"[{{did: Product Viewed}}, {{now: {now}, zone: UTC}}]")
    asked.tell("Product Viewed", "2026-03-02 08:00")

    assert asked.around(change) == ["false", "true", "true"]


def test_hours_through_daylight_saving() -> None:
    """02:00 does not exist in New York on 2026-03-08: what begins then begins at 03:00; in autumn 01:00 comes twice."""
    asked = Question("[{did: Product Viewed}, {now: {hour: {from: 2, to: 4}}, zone: America/New_York}]")
    asked.tell("Product Viewed", "2026-03-02 08:00")

    assert asked.around("2026-03-08 07:00") == ["false", "true", "true"]
    assert asked.around("2026-03-08 08:00") == ["true", "false", "false"]
    assert asked.around("2026-11-01 07:00") == ["false", "true", "true"]
    assert asked.around("2026-11-01 09:00") == ["true", "false", "false"]


@pytest.mark.parametrize(
    ("day", "zone", "expected"),
    [
        (date(2018, 11, 4), "America/Sao_Paulo", "2018-11-04 03:00"),
        (date(2011, 12, 30), "Pacific/Apia", "2011-12-30 10:00"),
        (date(2026, 3, 8), "America/Havana", "2026-03-08 05:00"),
        (date(2026, 11, 1), "America/Havana", "2026-11-01 04:00"),
    ],
)
def test_days_whose_midnight_is_skipped_or_comes_twice(day: date, zone: str, expected: str) -> None:
    """The day begins at its first instant; a day that was left out begins with the next one."""
    assert start_of_day(day, zone) == instant(expected)


def test_a_period_always_changes_later() -> None:
    """Also in the hour that comes twice around midnight."""
    for minutes in range(0, 24 * 60, 15):
        t = instant("2026-11-01 00:00") + minutes * 60_000
        start, end, change = period(t, "America/Havana", "day", 0)
        assert start <= t < change
        assert end - start in (24 * HOUR_MS, 25 * HOUR_MS)


def test_zones_that_are_none() -> None:
    """Whatever a producer writes, the shop's zone counts instead."""
    names = ["Europe/Berlin", "../etc/passwd", 7, None, "", "Europe"]

    assert [zone_of(str(name)) is not None for name in names] == [True, False, False, False, False, False]
    assert customer_zone([1, 2, 2, 2, 2, 2], 6, names, "UTC") == "UTC"
    assert customer_zone([1, 2], 1, names, "UTC") == "Europe/Berlin"


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("{did: Product Viewed, during: todya}", "did you mean 'today'"),
        ("{did: Product Viewed, during: today, within: 1d}", "exclude each other"),
        ("{did: Product Viewed, zone: UTC}", "needs the calendar"),
        ("{did: Product Viewed, during: {from: 2026-13-01}}", "is no day"),
        ("{did: Product Viewed, during: {from: 2026-02-01, to: 2026-02-01}}", "is not later"),
        ("{did: Product Viewed, during: {}}", "between which days?"),
        ("{did: Product Viewed, during: today, zone: Europe/Lodnon}", "did you mean 'Europe/London'"),
        ("[{did: Product Viewed}, {now: {month: 13}}]", "unknown month"),
        ("[{did: Product Viewed}, {now: {weekday: mno}}]", "did you mean 'mon'"),
        ("[{did: Product Viewed}, {now: {hour: {from: 3, to: 3}}}]", "no hours from 3 to 3"),
        ("{now: {month: 1}, zone: UTC}", "nobody would ever be asked"),
    ],
)
def test_mistakes_about_the_calendar(when: str, message: str) -> None:
    """Told at their place, with what to write."""
    with pytest.raises(DefinitionError, match=r"test\.yaml:4") as refused:
        catalogue_of(f"segments:\n  - id: a.b\n    label: L\n    when: {when}")

    assert message in str(refused.value)
