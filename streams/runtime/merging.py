"""Merges the input topics of one partition number by event time (S7). No Kafka, no clock.

Each topic's records stay in their own order; between topics the one whose next record is oldest goes first. A topic that
has nothing here and is not read to its end may still have an older record, so the others wait for it, up to `merge_wait`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from streams.errors import RecordError
from streams.runtime.ports import InputRecord
from streams.segmentation.stimuli import EventObserved, WatermarkAdvanced
from streams.segmentation.timeline import BEFORE_ALL, DurationMs, EpochMs


class Decoded(NamedTuple):
    """A record and what it says; exactly one of *stimulus* and *error* is set."""

    record: InputRecord
    stimulus: EventObserved | WatermarkAdvanced | None
    error: RecordError | None

    @property
    def event_time_ms(self) -> EpochMs:
        """When it happened; what has no time of its own goes at once."""
        return self.stimulus.event_time_ms if isinstance(self.stimulus, EventObserved) else BEFORE_ALL


class MergeBuffers:
    """What is read and not processed yet, one queue per topic.

    Attributes:
        waiting: records wait for another topic.
    """

    def __init__(self, topics: Sequence[str], *, merge_wait_ms: DurationMs, hold_at: int) -> None:
        """Start empty.

        Args:
            topics: the input topics.
            merge_wait_ms: longest wait for a topic that is behind and has nothing here.
            hold_at: records of one topic beyond which it should be paused.
        """
        self._queues: dict[str, deque[Decoded]] = {topic: deque() for topic in topics}
        self._merge_wait_ms, self._hold_at = merge_wait_ms, hold_at
        self._since_ms: EpochMs | None = None
        self.waiting = False

    def add(self, topic: str, decoded: Iterable[Decoded]) -> None:
        """Put records at the end of their topic's queue."""
        self._queues[topic].extend(decoded)

    def clear(self) -> None:
        """Forget everything: it will be read again."""
        for queue in self._queues.values():
            queue.clear()
        self._since_ms, self.waiting = None, False

    @property
    def hold(self) -> frozenset[str]:
        """Topics of which enough is here."""
        return frozenset(topic for topic, queue in self._queues.items() if len(queue) >= self._hold_at)

    def oldest(self, now_ms: EpochMs) -> EpochMs:
        """Return the event time of the oldest head of a queue; *now_ms* when nothing is older."""
        heads = (queue[0].event_time_ms for queue in self._queues.values() if queue)
        return min((head for head in heads if head > BEFORE_ALL), default=now_ms)

    def empty(self, topic: str) -> bool:
        """Return whether nothing of *topic* is here."""
        return not self._queues[topic]

    def due(
        self, caught_up: Collection[str] | Mapping[str, int], now_ms: EpochMs
    ) -> Iterator[tuple[str, Decoded]]:
        """Yield, and remove, what may be processed now: topic and record, oldest first.

        Args:
            caught_up: topics that are read to their end.
            now_ms: the wall clock, which bounds the wait.
        """
        queues = self._queues
        self.waiting = False
        patient = True
        while any(queues.values()):
            missing = [topic for topic, queue in queues.items() if not queue and topic not in caught_up]
            if missing and patient:
                if self._since_ms is None:
                    self._since_ms = now_ms
                if now_ms - self._since_ms < self._merge_wait_ms:
                    self.waiting = True
                    return
                patient = False  # waited long enough: go on with what is here
            elif not missing:
                self._since_ms = None
            topic = min((t for t, queue in queues.items() if queue), key=lambda t: queues[t][0].event_time_ms)
            yield topic, queues[topic].popleft()
        if patient:
            self._since_ms = None
