"""The restore of a partition's state from the changelog: in bulk, several partitions at a time, in threads.

Why each step is as it is:

1. The committed offsets are asked by a read_committed handle: the broker answers only when no transaction with offsets
   for them is pending (KIP-447), so what is read next belongs to exactly that state.
2. The end to read to is the high watermark, asked by a *read_uncommitted* handle. A read_committed one would answer
   with the last stable offset, and the changelog's commit marker may lag behind the offsets topic's.
3. The end is reached by the end-of-partition event's offset: position() does not pass control records.
4. The committed offsets must be unchanged afterwards, else the restore starts again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import confluent_kafka as ck

from streams.errors import OperationError
from streams.runtime.client_errors import operation_error
from streams.runtime.client_options import ClientOptions
from streams.runtime.failpoints import reach
from streams.runtime.kafka_ports import RestoreDone, Snapshot
from streams.runtime.observing import Observer
from streams.runtime.ports import PartitionState, StateFactory
from streams.runtime.threads import DaemonThreads

logger = logging.getLogger(__name__)

CALL_WAIT_S = 20.0
RETRY_PAUSE_S = 0.5
RECORDS_MAX = 10_000
NO_OFFSET = ck.OFFSET_INVALID

Alive = Callable[[], bool]


class _Moved(Exception):
    """The committed offsets changed while the changelog was read."""


class ChangelogRestore:
    """Starts restores; implements the coordinator's `Restore` port."""

    def __init__(
        self,
        options: ClientOptions,
        state_factory: StateFactory,
        observer: Observer,
        log: Callable[[str], None],
        *,
        threads: int = 2,
        open_reader: Callable[[dict[str, Any]], Any] = ck.Consumer,
    ) -> None:
        self._options, self._factory, self._observer, self._log = options, state_factory, observer, log
        self._open_reader = open_reader
        self._pool = DaemonThreads(threads, "restore")

    def __call__(self, partition: int, spare: Snapshot | None, done: RestoreDone, alive: Alive) -> None:
        """Restore *partition* in a thread, then call *done*; give up when *alive* says no."""
        self._pool.submit(lambda: self._observed(partition, spare, done, alive))

    def close(self, wait_s: float = 0.0) -> None:
        """Start no more restores; wait up to *wait_s* seconds for those under way."""
        self._pool.close(wait_s)

    def _observed(self, partition: int, spare: Snapshot | None, done: RestoreDone, alive: Alive) -> None:
        """Restore, and tell the observer when it is over, whatever came of it."""
        try:
            self._restore(partition, spare, done, alive)
        finally:
            self._observer.restore_ended(partition)

    def _restore(self, partition: int, spare: Snapshot | None, done: RestoreDone, alive: Alive) -> None:
        """Try until it works, is no longer wanted, or cannot work."""
        while alive():
            try:
                found = self._attempt(partition, spare, alive)
                if found is not None:
                    done(found)
                    return
            except OperationError as error:
                done(error)
                return
            except ck.KafkaException as failure:
                doing = f"restoring partition {partition} from {self._options.changelog}"
                known = operation_error(failure.args[0], doing)
                if known is not None:
                    done(known)
                    return
                self._log(f"restore of partition {partition}: {failure.args[0].str()}; trying again")
            except _Moved:
                self._log(f"restore of partition {partition}: its offsets moved; trying again")
            except Exception as error:  # noqa: BLE001 (a state that cannot load its own changelog must stop the worker)
                done(_unloadable(partition, self._options.changelog, error))
                return
            spare = None
            time.sleep(RETRY_PAUSE_S)

    def _attempt(self, partition: int, spare: Snapshot | None, alive: Alive) -> Snapshot | None:
        started = time.monotonic()
        reach("restore.before")
        reader = self._open_reader(self._options.reader(committed=True))
        ends = self._open_reader(self._options.reader(committed=False))
        try:
            offsets, stamp = self._committed(reader, ends, partition)
            if spare is not None and (spare.offsets, spare.stamp) == (offsets, stamp):
                self._observer.restored(partition, 0, time.monotonic() - started)
                return spare
            state = self._factory(partition)
            records = self._load(reader, ends, partition, state, alive)
            if records is None:
                return None
            if self._committed(reader, ends, partition) != (offsets, stamp):
                raise _Moved
            state.ready()
            reach("restore.after")
        finally:
            reader.close()
            ends.close()
        duration_s = time.monotonic() - started
        self._observer.restored(partition, records, duration_s)
        logger.info("partition %d restored: %d records in %.1f s", partition, records, duration_s)
        return Snapshot(state, offsets, stamp)

    def _committed(self, reader: Any, ends: Any, partition: int) -> tuple[dict[str, int], str]:
        """Ask for the committed offset of every input topic (else its log's beginning), and the last stamp."""
        places = [ck.TopicPartition(topic, partition) for topic in self._options.inputs]
        offsets: dict[str, int] = {}
        stamps = set()
        for place in reader.committed(places, CALL_WAIT_S):
            if place.error:
                raise ck.KafkaException(place.error)
            low, high = ends.get_watermark_offsets(place, CALL_WAIT_S)
            if place.offset < 0:
                offsets[place.topic] = low
            elif low <= place.offset <= high:
                offsets[place.topic] = place.offset
                stamps.add(place.metadata or "")
            else:
                raise _out_of_range(place, low, high)
        return offsets, stamps.pop() if len(stamps) == 1 else ""

    def _load(
        self, reader: Any, ends: Any, partition: int, state: PartitionState, alive: Alive
    ) -> int | None:
        """Read the changelog to its end into *state*; return the number of records, or None when given up."""
        place = ck.TopicPartition(self._options.changelog, partition)
        low, high = ends.get_watermark_offsets(place, CALL_WAIT_S)
        place.offset = low
        reader.assign([place])
        records, reached = 0, low
        while reached < high:
            if not alive():
                return None
            messages: list[Any] = reader.consume(RECORDS_MAX, 0.1)
            for message in messages:
                error = message.error()
                if error is None:
                    state.load(message.key(), message.value())
                    records += 1
                elif error.code() == ck.KafkaError._PARTITION_EOF:
                    reached = message.offset()
                else:
                    raise ck.KafkaException(error)
            if messages:
                self._observer.restoring(partition, records, high - low)
        return records


def _out_of_range(place: ck.TopicPartition, low: int, high: int) -> OperationError:
    return OperationError(
        f"topic {place.topic}, partition {place.partition}: the committed offset {place.offset} is outside the log"
        f" ({low} to {high})",
        hint="records were deleted before they were processed, or the topic was made anew: raise the retention; to go"
        " on, stop all workers and reset the group's offsets with kafka-consumer-groups.sh --reset-offsets",
    )


def _unloadable(partition: int, changelog: str, error: Exception) -> OperationError:
    failure = OperationError(
        f"partition {partition}: the state cannot be restored from {changelog}: {type(error).__name__}",
        hint="the changelog was written by another version or damaged; see the chained error",
    )
    failure.__cause__ = error
    return failure
