"""Journals: per profile and kind of event, the bounded, time-ordered list of what the plan may still ask for.

A journal is a list of event times in the profile (ascending; equal times in order of arrival) and, beside it, lists of
the same length for the properties that some definition reads. Journals answer for past instants as well as for the
newest one, because late evidence makes the engine ask again (`streams/decisions/0002`). They forget what no definition
can ask for any more: events older than `retention_ms` before the lowest watermark, but never the newest one.

Generated code (`streams.catalogue.compiler`) inlines the common case and calls these functions for the others.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from keyword import iskeyword
from typing import Any

import msgspec

from streams.segmentation.conditions import Filter
from streams.segmentation.timeline import BEFORE_ALL, NEVER, DurationMs, EpochMs

TRIM_AT = 16
"""A journal shorter than this is not looked through for what can be forgotten."""

LENGTH_MAX = 1_000
"""Longest journal; beyond it the oldest entries are folded into a count and a sum."""

STRAYS_MAX = 100
"""Undoing events remembered for occurrences that have not come; beyond it the earliest is forgotten."""

_OWN_COLUMNS = ("key", "undone", "amount", "folded", "stray")
"""What the engine itself keeps beside a journal's times."""

_FOLDED_MAX = 1 << 62


class Kept(msgspec.Struct, frozen=True):
    """What is computed from an event as it is read, and kept beside its time.

    Attributes:
        name: what its list is called, behind the journal's name.
        expression: the Python expression of it, over ``get`` (a property of the event) and ``key`` (of the profile).
        properties: what the expression reads.
    """

    name: str
    expression: str
    properties: tuple[str, ...]


class JournalSpec(msgspec.Struct, frozen=True):
    """What one journal keeps.

    Attributes:
        name: identifier in the profile, e.g. ``order_completed``.
        events: event types that feed it.
        where: filters that an event must pass.
        undone_by: (event type, filters) that take back the entry with the same key.
        key: property that identifies an occurrence; needed with `undone_by`.
        values: properties kept beside the times, as they came (for `same`).
        kept: what is computed from each event and kept beside the times.
        amounts: money properties of which the first present one is kept, in micros.
        retention_ms: how long before the lowest watermark entries are kept; None keeps all.
    """

    name: str
    events: tuple[str, ...]
    where: tuple[Filter, ...] = ()
    undone_by: tuple[tuple[str, tuple[Filter, ...]], ...] = ()
    key: str | None = None
    values: tuple[str, ...] = ()
    kept: tuple[Kept, ...] = ()
    amounts: tuple[str, ...] = ()
    retention_ms: DurationMs | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the profile's lists that run beside the times."""
        found = (*map(self.column_of, self.values), *map(self.kept_column, self.kept))
        if self.key is not None:
            found += (f"{self.name}_key", f"{self.name}_undone")
        if self.amounts:
            found += (f"{self.name}_amount",)
        return found

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of everything that a profile keeps for this journal."""
        return (self.name, *self.columns, f"{self.name}_folded", f"{self.name}_stray")

    def column_of(self, value: str) -> str:
        """Return the name of the list that keeps the property *value*; no two lists share one."""
        names = [column_name(other) for other in self.values]
        position = self.values.index(value)
        name = names[position]
        taken = name in _OWN_COLUMNS or name in names[:position]
        return f"{self.name}_{name}__{position + 1}" if taken else f"{self.name}_{name}"

    def kept_column(self, kept: Kept) -> str:
        """Return the name of the list that holds *kept*."""
        return f"{self.name}__{kept.name}"


def column_name(text: str) -> str:
    """Return *text* as an identifier: lower case, what is no ASCII letter or digit a single underscore.

    A double underscore never results: what is appended with one cannot meet another name.
    """
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in text.lower()).split()
    name = "_".join(words)
    return name if name.isidentifier() and not iskeyword(name) else "_".join(("x", *words))


def net(column: list[Any], undone: list[EpochMs], seen_ms: EpochMs) -> list[Any]:
    """Return the entries of *column* that no event at or before *seen_ms* has undone.

    *undone* is as long as the column, or empty while nothing was ever undone.
    """
    if not undone:
        return column
    return [entry for entry, at in zip(column, undone, strict=True) if at > seen_ms]


def folded(entry: list[int]) -> int:
    """Return how many entries were folded away beyond the longest journal."""
    return entry[0] if entry else 0


def folded_amount(entry: list[int]) -> int:
    """Return the sum of the amounts that were folded away, in micros."""
    return entry[1] if entry else 0


def newest_alike(times: list[EpochMs], values: list[Any], start: int, stop: int, count: int) -> EpochMs:
    """Return the newest instant from which *count* entries of [start, stop) share one value.

    That is the largest, over the values, of the time of its *count*-th newest entry; `BEFORE_ALL` when no value has
    so many. Entries without a value (None) are alike to nothing.
    """
    among = values[start:stop]
    if count > 1 and len(set(among)) == len(among):  # all differ: nearly always, and known without a loop
        return BEFORE_ALL
    seen: dict[Any, int] = {}
    for i in range(stop - 1, start - 1, -1):
        value = values[i]
        if value is None:
            continue
        n = seen.get(value, 0) + 1
        if n == count:
            return times[i]
        seen[value] = n
    return BEFORE_ALL


def most_alike(values: list[Any], start: int, stop: int) -> int:
    """Return how often the most frequent value occurs in [start, stop); None does not count."""
    seen: dict[Any, int] = {}
    for value in values[start:stop]:
        if value is not None:
            seen[value] = seen.get(value, 0) + 1
    return max(seen.values(), default=0)


def next_step(times: Sequence[EpochMs], bounds: tuple[int, int, int], age: tuple[int, int | None]) -> EpochMs:
    """Return when the entries in an age range next change by time alone.

    Args:
        times: the journal's times.
        bounds: (low, high, stop): entries [low, high) are in the range now, [high, stop) are still too young.
        age: (from_ms, to_ms) of the range; to_ms None never ends.
    """
    low, high, stop = bounds
    from_ms, to_ms = age
    soonest = NEVER
    if to_ms is not None and low < high:
        soonest = times[low] + to_ms
    if high < stop and times[high] + from_ms < soonest:
        soonest = times[high] + from_ms
    return soonest


def place(times: list[EpochMs], t: EpochMs, horizon_ms: EpochMs) -> int:
    """Return where an entry of time *t* goes (after its equals), or -1 when nobody can ask for it any more.

    An entry before *horizon_ms* is kept only as the newest one.
    """
    if not times or t >= times[-1]:
        return len(times)
    return bisect_right(times, t) if t >= horizon_ms else -1


def forgettable(times: list[EpochMs], horizon_ms: EpochMs) -> int:
    """Return how many of the oldest entries are before *horizon_ms*, sparing the newest of those."""
    return max(0, bisect_left(times, horizon_ms) - 1)


def forget(profile: Any, spec: JournalSpec, horizon_ms: EpochMs) -> None:
    """Drop what is older than the horizon, and fold what exceeds the longest journal, in *profile*'s lists."""
    times: list[EpochMs] = getattr(profile, spec.name)
    n = forgettable(times, horizon_ms)
    if n == 0 and len(times) <= LENGTH_MAX:
        return
    columns = {column: getattr(profile, column) for column in spec.columns}
    if spec.retention_ms is None:
        n = len(times) - LENGTH_MAX
        undone = columns.get(f"{spec.name}_undone") or [NEVER] * len(times)
        amounts = columns.get(f"{spec.name}_amount") or [0] * len(times)
        kept: list[int] = getattr(profile, f"{spec.name}_folded") or [0, 0, NEVER]
        for t, at, amount in zip(times[:n], undone[:n], amounts[:n], strict=True):
            if at == NEVER:
                whole = max(-_FOLDED_MAX, min(_FOLDED_MAX, kept[1] + amount))
                kept = [kept[0] + 1, whole, min(kept[2], t)]
        setattr(profile, f"{spec.name}_folded", kept)
    else:
        n = max(n, len(times) - LENGTH_MAX)
    undone_before_it = columns.get(f"{spec.name}_undone") or ()
    forgotten = list(zip(columns.get(f"{spec.name}_key", ())[:n], undone_before_it[:n], strict=False))
    del times[:n]
    for entries in columns.values():
        del entries[:n]
    for key, at in forgotten:
        if at < NEVER and key is not None:  # the same key may come again: it stays taken back
            undo(profile, spec, key, at)


