"""The restore of a state from the changelog, with fake handles."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import confluent_kafka as ck
import pytest

from streams.errors import OperationError
from streams.runtime.client_options import ClientOptions
from streams.runtime.kafka_ports import Snapshot
from streams.runtime.observing import SilentObserver
from streams.runtime.ports import StateFactory
from streams.runtime.restore import ChangelogRestore

OPTIONS = ClientOptions(
    bootstrap="nowhere:1", application_id="shop", instance_id="one", inputs=("a", "b"), changelog="log"
)


class FakeLog:
    """What the broker knows: committed offsets and stamps, logs with a tail of control records.

    Attributes:
        low, high: per topic.
        stable: last stable offset of the changelog; grows when the reader has waited.
        damaged: the error that stands in a record's place; 0: none.
    """

    def __init__(self) -> None:
        self.committed = {"a": (3, "s1"), "b": (0, "s1")}
        self.later_committed: list[dict[str, tuple[int, str]]] = []
        self.low = {"a": 0, "b": 0, "log": 2}
        self.high = {"a": 10, "b": 0, "log": 9}
        self.records = [(2, b"k1", b"v1"), (5, b"k2", b"v2"), (7, b"k1", None)]
        self.opened: list[str] = []
        self.told_end_early = True
        self.damaged = 0

    def open(self, config: dict[str, Any]) -> FakeReader:
        """Open a handle."""
        self.opened.append(config["isolation.level"])
        return FakeReader(self, config["isolation.level"])


class FakeReader:
    """One consumer handle."""

    def __init__(self, log: FakeLog, isolation: str) -> None:
        self._log, self._isolation = log, isolation
        self._queue: list[Any] = []

    def committed(self, places: list[ck.TopicPartition], timeout: float) -> list[ck.TopicPartition]:
        """Answer with the committed offsets; only the read_committed handle waits for pending ones."""
        assert self._isolation == "read_committed"
        known = self._log.committed
        if self._log.later_committed:
            self._log.committed = self._log.later_committed.pop(0)
        return [ck.TopicPartition(p.topic, p.partition, *known[p.topic]) for p in places]

    def get_watermark_offsets(self, place: ck.TopicPartition, timeout: float) -> tuple[int, int]:
        """Answer with the log's bounds; only the read_uncommitted handle knows the true end."""
        assert self._isolation == "read_uncommitted"
        return self._log.low[place.topic], self._log.high[place.topic]

    def assign(self, places: list[ck.TopicPartition]) -> None:
        """Fill the queue: first an early end (the last stable offset), then the rest, then the true end."""
        assert places[0].offset == self._log.low["log"]
        records = [FakeMessage(*record) for record in self._log.records]
        if self._log.damaged:
            records[1] = FakeMessage(5, None, None, failure=self._log.damaged)
        early = [FakeMessage(6, None, None, end=True)] if self._log.told_end_early else []
        self._queue = [
            records[:2] + early,
            [],
            records[2:],
            [FakeMessage(self._log.high["log"], None, None, end=True)],
        ]

    def consume(self, most: int, timeout: float) -> list[Any]:
        """Bring the next portion."""
        return self._queue.pop(0) if self._queue else []

    def close(self) -> None:
        """Close."""


class FakeMessage:
    """A changelog record, or the end of the log."""

    def __init__(
        self, at: int, key: bytes | None, value: bytes | None, *, end: bool = False, failure: int = 0
    ) -> None:
        self._at, self._key, self._value = at, key, value
        self._failure = ck.KafkaError._PARTITION_EOF if end else failure

    def error(self) -> ck.KafkaError | None:
        """Return the end's error, or the failure's."""
        return ck.KafkaError(self._failure, "wrong checksum") if self._failure else None

    def offset(self) -> int:
        """Return the offset."""
        return self._at

    def key(self) -> bytes | None:
        """Return the key."""
        return self._key

    def value(self) -> bytes | None:
        """Return the value."""
        return self._value


@pytest.fixture
def log() -> FakeLog:
    """A changelog of three records whose true end lies behind control records."""
    return FakeLog()


def restore(
    log: FakeLog,
    factory: StateFactory,
    spare: Snapshot | None = None,
    alive: Callable[[], bool] = lambda: True,
) -> Snapshot | OperationError | None:
    """Restore partition 0 and wait for the answer; None: it was given up."""
    answers: list[Snapshot | OperationError] = []
    over = threading.Event()

    def done(answer: Snapshot | OperationError) -> None:
        answers.append(answer)
        over.set()

    restores = ChangelogRestore(OPTIONS, factory, SilentObserver(), lambda line: None, open_reader=log.open)
    restores(0, spare, done, alive)
    restores.close(wait_s=10)
    return answers[0] if over.is_set() else None


def test_the_changelog_is_read_to_its_true_end(log: FakeLog, make_state: Any) -> None:
    """Past the end that a read_committed handle sees first: the last transaction's marker may lag behind."""
    answer = restore(log, make_state)

    assert isinstance(answer, Snapshot)
    assert answer.state.calls == [  # type: ignore[attr-defined]
        "load b'k1' b'v1'",
        "load b'k2' b'v2'",
        "load b'k1' None",
        "ready",
    ]
    assert (answer.offsets, answer.stamp) == ({"a": 3, "b": 0}, "s1")


