"""A fake Kafka and a patient clock, with which the coordinator is driven step by step in one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType

import pytest

from streams.errors import OperationError
from streams.runtime.batches import DeliveredBatch
from streams.runtime.coordinator import Coordinator
from streams.runtime.kafka_ports import Fetched, RestoreDone, Snapshot
from streams.runtime.limits import Limits
from streams.runtime.observing import CommitReport, SilentObserver, TopicPartition
from streams.runtime.ports import Headers, InputRecord, OutputRecord


@dataclass(frozen=True)
class FakeRecord:
    """An input record."""

    in_topic: str
    in_partition: int
    at: int
    content: bytes = b""

    def topic(self) -> str:
        """Return the topic."""
        return self.in_topic

    def partition(self) -> int:
        """Return the partition number."""
        return self.in_partition

    def offset(self) -> int:
        """Return the offset."""
        return self.at

    def key(self) -> bytes | None:
        """Return none."""
        return None

    def value(self) -> bytes:
        """Return the value."""
        return self.content

    def timestamp(self) -> tuple[int, int]:
        """Return the offset as the time."""
        return 1, self.at

    def headers(self) -> Headers | None:
        """Return none."""
        return None


class FakeState:
    """A partition state that notes what it is told."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.calls: list[str] = []
        self.flushed: list[OutputRecord] = []

    def load(self, key: bytes, value: bytes | None) -> None:
        """Note it."""
        self.calls.append(f"load {key!r} {value!r}")

    def ready(self) -> None:
        """Note it."""
        self.calls.append("ready")

    def flush(self) -> Iterable[OutputRecord]:
        """Note it."""
        self.calls.append("flush")
        return self.flushed

    def commit(self) -> None:
        """Note it."""
        self.calls.append("commit")

    def rollback(self) -> None:
        """Note it."""
        self.calls.append("rollback")


class FakeKafka:
    """The coordinator's `Kafka` port: brings what it is given, notes what it is told, fails when asked to."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.coming: list[Fetched] = []
        self.callbacks: list[Callable[[], None]] = []
        self.positions: dict[TopicPartition, int] = {}
        self.fetches = 0
        self.produced: list[OutputRecord] = []
        self.commits: list[dict[TopicPartition, int]] = []
        self.stamps: list[str] = []
        self.failures: dict[str, Exception] = {}
        self.renewals: list[Callable[[OperationError | None], None]] = []
        self.paused: set[TopicPartition] = set()
        self.lag = 0

    def consume(self, records_max: int) -> Fetched:
        """Run one callback, bring what comes next."""
        if self.callbacks:
            self.callbacks.pop(0)()
        return self.coming.pop(0) if self.coming else Fetched({}, {})

    def fetch(self, positions: Mapping[TopicPartition, int]) -> None:
        """Note the positions."""
        self._maybe_fail("fetch")
        self.fetches += 1
        self.positions = dict(positions)
        self.paused.clear()

    def pause(self, topic: str, partition: int) -> None:
        """Note it."""
        self.paused.add((topic, partition))

    def resume(self, topic: str, partition: int) -> None:
        """Note it."""
        self.paused.discard((topic, partition))

    def begin(self) -> None:
        """Note it."""
        self._maybe_fail("begin")

    def produce(self, records: Iterable[OutputRecord]) -> int:
        """Keep the records."""
        self._maybe_fail("produce")
        written = list(records)
        self.produced += written
        return len(written)

    def commit(self, offsets: Mapping[TopicPartition, int], stamp: str) -> None:
        """Keep the offsets."""
        self._maybe_fail("commit")
        self.commits.append(dict(offsets))
        self.stamps.append(stamp)

    def abort(self) -> None:
        """Note it."""
        self._maybe_fail("abort")

    def renew(self, done: Callable[[OperationError | None], None]) -> None:
        """Keep the callback."""
        self._maybe_fail("renew")
        self.renewals.append(done)

    def lags(self, positions: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Answer with the lag that was set."""
        return dict.fromkeys(positions, self.lag)

    def close(self) -> None:
        """Note it."""
        self.calls.append("close")

    def _maybe_fail(self, call: str) -> None:
        self.calls.append(call)
        failure = self.failures.pop(call, None)
        if failure is not None:
            raise failure


class NotingObserver(SilentObserver):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.reports: list[CommitReport] = []

    def committed(self, report: CommitReport) -> None:
        """Note it."""
        self.reports.append(report)

    def aborted(self, reason: str) -> None:
        """Note it."""
        self.notes.append(f"aborted {reason}")

    def renewed(self, reason: str) -> None:
        """Note it."""
        self.notes.append(f"renewed {reason}")

    def rebalanced(self, kind: str, partitions: int) -> None:
        """Note it."""
        self.notes.append(f"{kind} {partitions}")

    def quarantined(self, topic: str, partition: int, offset: int) -> None:
        """Note it."""
        self.notes.append(f"quarantined {topic} {partition} {offset}")


