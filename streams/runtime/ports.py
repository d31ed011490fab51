"""What the transport and the processing of records ask of each other. No Kafka, no Faust.

The transport (coordinator, client, restore) is domain-agnostic: it delivers batches of raw records, and commits what
they produced. The processing (`streams.runtime.processor`) is Kafka-agnostic: it turns batches into state and output.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

Headers = list[tuple[str, bytes]]


class InputRecord(Protocol):
    """The part of `confluent_kafka.Message` that is read."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def timestamp(self) -> tuple[int, int]: ...
    def headers(self) -> Headers | None: ...


class OutputRecord(msgspec.Struct, gc=False):
    """A record to be written in the open transaction. *partition* None: murmur2 of the key."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers | None = None
    partition: int | None = None


class Batch:
    """Work for one partition number: new records of its input topics, or none at all (a tick).

    The transport fills the first block, the agent the second, while it holds the state::

        with batch as state:
            if state is None: continue     # rolled back before the agent got to it
            ...

    An exception inside the block is recorded, swallowed, and rolls the transaction back.

    Attributes:
        partition: partition number, the same in every input topic.
        records: topic → records in offset order; may be empty.
        caught_up_ms: topic → for how long it has been read to its end; absent while it is behind.
        never_had_a_record: topics whose log of this partition is empty.
        quarantined: topic → offsets that failed alone and repeatedly; the agent dead-letters them unprocessed.
        now_ms: wall clock when the batch was made.

        out: records to write.
        offsets: topic → offset to read next after a restart; only of what was really processed.
        hold: topics of which enough is buffered: the transport pauses them until a later batch no longer says so.
        waiting: records are buffered and wait for another topic: deliver a tick soon.
        changed: state or time changed although `out` and `offsets` are empty; a commit is due.
    """

    partition: int
    records: Mapping[str, list[InputRecord]]
    caught_up_ms: Mapping[str, int]
    never_had_a_record: frozenset[str]
    quarantined: Mapping[str, frozenset[int]]
    now_ms: int

    out: list[OutputRecord]
    offsets: dict[str, int]
    hold: frozenset[str]
    waiting: bool
    changed: bool


class PartitionState(Protocol):
    """All state of one partition number. One thread at a time; the transport serialises the calls."""

    def load(self, key: bytes, value: bytes | None) -> None:
        """Take one changelog record during restore (None deletes). Called in log order."""

    def ready(self) -> None:
        """The changelog is read to its end."""

    def flush(self) -> Iterable[OutputRecord]:
        """Yield what must be written before the commit: changelog records, compacted outputs."""

    def commit(self) -> None:
        """The transaction is committed: what was changed is now the truth."""

    def rollback(self) -> None:
        """The transaction is surely aborted: become what the last commit left, buffers emptied."""


class StateFactory(Protocol):
    """Makes the empty state of a partition; called at each restore, from any thread."""

    def __call__(self, partition: int) -> PartitionState: ...
