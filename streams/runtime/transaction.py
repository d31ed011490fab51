"""The open transaction: what the agent finished since the last commit, with the offsets it stands for.

It carries the offsets of *every* topic of every partition that took part, moved or not: the broker checks the group's
generation with the offsets, and so a worker that has lost a partition cannot commit even a timer's output. The offsets'
metadata is a stamp no other transaction has: by it a state kept from before a rebalance is known to be the last one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping

from streams.runtime.batches import DeliveredBatch
from streams.runtime.kafka_ports import Abortable, Clock, Fatal, Kafka
from streams.runtime.limits import Limits
from streams.runtime.observing import CommitReport, TopicPartition
from streams.runtime.ownership import OwnedPartition
from streams.runtime.ports import OutputRecord


class Transaction:
    """Begun for the first batch that has something to commit. Used by the coordinator's thread only.

    Attributes:
        open: whether one is begun.
    """

    def __init__(
        self,
        kafka: Kafka,
        clock: Clock,
        limits: Limits,
        blame: Callable[[int, Exception], Abortable],
        *,
        run_id: str,
    ) -> None:
        self.open = False
        self._kafka, self._clock, self._limits, self._blame = kafka, clock, limits, blame
        self._since_ms = 0
        self._stamps = (f"{run_id}-{number}" for number in itertools.count(1))
        self._offsets: dict[TopicPartition, int] = {}
        self._dirty: set[int] = set()
        self._records = self._outputs = 0

    def add(self, owned: OwnedPartition, batch: DeliveredBatch) -> None:
        """Put a finished batch in; begin the transaction if it is the first that matters."""
        self._records += batch.size
        if not (batch.out or batch.offsets or batch.changed):
            return
        if not self.open:
            self._kafka.begin()
            self.open, self._since_ms = True, self._clock.monotonic_ms()
        self._dirty.add(owned.partition)
        for topic, base in owned.base.items():
            key = topic, owned.partition
            last = self._offsets.get(key, base)
            offset = batch.offsets.get(topic, last)
            assert last <= offset <= owned.delivered[topic], "offsets go on, not beyond what was delivered"
            self._offsets[key] = offset
        if batch.out:
            self._outputs += self._produce(owned.partition, batch.out)

    def due(self, interval_ms: int) -> bool:
        """Say whether it is time to commit."""
        if not self.open:
            return False
        waited_ms = self._clock.monotonic_ms() - self._since_ms
        return waited_ms >= interval_ms or self._outputs >= self._limits.outputs_max

    def commit(self, owned: Mapping[int, OwnedPartition], started_ms: int) -> CommitReport:
        """Add what the states flush, commit, and settle the partitions that took part."""
        flushed = sum(
            self._produce(partition, owned[partition].state.flush()) for partition in sorted(self._dirty)
        )
        stamp = next(self._stamps)
        self._kafka.commit(self._offsets, stamp)
        for partition in self._dirty:
            base = owned[partition].base
            owned[partition].settle({topic: self._offsets[topic, partition] for topic in base}, stamp)
        now_ms = self._clock.monotonic_ms()
        report = CommitReport(
            duration_s=(now_ms - started_ms) / 1000,
            open_s=(now_ms - self._since_ms) / 1000,
            records=self._records,
            outputs=self._outputs,
            flushed=flushed,
            partitions=len(self._dirty),
        )
        self.forget()
        return report

    def abort(self) -> None:
        """Abort it if it is open; whatever comes of it, nothing of it is left here."""
        was_open = self.open
        self.forget()
        if was_open:
            self._kafka.abort()

    def forget(self) -> None:
        """Keep nothing of it."""
        self.open = False
        self._offsets = {}
        self._dirty = set()
        self._records = self._outputs = 0

    def _produce(self, partition: int, records: Iterable[OutputRecord]) -> int:
        try:
            return self._kafka.produce(records)
        except (Abortable, Fatal):
            raise
        except Exception as error:  # the client refused a record, or flush() failed
            raise self._blame(partition, error) from error
