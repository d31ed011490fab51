"""Workers over the simulated Kafka: the real coordinator, a slow agent, kills, pauses, and the check at the end.

    Simulation(seed=17).run()

runs to the end of all input under faults and raises AssertionError if anything is missing, doubled, out of order, or if
the changelog restores another state than a single-threaded run.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from streams.runtime.batches import DeliveredBatch
from streams.runtime.coordinator import Coordinator
from streams.runtime.kafka_ports import RestoreDone, Snapshot
from streams.runtime.limits import Limits
from streams.testing.running_hash import POISON, TICKS, RunningHash, RunningHashState, expected_outputs
from streams.testing.simulated_broker import SimulatedBroker
from streams.testing.simulated_client import Faults, SimulatedClient, WorkerKilledError

TOPICS = ("behaviour", "orders")
OUTPUT, DEAD_LETTERS, CHANGELOG = "outputs", "dead-letters", "changelog"
NEVER = 10**9
CALM_AFTER_STEPS = 15_000
STEPS_MAX = 60_000


@dataclass
class SimulatedRestore:
    """A restore in its four steps; see `streams.runtime.restore`."""

    broker: SimulatedBroker
    partition: int
    spare: Snapshot | None
    done: RestoreDone
    alive: Callable[[], bool]
    found: tuple[dict[str, int], str] | None = None
    end: int = -1

    def step(self) -> bool:
        """Do one step; say whether it is over."""
        if not self.alive():
            return True
        if self.found is None:
            self.found = self._committed()
            if self.spare is not None and self.found == (self.spare.offsets, self.spare.stamp):
                self.done(self.spare)
                return True
            return False
        if self.end < 0:
            self.end = self.end_offset()
            return False
        if self.broker.last_stable((CHANGELOG, self.partition)) < self.end:
            return False  # the reader waits for the markers
        state = RunningHashState(self.partition, CHANGELOG)
        for record in self.broker.read((CHANGELOG, self.partition), self.end):
            state.load(record.key or b"", record.value)
        if self._committed() != self.found:
            self.found, self.end, self.spare = None, -1, None
            return False
        self.done(Snapshot(state, *self.found))
        return True

    def end_offset(self) -> int:
        """Ask a read_uncommitted handle for the log's end."""
        return self.broker.high_watermark((CHANGELOG, self.partition))

    def _committed(self) -> tuple[dict[str, int], str] | None:
        places = [(topic, self.partition) for topic in TOPICS]
        if any(self.broker.pending_offsets[place] for place in places):
            return None
        stamp = self.broker.stamps[places[0]]
        return {topic: self.broker.committed[topic, partition] for topic, partition in places}, stamp


