"""A tiny partition state for tests of the transport: a running hash per topic and key.

Every record changes the hash of its key and writes one output, so that a record lost, doubled or out of order changes
every later output of its key. On purpose it also does what the real processing does: it keeps the last records of a
batch for the next one, and holds a topic that runs ahead of the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping

from streams.runtime.ports import Batch, InputRecord, OutputRecord

BUFFERED_RECORDS = 3
AHEAD_RECORDS_MAX = 2_000
POISON = b"poison"
TICKS = b"ticks"


def next_hash(before: str, offset: int, value: bytes) -> str:
    """Chain one record onto the hash *before* it."""
    return hashlib.blake2b(f"{before}|{offset}|".encode() + value, digest_size=8).hexdigest()


def expected_outputs(
    records: Iterable[tuple[str, bytes, int, bytes]],
) -> tuple[list[bytes], dict[bytes, bytes]]:
    """Process (topic, key, offset, value) one after another; return the outputs and the final state."""
    state: dict[bytes, str] = {}
    outputs = []
    for topic, key, offset, value in records:
        name = topic.encode() + b"|" + key
        state[name] = next_hash(state.get(name, ""), offset, value)
        outputs.append(_output_value(topic, offset, state[name]))
    return outputs, {name: value.encode() for name, value in state.items()}


def _output_value(topic: str, offset: int, digest: str) -> bytes:
    return f"{topic}|{offset}|{digest}".encode()


class RunningHashState:
    """Hash per topic and key, with an undo log for the open transaction."""

    def __init__(self, partition: int, changelog: str) -> None:
        self.hashes: dict[bytes, str] = {}
        self.processed: dict[str, int] = {}
        self.buffer: list[InputRecord] = []
        self._undo: dict[bytes, str | None] = {}
        self._partition, self._changelog = partition, changelog

    def load(self, key: bytes, value: bytes | None) -> None:
        """Take one changelog record."""
        if value is None:
            self.hashes.pop(key, None)
        else:
            self.hashes[key] = value.decode()

    def ready(self) -> None:
        """Begin."""

    def flush(self) -> Iterator[OutputRecord]:
        """Yield a changelog record for every changed key."""
        for name in self._undo:
            yield OutputRecord(self._changelog, name, self.hashes[name].encode(), None, self._partition)

    def commit(self) -> None:
        """Forget what was before."""
        self._undo.clear()

    def rollback(self) -> None:
        """Become what the last commit left."""
        for name, before in self._undo.items():
            if before is None:
                del self.hashes[name]
            else:
                self.hashes[name] = before
        self._undo.clear()
        self.buffer.clear()

    def advance(self, name: bytes, offset: int, value: bytes) -> str:
        """Chain one record onto its key's hash."""
        self._undo.setdefault(name, self.hashes.get(name))
        digest = self.hashes[name] = next_hash(self.hashes.get(name, ""), offset, value)
        return digest

    def count_tick(self) -> int:
        """Return the number of this tick."""
        self._undo.setdefault(TICKS, self.hashes.get(TICKS))
        count = int(self.hashes.get(TICKS, "0")) + 1
        self.hashes[TICKS] = str(count)
        return count


class RunningHash:
    """Works on the batches; give `handle` to the transport.

    Attributes:
        output: topic of the outputs.
        dead_letters: topic of quarantined records.
    """

    def __init__(
        self, output: str, dead_letters: str = "", *, poison: bool = False, count_ticks: bool = False
    ) -> None:
        self.output, self.dead_letters = output, dead_letters
        self._poison, self._count_ticks = poison, count_ticks

    def handle(self, batch: Batch, state: RunningHashState) -> None:
        """Process what waited and most of the batch; keep its last records for the next."""
        for _ in self.steps(batch, state):
            pass

    def steps(self, batch: Batch, state: RunningHashState) -> Iterator[None]:
        """Do the same, a record at a time: what runs between two steps sees the batch half done."""
        if self._count_ticks and not batch.records and not state.buffer:
            self._tick(batch, state)
        fresh = [record for records in batch.records.values() for record in records]
        state.buffer += fresh
        keep = min(BUFFERED_RECORDS, len(fresh))
        ready = state.buffer[: len(state.buffer) - keep]
        state.buffer = state.buffer[len(state.buffer) - keep :]
        for record in ready:
            self._process(batch, state, record)
            yield
        batch.waiting = bool(state.buffer)
        batch.hold = self._ahead(batch, state.processed)

    def _tick(self, batch: Batch, state: RunningHashState) -> None:
        """Count the tick: what time alone causes must be exactly once too."""
        count = state.count_tick()
        batch.out.append(OutputRecord(self.output, TICKS, f"tick|{count}".encode(), None, batch.partition))
        batch.changed = True

    def _process(self, batch: Batch, state: RunningHashState, record: InputRecord) -> None:
        topic, key, value, offset = (
            record.topic(),
            record.key() or b"",
            record.value() or b"",
            record.offset(),
        )
        batch.offsets[topic] = offset + 1
        state.processed[topic] = state.processed.get(topic, 0) + 1
        if offset in batch.quarantined.get(topic, ()):
            batch.out.append(OutputRecord(self.dead_letters, key, value, None, batch.partition))
            return
        if self._poison and value == POISON:
            raise ValueError("a record this job cannot process")
        name = topic.encode() + b"|" + key
        digest = state.advance(name, offset, value)
        batch.out.append(
            OutputRecord(self.output, key, _output_value(topic, offset, digest), None, batch.partition)
        )

    def _ahead(self, batch: Batch, processed: Mapping[str, int]) -> frozenset[str]:
        behind = [count for topic, count in processed.items() if topic not in batch.caught_up_ms]
        if len(processed) < 2 or not behind:
            return frozenset()
        limit = min(behind) + AHEAD_RECORDS_MAX
        return frozenset(topic for topic, count in processed.items() if count > limit)
