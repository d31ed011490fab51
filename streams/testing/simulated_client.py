"""The coordinator's `Kafka` port over the simulated broker, and the dice that make its calls fail."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping

from streams.errors import OperationError
from streams.runtime.coordinator import Coordinator
from streams.runtime.kafka_ports import Abortable, Fatal, Fetched
from streams.runtime.observing import TopicPartition
from streams.runtime.ports import InputRecord, OutputRecord
from streams.testing.simulated_broker import SimulatedBroker


class WorkerKilledError(BaseException):
    """kill -9: nothing may catch it."""


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
