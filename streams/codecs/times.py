"""RFC 3339 text ↔ `EpochMs`, exact to the millisecond and fast: both directions are on the path of every event.

Reading takes any zone offset and up to nine fraction digits; what is finer than a millisecond is cut off, not rounded,
so that no event moves forward in time. Writing knows one form only: ``2026-03-02T13:37:11.250Z``.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from streams.segmentation.timeline import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, EpochMs, rfc3339

EARLIEST_MS: Final[EpochMs] = 0
"""1970: nothing a customer did is older; what claims to be has lost its time."""

LATEST_MS: Final[EpochMs] = 253_402_300_799_999
"""The last millisecond of the year 9999, the last that RFC 3339 can write."""

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_SECONDS_MS = {f"{second:02d}": second * SECOND_MS for second in range(60)}
_FRACTIONS_MS = {f".{ms:03d}Z": ms for ms in range(SECOND_MS)}
_SECOND_TEXTS = [f"{second:02d}" for second in range(60)]
_FRACTION_TEXTS = list(_FRACTIONS_MS)
_FRACTIONS_MS["Z"] = 0

_MINUTES_KEPT = 65_536  # a month and a half of minutes: a few megabytes, then it starts anew
_minutes_read: dict[str, EpochMs] = {}
_minutes_written: dict[int, str] = {}


def read_time(text: str) -> EpochMs:
    """Return the instant that *text* names.

    Raises:
        ValueError: it is no RFC 3339 time, or has no zone: a local time without one could be any of a day's instants.
    """
    # The common form, 2026-03-02T13:37:11.250Z: its minute is nearly always known.
    minute_ms = _minutes_read.get(text[:17])
    if minute_ms is not None:
        second_ms = _SECONDS_MS.get(text[17:19])
        fraction_ms = _FRACTIONS_MS.get(text[19:])
        if second_ms is not None and fraction_ms is not None:
            return minute_ms + second_ms + fraction_ms
    return _read_any(text)


def _read_any(text: str) -> EpochMs:
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise ValueError("not an RFC 3339 time with a zone, such as 2026-03-02T13:37:11.250Z")
    year, month, day, hour, minute, second, fraction, sign, zone_hour, zone_minute = found.groups()
    if hour > "23" or minute > "59" or second > "59" or (sign and (zone_hour > "23" or zone_minute > "59")):
        raise ValueError("not a time of day: hours go to 23, minutes and seconds to 59")
    days = date(int(year), int(month), int(day)).toordinal() - _EPOCH_DAY
    minute_ms = days * DAY_MS + int(hour) * HOUR_MS + int(minute) * MINUTE_MS
    within_ms = int(second) * SECOND_MS + (int(fraction[:3].ljust(3, "0")) if fraction else 0)
    if sign is None:
        if len(_minutes_read) >= _MINUTES_KEPT:
            _minutes_read.clear()
        _minutes_read[text[:17]] = minute_ms
        return minute_ms + within_ms
    offset_ms = int(zone_hour) * HOUR_MS + int(zone_minute) * MINUTE_MS
    return minute_ms + within_ms + (offset_ms if sign == "-" else -offset_ms)


def write_time(instant_ms: EpochMs) -> str:
    """Return *instant_ms* as RFC 3339 text in UTC with milliseconds.

    Raises:
        OverflowError: it lies outside of the years 1 to 9999.
    """
    minute, rest = divmod(instant_ms, MINUTE_MS)
    prefix = _minutes_written.get(minute)
    if prefix is None:
        prefix = rfc3339(minute * MINUTE_MS)[:17]
        if len(_minutes_written) >= _MINUTES_KEPT:
            _minutes_written.clear()
        _minutes_written[minute] = prefix
    return prefix + _SECOND_TEXTS[rest // SECOND_MS] + _FRACTION_TEXTS[rest % SECOND_MS]
