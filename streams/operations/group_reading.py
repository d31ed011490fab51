"""How far an application has come: committed offsets, ends and owners of its input partitions. Joins no group.

The committed offsets are asked by a plain consumer with the group's id that never joins it: the admin client's
``list_consumer_group_offsets`` was seen to crash the process while the group's coordinator was loading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient

from streams.errors import OperationError
from streams.runtime.client_errors import client_logger, operation_error
from streams.runtime.client_options import ClientOptions

ANSWER_WAIT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class InputStanding:
    """One partition of an input.

    Attributes:
        topic, partition: which.
        committed: the offset to be read next; None: none was committed yet.
        end: the offset after the last record.
        lag: records between; from the beginning of the log when nothing was committed.
        owner: the worker that has it, and its host; empty: nobody.
    """

    topic: str
    partition: int
    committed: int | None
    end: int
    lag: int
    owner: str


@dataclass(frozen=True, slots=True)
class Group:
    """The consumer group.

    Attributes:
        state: in Kafka's words: stable, preparing_rebalancing, empty, dead ...
        workers: how many have joined.
        owners: (topic, partition) → worker and host.
    """

    state: str
    workers: int
    owners: dict[tuple[str, int], str]


class GroupReading:
    """One consumer group, looked at from outside."""

    def __init__(
        self,
        options: ClientOptions,
        *,
        open_reader: Callable[..., Any] = ck.Consumer,
        open_admin: Callable[..., Any] = AdminClient,
    ) -> None:
        """Open the clients; nothing is asked yet.

        Args:
            options: of the clients; they name the group and the inputs.
            open_reader: makes the one that asks for offsets.
            open_admin: makes the one that asks for the members.
        """
        self._options = options
        self._admin = open_admin(options.common(), logger=client_logger)
        # Uncommitted: it sees the log's true end, and is not kept waiting by an open transaction.
        self._reader = open_reader(options.reader(committed=False), logger=client_logger)

    def close(self) -> None:
        """Close the client."""
        self._reader.close()

    def group(self) -> Group:
        """Return who has joined, and what each owns.

        Raises:
            OperationError: the brokers do not answer, or do not let us look.
        """
        name = self._options.application_id
        answers: dict[str, Future[Any]] = self._admin.describe_consumer_groups(
            [name], request_timeout=ANSWER_WAIT_S
        )
        try:
            described = answers[name].result(ANSWER_WAIT_S)
        except ck.KafkaException as failure:
            error = failure.args[0]
            if error.code() == ck.KafkaError.GROUP_ID_NOT_FOUND:
                return Group("dead", 0, {})
            raise self._failed(error) from None
        except TimeoutError:
            raise self._failed(ck.KafkaError(ck.KafkaError._TIMED_OUT)) from None  # noqa: SLF001
        owners = {
            (place.topic, place.partition): f"{member.client_id} at {member.host.lstrip('/')}"
            for member in described.members
            for place in member.assignment.topic_partitions
        }
        return Group(described.state.name.lower(), len(described.members), owners)

    def inputs(self, owners: dict[tuple[str, int], str]) -> list[InputStanding]:
        """Return every input partition with its committed offset, end, lag and owner.

        Raises:
            OperationError: the brokers do not answer, a topic is missing, or we may not look.
        """
        try:
            return list(self._inputs(owners))
        except ck.KafkaException as failure:
            raise self._failed(failure.args[0]) from None

    def _inputs(self, owners: dict[tuple[str, int], str]) -> Iterator[InputStanding]:
        places = []
        for topic in self._options.inputs:
            listed = self._reader.list_topics(topic, ANSWER_WAIT_S).topics[topic]
            if listed.error is not None or not listed.partitions:
                raise OperationError(f"there is no topic {topic}", hint="STREAMS_INPUTS names the inputs")
            places += [ck.TopicPartition(topic, number) for number in sorted(listed.partitions)]
        for place in self._reader.committed(places, ANSWER_WAIT_S):
            if place.error:
                raise ck.KafkaException(place.error)
            where = ck.TopicPartition(place.topic, place.partition)
            low, high = self._reader.get_watermark_offsets(where, ANSWER_WAIT_S)
            committed = place.offset if place.offset >= 0 else None
            lag = high - (low if committed is None else committed)
            owner = owners.get((place.topic, place.partition), "")
            yield InputStanding(place.topic, place.partition, committed, high, max(0, lag), owner)

    def _failed(self, error: ck.KafkaError) -> OperationError:
        known = operation_error(error, "asking for the group's offsets")
        if known is not None:
            return OperationError(known.message, hint="grant Read on the group and on the inputs")
        return OperationError(
            f"the group {self._options.application_id} cannot be asked for: {error.str()}",
            hint=f"does a broker answer at {self._options.bootstrap}? --bootstrap names another",
        )
