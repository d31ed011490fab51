"""Reads an application's changelog from outside: where each partition stands, and on request who is in which segment.

It joins no group and changes nothing; only committed records count. Where a partition stands is a record of its own that
nearly every commit writes again, so it is found near the end; to count members the whole topic must be read. Later
readings go on where the last one ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

import confluent_kafka as ck
import msgspec

from streams.errors import OperationError
from streams.runtime.client_errors import client_logger
from streams.runtime.client_options import ClientOptions
from streams.segmentation.chunks import entries_in
from streams.segmentation.plans import Plan
from streams.segmentation.profiles import MEMBER
from streams.segmentation.records import PartitionRecord
from streams.segmentation.residence import PARTITION_KEY

ANSWER_WAIT_S: Final = 10.0
READ_WAIT_S: Final = 0.2
SILENCE_MAX: Final = 100
"""So many empty reads after one another, and the broker is taken for dead: twenty seconds."""

RECORDS_MAX: Final = 10_000
NEAR_THE_END: Final = 2_000
FURTHER: Final = 20
"""The first reading begins so many offsets before the end; each further one so many times as many."""

_PARTITION = PARTITION_KEY.encode()


class MemberCount:
    """Counts members, profiles and bytes from changelog records.

    Attributes:
        members: segment id → customers.
        profiles: customers with a state.
        state_bytes: size of their states.
        strange: a state could not be read with this plan; then nothing is counted any more.
    """

    def __init__(self, plan: Plan) -> None:
        """Count nothing yet; *plan* says how states are read."""
        self._plan = plan
        self._known: dict[str, tuple[int, tuple[str, ...]]] = {}
        self._tuples: dict[tuple[str, ...], tuple[str, ...]] = {}  # most customers share a few of them
        self.members: Counter[str] = Counter()
        self.profiles = self.state_bytes = 0
        self.strange = False

    def take(self, key: bytes, value: bytes | None) -> None:
        """Take one record of the changelog: the newest states of customers, or that there are none any more."""
        for name, state in () if self.strange else entries_in(key.decode(), value):
            try:
                segments = self._segments(name, state) if state else ()
            except Exception:  # noqa: BLE001 - whatever a state of other definitions makes the generated reader raise
                self.strange = True
                return
            self._replace(name, len(state or b""), segments)

    def _replace(self, key: str, size: int, segments: tuple[str, ...]) -> None:
        known_size, known_segments = self._known.pop(key, (0, ()))
        if known_size:
            self.profiles -= 1
            self.state_bytes -= known_size
            self.members.subtract(known_segments)
        if size:
            self._known[key] = size, self._tuples.setdefault(segments, segments)
            self.profiles += 1
            self.state_bytes += size
            self.members.update(segments)

    def _segments(self, key: str, state: bytes) -> tuple[str, ...]:
        machines = self._plan.machines
        return tuple(
            machines[index].members[max(one.winner, 0)].segment_id
            for index, one in enumerate(self._plan.read(key, state).states)
            if one is not None and one.status == MEMBER
        )


class ChangelogReading:
    """One changelog, read from outside.

    Attributes:
        partitions: how many it has.
        standings: partition → its own record, as far as one was found.
        count: what was counted; None when nobody asked for members.
    """

    def __init__(
        self,
        options: ClientOptions,
        count: MemberCount | None = None,
        *,
        open_reader: Callable[..., Any] = ck.Consumer,
    ) -> None:
        """Open it; nothing is read yet.

        Args:
            options: of the client; they name the topic.
            count: counts members: then everything is read.
            open_reader: makes the client.

        Raises:
            OperationError: no broker answers, or there is no such topic.
        """
        self.count = count
        self._topic = options.changelog
        self._bootstrap = options.bootstrap
        self._reader = open_reader(options.reader(committed=True), logger=client_logger)
        self._positions: dict[int, int] = {}
        self.standings: dict[int, PartitionRecord] = {}
        try:
            listed = self._reader.list_topics(self._topic, ANSWER_WAIT_S).topics[self._topic]
        except ck.KafkaException as failure:
            self._reader.close()
            raise self._unreadable(failure.args[0]) from None
        if listed.error is not None or not listed.partitions:
            self._reader.close()
            raise OperationError(
                f"there is no topic {self._topic}",
                hint="--application names the worker's STREAMS_APPLICATION_ID; a worker makes it at its first start",
            )
        self.partitions = len(listed.partitions)

    def close(self) -> None:
        """Close the client."""
        self._reader.close()

    def refresh(self) -> None:
        """Read what has come since the last call; the first time as far back as is needed.

        Raises:
            OperationError: nothing more comes, or it cannot be read.
        """
        try:
            if self._positions:
                self._read(dict(self._positions))
            else:
                self._read_first()
        except ck.KafkaException as failure:
            raise self._unreadable(failure.args[0]) from None

    def _read_first(self) -> None:
        bounds = {
            number: self._reader.get_watermark_offsets(ck.TopicPartition(self._topic, number), ANSWER_WAIT_S)
            for number in range(self.partitions)
        }
        back = NEAR_THE_END
        missing = set(bounds)
        while missing:
            whole = self.count is not None
            starts = {
                number: bounds[number][0] if whole else max(bounds[number][0], bounds[number][1] - back)
                for number in missing
            }
            self._read(starts)
            missing = {
                number
                for number in missing
                if number not in self.standings and starts[number] > bounds[number][0]
            }
            back *= FURTHER

    def _read(self, starts: Mapping[int, int]) -> None:
        """Read the partitions of *starts*, from these offsets to their ends."""
        self._reader.assign(
            [ck.TopicPartition(self._topic, number, start) for number, start in starts.items()]
        )
        reading = set(starts)
        silent = 0
        while reading:
            messages: list[Any] = self._reader.consume(RECORDS_MAX, READ_WAIT_S)
            silent = 0 if messages else silent + 1
            if silent > SILENCE_MAX:
                raise OperationError(
                    f"nothing more came from {self._topic}", hint="are all its leaders alive?"
                )
            for message in messages:
                error = message.error()
                if error is None:
                    self._take(message)
                elif error.code() == ck.KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's only name for it
                    reading.discard(message.partition())
                    self._positions[message.partition()] = message.offset()
                else:
                    raise ck.KafkaException(error)

    def _take(self, message: Any) -> None:
        key, value = message.key(), message.value()
        if key == _PARTITION:
            self.standings[message.partition()] = msgspec.msgpack.decode(value, type=PartitionRecord)
        elif self.count is not None:
            self.count.take(key, value)

    def _unreadable(self, error: ck.KafkaError) -> OperationError:
        return OperationError(
            f"{self._topic} cannot be read: {error.str()}",
            hint=f"does a broker answer at {self._bootstrap}, and may we read the topic? --bootstrap names another",
        )
