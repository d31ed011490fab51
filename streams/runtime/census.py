"""Counts the members of each segment in one partition, without ever reading all profiles at once.

Theory of operation. Profiles are counted in slices, a few at each step. Until a profile has been counted its transitions
are ignored, because the count will find their result; from then on they are added and taken away. So the numbers are
right as soon as the last slice is done. A rollback undoes transitions that were already added: then the count starts anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Final

import msgspec

from streams.segmentation.effects import Transition
from streams.segmentation.partition import Partition
from streams.segmentation.plans import Profile
from streams.segmentation.profiles import MEMBER

SAMPLE: Final = 1_000
"""Profiles whose size is taken for that of all, while too few are counted."""

_CHANGES = {"entered": 1, "exited": -1, "retracted": -1}


class Census:
    """The members of each segment in one partition.

    Attributes:
        members: segment id → customers; right once `complete`.
        counted: committed profiles that have been counted.
        counted_bytes: their size.
    """

    def __init__(self, core: Partition) -> None:
        """Start to count *core*; nothing is read yet."""
        self._core = core
        self._decode: Callable[[bytes], Profile] = msgspec.msgpack.Decoder(core.plan.profile_type).decode
        self.members: Counter[str] = Counter()
        self.counted = 0
        self.counted_bytes = 0
        self._pending: set[str] = set()
        self.restart()

    @property
    def complete(self) -> bool:
        """Every profile has been counted."""
        return not self._pending

    def restart(self) -> None:
        """Forget the numbers and count again."""
        self.members.clear()
        self.counted = self.counted_bytes = 0
        self._pending = {*self._core.rest, *self._core.live}  # the living may be new since the last commit

    def step(self, profiles_max: int) -> None:
        """Count at most *profiles_max* more profiles; call it between batches only."""
        for _ in range(min(profiles_max, len(self._pending))):
            self._count(self._pending.pop())

    def take(self, transitions: Iterable[Transition], counts: Mapping[tuple[str, str, str], int]) -> None:
        """Follow the *transitions* of a batch; *counts* has them by segment, kind and origin."""
        pending, members = self._pending, self.members
        if not pending:
            for (segment_id, kind, _), moved in counts.items():
                members[segment_id] += moved * _CHANGES[kind]
            return
        for transition in transitions:
            if f"{transition.shop_id}/{transition.customer_id}" not in pending:
                members[transition.segment_id] += _CHANGES[transition.kind]

    def state_bytes(self) -> int:
        """Return the size of all committed profiles: that of those counted, or of the first ones, scaled up."""
        resting = self._core.rest
        if self.counted * 2 >= len(resting):
            profiles, size = self.counted, self.counted_bytes
        else:
            sizes = [len(value) for value in islice(resting.values(), SAMPLE)]
            profiles, size = len(sizes), sum(sizes)
        return size * len(resting) // profiles if profiles else 0

    def _count(self, key: str) -> None:
        core = self._core
        resting = core.rest.get(key)
        profile = core.live.get(key)
        if profile is None:
            if resting is None:
                return
            profile = self._decode(resting)
        if resting is not None:
            self.counted += 1
            self.counted_bytes += len(resting)
        for index, state in profile.states.items():
            if state.status == MEMBER:
                self.members[core.machines[index].plan.members[max(state.winner, 0)].segment_id] += 1
