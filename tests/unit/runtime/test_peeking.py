"""One customer looked up in the changelog: which partitions are read, what is kept, what is told when it fails."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import confluent_kafka as ck
import pytest

from streams.errors import OperationError
from streams.runtime.peeking import customer_state
from streams.runtime.placing import partition_of
from streams.segmentation.residence import PARTITION_KEY
from streams.settings import Settings

PARTITIONS = 4
RECORD = tuple[str, bytes | None]


class Log:
    """A changelog of some partitions, and a client that reads it; implements the part of the client that is used."""

    def __init__(
        self,
        records: dict[int, list[RECORD]],
        partitions: int = PARTITIONS,
        failure: ck.KafkaError | None = None,
    ) -> None:
        self.records, self.count, self.failure = records, partitions, failure
        self.read: list[int] = []
        self.closed = False
        self.options: dict[str, Any] = {}
        self._waiting: list[Any] = []

    def open(self, options: dict[str, Any]) -> Log:
        """Take the client's options."""
        self.options = options
        return self

    def list_topics(self, topic: str, timeout: float) -> Any:
        """Answer the metadata of *topic*, or fail."""
        if self.failure is not None:
            raise ck.KafkaException(self.failure)
        partitions = dict.fromkeys(range(self.count))
        return SimpleNamespace(topics={topic: SimpleNamespace(error=None, partitions=partitions)})

    def assign(self, places: list[ck.TopicPartition]) -> None:
        """Begin to read one partition."""
        (place,) = places
        self.read.append(place.partition)
        records = self.records.get(place.partition, [])
        self._waiting = [message(key, value) for key, value in records] + [end_of_partition()]

    def consume(self, count: int, timeout: float) -> list[Any]:
        """Return everything at once."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def close(self) -> None:
        """Note it."""
        self.closed = True


def message(key: str, value: bytes | None) -> Any:
    """Return a record."""
    return SimpleNamespace(error=lambda: None, key=key.encode, value=lambda: value)


def end_of_partition() -> Any:
    """Return what the client says at the end."""
    return SimpleNamespace(error=lambda: ck.KafkaError(ck.KafkaError._PARTITION_EOF))


@pytest.fixture
def settings() -> Settings:
    """The defaults."""
    return Settings.load()


def likely(*texts: str) -> list[int]:
    """Return where *texts* lie as keys."""
    return [partition_of(text.encode(), PARTITIONS) for text in texts]


def test_the_partition_of_the_key_is_read(settings: Settings) -> None:
    """Only that one; of its records the customer's newest and the partition's own."""
    (place,) = likely("default/u1")
    log = Log(
        {place: [("default/u1", b"1"), (PARTITION_KEY, b"p"), ("default/u2", b"x"), ("default/u1", b"2")]}
    )

    assert customer_state(settings, "default/u1", open_reader=log.open) == (
        place,
        {"default/u1": b"2", PARTITION_KEY: b"p"},
    )
    assert log.read == [place]
    assert log.closed
    assert log.options["isolation.level"] == "read_committed"


def test_a_bare_customer_id_is_tried_too(settings: Settings) -> None:
    """Producers may key by the customer alone."""
    name = next(f"u{n}" for n in range(99) if len({*likely(f"default/u{n}", f"u{n}")}) == 2)
    first, second = likely(f"default/{name}", name)
    log = Log({second: [(f"default/{name}", b"1")]})

    assert customer_state(settings, f"default/{name}", open_reader=log.open)[0] == second
    assert log.read == [first, second]


def test_a_partition_can_be_named(settings: Settings) -> None:
    """Where producers place keys in another way."""
    log = Log({3: [("default/u1", b"1")]})

    assert customer_state(settings, "default/u1", 3, open_reader=log.open) == (3, {"default/u1": b"1"})
    assert log.read == [3]


def test_a_tombstone_takes_the_customer_away(settings: Settings) -> None:
    """A compacted topic's deletion is a deletion."""
    log = Log({3: [("default/u1", b"1"), ("default/u1", None)]})

    assert customer_state(settings, "default/u1", 3, open_reader=log.open) == (3, {})


@pytest.mark.parametrize(
    ("make", "number", "words"),
    [
        (lambda: Log({}, partitions=0), None, "there is no topic segment-streams.changelog"),
        (lambda: Log({}), 9, "has no partition 9"),
    ],
)
def test_what_is_not_there_is_told(
    settings: Settings, make: Callable[[], Log], number: int | None, words: str
) -> None:
    """A sentence with the topic's name; the client is closed."""
    log = make()
    with pytest.raises(OperationError, match=words):
        customer_state(settings, "default/u1", number, open_reader=log.open)
    assert log.closed


def test_a_failure_of_the_client_is_told(settings: Settings) -> None:
    """No broker: which topic, which address."""
    log = Log({}, failure=ck.KafkaError(ck.KafkaError._TRANSPORT))
    with pytest.raises(OperationError, match="cannot be read") as caught:
        customer_state(settings, "default/u1", open_reader=log.open)
    assert settings.bootstrap in caught.value.hint