def test_without_a_committed_offset_it_begins_at_the_logs_beginning(log: FakeLog, make_state: Any) -> None:
    """A first start reads everything that is still there."""
    log.committed = {"a": (ck.OFFSET_INVALID, ""), "b": (ck.OFFSET_INVALID, "")}
    log.low["a"] = 4
    answer = restore(log, make_state)

    assert isinstance(answer, Snapshot)
    assert answer.offsets == {"a": 4, "b": 0}


def test_a_kept_state_is_taken_when_nobody_committed_since(log: FakeLog, make_state: Any) -> None:
    """Same offsets and same stamp: nothing is read."""
    spare = Snapshot(make_state(0), {"a": 3, "b": 0}, "s1")

    assert restore(log, make_state, spare) is spare


@pytest.mark.parametrize("changed", [{"a": 2, "b": 0}, None], ids=["offsets", "stamp"])
def test_a_kept_state_is_dropped_when_another_worker_committed(
    log: FakeLog, make_state: Any, changed: dict[str, int] | None
) -> None:
    """Other offsets, or the same with another stamp (time alone has changed the state): it is read anew."""
    spare = Snapshot(make_state(0), changed or {"a": 3, "b": 0}, "s1" if changed else "s0")
    answer = restore(log, make_state, spare)

    assert isinstance(answer, Snapshot)
    assert answer.state is not spare.state


def test_offsets_that_move_meanwhile_start_it_again(log: FakeLog, make_state: Any) -> None:
    """State and offsets must belong together."""
    log.later_committed = [{"a": (5, "s2"), "b": (0, "s2")}]
    answer = restore(log, make_state)

    assert isinstance(answer, Snapshot)
    assert (answer.offsets["a"], answer.stamp) == (5, "s2")
    assert len(log.opened) == 4


@pytest.mark.parametrize("offset", [3, 11], ids=["deleted", "beyond the end"])
def test_a_committed_offset_outside_the_log_is_an_error(log: FakeLog, make_state: Any, offset: int) -> None:
    """It names topic, partition and bounds, and how to go on."""
    log.low["a"] = 4
    log.committed["a"] = (offset, "s1")
    answer = restore(log, make_state)

    assert isinstance(answer, OperationError)
    assert (
        f"topic a, partition 0: the committed offset {offset} is outside the log (4 to 10)" in answer.message
    )
    assert "reset-offsets" in answer.hint


def test_a_state_that_cannot_load_its_changelog_is_an_error(log: FakeLog, make_state: Any) -> None:
    """The worker must not go on with half a state, nor try for ever."""

    class Newer(make_state):  # type: ignore[misc]
        def load(self, key: bytes, value: bytes | None) -> None:
            """Refuse."""
            raise ValueError("version 7")

    answer = restore(log, Newer)

    assert isinstance(answer, OperationError)
    assert "cannot be restored from log: ValueError" in answer.message


@pytest.mark.parametrize("code", [ck.KafkaError._BAD_MSG, ck.KafkaError._BAD_COMPRESSION])
def test_a_damaged_record_stops_the_worker(log: FakeLog, make_state: Any, code: int) -> None:
    """A wrong checksum does not mend itself: nothing is used, nothing is tried for ever, and the partition is named."""
    log.damaged = code
    answer = restore(log, make_state)

    assert isinstance(answer, OperationError)
    assert "damaged records while restoring partition 0 from log" in answer.message
    assert "healthy replica" in answer.hint


def test_it_gives_up_when_nobody_wants_it(log: FakeLog, make_state: Any) -> None:
    """The partition went away meanwhile."""
    wanted = iter([True, True, False])

    assert restore(log, make_state, alive=lambda: next(wanted, False)) is None


class Progress(SilentObserver):
    """Keeps the order of what a restore tells."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def restoring(self, partition: int, records: int, total: int) -> None:
        """Note progress."""
        self.told.append("restoring")

    def restored(self, partition: int, records: int, duration_s: float) -> None:
        """Note success."""
        self.told.append("restored")

    def restore_ended(self, partition: int) -> None:
        """Note the end."""
        self.told.append("ended")


@pytest.mark.parametrize(
    ("outcome", "last"),
    [("done", ["restored", "ended"]), ("given up", ["restoring", "ended"]), ("failed", ["ended"])],
)
def test_the_observer_learns_that_a_restore_is_over(
    log: FakeLog, make_state: Any, outcome: str, last: list[str]
) -> None:
    """Done, given up or failed: nobody goes on showing the progress of a restore that does not go on."""
    progress = Progress()
    if outcome == "failed":
        log.low["a"] = 4
    wanted = iter([True, True, False])
    restores = ChangelogRestore(OPTIONS, make_state, progress, lambda line: None, open_reader=log.open)
    restores(0, None, lambda answer: None, lambda: next(wanted, False) if outcome == "given up" else True)
    restores.close(wait_s=10)

    assert progress.told[-len(last) :] == last
    assert progress.told.count("ended") == 1
