"""What the coordinator asks of the Kafka client and of a restore: protocols, errors, answers. No Kafka in here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

from streams.errors import OperationError
from streams.runtime.observing import TopicPartition
from streams.runtime.ports import InputRecord, OutputRecord, PartitionState


class Abortable(Exception):
    """Surely not committed: abort, roll back, read again. *reason*: a short closed word for the metrics."""

    def __init__(self, message: str, reason: str = "broker") -> None:
        super().__init__(message)
        self.reason = reason


class Fatal(Exception):
    """Unknown whether committed, or the producer is unusable. *fenced*: another producer has our identity."""

    def __init__(self, message: str, *, fenced: bool = False) -> None:
        super().__init__(message)
        self.fenced = fenced


class Unproducible(Exception):
    """The client refuses a record for what it is (too large); only its batch is to blame."""


class Fetched(NamedTuple):
    """What one `consume()` brought.

    Attributes:
        records: records by topic partition, in offset order.
        ends: topic partitions whose end was reached after the last of these records → that end's offset.
    """

    records: Mapping[TopicPartition, list[InputRecord]]
    ends: Mapping[TopicPartition, int]


class Snapshot(NamedTuple):
    """A clean state, and what it stands for.

    Attributes:
        state: what the transactions up to the last commit made it.
        offsets: topic → committed offset; where to read next.
        stamp: names the last transaction of this partition; empty before the first. The offsets alone do not: what time
            causes changes the state and moves no offset.
    """

    state: PartitionState
    offsets: Mapping[str, int]
    stamp: str


RestoreDone = Callable[[Snapshot | OperationError], None]


class Clock(Protocol):
    """Where time comes from."""

    def monotonic_ms(self) -> int:
        """Milliseconds that never go back."""

    def wall_ms(self) -> int:
        """Milliseconds since the epoch."""


class Kafka(Protocol):
    """The client, one consumer and one transactional producer. Methods raise `Abortable` or `Fatal`."""

    def consume(self, records_max: int) -> Fetched:
        """Fetch up to *records_max* records within a short wait; runs the rebalance callbacks."""

    def fetch(self, positions: Mapping[TopicPartition, int]) -> None:
        """Fetch these topic partitions from these offsets, and no others; none is paused."""

    def pause(self, topic: str, partition: int) -> None:
        """Fetch no more of it for now."""

    def resume(self, topic: str, partition: int) -> None:
        """Fetch it again, from where its records ended."""

    def begin(self) -> None:
        """Begin a transaction."""

    def produce(self, records: Iterable[OutputRecord]) -> int:
        """Write records in the open transaction; return how many. Raises `Unproducible` too."""

    def commit(self, offsets: Mapping[TopicPartition, int], stamp: str) -> None:
        """Commit the open transaction with the consumer group's offsets, *stamp* as their metadata."""

    def abort(self) -> None:
        """Abort the open transaction."""

    def renew(self, done: Callable[[OperationError | None], None]) -> None:
        """Replace the producer, in the background; *done* is called later from any thread."""

    def lags(self, positions: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        """Records between the positions and the log's ends, as far as known without asking."""

    def close(self) -> None:
        """Leave the group; the revocation callback may run."""


class Restore(Protocol):
    """Starts the restore of a partition; `done` is called later from any thread, unless `alive` says no."""

    def __call__(
        self,
        partition: int,
        spare: Snapshot | None,
        done: RestoreDone,
        alive: Callable[[], bool],
    ) -> None:
        """Start it, and return at once."""
