"""The events behind a clause: which ones it looked at, out of the journals of a profile."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence as Ordered

import msgspec

from streams.catalogue.journalling import Journals
from streams.catalogue.wording import describe
from streams.segmentation.conditions import (
    EVER,
    AgeRange,
    Cadence,
    Compare,
    Condition,
    First,
    Last,
    Not,
    Performed,
    Sequence,
)
from streams.segmentation.journals import LENGTH_MAX, folded, net
from streams.segmentation.profiles import Profile
from streams.segmentation.readings import Reading, readings
from streams.segmentation.timeline import EpochMs

SHOWN_MAX = 5
"""Times told of one kind of event; the count says how many there are."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a clause saw of one kind of event. The journals keep times, no event ids.

    Attributes:
        event: the event or fact, with the filters that it had to pass.
        count: how many were looked at in the window that the clause asks about; where the newest alone decides, 1.
        times_ms: their times, the newest first, at most `SHOWN_MAX`.
        before_ms: the newest one outside of the window, when there is none in it; else None.
        folded: so many more lie too far back to be kept one by one; they are counted.
        full: the journal holds as many as it may: older ones may have been dropped.
    """

    event: str
    count: int
    times_ms: tuple[EpochMs, ...] = ()
    before_ms: EpochMs | None = None
    folded: int = 0
    full: bool = False


def evidence_of(
    condition: Condition, profile: Profile, t: EpochMs, seen: EpochMs, journals: Journals
) -> tuple[Evidence, ...]:
    """Return what the clause *condition* (a leaf, or its negation) sees of *profile* at *t*, events up to *seen*."""
    leaf = condition.condition if isinstance(condition, Not) else condition
    asked = [
        (reading, age, _held(profile, reading, seen, journals))
        for reading, age in zip(readings(leaf), _ages(leaf), strict=True)
        if (reading.event, reading.where) in journals
    ]
    return tuple(
        _evidence(reading, age, held, _inside(leaf, place, [one for *_, one in asked], age, t))
        for place, (reading, age, held) in enumerate(asked)
    )


def _ages(leaf: Condition) -> list[AgeRange]:
    """Return which ages each of the readings of *leaf* asks about."""
    asked = readings(leaf)
    ages = [AgeRange(0, reading.reach_ms or None) for reading in asked]
    match leaf:
        case Compare(left=left, right=right):
            return [one.age for one in (left, right) if one is not None]
        case Sequence(age=age):
            return [AgeRange(0, age.to_ms)] * len(asked)
        case Performed(age=age) | Last(age=age) | Cadence(age=age):
            return [age, *ages[1:]]
        case First():
            return [EVER]
        case _:
            return ages


class _Held(msgspec.Struct):
    """The times that a journal holds up to an instant, and how full it is."""

    times: list[EpochMs]
    folded: int
    full: bool


def _held(profile: Profile, reading: Reading, seen: EpochMs, journals: Journals) -> _Held:
    spec = journals.of(reading.event, reading.where)
    times: list[EpochMs] = getattr(profile, spec.name)
    full = len(times) >= LENGTH_MAX
    if spec.undone_by:
        times = net(times, getattr(profile, f"{spec.name}_undone"), seen)
    kept = times[: bisect_right(times, seen)]
    return _Held(kept, folded(getattr(profile, f"{spec.name}_folded")), full)


def _inside(leaf: Condition, place: int, asked: Ordered[_Held], age: AgeRange, t: EpochMs) -> list[EpochMs]:
    """Return the times that the reading at *place* of *leaf* counts, of all that were *asked*."""
    times: list[EpochMs] = asked[place].times
    low = 0 if age.to_ms is None else bisect_right(times, t - age.to_ms)
    high = bisect_right(times, t - age.from_ms)
    if isinstance(leaf, Performed) and place == 0:
        marks = [held.times[-1] if held.times else None for held in asked[1:]]
        if leaf.since is not None:
            low = high if marks[0] is None else max(low, bisect_left(times, marks[0]))
        if leaf.before is not None:
            high = low if marks[-1] is None else min(high, bisect_left(times, marks[-1]))
    return times[low:high]


def _evidence(reading: Reading, age: AgeRange, held: _Held, inside: list[EpochMs]) -> Evidence:
    times = held.times
    if reading.reach_ms == 0:  # the newest alone decides, older ones may be forgotten
        inside = inside[-1:] if inside and inside[-1] == times[-1] else []
    return Evidence(
        event=describe(Performed(reading.event, where=reading.where)).removeprefix("did "),
        count=len(inside),
        times_ms=tuple(reversed(inside[-SHOWN_MAX:])),
        before_ms=times[-1] if times and not inside else None,
        folded=held.folded if age.to_ms is None else 0,
        full=held.full,
    )
