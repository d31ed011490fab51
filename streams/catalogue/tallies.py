"""Counts what segments do over a run: sizes, entries a day, how often customers come and go, who is where at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import combinations

import msgspec

from streams.segmentation.timeline import DAY_MS, DurationMs, EpochMs
from streams.segmentation.transitions import Transition

FLAP_MS: DurationMs = DAY_MS
"""An entry sooner than this after the customer's last exit from the segment is a flap."""


class SegmentTally(msgspec.Struct):
    """What was counted of one segment.

    Attributes:
        entries, exits, retractions: transitions.
        flaps: entries less than `FLAP_MS` after the same customer's exit.
        customers: how many customers were members at some time; retracted entries do not count.
        members: keys of the customers who are members at the end.
        by_day: day (since 1970, UTC) → entries.
    """

    entries: int = 0
    exits: int = 0
    retractions: int = 0
    flaps: int = 0
    customers: int = 0
    members: set[str] = msgspec.field(default_factory=set)
    by_day: Counter[int] = msgspec.field(default_factory=Counter)

    @property
    def flap_rate(self) -> float:
        """The share of the entries that are flaps; 0 without entries."""
        return self.flaps / self.entries if self.entries else 0.0

    @property
    def busiest(self) -> tuple[int, int]:
        """The day with the most entries, the first of several, and how many; (0, 0) without entries."""
        return max(self.by_day.items(), key=lambda item: (item[1], -item[0]), default=(0, 0))


class Tally:
    """Counts the transitions of one run, in the order in which they come.

    Attributes:
        segments: segment id → what was counted, in the catalogue's order.
        ever: (one, other) in alphabetical order → customers who were in both at the same time, for more than an instant.
    """

    def __init__(self, segment_ids: Iterable[str]) -> None:
        """Begin with nothing, for *segment_ids*."""
        self.segments = {name: SegmentTally() for name in segment_ids}
        self.ever: Counter[tuple[str, str]] = Counter()
        self._since: dict[str, dict[str, EpochMs]] = defaultdict(dict)
        self._left: dict[tuple[str, str], EpochMs] = {}
        self._seen: dict[str, set[tuple[str, ...]]] = defaultdict(set)

    def take(self, transition: Transition) -> None:
        """Count *transition*."""
        key = f"{transition.shop_id}/{transition.customer_id}"
        name, at_ms = transition.segment_id, transition.occurred_at_ms
        counts, since = self.segments[name], self._since[key]
        if transition.kind == "entered":
            counts.entries += 1
            counts.by_day[at_ms // DAY_MS] += 1
            left = self._left.get((key, name))
            counts.flaps += left is not None and at_ms - left < FLAP_MS
            since[name] = at_ms
            return
        if transition.kind == "exited":
            counts.exits += 1
            self._left[key, name] = at_ms
            self._note(key, name, at_ms)
        else:
            counts.retractions += 1
        since.pop(name, None)

    def finish(self, end_ms: EpochMs) -> None:
        """Count who is where at the end of the run, *end_ms*."""
        for key, since in self._since.items():
            for name in since:
                self.segments[name].members.add(key)
                self._note(key, name, end_ms + 1)

    def _note(self, key: str, name: str, end_ms: EpochMs) -> None:
        """Note that the customer *key* was in *name* until *end_ms*, and in what else meanwhile."""
        since, seen = self._since[key], self._seen[key]
        if (name,) not in seen:
            seen.add((name,))
            self.segments[name].customers += 1
        for other, began_ms in since.items():
            pair = (name, other) if name < other else (other, name)
            if other != name and pair not in seen and max(began_ms, since.get(name, began_ms)) < end_ms:
                seen.add(pair)
                self.ever[pair] += 1

    def at_end(self) -> Counter[tuple[str, str]]:
        """Return (one, other) in alphabetical order → customers who are in both at the end."""
        pairs = combinations(sorted(self.segments), 2)
        found = (
            (pair, len(self.segments[pair[0]].members & self.segments[pair[1]].members)) for pair in pairs
        )
        return Counter({pair: count for pair, count in found if count})
