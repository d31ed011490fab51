"""A changelog read from outside: what is found near the end, what is counted, and that later readings go on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import confluent_kafka as ck
import msgspec
import pytest

from streams.catalogue.events import load_vocabulary
from streams.errors import OperationError
from streams.operations.changelog_reading import NEAR_THE_END, ChangelogReading, MemberCount
from streams.runtime.hosting import client_options_from
from streams.runtime.planning import input_specs, plan_of
from streams.segmentation.partition import Partition
from streams.segmentation.records import PartitionRecord
from streams.segmentation.residence import PARTITION_KEY
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import HOUR_MS
from streams.settings import Settings

SETTINGS = Settings.load({}, coverage="complete")
VOCABULARY = load_vocabulary()
PLAN = plan_of(SETTINGS, VOCABULARY)
Record = tuple[bytes | None, bytes | None]
OTHER: Record = (b"default/x", None)


class Log:
    """A changelog of some partitions, and a client that reads it; implements the part of the client that is used."""

    def __init__(self, *partitions: list[Record]) -> None:
        self.partitions = partitions
        self.starts: list[dict[int, int]] = []
        self.closed = False
        self._waiting: list[Any] = []

    def open(self, options: dict[str, Any], **_: Any) -> Log:
        """Take the client's options."""
        assert options["isolation.level"] == "read_committed"
        return self

    def list_topics(self, topic: str, timeout: float) -> Any:
        """Answer the metadata."""
        numbers = dict.fromkeys(range(len(self.partitions)))
        return SimpleNamespace(topics={topic: SimpleNamespace(error=None, partitions=numbers)})

    def get_watermark_offsets(self, place: ck.TopicPartition, timeout: float) -> tuple[int, int]:
        """Return beginning and end."""
        return 0, len(self.partitions[place.partition])

    def assign(self, places: list[ck.TopicPartition]) -> None:
        """Begin to read."""
        self.starts.append({place.partition: place.offset for place in places})
        self._waiting = []
        for place in places:
            records = self.partitions[place.partition]
            self._waiting += [read(place.partition, *record) for record in records[place.offset :]]
            self._waiting.append(ended(place.partition, len(records)))

    def consume(self, count: int, timeout: float) -> list[Any]:
        """Return some."""
        some, self._waiting = self._waiting[:1_000], self._waiting[1_000:]
        return some

    def close(self) -> None:
        """Note it."""
        self.closed = True


def read(partition: int, key: bytes | None, value: bytes | None) -> Any:
    """Return a record as the client gives it."""
    return SimpleNamespace(
        error=lambda: None, key=lambda: key, value=lambda: value, partition=lambda: partition
    )


def ended(partition: int, offset: int) -> Any:
    """Return what the client says at the end."""
    error = ck.KafkaError(ck.KafkaError._PARTITION_EOF)
    return SimpleNamespace(error=lambda: error, partition=lambda: partition, offset=lambda: offset)


def standing(watermark_ms: int) -> Record:
    """Return a partition's own record."""
    record = PartitionRecord(PLAN.plan_hash, [[watermark_ms], [watermark_ms], [0]], [])
    return PARTITION_KEY.encode(), msgspec.msgpack.encode(record)


def reading(log: Log, *, whole: bool = False) -> ChangelogReading:
    """Open *log*."""
    options = client_options_from(SETTINGS, "test")
    return ChangelogReading(options, MemberCount(PLAN) if whole else None, open_reader=log.open)


def marks(found: ChangelogReading) -> dict[int, int]:
    """Return the watermark of each partition."""
    return {number: record.watermarks[1][0] for number, record in found.standings.items()}


def test_where_a_partition_stands_is_found_near_the_end() -> None:
    """Only the end is read where that is enough, and further back where it is not; the newest record counts."""
    near = [OTHER] * (3 * NEAR_THE_END) + [standing(1), standing(2)]
    far = [standing(3)] + [OTHER] * (2 * NEAR_THE_END)
    log = Log(near, far, [])  # the last has no state yet
    found = reading(log)
    found.refresh()

    assert marks(found) == {0: 2, 1: 3}
    assert log.starts == [{0: len(near) - NEAR_THE_END, 1: len(far) - NEAR_THE_END, 2: 0}, {1: 0}]


def test_later_readings_go_on() -> None:
    """Nothing is read twice."""
    log = Log([standing(1)])
    found = reading(log)
    found.refresh()
    log.partitions[0].append(standing(5))
    found.refresh()

    assert marks(found) == {0: 5}
    assert log.starts == [{0: 0}, {0: 1}]


def ordered(*customers: str) -> Partition:
    """Return a partition whose customers have ordered once."""
    partition = Partition(PLAN, input_specs(SETTINGS, VOCABULARY))
    for number, customer in enumerate(customers):
        properties = {"order_id": customer, "total": "5"}
        partition.observe(
            EventObserved("Order Completed", HOUR_MS, f"m{number}", "default", customer, "orders", properties)
        )
    return partition


def records_of(partition: Partition) -> list[Record]:
    """Commit *partition*; return the records that it writes."""
    records: list[Record] = [(key.encode(), value) for key, value in partition.flush()]
    partition.commit()
    return records


def test_members_are_counted() -> None:
    """From the beginning, in chunks or one by one; a newer state replaces the older one, a tombstone takes it away."""
    partition = ordered("a", "b", "c")
    chunks = records_of(partition)
    again: list[Record] = [(key.encode(), value) for key, value in partition.committed()]
    gone: list[Record] = [(b"default/c", None), (b"\x00chunk 1", None)]
    found = reading(Log([*[OTHER] * (2 * NEAR_THE_END), *chunks, *again, *gone, standing(1)]), whole=True)
    found.refresh()
    count = found.count

    assert count is not None
    assert (count.members["post_purchase.24h"], count.profiles, count.strange) == (2, 2, False)
    assert count.state_bytes == sum(len(value) for key, value in partition.committed() if key != "default/c")


def test_states_of_other_definitions_are_not_counted() -> None:
    """They are strange; who asks is told, instead of wrong numbers."""
    count = MemberCount(PLAN)
    count.take(b"default/a", b"\x93\x01\x02\x03")
    count.take(b"default/b", dict(ordered("b").changelog()).get("default/b"))

    assert (count.strange, count.profiles) == (True, 0)


class Gone(Log):
    """A changelog that is not there."""

    def list_topics(self, topic: str, timeout: float) -> Any:
        """Answer that there is none."""
        return SimpleNamespace(topics={topic: SimpleNamespace(error=ck.KafkaError(3), partitions={})})


class Dead(Log):
    """A changelog whose brokers do not answer."""

    def list_topics(self, topic: str, timeout: float) -> Any:
        """Fail."""
        raise ck.KafkaException(ck.KafkaError(ck.KafkaError._TRANSPORT))


class Mute(Log):
    """A changelog whose leader says nothing."""

    def consume(self, count: int, timeout: float) -> list[Any]:
        """Return nothing."""
        return []


@pytest.mark.parametrize(
    ("log", "words"),
    [(Gone(), "there is no topic"), (Dead(), "cannot be read"), (Mute([standing(1)]), "nothing more came")],
)
def test_what_cannot_be_read_is_told(log: Log, words: str) -> None:
    """A sentence with the topic's name."""
    with pytest.raises(OperationError, match=words) as told:
        reading(log).refresh()
    assert "segment-streams.changelog" in told.value.message
