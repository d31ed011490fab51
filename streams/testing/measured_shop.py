"""One partition of a shop under telemetry: batches in, and what a scraper would read out. No Kafka, no waiting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from streams.catalogue.compiler import compile_catalogue
from streams.catalogue.events import load_vocabulary
from streams.catalogue.library import builtin_catalogue, source_of_events
from streams.codecs.customer_events import EventDecoder
from streams.codecs.transitions import TransitionEncoder
from streams.metrics.instruments import Instruments
from streams.runtime.ports import Batch, InputRecord
from streams.runtime.processor import PartitionProcessor, Topics, Wiring
from streams.runtime.telemetry import Telemetry
from streams.segmentation.options import InputSpec, Options
from streams.segmentation.timeline import DAY_MS

NOON_MS: Final = 1_772_452_800_000
"""Where the stories of a measured shop begin: 2026-03-02T12:00:00Z."""


class Record:
    """A record of one topic, as the client gives it."""

    def __init__(self, topic: str, value: bytes, offset: int) -> None:
        self._topic, self._value, self._offset = topic, value, offset

    def topic(self) -> str:
        """Name of its topic."""
        return self._topic

    def partition(self) -> int:
        """Number of its partition."""
        return 0

    def offset(self) -> int:
        """Place in its partition."""
        return self._offset

    def key(self) -> bytes | None:
        """Its key."""
        return b"k"

    def value(self) -> bytes | None:
        """Its value."""
        return self._value

    def timestamp(self) -> tuple[int, int]:
        """Kind of timestamp, and milliseconds."""
        return (1, 0)

    def headers(self) -> list[tuple[str, bytes]] | None:
        """Its headers."""
        return None


def event(kind: str, customer: str, at_ms: int, event_id: str = "") -> bytes:
    """Return an event of the type *kind* in the compact form."""
    return msgspec.json.encode(
        {
            "event_id": event_id or f"{kind} {customer}-{at_ms}",
            "type": kind,
            "occurred_at": at_ms,
            "customer_id": customer,
            "properties": {"order_id": f"{customer}-{at_ms}", "total": "10.00"},
        }
    )


def order(customer: str, at_ms: int, event_id: str = "") -> bytes:
    """Return an order in the compact form."""
    return event("Order Completed", customer, at_ms, event_id)


@cache
def wiring(inputs: tuple[InputSpec, ...], *, wall: bool) -> Wiring:
    """Return the built-in segments over topics of compact JSON."""
    vocabulary = load_vocabulary()
    decode = EventDecoder(vocabulary, max_clock_skew_ms=10 * DAY_MS).of("compact")
    return Wiring(
        plan=compile_catalogue(builtin_catalogue(vocabulary), source_of_events(vocabulary)),
        options=Options(wall=wall),
        inputs=inputs,
        decoders={spec.name: decode for spec in inputs},
        encoder=TransitionEncoder(),
        topics=Topics("t", "m", "d", "c"),
    )


class MeasuredShop:
    """One partition's processor under a telemetry, with a clock that the test moves."""

    def __init__(self, inputs: tuple[InputSpec, ...] = (InputSpec("events"),), *, wall: bool = True) -> None:
        """Start without customers.

        Args:
            inputs: the input topics.
            wall: the wall clock moves idle inputs; False: a replay.
        """
        self.now_s = 1_000.0
        self.wall_ms = NOON_MS
        self.instruments = Instruments()
        self.telemetry = Telemetry(
            self.instruments,
            plan_hash="p1",
            ready_lag_max=100,
            clock_s=lambda: self.now_s,
            wall_ms=lambda: self.wall_ms,
        )
        self._wiring = wiring(inputs, wall=wall).counted_by(self.telemetry.counted)
        self.processor = self.restarted()
        self.offset = 0

    def restarted(self, partition: int = 0) -> PartitionProcessor:
        """Return a processor without state."""
        return PartitionProcessor(partition, self._wiring)

    def process(self, values: Iterable[bytes], now_ms: int = NOON_MS, *, topic: str = "events") -> None:
        """Give one batch of *topic* to the processor, as the transport does; nothing is read to its end."""
        self.process_all({topic: values}, now_ms)

    def process_all(
        self,
        values: Mapping[str, Iterable[bytes]],
        now_ms: int = NOON_MS,
        *,
        caught_up_ms: Mapping[str, int] | None = None,
    ) -> None:
        """Give one batch to the processor: by topic its values, and for how long it has been read to its end."""
        records: dict[str, list[InputRecord]] = {}
        for topic, some in values.items():
            for value in some:
                records.setdefault(topic, []).append(Record(topic, value, self.offset))
                self.offset += 1
        batch = Batch()
        batch.partition, batch.records = 0, records
        batch.caught_up_ms, batch.never_had_a_record, batch.quarantined = caught_up_ms or {}, frozenset(), {}
        batch.now_ms, batch.out, batch.offsets, batch.hold, batch.waiting = now_ms, [], {}, frozenset(), False
        self.telemetry.timed(_handle)(batch, self.processor)

    def commit(self) -> None:
        """Make what was processed the truth."""
        list(self.processor.flush())
        self.processor.commit()

    def read(self, name: str, *labels: str) -> float | None:
        """Return what a scraper reads under *name* and label values; None when there is no such series."""
        for family in text_string_to_metric_families(self.instruments.text().decode()):
            for sample in family.samples:
                if sample.name == name and sorted(sample.labels.values()) == sorted(labels):
                    return float(sample.value)
        return None


def _handle(batch: Batch, processor: PartitionProcessor) -> None:
    processor.handle(batch)
