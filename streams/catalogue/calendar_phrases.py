"""Reads the calendar from YAML: periods, what time it is, time zones."""

from __future__ import annotations

from datetime import date

from streams.catalogue.grammar import CONDITIONS, FORMS, PERIODS
from streams.catalogue.nodes import Node, nearest
from streams.segmentation.calendars import zone_of
from streams.segmentation.conditions import Condition, Now, Period, Zone

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
YEARS = (1970, 2200)


class CalendarReader:
    """Reads what depends on the calendar.

    Attributes:
        time_zone: the shop's.
    """

    time_zone = "UTC"

    def _carrier(self, node: Node) -> str:
        raise TypeError(type(self))

    def shop_zone(self, node: Node) -> None:
        """Take the shop's time zone."""
        self.time_zone = _zone_name(node)

    def _zone(self, node: Node, parts: dict[str, Node]) -> Zone:
        said = parts["zone"].text() if "zone" in parts else "customer"
        if said == "customer":
            return Zone(self.time_zone, self._carrier(node))
        return Zone(self.time_zone if said == "shop" else _zone_name(parts["zone"]))

    def _period(self, node: Node) -> Period:
        if node.is_mapping:
            parts = node.mapping(FORMS["days"])
            if not parts:
                raise node.error("between which days?", "write {from: 2026-11-27, to: 2026-12-01}")
            return Period("days", 0, *_days(node, parts))
        unit, offset = PERIODS[node.one_of(PERIODS, "period")]
        return Period(unit, offset)  # type: ignore[arg-type]

    def _now(self, node: Node) -> Condition:
        whole = node.mapping(CONDITIONS["now"])
        parts = whole["now"].mapping(FORMS["now"])
        if not parts:
            raise whole["now"].error("expected at least one of " + ", ".join(FORMS["now"]))
        first, end = _days(whole["now"], parts)
        weekdays = parts["weekday"].items() if "weekday" in parts else []
        return Now(
            self._zone(node, whole),
            months=tuple(map(_month, parts["month"].items())) if "month" in parts else (),
            weekdays=tuple(WEEKDAYS.index(item.one_of(WEEKDAYS, "weekday")) for item in weekdays),
            hours=_hours(parts["hour"]) if "hour" in parts else None,
            first=first,
            end=end,
        )


def _zone_name(node: Node) -> str:
    name = node.text()
    if zone_of(name) is None:
        known = ("customer", "shop", "UTC", "Europe/London")
        raise node.error(f"unknown time zone {name[:80]!r}", nearest(name, known))
    return name


def _month(node: Node) -> int:
    text = node.text().casefold()
    if text in MONTHS:
        return MONTHS.index(text) + 1
    if text.isascii() and text.isdigit() and len(text) < 3 and 1 <= int(text) <= 12:
        return int(text)
    raise node.error(f"unknown month {text[:40]!r}", "write 1 to 12, or jan to dec")


def _hours(node: Node) -> tuple[int, int]:
    parts = node.mapping(FORMS["hours"])
    if len(parts) != 2:
        raise node.error("hours need 'from' and 'to'")
    begin, end = parts["from"].whole(), parts["to"].whole()
    if begin > 23 or end > 24 or begin == end or not end:
        raise node.error(f"there are no hours from {begin} to {end}", "from 0 to 23, to 1 to 24")
    return begin, end


def _days(node: Node, parts: dict[str, Node]) -> tuple[str | None, str | None]:
    first, end = (_day(parts[key]) if key in parts else None for key in ("from", "to"))
    if first is not None and end is not None and end <= first:
        raise node.error(f"{end} is not later than {first}")
    return first, end


def _day(node: Node) -> str:
    text = node.text()
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise node.error(f"{text[:40]!r} is no day", "write it like 2026-11-27") from None
    if not YEARS[0] <= day.year <= YEARS[1]:
        raise node.error(f"{text[:40]!r} is out of reach", f"between {YEARS[0]} and {YEARS[1]}")
    return day.isoformat()
