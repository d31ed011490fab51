"""Patterns over the times of journals, for generated code: chains of steps, pauses, periods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from streams.segmentation.timeline import NEVER, DurationMs, EpochMs

Chain = tuple[EpochMs, EpochMs]
"""The times of the first and of the last step."""


class StepEntries(msgspec.Struct, frozen=True):
    """The entries that may be one step.

    Attributes:
        times: ascending; those in [start, stop) count.
        keys: what correlates them, beside the times; None: everything belongs together.
        later: whether it must come later than the step before, not at the same millisecond.
    """

    times: Sequence[EpochMs]
    start: int
    stop: int
    keys: Sequence[Any] | None = None
    later: bool = False


def chains(
    steps: Sequence[StepEntries], gap_ms: DurationMs | None, without: StepEntries | None = None
) -> list[Chain]:
    """Return, for every entry that completes the steps in order, the chain that started last.

    Args:
        steps: what may be each step.
        gap_ms: a step comes less than this after the one before.
        without: entries of the same key, at or after the last step, take the chain away.
    """
    moments = [
        (entries.times[i], number, entries.keys[i] if entries.keys is not None else "")
        for number, entries in enumerate([*steps, *([] if without is None else [without])])
        for i in range(entries.start, entries.stop)
    ]
    moments.sort(key=lambda moment: moment[:2])
    # Of every key and step the chain that ends last; it started last too. And the one before it: what must come
    # later does not go on from a step of the same millisecond.
    ends: dict[tuple[Any, int], tuple[Chain, Chain | None]] = {}
    complete: list[tuple[Any, Chain]] = []
    for t, number, key in moments:
        if key is None:
            continue
        if number == len(steps):
            complete = [(other, chain) for other, chain in complete if other != key]
            continue
        chain = (t, t)
        if number:
            earlier = _before(ends.get((key, number - 1)), t, later=steps[number].later)
            if earlier is None or (gap_ms is not None and t - earlier[1] >= gap_ms):
                continue
            chain = (earlier[0], t)
        if number == len(steps) - 1:
            complete.append((key, chain))
        newest = ends.get((key, number))
        before = None if newest is None else newest[1] if newest[0][1] == t else newest[0]
        ends[key, number] = (chain, before)
    return [chain for _, chain in complete]


def _before(newest: tuple[Chain, Chain | None] | None, t: EpochMs, *, later: bool) -> Chain | None:
    """Return the newest chain that a step at *t* may go on from."""
    if newest is None:
        return None
    chain, before = newest
    return before if later and chain[1] == t else chain


def chain_in_range(
    found: Iterable[Chain], t: EpochMs, from_ms: DurationMs, to_ms: DurationMs | None
) -> tuple[int, EpochMs]:
    """Return the truth that some chain started less than *to_ms* and ended at least *from_ms* ago, and its next change."""
    truth, change = 0, NEVER
    for started, ended in found:
        expires = NEVER if to_ms is None else started + to_ms
        if t >= expires:
            continue
        if t < ended + from_ms:
            change = min(change, ended + from_ms)
        else:
            truth = 2
        change = min(change, expires)
    if truth and not from_ms and to_ms is not None:
        change = max(started for started, _ in found) + to_ms  # the last one that started ends it
    return truth, change


def first_of(folded: Sequence[int], times: Sequence[EpochMs], stop: int) -> EpochMs | None:
    """Return the time of the first entry, also when it was folded away; None when there is none."""
    if folded and folded[0]:
        return folded[2]
    return times[0] if stop else None


def resumed(times: Sequence[EpochMs], start: int, stop: int, pause_ms: DurationMs) -> EpochMs | None:
    """Return the newest of the entries [start, stop) that came at least *pause_ms* after the one before it."""
    for i in range(stop - 1, max(start, 1) - 1, -1):
        if times[i] - times[i - 1] >= pause_ms:
            return times[i]
    return None


def periods_hit(
    times: Sequence[EpochMs], start: int, stop: int, t: EpochMs, length_ms: DurationMs
) -> tuple[int, EpochMs]:
    """Return in how many periods of *length_ms*, counted back from *t*, the entries [start, stop) lie.

    Also when the next of them moves to another period.
    """
    ages = {(t - times[i]) // length_ms for i in range(start, stop)}
    moves = (times[i] + ((t - times[i]) // length_ms + 1) * length_ms for i in range(start, stop))
    return len(ages), min(moves, default=NEVER)
