"""What stands beside a customer's memberships: who is active, who is silenced, where each segment may speak, which arm.

Theory of operation (SEMANTICS S12, `streams/decisions/0010`). How a membership stands is a function of three things as they
are now: the segments that the customer is a member of, what was last said of each channel (consents and suppressions), and
the arm that was dealt once. `stances_of` is that function. It reads no clock and no past, and it never changes a membership.
`streams.segmentation.settling` calls it when one of the three has changed, and compares the answer with what was told last,
which is part of the customer's state (`Beside`).
"""

from __future__ import annotations

from typing import Any

from streams.segmentation.cadence import bucket_of, hash_of
from streams.segmentation.timeline import BEFORE_ALL, EpochMs

ACTIVE = -1
"""In the place of the number of the segment that shadows: none does."""

EVERY_CHANNEL = ""
"""The channel of a suppression that names none."""

Said = tuple[int, tuple[str, ...], tuple[int, ...]]
"""How one membership stands: who shadows it, its eligible channels, who suppresses it."""


class Place:
    """What a plan says of one segment that takes part.

    Attributes:
        number: its position in `StancePlan.places`, which are in the catalogue's order.
        segment_id, version: the segment.
        machine, member: whose decision it is.
        concerned: something may stand beside its memberships; False: it only suppresses others.
        group, rank: its arbitrated group; empty: it is in none.
        ahead: the numbers of the group's members that win against it, the first to win first.
        channels: where its definition speaks.
        suppressors: the numbers of the segments that suppress it.
        holdout_ppm, salt: of its members, how many millionths get nothing, and how they are dealt; -1: nobody is held out.
    """

    __slots__ = (
        *("number", "segment_id", "version", "machine", "member", "concerned", "group", "rank", "ahead"),
        *("channels", "suppressors", "holdout_ppm", "salt"),
    )

    def __init__(
        self,
        number: int,
        segment_id: str,
        version: int,
        machine: int,
        member: int,
        *,
        concerned: bool = True,
        group: str = "",
        rank: int = 0,
        ahead: tuple[int, ...] = (),
        channels: tuple[str, ...] = (),
        suppressors: tuple[int, ...] = (),
        holdout_ppm: int = -1,
        salt: str = "",
    ) -> None:
        """Take what the definitions say."""
        self.number, self.segment_id, self.version = number, segment_id, version
        self.machine, self.member = machine, member
        self.concerned = concerned
        self.group, self.rank, self.ahead = group, rank, ahead
        self.channels, self.suppressors = channels, suppressors
        self.holdout_ppm, self.salt = holdout_ppm, salt


class StancePlan:
    """The segments that take part, of a plan in which any does.

    Attributes:
        places: them, in the catalogue's order.
        by_id: segment id → its place.
        channels: every channel that some definition speaks in.
    """

    __slots__ = ("by_id", "channels", "places")

    def __init__(self, places: tuple[Place, ...]) -> None:
        """Take the *places*."""
        self.places = places
        self.by_id: dict[str, Place] = {place.segment_id: place for place in places}
        self.channels = frozenset([channel for place in places for channel in place.channels])


