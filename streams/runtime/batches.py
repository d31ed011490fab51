"""The batch that goes to the agent, and the signal on which the coordinator waits for it.

A batch is made, voided and collected by the coordinator's thread; the agent enters and leaves it in another.
The signal's lock makes "has the agent begun?" and "is it void?" one question.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Protocol

from streams.runtime.ports import Batch, InputRecord, OutputRecord, PartitionState

NONE_QUARANTINED: Mapping[str, frozenset[int]] = {}


class RecordFailed(Exception):
    """The agent knows which record failed: raise it from the cause, and no search is needed."""

    def __init__(self, topic: str, offset: int) -> None:
        super().__init__(f"the record at {topic} offset {offset} failed")
        self.topic, self.offset = topic, offset


class Signal(Protocol):
    """A lock, a wake-up and a bounded wait."""

    def __enter__(self) -> object: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> object: ...

    def notify(self) -> None:
        """Wake the waiter; the lock is held."""

    def wait(self, true: Callable[[], bool], timeout_ms: float) -> bool:
        """Wait until *true()* or the time is over; return what *true()* said last."""


class ThreadSignal:
    """The signal between real threads."""

    def __init__(self) -> None:
        self._condition = threading.Condition()

    def __enter__(self) -> object:
        return self._condition.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._condition.__exit__(kind, error, trace)

    def notify(self) -> None:
        """Wake the waiter; the lock is held."""
        self._condition.notify_all()

    def wait(self, true: Callable[[], bool], timeout_ms: float) -> bool:
        """Wait until *true()* or *timeout_ms* is over; return what *true()* said last."""
        if true():
            return True
        with self._condition:
            return self._condition.wait_for(true, timeout_ms / 1000)


class DeliveredBatch(Batch):
    """`Batch` as the transport delivers it; see there for what the attributes mean.

    Attributes:
        size: number of records.
        done: the agent has left the block, or will find the batch void.
        entered: the agent is, or was, inside the block and may hold the state.
        error: what the block raised.
        delivered_ms: monotonic time of delivery.
    """

    __slots__ = (
        "_signal",
        "_state",
        "caught_up_ms",
        "changed",
        "delivered_ms",
        "done",
        "entered",
        "error",
        "hold",
        "never_had_a_record",
        "now_ms",
        "offsets",
        "out",
        "partition",
        "quarantined",
        "records",
        "size",
        "waiting",
    )

    def __init__(
        self, partition: int, records: Mapping[str, list[InputRecord]], state: PartitionState, signal: Signal
    ) -> None:
        self.partition = partition
        self.records = records
        self.caught_up_ms = {}
        self.never_had_a_record = frozenset()
        self.quarantined = NONE_QUARANTINED
        self.now_ms = 0
        self.out: list[OutputRecord] = []
        self.offsets: dict[str, int] = {}
        self.hold: frozenset[str] = frozenset()
        self.waiting = False
        self.changed = False
        self.size = sum(map(len, records.values()))
        self.done = False
        self.entered = False
        self.error: BaseException | None = None
        self.delivered_ms = 0
        self._state: PartitionState | None = state
        self._signal = signal

    def __enter__(self) -> PartitionState | None:
        """Give the state, or None when the batch was rolled back before the agent got to it."""
        with self._signal:
            self.entered = True
            return self._state

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Note the end; an exception is recorded and swallowed, so that the agent goes on with the next batch."""
        with self._signal:
            self.error = error
            self.done = True
            self._signal.notify()
        return isinstance(error, Exception)

    def void(self) -> None:
        """Take the state away: an agent that has not begun will skip the batch."""
        with self._signal:
            self._state = None
            if not self.entered:
                self.done = True