class Bench:
    """A coordinator with everything around it, driven by hand; its own clock and signal.

    Attributes:
        agent: works on each batch when `step` lets it; None: nobody does.
        batches: delivered and not yet worked on.
        restores: what was asked for: partition, spare, done, alive.
    """

    def __init__(self, inputs: tuple[str, ...] = ("a", "b"), **limits: object) -> None:
        self.now_ms = 0
        self.kafka = FakeKafka()
        self.observer = NotingObserver()
        self.batches: list[DeliveredBatch] = []
        self.seen: list[DeliveredBatch] = []
        self.restores: list[tuple[int, Snapshot | None, RestoreDone, Callable[[], bool]]] = []
        self.states: dict[int, FakeState] = {}
        self.log: list[str] = []
        self.inputs = inputs
        self.agent: Callable[[DeliveredBatch], None] | None = process_all
        self.coordinator = Coordinator(
            self.kafka,
            lambda *request: self.restores.append(request),
            self.batches.append,
            inputs=inputs,
            clock=self,
            limits=Limits(**limits),  # type: ignore[arg-type]
            observer=self.observer,
            signal=self,
            run_id="run",
            log=self.log.append,
        )

    def monotonic_ms(self) -> int:
        """Return the bench's time."""
        return self.now_ms

    def wall_ms(self) -> int:
        """Return another time than the monotonic one."""
        return 1_000_000 + self.now_ms

    def __enter__(self) -> object:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release nothing."""

    def notify(self) -> None:
        """Wake nobody."""

    def wait(self, true: Callable[[], bool], timeout_ms: float) -> bool:
        """Let the agent work, else let the whole wait pass."""
        while not true():
            if not self.work():
                self.now_ms += int(timeout_ms)
                return bool(true())
        return True

    def work(self) -> bool:
        """Let the agent work on the next batch; say whether it did."""
        if self.agent is None or not self.batches:
            return False
        batch = self.batches.pop(0)
        self.seen.append(batch)
        with batch as state:
            if state is not None:
                self.agent(batch)
        return True

    def step(self, advance_ms: int = 1, *, work: bool = True) -> None:
        """Let time pass, run one round of the cycle, let the agent finish, run a second to collect."""
        self.now_ms += advance_ms
        self.coordinator.step()
        if work:
            while self.work():
                pass
            self.coordinator.step()

    def assign(self, *partitions: int, offsets: Mapping[str, int] | None = None, stamp: str = "") -> None:
        """Assign partitions in every topic, restore them at *offsets* (default 0)."""
        self.kafka.callbacks.append(
            lambda: self.coordinator.on_assign([(topic, p) for topic in self.inputs for p in partitions])
        )
        self.step()
        self.restore_all(offsets, stamp)
        self.step()

    def restore_all(self, offsets: Mapping[str, int] | None = None, stamp: str = "") -> None:
        """Answer every restore that was asked for and is still wanted."""
        requests, self.restores = self.restores, []
        for partition, _, done, alive in requests:
            if alive():
                self.states[partition] = FakeState(partition)
                done(Snapshot(self.states[partition], dict(offsets or dict.fromkeys(self.inputs, 0)), stamp))

    def bring(self, topic: str, partition: int, *offsets: int, end: bool = False) -> None:
        """Let the next `consume` bring records of one topic partition, and its end."""
        records: dict[TopicPartition, list[InputRecord]] = {}
        if offsets:
            records[topic, partition] = [FakeRecord(topic, partition, offset) for offset in offsets]
        ends = {(topic, partition): offsets[-1] + 1 if offsets else 0} if end else {}
        self.kafka.coming.append(Fetched(records, ends))


def process_all(batch: DeliveredBatch) -> None:
    """Process every record at once: one output each."""
    for topic, records in batch.records.items():
        for record in records:
            batch.out.append(OutputRecord("out", None, b"%s %d" % (topic.encode(), record.offset())))
            batch.offsets[topic] = record.offset() + 1


@pytest.fixture
def make_bench() -> type[Bench]:
    """The bench; tests make their own with the limits they need."""
    return Bench


@pytest.fixture
def make_record() -> type[FakeRecord]:
    """An input record."""
    return FakeRecord


@pytest.fixture
def make_state() -> type[FakeState]:
    """A state that notes its calls."""
    return FakeState
