"""A model of Kafka for the simulation: logs, a group with generations, fencing, transactions whose markers lag.

One thread, one random generator: a seed gives the same run for ever. Modelled is what the exactly-once cycle rests on:

- a commit decides at once, but its markers reach the offsets, and each partition of the outputs and the changelog, at
  later steps of their own. A pending offset keeps `committed` from answering; a pending record ends what a
  read_committed reader sees of its log;
- a transaction is refused when the producer's epoch or the group's generation is old;
- offsets have gaps, as transactions and compaction leave them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from streams.runtime.observing import TopicPartition
from streams.runtime.ports import Headers, OutputRecord


@dataclass(frozen=True, slots=True)
class SimulatedRecord:
    """One input record."""

    place: TopicPartition
    at: int
    name: bytes
    content: bytes

    def topic(self) -> str:
        """Return its topic."""
        return self.place[0]

    def partition(self) -> int:
        """Return its partition number."""
        return self.place[1]

    def offset(self) -> int:
        """Return its offset."""
        return self.at

    def key(self) -> bytes:
        """Return its key."""
        return self.name

    def value(self) -> bytes:
        """Return its value."""
        return self.content

    def timestamp(self) -> tuple[int, int]:
        """Return its time: here the offset."""
        return 1, self.at

    def headers(self) -> Headers | None:
        """Return none."""
        return None


@dataclass(slots=True)
class OpenTransaction:
    """Records and offsets of one transaction; *fate* None: undecided."""

    records: list[OutputRecord] = field(default_factory=list)
    fate: bool | None = None


@dataclass(slots=True)
class Written:
    """A record in an output log; *resolved*: its marker is written."""

    record: OutputRecord
    transaction: OpenTransaction
    resolved: bool = False


class SimulatedBroker:
    """Logs, group and transactions.

    Attributes:
        inputs: topic partition → all records it will ever have.
        ends: topic partition → end offset of what is produced by now.
        logs: (topic, partition) → written records, of outputs and changelog.
        committed: topic partition → committed offset.
    """

    def __init__(self, chance: random.Random, topics: Iterable[str], partitions: int, records: int) -> None:
        self.random = chance
        self.partitions = partitions
        self.inputs: dict[TopicPartition, list[SimulatedRecord]] = {}
        self.ends: dict[TopicPartition, int] = {}
        for topic in topics:
            for partition in range(partitions):
                self._fill(
                    (topic, partition),
                    chance.randrange(records // 2, records) if chance.random() > 0.1 else 0,
                )
        self.logs: dict[TopicPartition, list[Written]] = {}
        self.committed = dict.fromkeys(self.inputs, 0)
        self.stamps = dict.fromkeys(self.inputs, "")
        self.markers: list[tuple[int, Callable[[], None]]] = []  # by worker; decided, not yet written
        self.pending_offsets: dict[TopicPartition, int] = dict.fromkeys(self.inputs, 0)
        self.epochs: dict[int, int] = {}
        self.open: dict[int, OpenTransaction] = {}
        self.generation = 0
        self.members: dict[str, bool] = {}  # member → has joined the coming generation
        self.stable = True
        self.assigned: dict[str, list[int]] = {}

    def _fill(self, place: TopicPartition, count: int) -> None:
        offset, log = 0, []
        for number in range(count):
            offset += self.random.random() < 0.1
            log.append(SimulatedRecord(place, offset, b"k%d" % self.random.randrange(4), b"%d" % number))
            offset += 1
        self.inputs[place], self.ends[place] = log, 0

    def produce_some(self) -> None:
        """Let some more input arrive."""
        place = self.random.choice(list(self.inputs))
        coming = [record for record in self.inputs[place] if record.at >= self.ends[place]]
        if coming:
            self.ends[place] = coming[min(len(coming), self.random.randrange(1, 12)) - 1].at + 1

    @property
    def all_produced(self) -> bool:
        """All input has arrived."""
        return all(not log or self.ends[place] > log[-1].at for place, log in self.inputs.items())

    # -- the group -----------------------------------------------------------------------------------------------

    def join(self, member: str) -> None:
        """Join, or join again, the coming generation."""
        if member not in self.members:
            self.stable = False
            self.members = dict.fromkeys(self.members, False)
        self.members[member] = True
        self.settle()

    def leave(self, member: str | None) -> None:
        """Remove a member; the others must join again."""
        if member is not None and self.members.pop(member, None) is not None:
            self.stable = False
            self.members = dict.fromkeys(self.members, False)
        self.settle()

    def settle(self) -> None:
        """Begin the next generation when all members have joined it."""
        if self.stable or not self.members or not all(self.members.values()):
            return
        self.generation += 1
        self.stable = True
        members = sorted(self.members)
        self.random.shuffle(members)
        self.assigned = {member: [] for member in members}
        for partition in range(self.partitions):
            self.assigned[members[partition % len(members)]].append(partition)

    # -- transactions --------------------------------------------------------------------------------------------

    def begin(self, worker: int) -> None:
        """Begin a transaction."""
        assert worker not in self.open, "one transaction at a time"
        self._write_all_markers(worker)  # the broker lets a producer begin only when its last one is complete
        self.open[worker] = OpenTransaction()

    def write(self, worker: int, record: OutputRecord) -> None:
        """Append a record of the open transaction: it stands in the log at once."""
        transaction = self.open[worker]
        transaction.records.append(record)
        assert record.partition is not None, "outputs of the simulation name their partition"
        self.logs.setdefault((record.topic, record.partition), []).append(Written(record, transaction))

    def decide(self, worker: int, offsets: Mapping[TopicPartition, int] | None, stamp: str = "") -> None:
        """Commit (with *offsets*) or abort (None); the markers follow later, each at its own time."""
        transaction = self.open.pop(worker, None)
        if transaction is None:
            return
        transaction.fate = offsets is not None
        for place in {(r.topic, r.partition or 0) for r in transaction.records}:
            self.markers.append((worker, partial(self._resolve, place, transaction)))
        for place, offset in (offsets or {}).items():
            self.pending_offsets[place] += 1
            self.markers.append((worker, partial(self._move, place, offset, stamp)))

    def write_marker(self) -> None:
        """Write one of the outstanding markers."""
        if self.markers:
            self.markers.pop(self.random.randrange(len(self.markers)))[1]()

    def fence(self, worker: int) -> None:
        """Raise the epoch and abort what is open, as the broker does on a transaction's time-out."""
        self.epochs[worker] = self.epochs.get(worker, 0) + 1
        self.decide(worker, None)

    def initialise(self, worker: int) -> int:
        """Fence, and answer with the new epoch when all that was open before is complete."""
        self.fence(worker)
        self._write_all_markers(worker)
        return self.epochs[worker]

    def high_watermark(self, place: TopicPartition) -> int:
        """Return the end of an output log, open transactions included."""
        return len(self.logs.get(place, ()))

    def last_stable(self, place: TopicPartition) -> int:
        """Return up to where a read_committed reader sees an output log."""
        for index, written in enumerate(self.logs.get(place, ())):
            if not written.resolved:
                return index
        return self.high_watermark(place)

    def read(self, place: TopicPartition, end: int) -> list[OutputRecord]:
        """Read the committed records of an output log up to *end*."""
        return [written.record for written in self.logs.get(place, [])[:end] if written.transaction.fate]

    def _write_all_markers(self, worker: int) -> None:
        for _, write in [marker for marker in self.markers if marker[0] == worker]:
            write()
        self.markers = [marker for marker in self.markers if marker[0] != worker]

    def _resolve(self, place: TopicPartition, transaction: OpenTransaction) -> None:
        for written in self.logs[place]:
            if written.transaction is transaction:
                written.resolved = True

    def _move(self, place: TopicPartition, offset: int, stamp: str) -> None:
        assert offset >= self.committed[place], "a committed offset went back"
        self.committed[place], self.stamps[place] = offset, stamp
        self.pending_offsets[place] -= 1