def undo(profile: Any, spec: JournalSpec, key: str, t: EpochMs) -> None:
    """Take back, from *t* on, the entries of *profile* whose key is *key*; remember it when there is none yet."""
    keys: list[Any] = getattr(profile, f"{spec.name}_key")
    undone: list[EpochMs] = getattr(profile, f"{spec.name}_undone")
    if key in keys:
        if not undone:
            undone = [NEVER] * len(keys)
            setattr(profile, f"{spec.name}_undone", undone)
        for position, other in enumerate(keys):
            if other == key:
                undone[position] = min(undone[position], t)
    else:
        stray: dict[str, EpochMs] = getattr(profile, f"{spec.name}_stray")
        if not stray:
            stray = {}
            setattr(profile, f"{spec.name}_stray", stray)
        stray[key] = min(stray.get(key, NEVER), t)
        if len(stray) > STRAYS_MAX:
            del stray[min(stray, key=lambda known: (stray[known], known))]


def undone_before(profile: Any, spec: JournalSpec, key: str) -> EpochMs:
    """Return since when occurrences of *key* are taken back, by what is known already; `NEVER`: they are not."""
    stray: dict[str, EpochMs] = getattr(profile, f"{spec.name}_stray")
    since = stray.pop(key, NEVER)
    undone: list[EpochMs] = getattr(profile, f"{spec.name}_undone")
    if undone:
        keys: list[Any] = getattr(profile, f"{spec.name}_key")
        since = min([since, *(at for other, at in zip(keys, undone, strict=True) if other == key)])
    return since


def instants_of(lists: Iterable[Iterable[EpochMs]]) -> list[EpochMs]:
    """Return the instants in *lists*, ascending, each once; `NEVER` (not undone) is none."""
    found: set[EpochMs] = set().union(*lists)
    found.discard(NEVER)
    return sorted(found)
