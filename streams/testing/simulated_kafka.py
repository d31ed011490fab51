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

from streams.errors import OperationError
from streams.runtime.coordinator import Coordinator
from streams.runtime.kafka_ports import Abortable, Fatal, Fetched
from streams.runtime.observing import TopicPartition
from streams.runtime.ports import Headers, InputRecord, OutputRecord


class WorkerKilledError(BaseException):
    """kill -9: nothing may catch it."""


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


class Faults:
    """The dice of one worker: injects crashes, refusals and unknown outcomes.

    Attributes:
        rate: factor on every chance; 0 ends all faults.
    """

    def __init__(self, chance: random.Random) -> None:
        self.rate = 1.0
        self._random = chance

    def strikes(self, chance: float) -> bool:
        """Throw the dice."""
        return self._random.random() < chance * self.rate

    def at_a_call(self) -> None:
        """Maybe fail a call of the client before it did anything."""
        if self.strikes(0.004):
            raise WorkerKilledError
        if self.strikes(0.004):
            raise Abortable("injected")
        if self.strikes(0.004):
            raise Fatal("injected")


class SimulatedClient:
    """The coordinator's `Kafka` port, over the model.

    Attributes:
        member: name in the group; None: outside.
        later: what other threads would do: answers of renewals.
    """

    _serial = 0

    def __init__(self, broker: SimulatedBroker, worker: int, faults: Faults) -> None:
        self.member: str | None = None
        self.owner: Coordinator
        self.later: list[Callable[[], None]] = []
        self._broker, self._worker, self._faults = broker, worker, faults
        self._random = broker.random
        self._state = "outside"
        self._generation = -1
        self._positions: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()
        self._told_end: dict[TopicPartition, int] = {}
        self._epoch = broker.initialise(worker)

    def consume(self, records_max: int) -> Fetched:
        """Fetch a few records; do at most one step of the group's dance."""
        records: dict[TopicPartition, list[InputRecord]] = {}
        ends: dict[TopicPartition, int] = {}
        if self._random.random() < 0.3:
            self._fetch_some(records, ends, records_max)  # fetched before a callback of the same call
        self._dance()
        if self._state == "inside":
            self._fetch_some(records, ends, records_max)
        return Fetched(records, ends)

    def fetch(self, positions: Mapping[TopicPartition, int]) -> None:
        """Fetch from here."""
        self._positions = dict(positions)
        self._paused.clear()
        self._told_end.clear()

    def pause(self, topic: str, partition: int) -> None:
        """Pause."""
        self._paused.add((topic, partition))

    def resume(self, topic: str, partition: int) -> None:
        """Resume."""
        self._paused.discard((topic, partition))

    def begin(self) -> None:
        """Begin."""
        self._check()
        self._broker.begin(self._worker)

    def produce(self, records: Iterable[OutputRecord]) -> int:
        """Write."""
        count = 0
        for record in records:
            if self._faults.strikes(0.02):
                self._check()
            self._fenced()
            self._broker.write(self._worker, record)
            count += 1
        return count

    def commit(self, offsets: Mapping[TopicPartition, int], stamp: str) -> None:
        """Commit, or lose the answer, or be killed just after."""
        self._check()
        broker = self._broker
        gone = self.member not in broker.members or self._generation != broker.generation
        if offsets and gone:  # the generation is checked with the offsets, and only with them
            raise Abortable("the generation is old")
        if self._faults.strikes(0.02):
            broker.fence(self._worker)
            raise Fatal("the transaction timed out")
        broker.decide(self._worker, offsets, stamp)
        if self._faults.strikes(0.02):
            broker.epochs[self._worker] += 1
            raise Fatal("the answer was lost")
        if self._faults.strikes(0.01):
            raise WorkerKilledError

    def abort(self) -> None:
        """Abort."""
        self._check()
        self._broker.decide(self._worker, None)

    def renew(self, done: Callable[[OperationError | None], None]) -> None:
        """Get a new epoch, some steps later."""

        def answer() -> None:
            self._epoch = self._broker.initialise(self._worker)
            done(None)

        self.later.append(answer)

    def lags(self, positions: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Count what is left."""
        return {place: self._broker.ends[place] - offset for place, offset in positions.items()}

    def close(self) -> None:
        """Leave the group."""
        if self._state == "inside":
            self.owner.on_revoke(self._everything())
        self._broker.leave(self.member)

    def _everything(self) -> list[TopicPartition]:
        assert self.member is not None
        mine = self._broker_assignment
        return [(topic, p) for topic in {t for t, _ in self._broker.inputs} for p in mine]

    _broker_assignment: tuple[int, ...] = ()

    def _check(self) -> None:
        self._faults.at_a_call()
        self._fenced()

    def _fenced(self) -> None:
        if self._broker.epochs[self._worker] != self._epoch:
            raise Fatal("fenced", fenced=True)

    def _dance(self) -> None:
        broker = self._broker
        gone = self.member not in broker.members
        if self._state == "inside" and (
            gone or (not broker.stable and not broker.members[self.member or ""])
        ):
            everything = self._everything()
            if gone and self._random.random() < 0.5:
                self.owner.on_lost(everything)
            else:
                self.owner.on_revoke(everything)
            self._positions, self._state = {}, "outside"
        elif self._state == "outside":
            if gone:
                SimulatedClient._serial += 1
                self.member = f"m{SimulatedClient._serial}"
            assert self.member is not None
            broker.join(self.member)
            self._state = "joining"
        elif self._state == "joining":
            self._go_on_joining(gone=gone)

    def _go_on_joining(self, *, gone: bool) -> None:
        broker, member = self._broker, self.member
        assert member is not None
        if gone:
            self._state = "outside"
        elif broker.stable:
            self._generation, self._positions, self._state = broker.generation, {}, "inside"
            self._broker_assignment = tuple(broker.assigned[member])
            self.owner.on_assign(self._everything())
        elif not broker.members[member]:
            broker.join(member)

    def _fetch_some(
        self, records: dict[TopicPartition, list[InputRecord]], ends: dict[TopicPartition, int], most: int
    ) -> None:
        for place, position in list(self._positions.items()):
            if place in self._paused:
                continue
            count = self._random.randrange(0, most + 1)
            end = self._broker.ends[place]
            fresh = []
            if position < end:
                fresh = [r for r in self._broker.inputs[place] if position <= r.at < end][:count]
            if fresh:
                records.setdefault(place, []).extend(fresh)
                ends.pop(place, None)
                self._positions[place] = fresh[-1].at + 1
            if self._positions[place] >= end and self._told_end.get(place) != end:
                self._told_end[place] = ends[place] = end