class Beside:
    """What a customer's state keeps beside the memberships.

    Attributes:
        consents: channel → when its newest consent was said, and whether that grants it.
        suppressed: channel (or `EVERY_CHANNEL`) → when its newest suppression or release was said, and whether it silences.
        held: number of a segment → whether the customer is held out of it; dealt at the first entry, for ever.
        said: number of a segment that the customer is in → how the membership stands, as it was told last.
        told_ms: the same → when that was, in event time.
        sequences: number of a segment → how many changes were told that changed no membership.
    """

    __slots__ = ("consents", "held", "said", "sequences", "suppressed", "told_ms")

    def __init__(self) -> None:
        """Know nothing."""
        self.consents: dict[str, tuple[EpochMs, bool]] = {}
        self.suppressed: dict[str, tuple[EpochMs, bool]] = {}
        self.held: dict[int, bool] = {}
        self.said: dict[int, Said] = {}
        self.told_ms: dict[int, EpochMs] = {}
        self.sequences: dict[int, int] = {}

    def hear_consent(self, channel: str, at_ms: EpochMs, *, granted: bool) -> bool:
        """Take what was said of a consent; return whether it is news.

        The newest word by event time counts; of two at one millisecond the one that does not grant.
        """
        known_ms, was = self.consents.get(channel, (BEFORE_ALL, True))
        if at_ms < known_ms:
            return False
        now = granted and was if at_ms == known_ms else granted
        self.consents[channel] = (at_ms, now)
        return True

    def hear_suppression(self, channel: str, at_ms: EpochMs, *, silences: bool) -> bool:
        """Take a suppression or its end; return whether it is news. Of two at one millisecond the suppression counts."""
        known_ms, was = self.suppressed.get(channel, (BEFORE_ALL, False))
        if at_ms < known_ms:
            return False
        now = silences or was if at_ms == known_ms else silences
        self.suppressed[channel] = (at_ms, now)
        return True

    def is_suppressed(self, channel: str) -> bool:
        """Return whether *channel* is silenced: by the newer of the word for it and the word for all channels."""
        own_ms, own = self.suppressed.get(channel, (BEFORE_ALL, False))
        all_ms, all_silent = self.suppressed.get(EVERY_CHANNEL, (BEFORE_ALL, False))
        if own_ms == all_ms:
            return own or all_silent
        return own if own_ms > all_ms else all_silent

    def has_consent(self, channel: str) -> bool:
        """Return whether the customer granted consent to *channel*; never asked is not granted."""
        known = self.consents.get(channel)
        return known is not None and known[1]

    def deal(self, place: Place, key: str) -> None:
        """Deal the arm of the customer *key*, who is in the segment of *place*, unless it was dealt before (S21)."""
        if place.holdout_ppm >= 0 and place.number not in self.held:
            self.held[place.number] = bucket_of(hash_of(key), place.salt) < place.holdout_ppm

    def arm(self, place: Place) -> str:
        """Return the arm; empty where nobody is held out, or none was dealt yet."""
        if place.number not in self.held:
            return ""
        return "holdout" if self.held[place.number] else "treatment"

    def pack(self) -> list[Any]:
        """Return all of it as plain values, to be written."""
        return [
            [[channel, at, granted] for channel, (at, granted) in self.consents.items()],
            [[channel, at, silences] for channel, (at, silences) in self.suppressed.items()],
            [[number, held] for number, held in self.held.items()],
            [
                [number, shadow, channels, suppressors, self.told_ms[number]]
                for number, (shadow, channels, suppressors) in self.said.items()
            ],
            [[number, count] for number, count in self.sequences.items()],
        ]


def pack_beside(beside: Beside | None) -> list[Any]:
    """Return the plain values of *beside*; nothing when nothing is known."""
    return [] if beside is None else beside.pack()


def unpack_beside(packed: list[Any]) -> Beside | None:
    """Return what `pack_beside` made plain values of."""
    if not packed:
        return None
    beside = Beside()
    for channel, at, granted in packed[0]:
        beside.consents[channel] = (at, granted)
    for channel, at, silences in packed[1]:
        beside.suppressed[channel] = (at, silences)
    for number, held in packed[2]:
        beside.held[number] = held
    for number, shadow, channels, suppressors, told_ms in packed[3]:
        beside.said[number] = (shadow, tuple(channels), tuple(suppressors))
        beside.told_ms[number] = told_ms
    for number, count in packed[4]:
        beside.sequences[number] = count
    return beside


def stances_of(plan: StancePlan, members: set[int], beside: Beside) -> dict[int, Said]:
    """Return how each membership stands: the rules, in the order of CATALOGUE.md §3.

    Args:
        plan: who takes part.
        members: numbers of the segments that the customer is a member of.
        beside: consents, suppressions and arms.

    Returns:
        number → how it stands, for every member that something may stand beside.
    """
    found: dict[int, Said] = {}
    for place in plan.places:
        if place.concerned and place.number in members:
            found[place.number] = _said(place, members, beside)
    return found


def _said(place: Place, members: set[int], beside: Beside) -> Said:
    shadow = ACTIVE
    for other in place.ahead:
        if other in members:
            shadow = other
            break
    suppressors = tuple([other for other in place.suppressors if other in members])
    if suppressors or beside.held.get(place.number, False):
        return shadow, (), suppressors
    channels = [
        channel
        for channel in place.channels
        if not beside.is_suppressed(channel) and beside.has_consent(channel)
    ]
    return shadow, tuple(channels), suppressors
