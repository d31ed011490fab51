"""confluent-kafka behind the coordinator's `Kafka` port: one consumer, and one transactional producer at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import confluent_kafka as ck

from streams.errors import OperationError
from streams.runtime.client_errors import NOT_ALLOWED, E, client_logger, operation_error
from streams.runtime.client_options import ClientOptions
from streams.runtime.failpoints import producer_handle, reach
from streams.runtime.kafka_ports import Abortable, Fatal, Fetched
from streams.runtime.observing import TopicPartition
from streams.runtime.ports import InputRecord, OutputRecord
from streams.runtime.producer_handle import ProducerHandle
from streams.runtime.threads import DaemonThreads

HOPELESS_AT_START = NOT_ALLOWED | {
    E.INVALID_TRANSACTION_TIMEOUT,
    E._AUTHENTICATION,
    E.SASL_AUTHENTICATION_FAILED,
}
CONSUME_WAIT_S = 0.01
RENEW_PAUSE_S = 1.0

logger = logging.getLogger(__name__)


class Owner(Protocol):
    """Whom the rebalance callbacks tell: the coordinator."""

    def on_assign(self, assigned: Iterable[TopicPartition]) -> None:
        """Take an assignment."""

    def on_revoke(self, revoked: Iterable[TopicPartition]) -> None:
        """Give up what is revoked."""

    def on_lost(self, lost: Iterable[TopicPartition]) -> None:
        """Give up what others own already."""


class KafkaClient:
    """The consumer and the producer of one worker; used by the coordinator's thread, but for `renew`'s."""

    def __init__(
        self,
        options: ClientOptions,
        log: Callable[[str], None],
        *,
        make_producer: Callable[[ClientOptions], ProducerHandle] = producer_handle,
    ) -> None:
        self._options, self._log, self._make_producer = options, log, make_producer
        self._consumer = ck.Consumer(options.main_consumer(), logger=client_logger)
        self._producer: ProducerHandle | None = None
        self._renewals = DaemonThreads(1, "renew")
        self._closed = False

    def start(self, owner: Owner) -> None:
        """Open the producer, fencing the one of a killed predecessor, and join the group.

        Raises:
            OperationError: not allowed, or no answer within a minute.
        """
        failure = self._open_producer(attempts_max=4)
        if failure is not None:
            raise failure

        def assigned(consumer: ck.Consumer, partitions: list[ck.TopicPartition]) -> None:
            logger.info("assigned %d topic partitions", len(partitions))
            consumer.assign([])  # nothing is read before its state is restored: fetch() starts it
            owner.on_assign(_names(partitions))

        def revoked(_: ck.Consumer, partitions: list[ck.TopicPartition]) -> None:
            reach("revoke")
            owner.on_revoke(_names(partitions))

        self._consumer.subscribe(
            list(self._options.inputs),
            on_assign=assigned,
            on_revoke=revoked,
            on_lost=lambda _, partitions: owner.on_lost(_names(partitions)),
        )

    def cancel(self) -> None:
        """Let a start, or a renewal, end at its next attempt; any thread may call it."""
        self._closed = True

    # -- reading -------------------------------------------------------------------------------------------------

    def consume(self, records_max: int) -> Fetched:
        """Fetch up to *records_max* records within 10 ms; the rebalance callbacks run in here.

        Raises:
            OperationError: the consumer cannot go on.
        """
        records: dict[TopicPartition, list[InputRecord]] = {}
        ends: dict[TopicPartition, int] = {}
        messages: list[Any] = self._consumer.consume(records_max, CONSUME_WAIT_S)
        for message in messages:
            error = message.error()
            if error is None:
                place = message.topic(), message.partition()
                if place in records:
                    records[place].append(message)
                else:
                    records[place] = [message]
                if ends:
                    ends.pop(place, None)
            elif error.code() == E._PARTITION_EOF:
                ends[message.topic(), message.partition()] = message.offset()
            else:
                self._judge(message, error)
        return Fetched(records, ends)

    def fetch(self, positions: Mapping[TopicPartition, int]) -> None:
        """Fetch from these positions, and nothing else; none is paused."""
        wanted = [ck.TopicPartition(topic, number, offset) for (topic, number), offset in positions.items()]
        try:
            self._consumer.assign(wanted)
            if wanted:
                self._consumer.resume(wanted)  # a pause would outlive the assignment
        except ck.KafkaException as failure:
            raise Abortable(f"assign: {failure.args[0].str()}") from None

    def pause(self, topic: str, partition: int) -> None:
        """Fetch no more of it for now; what was fetched ahead is dropped, and read again after `resume`."""
        self._consumer.pause([ck.TopicPartition(topic, partition)])

    def resume(self, topic: str, partition: int) -> None:
        """Fetch it again from where its records ended."""
        self._consumer.resume([ck.TopicPartition(topic, partition)])

    def lags(self, positions: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Records between the positions and the log's ends, as the last fetch saw them."""
        lags = {}
        for (topic, partition), offset in positions.items():
            try:
                end = self._consumer.get_watermark_offsets(ck.TopicPartition(topic, partition), cached=True)[
                    1
                ]
            except ck.KafkaException:
                continue
            if end >= 0:
                lags[topic, partition] = max(0, end - offset)
        return lags

    def _judge(self, message: Any, error: ck.KafkaError) -> None:
        if error.code() == E._AUTO_OFFSET_RESET:
            raise OperationError(
                f"topic {message.topic()}, partition {message.partition()} no longer holds the offset to read next"
                f" ({error.str()})",
                hint="records were deleted before they were processed: raise the retention; to go on without them,"
                " reset the group's offsets with kafka-consumer-groups.sh --reset-offsets",
            )
        known = operation_error(error, "reading the inputs")
        if known is not None:
            raise known
        if error.fatal():
            raise OperationError(f"the consumer cannot go on: {error.str()}", hint="start the worker again")
        self._log(f"consumer: {error.str()}")

    # -- transactions --------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin a transaction."""
        self._live_producer().begin()

    def produce(self, records: Iterable[OutputRecord]) -> int:
        """Write records in the open transaction; return how many."""
        return self._live_producer().produce(records)

    def commit(self, offsets: Mapping[TopicPartition, int], stamp: str) -> None:
        """Commit the open transaction with the group's offsets and generation, *stamp* as the offsets' metadata."""
        self._live_producer().commit(offsets, stamp, self._consumer.consumer_group_metadata())

    def abort(self) -> None:
        """Abort the open transaction."""
        self._live_producer().abort()

    def renew(self, done: Callable[[OperationError | None], None]) -> None:
        """Replace the producer in a thread of its own, however long the broker is away."""
        self._renewals.submit(lambda: done(self._open_producer()))

    def close(self) -> None:
        """Leave the group; the revocation callback may run in here."""
        self._closed = True
        self._renewals.close()
        self._consumer.close()

    def _live_producer(self) -> ProducerHandle:
        assert self._producer is not None, "no transaction is begun while the producer is being replaced"
        return self._producer

    def _open_producer(self, attempts_max: int = 0) -> OperationError | None:
        """Discard the old producer and open a new one, until it works or nobody wants it; 0 attempts: no bound."""
        attempt = 0
        while not self._closed:
            attempt += 1
            old, self._producer = self._producer, None
            if old is not None:
                old.discard()
            producer = self._make_producer(self._options)
            failure = self._opened(producer)
            if failure is None:
                self._producer = producer
                return None
            producer.discard()
            if failure.hint:
                return failure
            if attempt == attempts_max:
                return OperationError(failure.message, hint="check the brokers and the network")
            time.sleep(RENEW_PAUSE_S)
        return None

    def _opened(self, producer: ProducerHandle) -> OperationError | None:
        """Try to open; a failure with a hint is hopeless, one without may pass."""
        try:
            producer.open()
        except Fatal as failure:
            self._log(str(failure))
            return OperationError(str(failure))
        except ck.KafkaException as failure:
            error = failure.args[0]
            self._log(f"opening the producer: {error.str()} ({error.name()})")
            hint = ""
            if error.code() in HOPELESS_AT_START:
                hint = "check the credentials, and transaction.timeout.ms against the broker's maximum"
            known = operation_error(error, "opening the producer")
            return known or OperationError(f"cannot open a transactional producer: {error.str()}", hint=hint)
        return None


def _names(partitions: list[ck.TopicPartition]) -> list[TopicPartition]:
    return [(entry.topic, entry.partition) for entry in partitions]
