"""confluent-kafka behind the coordinator's `Kafka` port: one consumer and one transactional producer.

What the errors of librdkafka mean for the cycle is decided here, and nowhere else:

- the transaction must be aborted, or the group has moved on: `Abortable`;
- fenced, fatal, or *any* time-out: `Fatal`. A request that timed out may still arrive, and only a new producer's
  epoch fences it (librdkafka has no KIP-890), so the producer is never used again;
- not allowed, or a committed offset the log no longer holds: `OperationError`, the worker stops.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import confluent_kafka as ck

from streams.errors import OperationError
from streams.runtime.client_options import ClientOptions
from streams.runtime.kafka_ports import Abortable, Fatal, Fetched, Unproducible
from streams.runtime.observing import TopicPartition
from streams.runtime.ports import InputRecord, OutputRecord

logger = logging.getLogger(__name__)
client_logger = logging.getLogger("streams.runtime.librdkafka")
T = TypeVar("T")
E = ck.KafkaError

GROUP_MOVED_ON = {E.ILLEGAL_GENERATION, E.UNKNOWN_MEMBER_ID, E.REBALANCE_IN_PROGRESS}
FENCED = {E._FENCED, E.PRODUCER_FENCED, E.INVALID_PRODUCER_EPOCH, E.INVALID_PRODUCER_ID_MAPPING}
NOT_ALLOWED = {
    E.TOPIC_AUTHORIZATION_FAILED,
    E.GROUP_AUTHORIZATION_FAILED,
    E.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    E.CLUSTER_AUTHORIZATION_FAILED,
}
HOPELESS_AT_START = NOT_ALLOWED | {
    E.INVALID_TRANSACTION_TIMEOUT,
    E._AUTHENTICATION,
    E.SASL_AUTHENTICATION_FAILED,
}

CONSUME_WAIT_S = 0.01
CALL_WAIT_S = 10.0
INIT_WAIT_S = 15.0
RENEW_PAUSE_S = 1.0


def _cap(record: logging.LogRecord) -> bool:
    """Log what the client calls critical as a warning: the cycle recovers, or says itself that it cannot."""
    if record.levelno > logging.WARNING:
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


client_logger.addFilter(_cap)


class Owner(Protocol):
    """Whom the rebalance callbacks tell: the coordinator."""

    def on_assign(self, assigned: Iterable[TopicPartition]) -> None:
        """Take an assignment."""

    def on_revoke(self, revoked: Iterable[TopicPartition]) -> None:
        """Give up what is revoked."""

    def on_lost(self, lost: Iterable[TopicPartition]) -> None:
        """Give up what others own already."""


def operation_error(error: ck.KafkaError, doing: str) -> OperationError | None:
    """Translate an error only the operator can mend; None for all others."""
    if error.code() in NOT_ALLOWED:
        return OperationError(
            f"not allowed while {doing}: {error.str()}",
            hint="grant this application's principal read on the inputs and its group, write on the outputs and"
            " the changelog, and write on its transactional id",
        )
    if error.code() == E.FENCED_INSTANCE_ID:
        return OperationError(
            f"another process has joined the group with this worker's instance id ({doing})",
            hint="give every worker its own STREAMS_INSTANCE_ID",
        )
    return None


class KafkaClient:
    """The consumer and the producer of one worker; used by the coordinator's thread, but for `renew`'s."""

    def __init__(self, options: ClientOptions, log: Callable[[str], None]) -> None:
        self._options = options
        self._log = log
        self._consumer = ck.Consumer(options.main_consumer(), logger=client_logger)
        self._producer: ck.Producer | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="renew")
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

        self._consumer.subscribe(
            list(self._options.inputs),
            on_assign=assigned,
            on_revoke=lambda _, partitions: owner.on_revoke(_names(partitions)),
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
        wanted = [
            ck.TopicPartition(topic, partition, offset) for (topic, partition), offset in positions.items()
        ]
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
        self._call("beginning a transaction", self._live_producer().begin_transaction)

    def produce(self, records: Iterable[OutputRecord]) -> int:
        """Write records in the open transaction; return how many.

        Raises:
            Unproducible: the client refuses one for what it is.
        """
        producer: Any = self._live_producer()
        count = 0
        for record in records:
            count += 1
            while True:
                try:
                    if record.partition is None:
                        producer.produce(record.topic, record.value, record.key, headers=record.headers)
                    else:
                        producer.produce(
                            record.topic, record.value, record.key, record.partition, headers=record.headers
                        )
                    break
                except BufferError:
                    producer.poll(0.1)
                except ck.KafkaException as failure:
                    self._refuse(record, failure.args[0])
        producer.poll(0)
        return count

    def commit(self, offsets: Mapping[TopicPartition, int], stamp: str) -> None:
        """Commit the open transaction with the group's offsets and generation, *stamp* as the offsets' metadata."""
        producer = self._live_producer()
        self._call(
            "sending offsets",
            producer.send_offsets_to_transaction,
            [
                ck.TopicPartition(topic, partition, offset, stamp)
                for (topic, partition), offset in offsets.items()
            ],
            self._consumer.consumer_group_metadata(),
            CALL_WAIT_S,
        )
        self._call("committing", producer.commit_transaction, CALL_WAIT_S)

    def abort(self) -> None:
        """Abort the open transaction."""
        self._call("aborting", self._live_producer().abort_transaction, CALL_WAIT_S)

    def renew(self, done: Callable[[OperationError | None], None]) -> None:
        """Replace the producer in a thread of its own, however long the broker is away."""
        self._pool.submit(lambda: done(self._open_producer()))

    def close(self) -> None:
        """Leave the group; the revocation callback may run in here."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._consumer.close()

    def _live_producer(self) -> ck.Producer:
        assert self._producer is not None, "no transaction is begun while the producer is being replaced"
        return self._producer

    def _call(self, doing: str, function: Callable[..., T], *arguments: Any) -> T:
        try:
            return function(*arguments)
        except ck.KafkaException as failure:
            error = failure.args[0]
            known = operation_error(error, doing)
            if known is not None:
                raise known from None
            message = f"{doing}: {error.str()} ({error.name()})"
            if error.code() in FENCED:
                raise Fatal(message, fenced=True) from None
            if error.txn_requires_abort() or error.code() in GROUP_MOVED_ON:
                raise Abortable(message) from None
            raise Fatal(message) from None

    def _refuse(self, record: OutputRecord, error: ck.KafkaError) -> None:
        message = f"writing to {record.topic}: {error.str()}"
        if error.code() in (E.MSG_SIZE_TOO_LARGE, E._UNKNOWN_PARTITION, E._UNKNOWN_TOPIC):
            raise Unproducible(message)
        if error.fatal() or error.code() == E._FATAL:
            raise Fatal(message, fenced=self._was_fenced())
        raise Abortable(message)

    def _was_fenced(self) -> bool:
        """Ask a producer in fatal error for its reason: produce() only says that there is one."""
        try:
            self._live_producer().abort_transaction(0)
        except ck.KafkaException as failure:
            return failure.args[0].code() in FENCED
        return False

    def _open_producer(self, attempts_max: int = 0) -> OperationError | None:
        """Close the old producer and open a new one, until it works or nobody wants it; 0 attempts: no bound."""
        attempt = 0
        while not self._closed:
            attempt += 1
            self._discard_producer()
            try:
                producer = ck.Producer(self._options.producer(), logger=client_logger)
                producer.init_transactions(INIT_WAIT_S)  # fences the old one and settles its transaction
            except ck.KafkaException as failure:
                error = failure.args[0]
                self._log(f"opening the producer: {error.str()} ({error.name()})")
                if error.code() in HOPELESS_AT_START or attempt == attempts_max:
                    return operation_error(error, "opening the producer") or OperationError(
                        f"cannot open a transactional producer: {error.str()}",
                        hint="check the brokers, the credentials and transaction.timeout.ms against the broker's maximum",
                    )
                time.sleep(RENEW_PAUSE_S)
            else:
                self._producer = producer
                return None
        return None

    def _discard_producer(self) -> None:
        old: Any = self._producer
        self._producer = None
        if old is None:
            return
        try:
            old.purge()
            old.close(0)
        except (ck.KafkaException, RuntimeError):
            pass  # it reports its fatal error once more


def _names(partitions: list[ck.TopicPartition]) -> list[TopicPartition]:
    return [(entry.topic, entry.partition) for entry in partitions]
