"""The batches that were delivered and are not collected yet, in the order of delivery."""

from __future__ import annotations

from collections import deque

from streams.runtime.batches import DeliveredBatch, Signal


class Flights:
    """A queue of delivered batches. Used by the coordinator's thread only.

    Attributes:
        records: records in all of them.
    """

    def __init__(self, signal: Signal) -> None:
        self.records = 0
        self._signal = signal
        self._queue: deque[DeliveredBatch] = deque()
        self._head_since_ms = 0

    def __bool__(self) -> bool:
        return bool(self._queue)

    def add(self, batch: DeliveredBatch, now_ms: int) -> None:
        """Note a delivery."""
        if not self._queue:
            self._head_since_ms = now_ms
        self._queue.append(batch)
        self.records += batch.size

    @property
    def oldest(self) -> DeliveredBatch:
        """The batch delivered first."""
        return self._queue[0]

    def take_finished(self) -> DeliveredBatch | None:
        """Give the oldest batch if the agent has finished it; the caller removes it with `remove_oldest`."""
        return self._queue[0] if self._queue and self._queue[0].done else None

    def remove_oldest(self, now_ms: int) -> None:
        """Forget the oldest batch: the next one's time begins."""
        self.records -= self._queue.popleft().size
        self._head_since_ms = now_ms

    def await_oldest(self, timeout_ms: float) -> bool:
        """Wait until the oldest batch is finished; say whether it is."""
        return self._signal.wait(lambda: self._queue[0].done, timeout_ms)

    def overdue(self, now_ms: int, patience_ms: int) -> bool:
        """Say whether the oldest batch, alone, takes longer than *patience_ms*."""
        return bool(self._queue) and not self._queue[0].done and now_ms - self._head_since_ms > patience_ms

    def void_all(self, timeout_ms: float) -> bool:
        """Take every state away and forget the batches; say whether the agent has let go within *timeout_ms*."""
        batches = list(self._queue)
        for batch in batches:
            batch.void()
        self._queue.clear()
        self.records = 0
        return self._signal.wait(lambda: all(batch.done for batch in batches), timeout_ms)
