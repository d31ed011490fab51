"""Looks up one customer in the changelog, from outside: reads one partition, joins no group, changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import confluent_kafka as ck

from streams.errors import OperationError
from streams.runtime.client_errors import operation_error
from streams.runtime.hosting import client_options_from
from streams.runtime.placing import partition_of
from streams.segmentation.chunks import entries_in
from streams.segmentation.residence import PARTITION_KEY
from streams.settings import Settings

ANSWER_WAIT_S = 10.0
READ_WAIT_S = 0.2
SILENCE_MAX = 150
"""So many empty reads after one another, and the broker is taken for dead: half a minute."""
RECORDS_MAX = 10_000

Open = Callable[[dict[str, Any]], Any]


def customer_state(
    settings: Settings, key: str, number: int | None = None, *, open_reader: Open = ck.Consumer
) -> tuple[int, dict[str, bytes]]:
    """Return the partition that holds the customer, and its records: the partition's own and the customer's.

    Only committed records count. The customer lies where its records were written: at the hash of ``shop/customer``, or
    of the customer's id alone; both are tried.

    Args:
        settings: the worker's.
        key: ``shop/customer``.
        number: the partition, where producers place their keys in another way; None: murmur2 says it.
        open_reader: makes the client.

    Raises:
        OperationError: no broker answers, there is no such topic or partition, or nothing more comes.
        SettingsError: an option of the client is not allowed.
    """
    topic = settings.changelog_topic
    reader = open_reader(client_options_from(settings, "explain").reader(committed=True))
    try:
        count = len(_partitions(reader, topic))
        if number is not None and not 0 <= number < count:
            raise OperationError(
                f"{topic} has no partition {number}", hint=f"its partitions are 0 to {count - 1}"
            )
        _, _, customer = key.partition("/")
        likely = dict.fromkeys(partition_of(text.encode(), count) for text in (key, customer))
        place, found = 0, dict[str, bytes]()
        for place in likely if number is None else (number,):
            found = _read(reader, topic, place, key)
            if key in found:
                break
    except ck.KafkaException as failure:
        known = operation_error(failure.args[0], f"reading {topic}")
        if known is not None:
            raise known from failure
        raise OperationError(
            f"{topic} cannot be read: {failure.args[0].str()}",
            hint=f"does a broker answer at {settings.bootstrap}? --bootstrap names another",
        ) from failure
    finally:
        reader.close()
    return place, found


def _partitions(reader: Any, topic: str) -> Any:
    listed = reader.list_topics(topic, ANSWER_WAIT_S).topics[topic]
    if listed.error is not None or not listed.partitions:
        raise OperationError(
            f"there is no topic {topic}", hint="--application names the worker's STREAMS_APPLICATION_ID"
        )
    return listed.partitions


def _read(reader: Any, topic: str, place: int, key: str) -> dict[str, bytes]:
    """Return the latest records of *key* and of the partition itself, read up to the end of *place*."""
    wanted = {key, PARTITION_KEY}
    found: dict[str, bytes] = {}
    reader.assign([ck.TopicPartition(topic, place, ck.OFFSET_BEGINNING)])
    silent = 0
    while silent < SILENCE_MAX:
        messages: list[Any] = reader.consume(RECORDS_MAX, READ_WAIT_S)
        silent = 0 if messages else silent + 1
        for message in messages:
            error = message.error()
            if error is None:
                for name, state in entries_in(message.key().decode(), message.value()):
                    if name in wanted:
                        _take(found, name, state)
            elif error.code() == ck.KafkaError._PARTITION_EOF:
                return found
            else:
                raise ck.KafkaException(error)
    raise OperationError(f"nothing more came from {topic}, partition {place}", hint="is its leader alive?")


def _take(found: dict[str, bytes], key: str, value: bytes | None) -> None:
    if value is None:
        found.pop(key, None)
    else:
        found[key] = value
