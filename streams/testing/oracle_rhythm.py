"""Rhythms, looked-up windows and chance as the oracle computes them: fractions, and every event again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil
from statistics import mean, median, pvariance
from typing import Any

from xxhash import xxh3_64

from streams.segmentation.conditions import Bucket, Cadence, LookedUp, Lookup
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import EpochMs
from streams.testing.oracle_events import View, in_range, newest_ms, passes
from streams.testing.oracle_numbers import different

Occurrences = Callable[[str, View], Sequence[EventObserved]]


def rhythm_holds(occurrences: Occurrences, leaf: Cadence | LookedUp | Bucket, view: View) -> bool:
    """Return whether a rhythm, a looked-up window or a share by chance is true in *view*."""
    match leaf:
        case Cadence(due_ppm=None):
            return bool(rhythms(occurrences, leaf, view))
        case Cadence():
            return any(begin <= view.at_ms < end for begin, end in due_times(occurrences, leaf, view))
        case Bucket():
            customer = xxh3_64(view.events[0].key.encode()).intdigest() // 2
            place = xxh3_64(f"{leaf.salt}/{customer}".encode()).intdigest() % 1_000_000
            return leaf.from_ppm <= place < leaf.to_ppm
        case LookedUp():
            return looked_up_holds(occurrences, leaf, view)


def looked_up_holds(occurrences: Occurrences, leaf: LookedUp, view: View) -> bool:
    """Return whether some event, or the newest one, is as old as what its properties look up."""
    events = [event for event in occurrences(leaf.event, view) if passes(leaf.where, event)]
    if leaf.newest:
        events = [event for event in events if event.event_time_ms == newest_ms(events)]
    for event in events:
        age_ms = view.at_ms - event.event_time_ms
        begin = 0 if leaf.begin is None else duration_in(leaf.begin, leaf.by, event)
        end = age_ms + 1 if leaf.end is None else duration_in(leaf.end, leaf.by, event)
        if begin is not None and end is not None and begin <= age_ms < end:
            return True
    return False


def duration_in(table: Lookup, by: Sequence[str], event: EventObserved) -> int | None:
    """Return the shortest duration for the first property that has a row."""
    for name in by:
        found = [ms for value, ms in table.rows if value in {str(one) for one in different(event, name)}]
        if found:
            return min(found)
    return table.default_ms


def rhythms(occurrences: Occurrences, leaf: Cadence, view: View) -> list[tuple[EpochMs, Fraction]]:
    """Return, for each value that is regular, the newest time and the median interval."""
    groups: dict[Any, set[int]] = {}
    for event in occurrences(leaf.event, view):
        if passes(leaf.where, event) and in_range(leaf.age, view.at_ms - event.event_time_ms):
            for value in {""} if leaf.by is None else different(event, leaf.by):
                groups.setdefault(value, set()).add(event.event_time_ms)
    found = []
    for times in groups.values():
        gaps = [Fraction(b - a) for a, b in pairwise(sorted(times))]
        if len(gaps) < leaf.intervals:
            continue
        limit = None if leaf.variation_ppm is None else Fraction(leaf.variation_ppm, 1_000_000)
        if limit is None or pvariance(gaps) <= (limit * mean(gaps)) ** 2:
            found.append((max(times), Fraction(median(gaps))))
    return found


def due_times(occurrences: Occurrences, leaf: Cadence, view: View) -> list[tuple[EpochMs, EpochMs]]:
    """Return from when to when each regular value is due, in whole milliseconds."""
    if leaf.due_ppm is None:
        return []
    parts = [Fraction(part, 1_000_000) for part in leaf.due_ppm]
    return [
        (newest + ceil(interval * parts[0]), newest + ceil(interval * parts[1]))
        for newest, interval in rhythms(occurrences, leaf, view)
    ]
