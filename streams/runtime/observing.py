"""What the transport tells whoever measures it: a protocol of callbacks, and one that ignores them all.

The calls come from the coordinator's thread, but for `restoring`, `restored` and `restore_ended`, which come from a
restore's thread.
They must be quick, must not block and must not raise. Nothing here carries a key, a value or a customer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol

TopicPartition = tuple[str, int]
"""(topic, partition number)."""

RebalanceKind = Literal["assigned", "revoked", "lost"]


class CommitReport(NamedTuple):
    """One committed transaction.

    Attributes:
        duration_s: seconds from the decision to commit until the broker had answered.
        open_s: seconds from the first output until the broker had answered.
        records: input records whose processing it holds.
        outputs: records written by the agent.
        flushed: records written by `PartitionState.flush` (changelog, compacted outputs).
        partitions: partition numbers that took part.
    """

    duration_s: float
    open_s: float
    records: int
    outputs: int
    flushed: int
    partitions: int


class Observer(Protocol):
    """Callbacks of the transport."""

    def committed(self, report: CommitReport) -> None:
        """A transaction is committed."""

    def aborted(self, reason: str) -> None:
        """A transaction was rolled back; *reason* is a short closed word."""

    def renewed(self, reason: str) -> None:
        """The producer was replaced, because the outcome of a call was unknown or it was fenced."""

    def rebalanced(self, kind: RebalanceKind, partitions: int) -> None:
        """The group gave or took *partitions* partition numbers."""

    def restoring(self, partition: int, records: int, total: int) -> None:
        """A restore has read *records* of about *total* changelog offsets."""

    def restored(self, partition: int, records: int, duration_s: float) -> None:
        """A partition's state is complete; 0 records: it was kept from before the rebalance, or is new."""

    def restore_ended(self, partition: int) -> None:
        """A restore is over: done, given up, or failed. Nothing more comes of it."""

    def delivered(self, partition: int, records: int) -> None:
        """A batch went to the agent; 0 records: a tick."""

    def failed(self, partition: int) -> None:
        """The agent failed on a batch of *partition*."""

    def quarantined(self, topic: str, partition: int, offset: int) -> None:
        """A record failed alone and goes to the dead-letter topic."""

    def lagging(self, lags: Mapping[TopicPartition, int]) -> None:
        """Records between what was delivered and the log's end, for each owned topic partition."""


class SilentObserver:
    """Ignores everything."""

    def committed(self, report: CommitReport) -> None:
        """Ignore."""

    def aborted(self, reason: str) -> None:
        """Ignore."""

    def renewed(self, reason: str) -> None:
        """Ignore."""

    def rebalanced(self, kind: RebalanceKind, partitions: int) -> None:
        """Ignore."""

    def restoring(self, partition: int, records: int, total: int) -> None:
        """Ignore."""

    def restored(self, partition: int, records: int, duration_s: float) -> None:
        """Ignore."""

    def restore_ended(self, partition: int) -> None:
        """Ignore."""

    def delivered(self, partition: int, records: int) -> None:
        """Ignore."""

    def failed(self, partition: int) -> None:
        """Ignore."""

    def quarantined(self, topic: str, partition: int, offset: int) -> None:
        """Ignore."""

    def lagging(self, lags: Mapping[TopicPartition, int]) -> None:
        """Ignore."""
