"""Counts the members of each segment in one partition, without ever reading all profiles at once.

Theory of operation. Profiles are counted in slices, a few at each step. Until a profile has been counted its transitions
are ignored, because the count will find their result; from then on they are added and taken away. So the numbers are
right as soon as the last slice is done. A rollback undoes transitions that were already added: then the count starts anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final

from streams.segmentation.partition import Partition
from streams.segmentation.profiles import MEMBER
from streams.segmentation.transitions import Transition

SAMPLE: Final = 1_000
"""Profiles whose size is taken for that of all, while too few are counted."""

_CHANGES = {"entered": 1, "exited": -1, "retracted": -1}
"""What a transition does to the number of members; the other kinds change no membership."""


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
        self._pending = {*self._core.resting, *self._core.live}

    def step(self, profiles_max: int) -> None:
        """Count at most *profiles_max* more profiles; call it between batches only."""
        for _ in range(min(profiles_max, len(self._pending))):
            self._count(self._pending.pop())

    def take(self, transitions: Iterable[Transition], counts: Mapping[tuple[str, str, str], int]) -> None:
        """Follow the *transitions* of a batch; *counts* has them by segment, kind and origin."""
        pending, members = self._pending, self.members
        if not pending:
            for (segment_id, kind, _), moved in counts.items():
                members[segment_id] += moved * _CHANGES.get(kind, 0)
            return
        for transition in transitions:
            if f"{transition.shop_id}/{transition.customer_id}" not in pending:
                members[transition.segment_id] += _CHANGES.get(transition.kind, 0)

    def state_bytes(self) -> int:
        """Return the size of all committed profiles: that of those counted, or of the first ones, scaled up."""
        customers = self._core.customers
        if self.counted * 2 >= customers:
            profiles, size = self.counted, self.counted_bytes
        else:
            sizes = [len(value) for _, value in islice(self._core.committed(), SAMPLE)]
            profiles, size = len(sizes), sum(sizes)
        return size * customers // profiles if profiles else 0

    def _count(self, key: str) -> None:
        core = self._core
        profile = core.find(key)
        if profile is None:
            return
        committed = core.committed_of(key)
        if committed:
            self.counted += 1
            self.counted_bytes += len(committed)
        for index, state in enumerate(profile.states):
            if state is not None and state.status == MEMBER:
                self.members[core.machines[index].plan.members[max(state.winner, 0)].segment_id] += 1
