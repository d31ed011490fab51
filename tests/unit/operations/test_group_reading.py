"""A group looked at from outside: who owns what, how far it is, and what is told when nobody answers."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import confluent_kafka as ck
import pytest

from streams.errors import OperationError
from streams.operations.group_reading import Group, GroupReading, InputStanding
from streams.runtime.hosting import client_options_from
from streams.settings import Settings

OPTIONS = client_options_from(Settings.load({}, inputs="a"), "test")


class Brokers:
    """Both clients of a cluster; implements the part of each that is used."""

    def __init__(
        self, offsets: dict[int, int], bounds: tuple[int, int] = (10, 30), error: ck.KafkaError | None = None
    ) -> None:
        self.offsets, self.bounds, self.error = offsets, bounds, error

    def open(self, options: dict[str, Any], **_: Any) -> Brokers:
        """Take the client's options; no consumer may join the group or move its offsets."""
        assert options.get("enable.auto.commit", False) is False
        return self

    def describe_consumer_groups(self, names: list[str], **_: Any) -> dict[str, Future[Any]]:
        """Answer with one member that owns partition 0, or fail."""
        answer: Future[Any] = Future()
        if self.error is not None:
            answer.set_exception(ck.KafkaException(self.error))
        else:
            place = ck.TopicPartition("a", 0)
            member = SimpleNamespace(
                client_id="app-w1", host="/10.0.0.1", assignment=SimpleNamespace(topic_partitions=[place])
            )
            answer.set_result(SimpleNamespace(state=ck.ConsumerGroupState.STABLE, members=[member]))
        return {names[0]: answer}

    def list_topics(self, topic: str, timeout: float) -> Any:
        """Answer the metadata."""
        partitions = dict.fromkeys(self.offsets)
        return SimpleNamespace(topics={topic: SimpleNamespace(error=None, partitions=partitions)})

    def committed(self, places: list[ck.TopicPartition], timeout: float) -> list[Any]:
        """Return the committed offsets, or fail."""
        if self.error is not None:
            raise ck.KafkaException(self.error)
        return [
            SimpleNamespace(
                topic=one.topic, partition=one.partition, offset=self.offsets[one.partition], error=None
            )
            for one in places
        ]

    def get_watermark_offsets(self, place: ck.TopicPartition, timeout: float) -> tuple[int, int]:
        """Return beginning and end."""
        return self.bounds


def reading(brokers: Brokers) -> GroupReading:
    """Look at the group of *brokers*."""
    return GroupReading(OPTIONS, open_reader=brokers.open, open_admin=brokers.open)


def test_who_owns_what() -> None:
    """The worker's name and host, by topic and partition."""
    group = reading(Brokers({0: 12})).group()

    assert group == Group("stable", 1, {("a", 0): "app-w1 at 10.0.0.1"})


def test_how_far_it_is() -> None:
    """Lag from the committed offset, or from the log's beginning where nothing was committed; never below zero."""
    found = reading(Brokers({0: 12, 1: ck.OFFSET_INVALID, 2: 31})).inputs({("a", 0): "w"})

    assert found == [
        InputStanding("a", 0, 12, 30, 18, "w"), InputStanding("a", 1, None, 30, 20, ""),
        InputStanding("a", 2, 31, 30, 0, ""),
    ]  # fmt: skip


def test_a_group_that_never_was() -> None:
    """It is dead, without members: an application that has not started yet is no error."""
    brokers = Brokers({}, error=ck.KafkaError(ck.KafkaError.GROUP_ID_NOT_FOUND))

    assert reading(brokers).group() == Group("dead", 0, {})


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (ck.KafkaError._TRANSPORT, "cannot be asked for"),
        (ck.KafkaError.GROUP_AUTHORIZATION_FAILED, "not allowed while asking for the group's offsets"),
    ],
)
def test_who_cannot_be_asked(code: int, words: str) -> None:
    """Brokers that are away, or that do not let us look, are told apart."""
    look = reading(Brokers({0: 1}, error=ck.KafkaError(code)))

    for ask in (look.group, lambda: look.inputs({})):
        with pytest.raises(OperationError, match=words):
            ask()


def test_a_missing_input() -> None:
    """It is named."""
    with pytest.raises(OperationError, match="there is no topic a"):
        reading(Brokers({})).inputs({})
