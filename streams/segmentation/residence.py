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
from streams.segmentation.deadlines import Deadlines
from streams.segmentation.effects import Transition
from streams.segmentation.options import InputSpec, Options
from streams.segmentation.plans import Coverage, Plan
from streams.segmentation.profiles import NO_ENTRIES, NONE, Profile
from streams.segmentation.records import Header, PartitionRecord
from streams.segmentation.timeline import BEFORE_ALL, NEVER, EpochMs
from streams.segmentation.walking import Fact
from streams.segmentation.watermarks import Watermarks

PARTITION_KEY = "\x00partition"
"""Changelog key of the partition's own record; no customer's key has a zero byte."""

LIVE_MAX = 200_000
"""Profiles kept decoded between commits; beyond it they go back to rest."""


class Residence(Fact):
    """The state of one partition number and its way to the changelog and back.

    Attributes:
        effects: what has been decided since the last `take_effects`.
        rest: key → the profile as it was committed; of those decoded too.
        live: key → the profile decoded.
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
        self.rest: dict[str, bytes] = {}
        self.live: dict[str, Profile] = {}
        self.dirty: list[Profile] = []
        self._staged: dict[str, bytes] = {}
        self._changed: dict[str, None] = {}
        self._deadlines = [Deadlines() for _ in plan.gates]
        self._next_wake: EpochMs = NEVER  # not later than the first deadline of any gate
        self._encode: Callable[[Any], bytes] = msgspec.msgpack.Encoder().encode
        self._wakes: Callable[[bytes], Header] = msgspec.msgpack.Decoder(Header).decode
        self._record = self._partition_record()
        self._take_coverage()

    @property
    def horizon(self) -> EpochMs:
        """The watermark before which journals may forget: nothing older is still undecided."""
        return self.watermarks.lowest

    def profile(self, key: str) -> Profile:
        """Return the profile of the customer *key*, decoded; a new one when nothing is known of them."""
        profile = self.live.get(key)
        if profile is None:
            rest = self.rest.get(key)
            profile = self.plan.profile_type(key) if rest is None else self.plan.read(key, rest)
            self.live[key] = profile
        return profile

    def find(self, key: str) -> Profile | None:
        """Return the profile of the customer *key* for looking at; None when nothing is known of them."""
        profile = self.live.get(key)
        rest = self.rest.get(key)
        return self.plan.read(key, rest) if profile is None and rest is not None else profile

    def touch(self, profile: Profile) -> None:
        """Note that *profile* changes: the next commit writes it."""
        if not profile.dirty:
            profile.dirty = True
            self.dirty.append(profile)

    def flush(self) -> Iterator[tuple[str, bytes]]:
        """Yield the changelog records of what changed since the last commit: key, value."""
        assert not [*NONE, *NO_ENTRIES], "what all profiles share was changed in place"
        encode = self._encode
        staged = self._staged = {profile.key: encode(profile.pack()) for profile in self.dirty}
        yield from staged.items()
        record = self._partition_record()
        if record != self._record:
            staged[PARTITION_KEY] = record
            yield PARTITION_KEY, record

    def commit(self) -> None:
        """Make what `flush` yielded the truth."""
        self._record = self._staged.pop(PARTITION_KEY, self._record)
        self.rest.update(self._staged)
        for profile in self.dirty:
            profile.dirty = False
        self._staged, self.dirty, self._changed = {}, [], {}
        if len(self.live) > LIVE_MAX:
            self.live.clear()

    def changelog(self) -> dict[str, bytes]:
        """Return what the changelog holds after the last commit: key → value."""
        return {**self.rest, PARTITION_KEY: self._record}

    def rollback(self) -> None:
        """Become what the last commit left."""
        self.effects, self._changed, self._staged = [], {}, {}
        for profile in self.dirty:
            rest = self.rest.get(profile.key)
            if rest is not None:
                self._rearm(profile.key, rest)
        self.live, self.dirty = {}, []
        self._take_record(self._record)

    def load(self, key: str, value: bytes | None) -> None:
        """Take one changelog record during a restore."""
        if value is None:
            self.rest.pop(key, None)
        elif key == PARTITION_KEY:
            self._record = value
        else:
            self.rest[key] = value

    def ready(self) -> None:
        """Take up the watermarks and arm all wake-ups, after the last `load`.

        Raises:
            OperationError: the state belongs to another plan or another number of inputs.
        """
        self._take_record(self._record)
        self._deadlines = [Deadlines() for _ in self.plan.gates]
        for key, value in self.rest.items():
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
