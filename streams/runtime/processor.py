"""Turns batches of records into state and output: the loop around the core, free of Kafka and Faust.

A `PartitionProcessor` is the `PartitionState` of one partition number: the core's `Partition`, the records that wait to
be merged, and the encoders. What it decides about a record: a stimulus for the core, or the dead-letter topic.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from streams.codecs.dead_letters import dead_letter, oversized_output
from streams.codecs.transitions import TransitionEncoder
from streams.errors import RecordError, StreamsError
from streams.runtime.batches import RecordFailed
from streams.runtime.merging import Decoded, MergeBuffers
from streams.runtime.ports import Batch, InputRecord, OutputRecord
from streams.segmentation.options import InputSpec, Options
from streams.segmentation.partition import Partition
from streams.segmentation.plans import Plan
from streams.segmentation.silence import silent_segments
from streams.segmentation.stimuli import EventObserved, WatermarkAdvanced
from streams.segmentation.timeline import NEVER, DurationMs, EpochMs, rfc3339
from streams.segmentation.transitions import Transition

logger = logging.getLogger(__name__)

LOG_APPEND_TIME = 2
HOLD_AT = 5_000
OUTPUT_BYTES_MAX = 1_000_000
"""Largest value that is written; a larger one becomes a dead letter (S19). Kafka's own limit is 1,048,588 bytes."""

TOO_LATE = "older than every journal that could still hold it"

Decode = Callable[[bytes, EpochMs], EventObserved | WatermarkAdvanced]
"""``(value, reference_ms)`` → stimulus; raises `RecordError`."""


@dataclass(frozen=True, slots=True)
class Topics:
    """Where the output goes; memberships None: not written."""

    transitions: str
    memberships: str | None
    dead_letters: str
    changelog: str


@dataclass(frozen=True, slots=True)
class Wiring:
    """What every partition's processor shares.

    Attributes:
        inputs: per input topic its name, sources and out-of-orderness, in the order of the state.
        decoders: topic → decoder of its values.
        idle_after_ms: a topic read to its end for so long follows the clock (S4).
        merge_wait_ms: longest wait for a topic that is behind (S7).
        counted: called once per batch with what happened; for the metrics.
    """

    plan: Plan
    options: Options
    inputs: tuple[InputSpec, ...]
    decoders: Mapping[str, Decode]
    encoder: TransitionEncoder
    topics: Topics
    idle_after_ms: DurationMs = 5_000
    merge_wait_ms: DurationMs = 50
    counted: Callable[[PartitionProcessor, Report], None] = field(default=lambda processor, report: None)

    def counted_by(self, counted: Callable[[PartitionProcessor, Report], None]) -> Wiring:
        """Return the same wiring, reporting each batch to *counted*."""
        return replace(self, counted=counted)


@dataclass(slots=True)
class Report:
    """What one batch brought about, for the metrics."""

    records: int = 0
    transitions: list[Transition] = field(default_factory=list)
    dead_letters: list[str] = field(default_factory=list)


