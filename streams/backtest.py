"""Runs definitions over a file of events in simulated time: the live evaluator, without a broker, deterministic.

The file holds one JSON object a line, in order of arrival. All sources share one watermark: the highest event time minus
the out-of-orderness. Everything is known (coverage `complete`), and the clock is the stream time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from streams.codecs.times import read_time
from streams.errors import RecordError
from streams.segmentation.options import InputSpec
from streams.segmentation.partition import Partition
from streams.segmentation.plans import Plan
from streams.segmentation.stimuli import EventObserved, WatermarkAdvanced
from streams.segmentation.timeline import DurationMs, EpochMs
from streams.segmentation.transitions import Transition

Decode = Callable[[bytes, EpochMs], EventObserved | WatermarkAdvanced]


class _Received(msgspec.Struct):
    """The part of a message that says when it was received: the reference of S3."""

    receivedAt: str | None = None  # noqa: N815 - the field's name in the Segment spec


_received = msgspec.json.Decoder(_Received).decode


@dataclass(slots=True)
class Refused:
    """A line that could not be used."""

    line: int
    reason: str
    detail: str
    raw: bytes


@dataclass(slots=True)
class Summary:
    """What a backtest has seen so far.

    Attributes:
        transitions: (segment, kind) → how many.
        refused: reason → how many lines.
        first_ms: event time of the earliest event; None before any.
    """

    lines: int = 0
    events: int = 0
    first_ms: EpochMs | None = None
    transitions: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


class Backtest:
    """One run over one file.

    Attributes:
        summary: figures so far.
        partition: the engine; its profiles say how it ended.
    """

    def __init__(
        self,
        plan: Plan,
        decode: Decode,
        *,
        now_ms: EpochMs,
        out_of_orderness_ms: DurationMs = 0,
        refuse: Callable[[Refused], None] = lambda refused: None,
    ) -> None:
        """Prepare a run.

        Args:
            plan: the compiled definitions.
            decode: line, reference time → stimulus; raises `RecordError`.
            now_ms: reference of S3 for messages without `receivedAt`.
            out_of_orderness_ms: how far the watermark stays behind the highest event time.
            refuse: called for each line that cannot be used.
        """
        self.partition = Partition(plan, (InputSpec("file", frozenset(), out_of_orderness_ms),))
        self.summary = Summary()
        self._decode, self._now_ms, self._refuse = decode, now_ms, refuse

    def run(self, lines: Iterable[bytes], until_ms: EpochMs | None = None) -> Iterator[Transition]:
        """Yield what *lines* bring about, in order; then move time on to *until_ms* and yield what that brings."""
        summary, partition = self.summary, self.partition
        for line in lines:
            summary.lines += 1
            text = line.strip()
            if not text:
                continue
            try:
                self._take(text)
            except RecordError as error:
                summary.refused[error.reason] += 1
                self._refuse(Refused(summary.lines, error.reason, error.message, text))
            if partition.effects:
                yield from self._counted(partition.take_effects())
        if until_ms is not None:
            partition.advance(0, until_ms)
            yield from self._counted(partition.take_effects())

    def _take(self, text: bytes) -> None:
        stimulus = self._decode(text, self._reference(text))
        if isinstance(stimulus, WatermarkAdvanced):
            self.partition.advance(0, stimulus.watermark_ms)
            return
        if not self.partition.observe(stimulus):
            raise RecordError("too_late", "older than every journal that could still hold it")
        summary, t = self.summary, stimulus.event_time_ms
        summary.events += 1
        if summary.first_ms is None or t < summary.first_ms:
            summary.first_ms = t

    def _reference(self, text: bytes) -> EpochMs:
        """Return when the message was received, else the run's own now (S3)."""
        if b'"receivedAt"' not in text:
            return self._now_ms
        try:
            received = _received(text).receivedAt
            return self._now_ms if received is None else read_time(received)
        except (msgspec.MsgspecError, ValueError):
            return self._now_ms  # the decoder says what is wrong with the line, if anything

    def _counted(self, transitions: list[Transition]) -> Iterator[Transition]:
        for transition in transitions:
            self.summary.transitions[transition.segment_id, transition.kind] += 1
            yield transition

    @property
    def time_ms(self) -> EpochMs | None:
        """How far time has come: the watermark, or the newest event; None before anything."""
        if self.summary.first_ms is None:
            return None
        return max(self.partition.watermarks.inputs[0], self.partition.watermarks.stream_times[0])

    def members(self) -> Counter[str]:
        """Return segment id → members, of every segment of the plan, as of the end of the run."""
        found = Counter(
            {m.segment_id: 0 for machine in self.partition.plan.machines for m in machine.members}
        )
        for key in [*self.partition.resting, *self.partition.live]:
            found.update(membership.segment_id for membership in self.partition.memberships(key))
        return found
