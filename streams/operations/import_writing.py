"""Writes an import into Kafka: changelog, memberships and offsets in one transaction, or nothing at all.

The application must not have started: no member in its group, no committed offset, an empty changelog. Else it refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import confluent_kafka as ck

from streams.codecs.transitions import TransitionEncoder
from streams.errors import OperationError
from streams.operations.group_reading import GroupReading
from streams.operations.importing import ImportedPartition
from streams.runtime.client_errors import client_logger
from streams.runtime.client_options import ClientOptions
from streams.runtime.kafka_ports import Abortable, Fatal, Unproducible
from streams.runtime.observing import TopicPartition
from streams.runtime.ports import OutputRecord
from streams.runtime.producer_handle import ProducerHandle
from streams.segmentation.timeline import EpochMs

ANSWER_WAIT_S: Final = 15.0
TRANSACTION_TIMEOUT_MS: Final = 840_000
"""A little less than the most that brokers allow by default (transaction.max.timeout.ms, 15 minutes)."""

READ_WAIT_S: Final = 0.2
SILENCE_MAX: Final = 100
_CHUNK: Final = 10_000


def patient(options: ClientOptions) -> ClientOptions:
    """Return *options* with which one transaction may take a quarter of an hour."""
    timeout_ms = TRANSACTION_TIMEOUT_MS
    return replace(
        options,
        transaction_timeout_ms=timeout_ms,
        session_timeout_ms=timeout_ms + 10_000,
        max_poll_interval_ms=timeout_ms + 20_000,
    )


def refuse_a_started_application(options: ClientOptions) -> None:
    """Raise `OperationError` unless the application of *options* has never started."""
    look = GroupReading(options)
    try:
        workers = look.group().workers
        offsets = [one for one in look.inputs({}) if one.committed is not None]
    finally:
        look.close()
    why = ""
    if workers:
        why = f"{workers} workers of {options.application_id} are running"
    elif offsets:
        why = f"{options.application_id} has committed offsets of {offsets[0].topic}: it has started before"
    elif _has_records(options):
        why = f"the changelog {options.changelog} is not empty"
    if why:
        raise OperationError(
            why,
            hint="past events go into an application that never started: choose a new STREAMS_APPLICATION_ID",
        )


def _has_records(options: ClientOptions) -> bool:
    """Say whether the changelog has a committed record; those of an import that was broken off do not count."""
    reader = ck.Consumer(options.reader(committed=True), logger=client_logger)
    try:
        partitions = reader.list_topics(options.changelog, ANSWER_WAIT_S).topics[options.changelog].partitions
        reading = set(partitions)
        reader.assign(
            [ck.TopicPartition(options.changelog, number, ck.OFFSET_BEGINNING) for number in reading]
        )
        silent = 0
        while reading and silent < SILENCE_MAX:
            messages: list[Any] = reader.consume(_CHUNK, READ_WAIT_S)
            silent = 0 if messages else silent + 1
            for message in messages:
                if message.error() is None:
                    return True
                reading.discard(message.partition())
    finally:
        reader.close()
    if reading:
        raise OperationError(f"nothing came from {options.changelog}", hint="are all its leaders alive?")
    return False


def offsets_from(options: ClientOptions, partitions: int, at_ms: EpochMs | None) -> dict[TopicPartition, int]:
    """Return where each input is to be read on from: its first record at or after *at_ms*; None: its beginning."""
    reader = ck.Consumer(options.reader(committed=False), logger=client_logger)
    found = {}
    try:
        for topic in options.inputs:
            for number in range(partitions):
                place = ck.TopicPartition(topic, number)
                low, high = reader.get_watermark_offsets(place, ANSWER_WAIT_S)
                offset = low
                if at_ms is not None:
                    asked = ck.TopicPartition(topic, number, at_ms)
                    (answer,) = reader.offsets_for_times([asked], ANSWER_WAIT_S)
                    offset = answer.offset if answer.offset >= 0 else high
                found[topic, number] = offset
    finally:
        reader.close()
    return found


def write(
    options: ClientOptions,
    made: Iterable[ImportedPartition],
    offsets: dict[TopicPartition, int],
    encoder: TransitionEncoder,
    *,
    memberships: str | None,
) -> int:
    """Write *made* and commit *offsets*, all in one transaction; return how many records.

    Args:
        options: of the application.
        made: the state.
        offsets: where the inputs are read on from.
        encoder: of memberships.
        memberships: their topic; None: they are not written.

    Raises:
        OperationError: it was not written, and nothing of it is there.
    """
    producer = ProducerHandle(patient(options))
    group = ck.Consumer(options.reader(committed=False), logger=client_logger)
    begun = False
    try:
        producer.open()
        producer.begin()
        begun = True
        written = 0
        for partition in made:
            for chunk in _chunks(_records(partition, options.changelog, memberships, encoder)):
                written += producer.produce(chunk)
        producer.commit(offsets, "", group.consumer_group_metadata())
        begun = False
    except (ck.KafkaException, Abortable, Unproducible) as failure:
        raise OperationError(
            f"the import was not written: {failure}",
            hint="nothing of it can be seen; mend the cause and run it again",
        ) from None
    except Fatal as failure:
        begun = False
        raise OperationError(
            f"it is not known whether the import was written: {failure}",
            hint="`streams status` tells; it is all or nothing",
        ) from None
    finally:
        if begun:  # else readers would wait for it until it times out
            with suppress(Abortable, Fatal, OperationError):
                producer.abort()
        producer.discard()
        group.close()
    return written


def _records(
    partition: ImportedPartition, changelog: str, memberships: str | None, encoder: TransitionEncoder
) -> Iterator[OutputRecord]:
    for name, value in partition.changelog:
        yield OutputRecord(changelog, name.encode(), value, None, partition.number)
    for change in partition.memberships if memberships is not None else ():
        key = f"{change.shop_id}/{change.customer_id}".encode()
        yield OutputRecord(str(memberships), key, encoder.memberships(change))


def _chunks(records: Iterator[OutputRecord]) -> Iterator[list[OutputRecord]]:
    chunk: list[OutputRecord] = []
    for record in records:
        chunk.append(record)
        if len(chunk) >= _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
