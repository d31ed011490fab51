"""One partition number that this worker owns: its state, its place in every input topic, what waits to be delivered.

Three offsets per topic, never in another order: `base` ≤ `delivered` ≤ `next`.

- `base`: what the committed state stands for; a rollback reads again from here.
- `delivered`: the offset after the last record given to the agent (it may still be buffered in the state).
- `next`: the offset after the last record fetched; between the two lies the stash.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from streams.runtime.batches import NONE_QUARANTINED, DeliveredBatch, Signal
from streams.runtime.kafka_ports import Snapshot
from streams.runtime.limits import Limits
from streams.runtime.poison import Trouble
from streams.runtime.ports import InputRecord


class OwnedPartition:
    """What the coordinator keeps about one partition number. Used by its thread only."""

    def __init__(self, partition: int, snapshot: Snapshot, limits: Limits) -> None:
        base = snapshot.offsets
        self.partition = partition
        self.state = snapshot.state
        self.stamp = snapshot.stamp
        self.base = dict(base)
        self.delivered = dict(base)
        self.next = dict(base)
        self.trouble: Trouble | None = None
        self.in_flight = 0
        self.delivered_ms = 0
        self.waiting = False
        self.hold: frozenset[str] = frozenset()
        self.paused: set[str] = set()
        self._stash: dict[str, deque[InputRecord]] = {topic: deque() for topic in base}
        self._stashed = 0
        self._end_since_ms: dict[str, int] = {}
        self._empty: set[str] = set()
        self._fed_ms = 0
        self._limits = limits

    def take_in(self, topic: str, records: Sequence[InputRecord]) -> None:
        """Put fetched records into the stash; the topic is behind until its next end is seen."""
        self._stash[topic].extend(records)
        self._stashed += len(records)
        self.next[topic] = records[-1].offset() + 1
        self._end_since_ms.pop(topic, None)
        self._empty.discard(topic)

    def reach_end(self, topic: str, offset: int, now_ms: int) -> None:
        """Note that the log of *topic* was read to its end, at *offset*."""
        self._end_since_ms.setdefault(topic, now_ms)
        if offset == 0:
            self._empty.add(topic)

    def rewind(self) -> None:
        """Become what the last commit left, everything after it to be fetched again."""
        self.state.rollback()
        self.delivered = dict(self.base)
        self.next = dict(self.base)
        self.in_flight = 0
        self.waiting = False
        self.hold = frozenset()
        self.paused = set()
        self._stash = {topic: deque() for topic in self.base}
        self._stashed = 0
        self._end_since_ms = {}

    def settle(self, offsets: Mapping[str, int], stamp: str) -> None:
        """Take the commit of *offsets* by the transaction *stamp*."""
        self.state.commit()
        self.base.update(offsets)
        self.stamp = stamp
        if self.trouble is not None and self.trouble.settle(self.base, self._limits.batch_records_max):
            self.trouble = None

    def snapshot(self) -> Snapshot:
        """Give the state away, clean and without buffered records, for when the partition comes back."""
        self.rewind()
        return Snapshot(self.state, self.base, self.stamp)

    @property
    def settled(self) -> bool:
        """Everything that was delivered is committed."""
        return self.base == self.delivered

    @property
    def unsettled_records(self) -> int:
        """Delivered and uncommitted records, counted by offsets: gaps count too."""
        return sum(self.delivered[topic] - base for topic, base in self.base.items())

    def next_batch(self, now_ms: int, wall_ms: int, signal: Signal) -> DeliveredBatch | None:
        """Make the next batch, or a tick, if one is due.

        Args:
            now_ms: monotonic time.
            wall_ms: wall clock, for the agent.
            signal: on which the batch reports its end.
        """
        records = self._take(now_ms) if self._stashed else {}
        if not records and not self._tick_due(now_ms):
            return None
        batch = DeliveredBatch(self.partition, records, self.state, signal)
        batch.now_ms = wall_ms
        batch.delivered_ms = self.delivered_ms = now_ms
        batch.caught_up_ms = {
            topic: max(0, now_ms - since)
            for topic, since in self._end_since_ms.items()
            if not self._stash[topic]
        }
        batch.never_had_a_record = frozenset(self._empty)
        if self.trouble is not None and self.trouble.quarantined:
            batch.quarantined = dict(self.trouble.quarantined)
        else:
            batch.quarantined = NONE_QUARANTINED
        self.in_flight += 1
        return batch

    def adjust_fetching(self, pause: Callable[[str, int], None], resume: Callable[[str, int], None]) -> None:
        """Pause the topics whose stash is full, resume those whose stash is nearly empty."""
        if not self._stashed and not self.paused:
            return
        for topic, stash in self._stash.items():
            if topic in self.paused:
                if len(stash) <= self._limits.held_records_max // 4:
                    self.paused.discard(topic)
                    resume(topic, self.partition)
            elif len(stash) > self._limits.held_records_max:
                self.paused.add(topic)
                pause(topic, self.partition)

    def _tick_due(self, now_ms: int) -> bool:
        if self.in_flight or (self.trouble is not None and now_ms < self.trouble.resume_at_ms):
            return False
        wait_ms = self._limits.merge_wait_ms if self.waiting else self._limits.tick_interval_ms
        return now_ms - self.delivered_ms >= wait_ms

    def _take(self, now_ms: int) -> dict[str, list[InputRecord]]:
        trouble = self.trouble
        if trouble is None:
            return self._take_all()
        if now_ms < trouble.resume_at_ms or self.in_flight:
            return {}
        single = trouble.searching and trouble.limit == 1
        if single and not self.settled and now_ms - self._fed_ms < self._limits.isolation_wait_ms:
            return {}
        settled = self.settled
        records = self._take_oldest(trouble.limit)
        if records:
            self._fed_ms = now_ms
        if single:
            exposed = [(topic, record.offset()) for topic, taken in records.items() for record in taken]
            trouble.expose(exposed, all_settled=settled)
        return records

    def _take_all(self) -> dict[str, list[InputRecord]]:
        taken = {}
        for topic, stash in self._stash.items():
            if not stash or topic in self.hold:
                continue
            if len(stash) <= self._limits.batch_records_max:
                taken[topic] = list(stash)
                stash.clear()
            else:
                taken[topic] = [stash.popleft() for _ in range(self._limits.batch_records_max)]
            self._stashed -= len(taken[topic])
            self.delivered[topic] = taken[topic][-1].offset() + 1
        return taken

    def _take_oldest(self, limit: int) -> dict[str, list[InputRecord]]:
        """Take up to *limit* records, the oldest by Kafka timestamp first, each topic in its order."""
        taken: dict[str, list[InputRecord]] = {}
        for _ in range(limit):
            heads = [
                (stash[0].timestamp()[1], topic)
                for topic, stash in self._stash.items()
                if stash and topic not in self.hold
            ]
            if not heads:
                break
            topic = min(heads)[1]
            record = self._stash[topic].popleft()
            taken.setdefault(topic, []).append(record)
            self.delivered[topic] = record.offset() + 1
            self._stashed -= 1
        return taken
