"""Rhythms, looked-up windows and chance, for generated code: exact in whole numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from xxhash import xxh3_64_intdigest

from streams.segmentation.timeline import NEVER, DurationMs, EpochMs

MILLION = 1_000_000
Table = tuple[Mapping[Any, DurationMs], DurationMs | None]
"""Rows, and what holds without one."""


def by_value(
    times: Sequence[EpochMs], start: int, stop: int, values: Sequence[Sequence[Any]] | None
) -> dict[Any, list[EpochMs]]:
    """Return the different times of the entries [start, stop) for each value beside them; without values, of all."""
    found: dict[Any, list[EpochMs]] = {}
    for i in range(start, stop):
        for value in ("",) if values is None else values[i]:
            known = found.setdefault(value, [])
            if not known or known[-1] != times[i]:
                known.append(times[i])
    return found


def rhythm(times: Sequence[EpochMs], intervals: int, variation_ppm: int | None) -> int | None:
    """Return twice the median interval between *times*; None when they are too few or too irregular.

    The coefficient of variation is that of the whole population: its square times the squared sum is compared.
    """
    gaps = sorted(b - a for a, b in pairwise(times))
    n = len(gaps)
    if n < intervals:
        return None
    if variation_ppm is not None:
        whole = sum(gaps)
        spread = n * sum(gap * gap for gap in gaps) - whole * whole
        if spread * MILLION * MILLION > variation_ppm * variation_ppm * whole * whole:
            return None
    return gaps[(n - 1) // 2] + gaps[n // 2]


def cadence(
    groups: Mapping[Any, Sequence[EpochMs]],
    t: EpochMs,
    asked: tuple[int, int | None],
    due_ppm: tuple[int, int] | None,
) -> tuple[int, EpochMs, list[Any]]:
    """Return the truth that some group of times is regular and due at *t*, its next change, and which are.

    Args:
        groups: value → times, ascending.
        t: the instant.
        asked: how many intervals there must be, and how much they may vary.
        due_ppm: from and to which part of the median interval after the newest time; None: at any time.
    """
    due, change = [], NEVER
    for value, times in groups.items():
        twice = rhythm(times, *asked)
        if twice is None:
            continue
        if due_ppm is None:
            due.append(value)
            continue
        begin, end = (times[-1] - (-twice * part // (2 * MILLION)) for part in due_ppm)
        if begin <= t < end:
            due.append(value)
        for bound in (begin, end):
            if t < bound < change:
                change = bound
    return (2 if due else 0), change, due


def looked_up(table: Table, values: Iterable[Sequence[Any]]) -> DurationMs | None:
    """Return the shortest duration that the first of *values* with a row has; else what holds without one."""
    rows, default_ms = table
    for several in values:
        found = [rows[str(value)] for value in several if str(value) in rows]
        if found:
            return min(found)
    return default_ms


def in_looked_up(
    times: Sequence[EpochMs],
    stop: int,
    t: EpochMs,
    columns: Sequence[Sequence[Sequence[Any]]],
    asked: tuple[Table | None, Table | None, bool],
) -> tuple[int, EpochMs]:
    """Return the truth that some entry has an age in the range that its values look up, and its next change.

    Args:
        times: the journal's times.
        stop: how many count.
        t: the instant.
        columns: the lists of values to look up, in this order.
        asked: the table of the younger bound, that of the older one, and whether only the newest entry counts.
    """
    begins, ends, newest = asked
    truth, change = 0, NEVER
    for i in range(stop - 1, -1, -1):
        if newest and times[i] != times[stop - 1]:
            break
        values = [column[i] for column in columns]
        begin = 0 if begins is None else looked_up(begins, values)
        end = None if ends is None else looked_up(ends, values)
        if begin is None or (ends is not None and end is None):
            continue
        opens, closes = times[i] + begin, NEVER if end is None else times[i] + end
        if opens <= t < closes:
            truth = 2
        for bound in (opens, closes):
            if t < bound < change and opens < closes:
                change = bound
    return truth, change


def hash_of(key: str) -> int:
    """Return what is kept of a customer to share customers out by chance."""
    return xxh3_64_intdigest(key.encode()) >> 1


@lru_cache(maxsize=65_536)
def bucket_of(customer: int, salt: str) -> int:
    """Return a customer's place among a million, for a salt; every salt deals anew."""
    return xxh3_64_intdigest(f"{salt}/{customer}".encode()) % MILLION