class PartitionProcessor:
    """Everything about one partition number."""

    def __init__(self, partition: int, wiring: Wiring) -> None:
        """Start empty; the transport loads the changelog."""
        self.partition, self.wiring = partition, wiring
        self.core = Partition(wiring.plan, wiring.inputs, wiring.options)
        self._topics = tuple(spec.name for spec in wiring.inputs)
        self._positions = {topic: position for position, topic in enumerate(self._topics)}
        self._told = self.core.coverage
        self._buffers = MergeBuffers(self._topics, merge_wait_ms=wiring.merge_wait_ms, hold_at=HOLD_AT)

    # ---- the state's port -------------------------------------------------------------------------------------

    def load(self, key: bytes, value: bytes | None) -> None:
        """Take one changelog record."""
        self.core.load(key.decode(), value)

    def ready(self) -> None:
        """Arm the timers; the changelog is read."""
        self.core.ready()

    def flush(self) -> Iterable[OutputRecord]:
        """Yield the memberships that changed and the changelog records."""
        topics, encoder = self.wiring.topics, self.wiring.encoder
        if topics.memberships is not None:
            for change in self.core.take_membership_changes():
                key = f"{change.shop_id}/{change.customer_id}".encode()
                yield OutputRecord(topics.memberships, key, encoder.memberships(change))
        for name, value in self.core.flush():
            yield OutputRecord(topics.changelog, name.encode(), value, None, self.partition)

    def commit(self) -> None:
        """Keep what was committed."""
        self.core.commit()

    def rollback(self) -> None:
        """Forget what was not."""
        self.core.rollback()
        self._buffers.clear()

    # ---- batches ----------------------------------------------------------------------------------------------

    def handle(self, batch: Batch) -> None:
        """Process *batch*: fill its outputs and offsets.

        Raises:
            RecordFailed: a record broke the processing itself; our defect, not the record's.
        """
        report = Report()
        self.core.now_ms = batch.now_ms
        report.records = sum(map(len, batch.records.values()))
        if len(self._topics) == 1:  # nothing to merge with
            for topic, records in batch.records.items():
                if topic in batch.quarantined:
                    for decoded in self._decoded(topic, records, batch):
                        self._apply(topic, decoded, batch, report)
                else:
                    self._apply_all(topic, records, batch, report)
        else:
            self._apply_merged(batch, report)
        if batch.caught_up_ms:
            self._fall_idle(batch)
        self._write_transitions(batch, report)
        if self.core.coverage is not self._told:
            self._tell_silence(batch.now_ms)
        batch.changed = bool(batch.out or self.core.dirty)
        self.wiring.counted(self, report)

    def _apply_merged(self, batch: Batch, report: Report) -> None:
        """Put what came into the buffers, and apply what is due, oldest first over all topics (S7)."""
        buffers = self._buffers
        for topic, records in batch.records.items():
            buffers.add(topic, self._decoded(topic, records, batch))
        if self.core.watched or self._begin_coverage(batch):
            for topic, decoded in buffers.due(batch.caught_up_ms, batch.now_ms):
                self._apply(topic, decoded, batch, report)
            batch.waiting = buffers.waiting
        else:
            batch.waiting = True
        batch.hold = buffers.hold

    def _begin_coverage(self, batch: Batch) -> bool:
        """At the first start, wait until every topic has shown a record or its end: then it is known what is known.

        A topic without any record is watched from the oldest record of the others on (S10).
        """
        silent = [topic for topic in self._topics if self._buffers.empty(topic)]
        if any(topic not in batch.caught_up_ms for topic in silent):
            return False
        for topic in silent:
            self.core.watch(self._positions[topic], self._buffers.oldest(batch.now_ms))
        return True

    def _decoded(self, topic: str, records: list[InputRecord], batch: Batch) -> Iterator[Decoded]:
        """Yield *records*, each with what it says or why it cannot be used."""
        decode = self.wiring.decoders[topic]
        quarantined = batch.quarantined.get(topic, frozenset())
        appended = bool(records) and records[0].timestamp()[0] == LOG_APPEND_TIME
        reference_ms = batch.now_ms
        for record in records:
            if quarantined and record.offset() in quarantined:
                failed = RecordError("processing_failed", "processing this record failed again and again")
                yield Decoded(record, None, failed)
                continue
            if appended:
                reference_ms = record.timestamp()[1]
            try:
                stimulus = decode(record.value() or b"", reference_ms)
            except RecordError as error:
                yield Decoded(record, None, error)
            except StreamsError:
                raise
            except Exception as defect:
                raise RecordFailed(topic, record.offset()) from defect
            else:
                yield Decoded(record, stimulus, None)

    def _apply_all(self, topic: str, records: list[InputRecord], batch: Batch, report: Report) -> None:
        """Decode and apply *records* one by one: what `_decoded` and `_apply` do, for the worker's hottest loop."""
        decode, observe, position = self.wiring.decoders[topic], self.core.observe, self._positions[topic]
        appended = bool(records) and records[0].timestamp()[0] == LOG_APPEND_TIME
        reference_ms = batch.now_ms
        for record in records:
            try:
                if appended:
                    reference_ms = record.timestamp()[1]
                stimulus = decode(record.value() or b"", reference_ms)
                if stimulus.__class__ is not EventObserved:
                    self.core.advance(position, stimulus.watermark_ms)  # type: ignore[union-attr]
                elif not observe(stimulus, position):
                    self._bury(record, RecordError("too_late", TOO_LATE), batch, report)
            except RecordError as error:
                self._bury(record, error, batch, report)
            except StreamsError:
                raise
            except Exception as defect:
                raise RecordFailed(topic, record.offset()) from defect
        if records:
            batch.offsets[topic] = records[-1].offset() + 1

    def _bury(self, record: InputRecord, error: RecordError, batch: Batch, report: Report) -> None:
        """Write *record*, which cannot be used, to the dead-letter topic."""
        report.dead_letters.append(error.reason)
        key, value, headers = dead_letter(record, error)
        batch.out.append(OutputRecord(self.wiring.topics.dead_letters, key, value, headers))

    def _apply(self, topic: str, decoded: Decoded, batch: Batch, report: Report) -> None:
        record, stimulus, error = decoded
        position = self._positions[topic]
        try:
            if stimulus.__class__ is EventObserved:
                if not self.core.observe(stimulus, position):
                    error = RecordError("too_late", TOO_LATE)
            elif stimulus is not None:
                self.core.advance(position, stimulus.watermark_ms)  # type: ignore[union-attr]
        except RecordError as refused:
            error = refused
        except StreamsError:
            raise
        except Exception as defect:
            raise RecordFailed(topic, record.offset()) from defect
        if error is not None:
            self._bury(record, error, batch, report)
        batch.offsets[topic] = record.offset() + 1

    def _fall_idle(self, batch: Batch) -> None:
        """Let inputs that are read to their end follow the clock, once nothing of theirs waits here."""
        wall, idle = self.wiring.options.wall, set()
        for topic, caught_up_ms in batch.caught_up_ms.items():
            quiet = caught_up_ms >= self.wiring.idle_after_ms
            if (quiet or (not wall and topic in batch.never_had_a_record)) and self._buffers.empty(topic):
                idle.add(self._positions[topic])
        if idle:
            self.core.fall_idle(frozenset(idle), batch.now_ms)

    def _tell_silence(self, now_ms: EpochMs) -> None:
        """Log what is silent and until when, as soon as every source is watched (S10)."""
        self._told = coverage = self.core.coverage
        silent = silent_segments(self.wiring.plan, coverage, now_ms) if self.core.watched else {}
        if silent:
            said = (
                f"{name} {'for ever' if t == NEVER else 'until ' + rfc3339(t)}" for name, t in silent.items()
            )
            logger.info(
                "partition %d: silent for customers of whom nothing seen decides them: %s "
                "(STREAMS_COVERAGE=complete says that what was not seen did not happen)",
                self.partition,
                ", ".join(said),
            )

    def _write_transitions(self, batch: Batch, report: Report) -> None:
        topics, encode = self.wiring.topics, self.wiring.encoder.transition
        for transition in self.core.take_effects():
            key = f"{transition.shop_id}/{transition.customer_id}".encode()
            value = encode(transition)
            if len(value) > OUTPUT_BYTES_MAX:
                report.dead_letters.append("too_large")
                letter = oversized_output(topics.transitions, key, value)
                batch.out.append(OutputRecord(topics.dead_letters, *letter))
            else:
                batch.out.append(OutputRecord(topics.transitions, key, value))
            report.transitions.append(transition)
