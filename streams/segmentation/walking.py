"""What a machine works with while it walks: what it sees, why it moves, and where its decisions go."""

from __future__ import annotations

from typing import Any

from streams.segmentation.effects import Kind
from streams.segmentation.plans import Coverage
from streams.segmentation.profiles import MachineState, Profile
from streams.segmentation.timeline import NEVER, EpochMs

Walker = Any
"""A `streams.segmentation.machines.Machine`."""


class Fact:
    """Where a machine's decisions go: the partition, or nowhere during a repeated walk."""

    __slots__ = ()

    def transition(  # noqa: PLR0917 - called for each decision: positions cost nothing
        self,
        machine: Walker,
        profile: Profile,
        state: MachineState,
        kind: Kind,
        at: EpochMs,
        cause: Cause,
        member: int = 0,
    ) -> None:
        """Take one decision: *kind* at event time *at*."""
        raise TypeError(type(self))

    def corrected(self, profile: Profile) -> None:
        """Take note that a standing membership's `since` was corrected."""
        raise TypeError(type(self))

    def missed(self) -> None:
        """Take note of a membership that came and went in the past."""
        raise TypeError(type(self))


class Cause:
    """Why a machine moves: an event, or time alone (`event_id` empty)."""

    __slots__ = ("deadline", "event_id", "late", "seen")

    def __init__(
        self, event_id: str, seen: EpochMs, *, late: bool = False, deadline: EpochMs = NEVER
    ) -> None:
        """Name the event, the newest evidence looked at, whether it was late, and, for time, its deadline."""
        self.event_id, self.late, self.seen, self.deadline = event_id, late, seen, deadline


class View:
    """What a machine sees of its partition while it moves for one profile."""

    __slots__ = ("coverage", "facts", "profile", "watermark")

    def __init__(self, profile: Profile, watermark: EpochMs, coverage: Coverage, facts: Fact) -> None:
        """Show *profile* under the gate's *watermark*; decisions go to *facts*."""
        self.profile, self.watermark, self.coverage, self.facts = profile, watermark, coverage, facts


class Recorder(Fact):
    """Keeps when a repeated walk entered and left, and emits nothing."""

    def __init__(self) -> None:
        """Start empty."""
        self.moves: list[tuple[Kind, EpochMs, int]] = []

    def transition(  # noqa: PLR0917 - called for each decision: positions cost nothing
        self,
        machine: Walker,
        profile: Profile,
        state: MachineState,
        kind: Kind,
        at: EpochMs,
        cause: Cause,
        member: int = 0,
    ) -> None:
        """Note one decision."""
        self.moves.append((kind, at, member))

    def corrected(self, profile: Profile) -> None:
        """Ignore it: nothing stands."""

    def missed(self) -> None:
        """Ignore it: this walk is the past."""

    def leaves(self, member: int, instant: EpochMs, *, begins_in: int) -> EpochMs:
        """Return the first instant, from *instant* on, at which the walk is not in *member*.

        Args:
            member: index of the segment; the walk is not in it at its end.
            instant: where to begin.
            begins_in: index of the segment in which the walk began, -1 for none.
        """
        now = begins_in
        for kind, at, moved in self.moves:
            if at > instant and now == member:
                return at
            now = moved if kind == "entered" else -1
        return instant
