"""What the demo asks of Kafka: write the replay, see how far the engine is, read what it wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress

import msgspec
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from streams.demo.shop import ShopRecord
from streams.errors import OperationError

ANSWER_TIMEOUT_S = 15.0
AT_THE_END = KafkaError._PARTITION_EOF  # noqa: SLF001  the client has no other name for it
RECORDS_AT_ONCE = 5_000
QUIET = {"log_level": 2}
"""The client says through its answers what goes wrong; its own log lines would tear the picture."""
BY_KEY = -1
"""Instead of a partition number: the partitioner decides."""


class Progress(msgspec.Struct, frozen=True):
    """How far the worker is: records committed, and records there are."""

    committed: int
    written: int

    @property
    def lag(self) -> int:
        """Records that are still to be committed."""
        return self.written - self.committed


def write_replay(bootstrap: str, records: Iterable[ShopRecord], told: Callable[[int], None]) -> None:
    """Write *records* in their order; every partition keeps it.

    Args:
        bootstrap: the brokers' address.
        records: what to write.
        told: called now and then with the number of records handed over.

    Raises:
        OperationError: a record was not taken within a minute.
    """
    failures: list[str] = []

    def delivered(error: object, _message: Message) -> None:
        if error is not None:
            failures.append(str(error))

    producer = Producer(
        {
            **QUIET,
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,  # else a retry could change the order
            "linger.ms": 20,
            "compression.type": "lz4",
            "partitioner": "murmur2_random",
            "message.timeout.ms": 60_000,
        }
    )
    number = 0
    for number, record in enumerate(records, 1):
        partition = BY_KEY if record.partition is None else record.partition
        while True:
            try:
                producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    partition,
                    on_delivery=delivered,
                    timestamp=record.timestamp_ms,
                )
                break
            except BufferError:
                producer.poll(0.05)
        if number % RECORDS_AT_ONCE == 0:
            producer.poll(0)
            told(number)
    left = producer.flush(60)
    if left or failures:
        raise OperationError(
            f"{left + len(failures)} records were not written: {failures[0] if failures else 'no answer in a minute'}",
            hint="is there room on the disk, and is the broker alive?",
        )
    told(number)


class GroupWatch:
    """Looks at the worker's consumer group without joining it."""

    def __init__(self, bootstrap: str, group: str, topics: Iterable[str]) -> None:
        """Find the partitions of *topics* and how many records each holds; nobody writes to them any more.

        Raises:
            KafkaException: the broker does not answer.
        """
        self._admin = AdminClient({**QUIET, "bootstrap.servers": bootstrap})
        self._group = group
        listed = self._admin.list_topics(timeout=ANSWER_TIMEOUT_S).topics
        self._partitions = [
            TopicPartition(topic, number) for topic in topics for number in listed[topic].partitions
        ]
        self._written = sum(log_ends(bootstrap, self._partitions).values())
        self._last = Progress(0, self._written)
        # A consumer that never subscribes: the admin client's call for the same ends the whole process where the
        # group's coordinator is still loading (seen with confluent-kafka 2.16.1).
        self._asking = Consumer({**QUIET, "bootstrap.servers": bootstrap, "group.id": group})

    def is_ready(self) -> bool:
        """Whether every partition has been given to a worker."""
        asked = self._admin.describe_consumer_groups([self._group])
        try:
            described = asked[self._group].result(ANSWER_TIMEOUT_S)
        except KafkaException:
            return False  # the group's coordinator is still loading: ask again
        given = {
            (partition.topic, partition.partition)
            for member in described.members
            for partition in (member.assignment.topic_partitions if member.assignment else ())
        }
        return given.issuperset((partition.topic, partition.partition) for partition in self._partitions)

    def progress(self) -> Progress:
        """Return how far the group is, by its committed offsets; while nobody can say, what was true last."""
        with suppress(KafkaException):
            committed = self._asking.committed(self._partitions, ANSWER_TIMEOUT_S)
            self._last = Progress(sum(max(0, partition.offset) for partition in committed), self._written)
        return self._last

    def close(self) -> None:
        """Let go of the connections."""
        self._asking.close()


def committed_reader(bootstrap: str, topic: str) -> Consumer:
    """Return a consumer of all of *topic* from its beginning, that sees committed transactions only."""
    reader = Consumer(
        {
            **QUIET,
            "bootstrap.servers": bootstrap,
            "group.id": "demo-reader",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    numbers = reader.list_topics(topic, timeout=ANSWER_TIMEOUT_S).topics[topic].partitions
    reader.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in numbers])
    return reader


def values(reader: Consumer, timeout_s: float) -> Iterator[bytes]:
    """Yield the values of what *reader* has, waiting at most *timeout_s* seconds for the first."""
    for message in reader.consume(RECORDS_AT_ONCE, timeout_s):
        value = message.value()
        if message.error() is None and value is not None:
            yield value


def log_ends(bootstrap: str, partitions: Sequence[TopicPartition]) -> dict[tuple[str, int], int]:
    """Return the offset after the last record of each of *partitions*, committed or not."""
    reader = Consumer(
        {
            **QUIET,
            "bootstrap.servers": bootstrap,
            "group.id": "demo-reader",
            "isolation.level": "read_uncommitted",  # else it may be asked before the last marker is written
        }
    )
    try:
        return {
            (p.topic, p.partition): reader.get_watermark_offsets(p, ANSWER_TIMEOUT_S)[1] for p in partitions
        }
    finally:
        reader.close()


def committed_messages(bootstrap: str, topic: str) -> Iterator[Message]:
    """Yield every committed record of *topic* up to its present end."""
    with closing(committed_reader(bootstrap, topic)) as reader:
        ends = log_ends(bootstrap, reader.assignment())
        behind = {place for place, end in ends.items() if end}
        while behind:
            for message in reader.consume(RECORDS_AT_ONCE, 0.5):
                error, place = message.error(), (message.topic() or "", message.partition() or 0)
                if error is None:
                    yield message
                # A log may end with the marker of a transaction, which nobody is given: only this event passes it.
                elif error.code() == AT_THE_END and (message.offset() or 0) >= ends[place]:
                    behind.discard(place)


def latest_by_key(bootstrap: str, topic: str) -> dict[bytes, bytes]:
    """Read a compacted topic to its present end: the last committed value of each key, deleted ones left out."""
    found: dict[bytes, bytes] = {}
    for message in committed_messages(bootstrap, topic):
        key, value = message.key(), message.value()
        if key is None:
            continue
        if value is None:
            found.pop(key, None)
        else:
            found[key] = value
    return found
