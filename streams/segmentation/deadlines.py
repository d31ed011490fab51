"""The deadlines of one gate, earliest first: a calendar queue, so that arming costs next to nothing until a deadline nears.

Most deadlines lie hours or days ahead and are put off again and again. In one heap of all of them every step would touch
cold memory at each of its levels; here they rest unsorted by the minute, and only the minutes that the watermark has reached
are kept in a (small) heap. R. Brown, "Calendar queues", Communications of the ACM 31 (1988), is the idea.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from streams.segmentation.timeline import BEFORE_ALL, MINUTE_MS, NEVER, EpochMs

Entry = tuple[EpochMs, str]
"""A deadline and the key of the customer it wakes."""

BUCKET_MS = MINUTE_MS


class Deadlines:
    """A priority queue of deadlines.

    Attributes:
        earliest: not later than the first deadline; `NEVER` when there is none.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.earliest: EpochMs = NEVER
        self._buckets: dict[int, list[Entry]] = {}
        self._starts: list[int] = []  # heap of the numbers of `_buckets`
        self._open: list[Entry] = []  # heap of what lies before `_opened_to`
        self._opened_to: EpochMs = BEFORE_ALL

    def push(self, deadline: EpochMs, key: str) -> None:
        """Add a deadline; the same one may be added again."""
        if deadline < self._opened_to:
            heappush(self._open, (deadline, key))
        else:
            number = deadline // BUCKET_MS
            bucket = self._buckets.get(number)
            if bucket is None:
                self._buckets[number] = [(deadline, key)]
                heappush(self._starts, number)
            else:
                bucket.append((deadline, key))
        self.earliest = min(self.earliest, deadline)

    def pop_due(self, watermark_ms: EpochMs) -> list[Entry]:
        """Take out and return, in order, the deadlines that are not after *watermark_ms*."""
        starts, ready = self._starts, self._open
        if starts and starts[0] * BUCKET_MS <= watermark_ms:
            while starts and starts[0] * BUCKET_MS <= watermark_ms:
                number = heappop(starts)
                ready += self._buckets.pop(number)
                self._opened_to = (number + 1) * BUCKET_MS
            heapify(ready)
        due = []
        while ready and ready[0][0] <= watermark_ms:
            due.append(heappop(ready))
        self.earliest = ready[0][0] if ready else starts[0] * BUCKET_MS if starts else NEVER
        return due
