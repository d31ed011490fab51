"""What a worker that nothing ever happened to would have written: one thread, one batch after another.

The reference is the product's own processing (`streams.runtime.processor`) without transport, transactions and faults, so a
difference between it and a real run is the transport's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Message

from streams.runtime.ports import Batch, OutputRecord
from streams.runtime.processor import PartitionProcessor, Wiring
from streams.segmentation.transitions import Transition

BATCH_RECORDS = 1_000


@dataclass(slots=True)
class Reference:
    """What should have been written.

    Attributes:
        transitions: per customer key, its transitions in order.
        dead_letters: (origin topic, partition, offset, reason) of every dead letter.
        state: changelog key → value, per partition.
    """

    transitions: dict[str, list[Transition]] = field(default_factory=dict)
    dead_letters: Counter[tuple[str, ...]] = field(default_factory=Counter)
    state: dict[tuple[int, str], bytes] = field(default_factory=dict)


def reference_run(wiring: Wiring, records: Mapping[int, Iterable[Message]], now_ms: int) -> Reference:
    """Process *records* (partition number → messages of one topic, in order) in a single thread."""
    found = Reference()
    for number, messages in records.items():
        processor = PartitionProcessor(number, wiring)
        waiting: list[Message] = []
        for message in messages:
            waiting.append(message)
            if len(waiting) == BATCH_RECORDS:
                _handle(processor, waiting, now_ms, wiring, found)
                waiting = []
        _handle(processor, waiting, now_ms, wiring, found)
        found.state.update({(number, key): value for key, value in processor.core.committed()})
    return found


def identity(transition: Transition) -> tuple[object, ...]:
    """Return what must be equal in every run (S8): all but `emitted_at`, `watermark` and timer against catchup."""
    origin = "timer" if transition.origin == "catchup" else transition.origin
    return (
        transition.transition_id,
        transition.segment_id,
        transition.segment_version,
        transition.kind,
        origin,
        transition.occurred_at_ms,
        transition.cause,
        transition.sequence,
        transition.retracts,
        transition.entered_at_ms,
        transition.valid_until_ms,
        tuple((clause.text, clause.truth, clause.value) for clause in transition.clauses),
    )


def _handle(
    processor: PartitionProcessor, messages: list[Message], now_ms: int, wiring: Wiring, found: Reference
) -> None:
    if not messages:
        return
    batch = Batch()
    batch.partition, batch.now_ms = processor.partition, now_ms
    batch.records = {str(messages[0].topic()): messages}  # type: ignore[dict-item]
    batch.caught_up_ms, batch.never_had_a_record, batch.quarantined = {}, frozenset(), {}
    batch.out, batch.offsets, batch.hold, batch.waiting, batch.changed = [], {}, frozenset(), False, False
    processor.handle(batch)
    for record in batch.out:
        _take(record, wiring, found)
    for _ in processor.flush():
        pass  # the state keeps what it flushes
    processor.commit()


def _take(record: OutputRecord, wiring: Wiring, found: Reference) -> None:
    if record.topic == wiring.topics.transitions:
        assert record.key is not None
        assert record.value is not None
        transition = wiring.encoder.read_transition(record.value)
        found.transitions.setdefault(record.key.decode(), []).append(transition)
    elif record.topic == wiring.topics.dead_letters:
        found.dead_letters[origin_of(record.headers or [])] += 1


def origin_of(headers: Any) -> tuple[str, ...]:
    """Return where a dead letter came from and why, of its *headers*: topic, partition, offset, reason."""
    said = {name: value.decode() for name, value in headers or []}
    return tuple(
        said.get(name, "") for name in ("origin_topic", "origin_partition", "origin_offset", "reason")
    )
