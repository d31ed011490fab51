"""Where the profiles of a partition live: decoded while they are worked on, at rest as the bytes of their last commit.

There is no undo log: a roll back forgets the decoded profiles that were touched, and what is committed is byte for byte
what a restart would read (`streams/decisions/0003`). The wake-ups are part of the profiles; the queues of deadlines are
made from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from streams.errors import OperationError
from streams.segmentation.chunks import (
    CHUNK_PREFIX,
    ChunkLog,
    ChunkWriter,
    chunk_entries,
    chunk_key,
    chunk_number,
)
from streams.segmentation.deadlines import Deadlines
from streams.segmentation.options import InputSpec, Options
from streams.segmentation.plans import Coverage, Plan
from streams.segmentation.profiles import NO_ENTRIES, NONE, Profile
from streams.segmentation.records import Header, PartitionRecord
from streams.segmentation.timeline import BEFORE_ALL, NEVER, EpochMs
from streams.segmentation.transitions import Transition
from streams.segmentation.walking import Fact
from streams.segmentation.watermarks import Watermarks

PARTITION_KEY = "\x00partition"
"""Changelog key of the partition's own record; no customer's key has a zero byte."""

LIVE_MAX = 200_000
"""Profiles kept decoded between commits; beyond it they go back to rest."""

_encode: Callable[[Any], bytes] = msgspec.msgpack.Encoder().encode


class _Staged:
    """What a flush wrote, until it is committed or not.

    Attributes:
        writer: the chunks.
        written: decoded profiles, their states and the chunks these are in.
        moved: the same of profiles that are not decoded, by key.
        cleaned: how many of the oldest chunks were cleaned.
        record: the partition's own record; empty when it did not change.
    """

    def __init__(self, writer: ChunkWriter) -> None:
        self.writer = writer
        self.written: list[tuple[Profile, bytes, int]] = []
        self.moved: list[tuple[str, bytes, int]] = []
        self.cleaned = 0
        self.record = b""


class Residence(Fact):
    """The state of one partition number and its way to the changelog and back.

    Attributes:
        effects: what has been decided since the last `take_effects`.
        live: key → the profile decoded.
        resting: key → the state of a profile that is not decoded, and the chunk of the changelog that holds it.
        dirty: the profiles touched since the last commit, in order.
        coverage: per source of the plan, since when it was watched.
        watched: the coverage of every source that an input carries has begun.
    """

    def __init__(self, plan: Plan, inputs: tuple[InputSpec, ...], options: Options) -> None:
        """Start empty."""
        self.plan, self.options = plan, options
        self.watermarks = Watermarks(inputs, plan.gates, wall=options.wall)
        self.coverage: Coverage = (NEVER if options.coverage_since else BEFORE_ALL,) * len(plan.sources)
        self.effects: list[Transition] = []
        self.live: dict[str, Profile] = {}
        self.resting: dict[str, tuple[bytes, int]] = {}
        self._uncommitted = 0  # of the living: who has never been written
        self.dirty: list[Profile] = []
        self._chunks = ChunkLog()
        self._staged = _Staged(ChunkWriter(1))
        self._changed: dict[str, None] = {}
        self._deadlines = [Deadlines() for _ in plan.gates]
        self._next_wake: EpochMs = NEVER  # not later than the first deadline of any gate
        self._encode = _encode
        self._wakes: Callable[[bytes], Header] = msgspec.msgpack.Decoder(Header).decode
        self._record = self._partition_record()
        self._take_coverage()

    @property
    def horizon(self) -> EpochMs:
        """The watermark before which journals may forget: nothing older is still undecided."""
        return self.watermarks.lowest

    @property
    def customers(self) -> int:
        """Of how many customers something is committed."""
        return len(self.live) + len(self.resting) - self._uncommitted

    def profile(self, key: str) -> Profile:
        """Return the profile of the customer *key*, decoded; a new one when nothing is known of them."""
        profile = self.live.get(key)
        if profile is None:
            resting = self.resting.pop(key, None)
            if resting is None:
                profile = self.plan.profile_type(key)
                self._uncommitted += 1
            else:
                profile = self.plan.read(key, resting[0])
                profile.rest, profile.chunk = resting
            self.live[key] = profile
        return profile

    def find(self, key: str) -> Profile | None:
        """Return the profile of the customer *key* for looking at; None when nothing is known of them."""
        profile = self.live.get(key)
        resting = self.resting.get(key)
        return self.plan.read(key, resting[0]) if profile is None and resting is not None else profile

    def committed(self) -> Iterator[tuple[str, bytes]]:
        """Yield the customers of whom something is committed, each with the state that a restart would read."""
        for key, (rest, _) in self.resting.items():
            yield key, rest
        for key, profile in self.live.items():
            if profile.rest:
                yield key, profile.rest

    def committed_of(self, key: str) -> bytes:
        """Return the committed state of the customer *key*; empty when there is none."""
        profile = self.live.get(key)
        if profile is not None:
            return profile.rest
        resting = self.resting.get(key)
        return b"" if resting is None else resting[0]

    def touch(self, profile: Profile) -> None:
        """Note that *profile* changes: the next commit writes it."""
        if not profile.dirty:
            profile.dirty = True
            self.dirty.append(profile)

    def flush(self) -> list[tuple[str, bytes | None]]:
        """Return the changelog records of what changed since the last commit: key, value (None: a tombstone)."""
        assert not [*NONE, *NO_ENTRIES], "what all profiles share was changed in place"
        chunks = self._chunks
        staged = self._staged = _Staged(ChunkWriter(chunks.next_number))
        writer, encode = staged.writer, self._encode
        for profile in self.dirty:
            value = encode(profile.pack())
            staged.written.append((profile, value, writer.add(profile.key, value)))
        tombstones: list[tuple[str, bytes | None]] = []
        staged.cleaned = chunks.cleaning(len(self.live) + len(self.resting), len(self.dirty))
        for position in range(staged.cleaned):
            number, keys = chunks.chunks[position]
            self._clean(staged, number, keys)
            tombstones.append((chunk_key(number), None))
        writer.close()
        records = writer.records + tombstones
        record = self._partition_record()
        if record != self._record:
            staged.record = record
            records.append((PARTITION_KEY, record))
        return records

    def _clean(self, staged: _Staged, number: int, keys: list[str]) -> None:
        """Write again what still counts in the chunk *number*, and is not written anyway."""
        for key in keys:
            profile = self.live.get(key)
            if profile is not None:
                if profile.chunk == number and not profile.dirty:
                    staged.written.append((profile, profile.rest, staged.writer.add(key, profile.rest)))
            else:
                resting = self.resting.get(key)
                if resting is not None and resting[1] == number:
                    staged.moved.append((key, resting[0], staged.writer.add(key, resting[0])))

    def commit(self) -> None:
        """Make what `flush` returned the truth."""
        staged = self._staged
        if staged.record:
            self._record = staged.record
        for profile, value, number in staged.written:
            if not profile.rest:
                self._uncommitted -= 1
            profile.rest, profile.chunk, profile.dirty = value, number, False
        for key, value, number in staged.moved:
            self.resting[key] = (value, number)
        self._chunks.take(staged.writer.chunks, staged.cleaned)
        self._staged = _Staged(ChunkWriter(self._chunks.next_number))
        self.dirty = []
        self._changed = {}
        if len(self.live) > LIVE_MAX:
            for key, profile in self.live.items():
                if profile.rest:
                    self.resting[key] = (profile.rest, profile.chunk)
            self.live = {}
            self._uncommitted = 0

    def changelog(self) -> dict[str, bytes]:
        """Return what a restart would read after the last commit: key → value, each profile by itself."""
        return {**dict(self.committed()), PARTITION_KEY: self._record}

    def rollback(self) -> None:
        """Become what the last commit left."""
        self.effects, self._changed = [], {}
        self._staged = _Staged(ChunkWriter(self._chunks.next_number))
        for profile in self.dirty:
            del self.live[profile.key]
            if profile.rest:
                self.resting[profile.key] = (profile.rest, profile.chunk)
                self._rearm(profile.key, profile.rest)
            else:
                self._uncommitted -= 1
        self.dirty = []
        self._take_record(self._record)

    def load(self, key: str, value: bytes | None) -> None:
        """Take one changelog record during a restore."""
        if key.startswith(CHUNK_PREFIX):
            number = chunk_number(key)
            if value is None:
                self._chunks.removed(number)
            else:
                self._load_chunk(number, value)
        elif value is None:
            self.resting.pop(key, None)
        elif key == PARTITION_KEY:
            self._record = value
        else:
            self.resting[key] = (value, 0)

    def _load_chunk(self, number: int, value: bytes) -> None:
        entries = chunk_entries(value)
        for key, rest in entries:
            if rest is None:
                self.resting.pop(key, None)
            else:
                self.resting[key] = (rest, number)
        self._chunks.restored(number, [key for key, _ in entries])

    def ready(self) -> None:
        """Take up the watermarks and arm all wake-ups, after the last `load`.

        Raises:
            OperationError: the state belongs to another plan or another number of inputs.
        """
        self._take_record(self._record)
        self._deadlines = [Deadlines() for _ in self.plan.gates]
        for key, (value, _) in self.resting.items():
            self._rearm(key, value)

    def _rearm(self, key: str, rest: bytes) -> None:
        header = self._wakes(rest)
        for gate, deadline in enumerate((header.wake, *header.wakes)):
            if deadline is not None and deadline < NEVER:
                self._deadlines[gate].push(deadline, key)
        self._next_wake = BEFORE_ALL

    def _partition_record(self) -> bytes:
        return self._encode(
            PartitionRecord(self.plan.plan_hash, self.watermarks.snapshot(), list(self.coverage))
        )

    def _take_record(self, value: bytes) -> None:
        record = msgspec.msgpack.decode(value, type=PartitionRecord)
        if record.plan_hash != self.plan.plan_hash:
            raise OperationError(
                "the state in the changelog was made with other definitions",
                hint="start the worker with the catalogue it was made with, or with a new STREAMS_APPLICATION_ID, "
                "which reads the inputs again from their beginning",
            )
        try:
            self.watermarks.restore(record.watermarks)
        except ValueError as error:
            raise OperationError(
                str(error),
                hint="start the worker with the inputs it had, or with a new STREAMS_APPLICATION_ID",
            ) from None
        self.coverage = tuple(record.coverage)
        self._take_coverage()

    def _take_coverage(self) -> None:
        """Note whether the coverage of every source that an input carries has begun."""
        carried = [spec.sources for spec in self.watermarks.specs]
        self.watched = not any(
            known == NEVER and any(not sources or source in sources for sources in carried)
            for source, known in zip(self.plan.sources, self.coverage, strict=True)
        )
