"""One handle of the transactional producer, from its opening to its end; never used again after a fatal error.

Some calls of librdkafka do not keep their own time-out: send_offsets_to_transaction waits for ever when the group's
coordinator went away in the wrong moment (confluentinc/librdkafka#5456, #5511; seen here when a broker is killed).
So the transactional calls run in a thread of the handle, and the caller waits only so long. A handle whose call did
not come back is abandoned: nothing may touch it again, not even Python's end.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

import confluent_kafka as ck

from streams.runtime.client_errors import FENCED, client_logger, translated
from streams.runtime.client_options import ClientOptions
from streams.runtime.kafka_ports import Abortable, Fatal, Unproducible
from streams.runtime.observing import TopicPartition
from streams.runtime.ports import OutputRecord
from streams.runtime.threads import DaemonThreads

E = ck.KafkaError

INIT_WAIT_S = 15.0
PARTITIONER = -1
"""Instead of a partition: the key decides."""

LATE_S = 3.0
"""So much longer than its own time-out a call may take."""


class ProducerHandle:
    """Wraps one `confluent_kafka.Producer`. Used by one thread at a time."""

    def __init__(self, options: ClientOptions, *, producer: Any = None) -> None:
        """Make the handle; `open` connects it.

        Args:
            options: what it is made from.
            producer: instead of a real one.
        """
        self._producer: Any = producer or ck.Producer(options.producer(), logger=client_logger)
        self._wait_s = options.transaction_timeout_ms / 1000
        self._thread = DaemonThreads(1, "producer")
        self._stuck = False

    def open(self) -> None:
        """Fence the predecessor and settle its transaction.

        Raises:
            KafkaException: it did not work.
            Fatal: no answer came.
        """
        self._bounded("opening the producer", INIT_WAIT_S, self._producer.init_transactions, INIT_WAIT_S)

    def begin(self) -> None:
        """Begin a transaction."""
        translated("beginning a transaction", self._producer.begin_transaction)

    def produce(self, records: Iterable[OutputRecord]) -> int:
        """Write records in the open transaction; return how many.

        Raises:
            Unproducible: the client refuses one for what it is.
        """
        produce = self._producer.produce
        count = 0
        for record in records:
            count += 1
            partition = PARTITIONER if record.partition is None else record.partition
            try:
                if record.headers is None:  # nearly always: positional arguments alone are taken fastest
                    produce(record.topic, record.value, record.key, partition)
                else:
                    produce(record.topic, record.value, record.key, partition, headers=record.headers)
            except BufferError:
                self._produce_with_patience(record, partition)
            except ck.KafkaException as failure:
                self._refuse(record, failure.args[0])
        self._producer.poll(0)
        return count

    def _produce_with_patience(self, record: OutputRecord, partition: int) -> None:
        """Write *record* as soon as the queue, which was full, has room."""
        while True:
            self._producer.poll(0.1)
            try:
                self._producer.produce(
                    record.topic, record.value, record.key, partition, headers=record.headers
                )
            except BufferError:
                continue
            except ck.KafkaException as failure:
                self._refuse(record, failure.args[0])
            return

    def commit(self, offsets: Mapping[TopicPartition, int], stamp: str, group: Any) -> None:
        """Commit the open transaction with the group's offsets and generation, *stamp* as the offsets' metadata."""
        places = [ck.TopicPartition(topic, number, o, stamp) for (topic, number), o in offsets.items()]
        send, commit = self._producer.send_offsets_to_transaction, self._producer.commit_transaction
        self._transactional("sending offsets", send, places, group, self._wait_s)
        self._transactional("committing", commit, self._wait_s)

    def abort(self) -> None:
        """Abort the open transaction."""
        self._transactional("aborting", self._producer.abort_transaction, self._wait_s)

    def discard(self) -> None:
        """Close it, whatever state it is in; abandon it if a call never came back."""
        self._thread.close()
        if self._stuck:
            # The handle must never be destroyed: that would wait for the stuck call. It is leaked on purpose.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._producer))
            return
        with suppress(ck.KafkaException, RuntimeError):  # it reports its fatal error once more
            self._producer.purge()
            self._producer.close(0)

    def _transactional(self, doing: str, function: Callable[..., Any], *arguments: Any) -> None:
        translated(doing, self._bounded, doing, self._wait_s, function, *arguments)

    def _bounded(self, doing: str, wait_s: float, function: Callable[..., Any], *arguments: Any) -> None:
        """Call in the handle's thread; wait a little longer than the call should take."""
        if self._stuck:
            raise Fatal(f"{doing}: an earlier call has not come back")
        outcome: SimpleQueue[BaseException | None] = SimpleQueue()

        def call() -> None:
            try:
                function(*arguments)
            except BaseException as error:  # noqa: BLE001 (it is raised again where the caller waits)
                outcome.put(error)
            else:
                outcome.put(None)

        self._thread.submit(call)
        try:
            error = outcome.get(timeout=wait_s + LATE_S)
        except Empty:
            self._stuck = True
            raise Fatal(f"{doing}: no answer within {wait_s + LATE_S:.0f} s") from None
        if error is not None:
            raise error

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
            self._bounded("aborting", 0.0, self._producer.abort_transaction, 0)
        except ck.KafkaException as failure:
            return failure.args[0].code() in FENCED
        except Fatal:
            return False
        return False
