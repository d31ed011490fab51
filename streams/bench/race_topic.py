"""The topic that everybody in the race reads: filled beforehand, key = customer, timestamp = event time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final
from zlib import crc32

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition

from streams.bench.generator import BenchEvent
from streams.errors import OperationError

TOLD_EVERY: Final = 20_000
CONSUMED_AT_ONCE: Final = 2_000
_PATIENCE_S = 60.0
_CONSUME_WAIT_S = 0.05  # the client waits so long for a batch to be full, also at the end
_encode = msgspec.json.Encoder().encode

Told = Callable[[int], object]
"""Called now and then with how many records are done."""


def partition_of(customer_id: str, partitions: int) -> int:
    """Return where the records of *customer_id* are: librdkafka's ``consistent`` partitioner."""
    return crc32(customer_id.encode()) % partitions


def racing_producer(bootstrap: str, *, linger_ms: int = 50, compression: str = "lz4") -> Producer:
    """Return a producer that keeps the order and waits *linger_ms* for company."""
    return Producer(
        {
            "log_level": 2,
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "linger.ms": linger_ms,
            "compression.type": compression,
            "queue.buffering.max.messages": 500_000,
        }
    )


def fill(
    bootstrap: str,
    topic: str,
    partitions: int,
    events: Iterable[BenchEvent],
    *,
    told: Told = lambda count: None,
    compression: str = "lz4",
) -> None:
    """Write *events* in their order.

    Raises:
        OperationError: the broker did not take them all within a minute of the last.
    """
    producer = racing_producer(bootstrap, compression=compression)
    failures: list[str] = []

    def delivered(error: object, _message: Message) -> None:
        if error is not None:
            failures.append(str(error))

    for number, event in enumerate(events, 1):
        value, place = _encode(event), partition_of(event.customer_id, partitions)
        while True:
            try:
                producer.produce(
                    topic, value, event.customer_id, place, on_delivery=delivered, timestamp=event.occurred_at
                )
                break
            except BufferError:
                producer.poll(0.1)
        if number % TOLD_EVERY == 0:
            producer.poll(0)
            told(number)
    if producer.flush(_PATIENCE_S) or failures:
        raise OperationError(
            f"not every event was written: {failures[:1]}", hint="is the broker alive, the disk full?"
        )


def everything(bootstrap: str, topic: str, partitions: int) -> Iterator[list[Message]]:
    """Yield all records of *topic* that are there now and committed, in batches, order kept per partition.

    Raises:
        OperationError: a read failed, or nothing came for a minute.
    """
    consumer = Consumer(
        {
            "log_level": 2,
            "bootstrap.servers": bootstrap,
            "group.id": "bench-reader",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.queue.backoff.ms": 10,
        }
    )
    try:
        places = [TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(partitions)]
        consumer.assign(places)
        open_partitions = set(range(partitions))
        moved = time.monotonic()
        while open_partitions:
            batch = consumer.consume(CONSUMED_AT_ONCE, _CONSUME_WAIT_S)
            if batch:
                moved = time.monotonic()
            elif time.monotonic() - moved > _PATIENCE_S:
                raise OperationError(f"nothing came from {topic} for a minute", hint="is the broker alive?")
            records = []
            for message in batch:
                error = message.error()
                if error is None:
                    records.append(message)
                elif error.name() == "_PARTITION_EOF":
                    open_partitions.discard(message.partition())
                else:
                    raise OperationError(f"{topic} cannot be read: {error}")
            yield records
    finally:
        consumer.close()