class SimulatedWorker:
    """One process: coordinator, client, agent, restores; stepped by the simulation."""

    coordinator_type = Coordinator
    restore_type = SimulatedRestore

    def __init__(self, simulation: Simulation, number: int) -> None:
        self.simulation, self.number = simulation, number
        self.asleep = 0
        self.boot()

    def boot(self) -> None:
        """Start the process anew, with nothing in memory."""
        simulation = self.simulation
        self.now_ms = 0
        self.client = SimulatedClient(simulation.broker, self.number, simulation.faults)
        self._inbox: deque[DeliveredBatch] = deque()
        self._working: Iterator[None] | None = None
        self._restores: list[SimulatedRestore] = []
        self.coordinator = self.coordinator_type(
            self.client,
            self._restore,
            self._inbox.append,
            inputs=TOPICS,
            clock=self,
            limits=simulation.limits,
            signal=self,
            run_id=f"{self.number}-{simulation.random.random()}",
        )
        self.client.owner = self.coordinator

    # the worker is its own clock and its own signal

    def monotonic_ms(self) -> int:
        """Return the simulated time."""
        return self.now_ms

    wall_ms = monotonic_ms

    def __enter__(self) -> object:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release nothing: there is one thread."""

    def notify(self) -> None:
        """Wake nobody."""

    def wait(self, true: Callable[[], bool], timeout_ms: float) -> bool:
        """Let the agent work until *true()*, or give up."""
        del timeout_ms
        while not true():
            if self.simulation.hangs(0.02) or not (self._working or self._inbox):
                return False
            self._work()
        return True

    def step(self) -> None:
        """Do one thing: the agent, a restore, a renewal, or a round of the cycle."""
        self.now_ms += self.simulation.random.randrange(4)
        choice = self.simulation.random.random()
        try:
            if choice < 0.3:
                self._work()
            elif choice < 0.5:
                self._other_threads()
            else:
                self.coordinator.step()
            self._suffer()
        except WorkerKilledError:
            if self.simulation.random.random() < 0.3:
                self.simulation.broker.leave(self.client.member)  # its session ends before the restart
            self.boot()

    def _suffer(self) -> None:
        faults = self.simulation.faults
        if faults.strikes(0.003):
            self.asleep = self.simulation.random.randrange(5, 200)  # SIGSTOP
        elif faults.strikes(0.003):
            self.coordinator.stop()  # SIGTERM
            self.coordinator.run()
            self.boot()
        elif faults.strikes(0.002):
            raise WorkerKilledError

    def _work(self) -> None:
        """Let the agent do one step of its batch, or take the next batch."""
        if self._working is None:
            if not self._inbox:
                return
            batch = self._inbox.popleft()
            if self.simulation.hangs(0.003):
                return  # Faust lost it
            self._working = self._agent(batch)
        for _ in range(self.simulation.random.randrange(1, 6)):
            if next(self._working, self) is self:
                self._working = None
                return

    def _agent(self, batch: DeliveredBatch) -> Iterator[None]:
        with batch as state:
            if state is None:
                return
            assert isinstance(state, RunningHashState)
            for _ in self.simulation.job.steps(batch, state):
                if self.simulation.agent_fails():
                    raise ValueError("injected")
                yield

    def _restore(
        self, partition: int, spare: Snapshot | None, done: RestoreDone, alive: Callable[[], bool]
    ) -> None:
        self._restores.append(self.restore_type(self.simulation.broker, partition, spare, done, alive))

    def _other_threads(self) -> None:
        chance = self.simulation.random
        if self.client.later and chance.random() < 0.5:
            self.client.later.pop(0)()
        if self._restores:
            restore = chance.choice(self._restores)
            if restore.step():
                self._restores.remove(restore)


class Simulation:
    """One run, by its seed.

    Attributes:
        poison: some records always fail; attempts are few, and nothing else makes the agent fail.
    """

    worker_type = SimulatedWorker

    def __init__(self, seed: int, *, partitions: int = 3, records: int = 40, poison: bool = False) -> None:
        self.seed, self.poison = seed, poison
        self.random = random.Random(seed)
        self.faults = Faults(self.random)
        self.broker = SimulatedBroker(self.random, TOPICS, partitions, records)
        if poison:
            self._poison_some()
        self.job = RunningHash(OUTPUT, DEAD_LETTERS, poison=poison, count_ticks=True)
        self.limits = Limits(
            commit_interval_ms=5,
            catchup_interval_ms=10,
            catchup_lag=20,
            tick_interval_ms=60,
            merge_wait_ms=5,
            patience_ms=200,
            records_in_flight_max=24,
            batch_records_max=8,
            held_records_max=10,
            attempts=2 if poison else NEVER,
            backoff_ms=2,
            backoff_max_ms=20,
            renewals_max=NEVER,
            fences_max=NEVER,
            isolation_wait_ms=100,
        )
        self.workers = [self.worker_type(self, number) for number in range(self.random.randrange(1, 4))]

    def hangs(self, chance: float) -> bool:
        """Throw the dice for an agent that hangs; never in a run with poison, whose blame must be exact."""
        return not self.poison and self.faults.strikes(chance)

    def agent_fails(self) -> bool:
        """Throw the dice for an agent that fails."""
        return not self.poison and self.faults.strikes(0.003)

    def run(self) -> int:
        """Run to the end and check; return the number of steps.

        Raises:
            AssertionError: exactly once is broken, or there is no progress.
        """
        steps = 0
        while self._unfinished():
            steps += 1
            if steps == CALM_AFTER_STEPS:
                self.faults.rate = 0.0
            assert steps < STEPS_MAX, f"no progress: {self.broker.committed} of {self.broker.ends}"
            self._end_sessions()
            if self.random.random() < 0.1:
                self.broker.write_marker()
            if self.random.random() < 0.03:
                self.broker.produce_some()
            worker = self.random.choice(self.workers)
            if worker.asleep:
                worker.asleep -= 1
            else:
                worker.step()
        self._check()
        return steps

    def _unfinished(self) -> bool:
        broker = self.broker
        return bool(broker.markers) or not broker.all_produced or broker.committed != broker.ends

    def _end_sessions(self) -> None:
        """Let the group lose dead members for sure, and sleeping ones often."""
        for member in list(self.broker.members):
            worker = next((w for w in self.workers if w.client.member == member), None)
            dead = worker is None and self.random.random() < 0.1
            if dead or (worker is not None and worker.asleep and self.random.random() < 0.05):
                self.broker.leave(member)

    def _poison_some(self) -> None:
        for place, log in self.broker.inputs.items():
            self.broker.inputs[place] = [
                type(r)(r.place, r.at, r.name, POISON) if self.random.random() < 0.05 else r for r in log
            ]

    def _check(self) -> None:
        for partition in range(self.broker.partitions):
            good, bad = self._by_fate(partition)
            outputs, state = expected_outputs(good)
            written = [r for r in self._read(OUTPUT, partition) if r.key != TICKS]
            for topic in TOPICS:
                mine = topic.encode() + b"|"
                assert [r.value for r in written if (r.value or b"").startswith(mine)] == [
                    value for value in outputs if value.startswith(mine)
                ], f"outputs of {topic}, partition {partition}"
            assert len(written) == len(outputs), f"outputs of partition {partition}"
            ticks = [r.value for r in self._read(OUTPUT, partition) if r.key == TICKS]
            assert ticks == [f"tick|{n + 1}".encode() for n in range(len(ticks))], f"ticks of {partition}"
            restored = {r.key: r.value for r in self._read(CHANGELOG, partition)}
            assert int(restored.pop(TICKS, b"0") or 0) == len(ticks), (
                f"counted ticks of partition {partition}"
            )
            assert restored == state, f"state of partition {partition}"
            dead = sorted((r.key, r.value) for r in self._read(DEAD_LETTERS, partition))
            assert dead == sorted((key, value) for _, key, _, value in bad), f"dead letters of {partition}"

    def _by_fate(
        self, partition: int
    ) -> tuple[list[tuple[str, bytes, int, bytes]], list[tuple[str, bytes, int, bytes]]]:
        records = [
            (topic, r.name, r.at, r.content) for topic in TOPICS for r in self.broker.inputs[topic, partition]
        ]
        return [r for r in records if r[3] != POISON], [r for r in records if r[3] == POISON]

    def _read(self, topic: str, partition: int) -> list[Any]:
        return self.broker.read((topic, partition), self.broker.high_watermark((topic, partition)))
