"""What stands beside memberships, said naively: from all that was told so far and every event read, at each turn anew.

The third part of the oracle, written from SEMANTICS S12, CATALOGUE.md §3 and decision record 10. It keeps no state of
channels: each time it looks through all events of the customer again. Nothing of it is shared with the engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from xxhash import xxh3_64_intdigest

from streams.segmentation.definitions import Catalogue, SegmentDefinition
from streams.segmentation.effects import Arbitration, Kind, Origin, Stance
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import EpochMs
from streams.testing.oracle_told import OracleTransition

OPTING = {
    "Email Subscribed": ("email", True),
    "Email Unsubscribed": ("email", False),
    "SMS Subscribed": ("sms", True),
    "SMS Unsubscribed": ("sms", False),
}
SUPPRESSING = {"Profile Suppressed": True, "Profile Unsuppressed": False}

Word = tuple[str, str | None, EpochMs, bool]
"""``consent`` or ``suppression``, the channel (None: all), when, and whether it lets the shop speak."""


@dataclass
class Told:
    """What was told of one customer.

    Attributes:
        since_ms: segments that the customer is in → since when.
        stances: the same → how the membership stands, as it was told last.
        told_ms: the same → when.
        arms: segment → the arm, once dealt.
        sequences: segment → how many changes were told.
    """

    since_ms: dict[str, EpochMs] = field(default_factory=dict)
    stances: dict[str, Stance] = field(default_factory=dict)
    told_ms: dict[str, EpochMs] = field(default_factory=dict)
    arms: dict[str, str] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Turn:
    """One event that applied, or one instant that time passed, for one customer.

    Attributes:
        moves: what was entered and left, in order.
        known: every event of the customer read so far.
        event: the event that applied, the last of *known*; None: time passed.
        late: whether it was.
        since_ms: since when the customer is in each segment, when the turn is over.
    """

    customer: str
    moves: Sequence[OracleTransition]
    known: Sequence[EventObserved]
    event: EventObserved | None
    late: bool
    since_ms: Mapping[str, EpochMs]


class OracleStances:
    """Says how memberships stand, and when that changes."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.segments = {segment.segment_id: segment for segment in catalogue.segments}
        self.arbitrated = {group.name for group in catalogue.groups if group.kind == "arbitrated"}
        self.channels = {channel for segment in catalogue.segments for channel in segment.channels}
        self.told: dict[str, Told] = {}

    def concerns(self, segment: SegmentDefinition) -> bool:
        """Return whether anything may stand beside the memberships of *segment*."""
        own = segment.channels or segment.holdout is not None or segment.group in self.arbitrated
        return bool(own) or any(self.silences(other, segment) for other in self.segments.values())

    def silences(self, one: SegmentDefinition, other: SegmentDefinition) -> bool:
        """Return whether *one* suppresses *other*, by its name or by its group."""
        return one is not other and bool({other.segment_id, other.group} & set(one.suppresses))

    def end(self, turn: Turn) -> list[OracleTransition]:
        """Return the moves of *turn*, each with how its membership stands, and the changes of the others."""
        told = self.told.setdefault(turn.customer, Told())
        told.since_ms = dict(turn.since_ms)
        for name in told.since_ms:
            told.arms.setdefault(name, self._arm(turn.customer, self.segments[name]))
        stances = {
            name: self._stance(turn, told, self.segments[name])
            for name in self.segments
            if name in told.since_ms and self.concerns(self.segments[name])
        }
        found = [self._carrying(move, told, stances) for move in turn.moves]
        moved = {move.segment_id for move in turn.moves}
        for name, stance in stances.items():
            if name not in moved and stance != told.stances[name]:
                found += self._changes(turn, told, name, stance)
        told.stances = stances
        for move in turn.moves:
            told.told_ms[move.segment_id] = move.occurred_at_ms
        return found

    def _carrying(
        self, move: OracleTransition, told: Told, stances: Mapping[str, Stance]
    ) -> OracleTransition:
        name = move.segment_id
        if not self.concerns(self.segments[name]):
            return move
        if move.kind == "entered" and name in stances:
            return replace(move, stance=stances[name])
        return replace(move, stance=Stance(arm=told.arms.get(name, "")))

    def _changes(self, turn: Turn, told: Told, name: str, stance: Stance) -> list[OracleTransition]:
        before, event = told.stances[name], turn.event
        news = event is not None and self._is_news(turn)
        times = [told.told_ms[name], *(move.occurred_at_ms for move in turn.moves)]
        if event is not None and news:
            times.append(event.event_time_ms)
        told.told_ms[name] = at_ms = max(times)
        cause: tuple[str, Origin] = ("timer", "timer")
        if event is not None:
            cause = (event.event_id, "late" if turn.late else "event")
        if turn.moves:
            cause = (turn.moves[-1].cause, turn.moves[-1].origin)
        kinds: list[tuple[Kind, tuple[str, Origin]]] = []
        if before.arbitration != stance.arbitration:
            kinds.append(("arbitration_changed", cause))
        if (before.eligible_channels, before.suppressions) != (stance.eligible_channels, stance.suppressions):
            by_consent: tuple[str, Origin] = (event.event_id, "consent") if event is not None else cause
            kinds.append(("eligibility_changed", by_consent if news else cause))
        found = []
        for kind, (by, origin) in kinds:
            sequence = told.sequences[name] = told.sequences.get(name, 0) + 1
            found.append(
                OracleTransition(
                    customer=turn.customer,
                    segment_id=name,
                    version=self.segments[name].version,
                    kind=kind,
                    origin=origin,
                    occurred_at_ms=at_ms,
                    cause=by,
                    sequence=sequence,
                    entered_at_ms=told.since_ms[name],
                    stance=stance,
                )
            )
        return found

    # -- the rules ------------------------------------------------------------------------------------------------

    def _stance(self, turn: Turn, told: Told, segment: SegmentDefinition) -> Stance:
        members = [self.segments[name] for name in self.segments if name in told.since_ms]
        arm = told.arms[segment.segment_id]
        suppressions = tuple(other.segment_id for other in members if self.silences(other, segment))
        channels: tuple[str, ...] = ()
        if not suppressions and arm != "holdout":
            channels = tuple(c for c in segment.channels if self._may_speak(turn.known, c))
        arbitration = None
        if segment.group is not None and segment.group in self.arbitrated:
            rivals = [other for other in members if other.group == segment.group]
            winner = min(rivals, key=lambda other: other.rank)
            won = winner is segment
            shadow = None if won else winner.segment_id
            arbitration = Arbitration(segment.group, segment.rank, won, shadow)
        return Stance(channels, suppressions, arbitration, arm)

    def _arm(self, customer: str, segment: SegmentDefinition) -> str:
        if segment.holdout is None:
            return ""
        dealt = xxh3_64_intdigest(customer.encode()) >> 1
        place = xxh3_64_intdigest(f"{segment.holdout.salt}/{dealt}".encode()) % 1_000_000
        return "holdout" if place < segment.holdout.share_ppm else "treatment"

    def _may_speak(self, known: Sequence[EventObserved], channel: str) -> bool:
        """Gates, in order: the profile is not suppressed for the channel, consent is granted. The newest word counts."""
        words = [word for event in known for word in _words(event)]
        suppressions = [
            (at, good) for what, c, at, good in words if what == "suppression" and c in (channel, None)
        ]
        consents = [(at, good) for what, c, at, good in words if what == "consent" and c == channel]
        return _newest(suppressions, otherwise=True) and _newest(consents, otherwise=False)

    def _is_news(self, turn: Turn) -> bool:
        """Return whether the turn's event says something of a channel that no newer word has overtaken."""
        *before, last = turn.known
        for what, channel, at_ms, _ in _words(last):
            if channel is not None and channel not in self.channels:
                continue
            alike = [word[2] for event in before for word in _words(event) if word[:2] == (what, channel)]
            if self.channels and all(at_ms >= other for other in alike):
                return True
        return False


def _newest(words: Sequence[tuple[EpochMs, bool]], *, otherwise: bool) -> bool:
    """Return what was said last; of several words at one millisecond the one that forbids."""
    if not words:
        return otherwise
    last_ms = max(at_ms for at_ms, _ in words)
    return all(good for at_ms, good in words if at_ms == last_ms)


def _words(event: EventObserved) -> list[Word]:
    """Return what *event* says of a channel; nothing, or one word."""
    channel: Any = event.properties.get("channel")
    at_ms = event.event_time_ms
    if event.event_type in OPTING:
        name, good = OPTING[event.event_type]
        return [("consent", name, at_ms, good)]
    if event.event_type == "Consent Updated" and isinstance(channel, str):
        return [("consent", channel, at_ms, event.properties.get("state") == "granted")]
    if event.event_type in SUPPRESSING and (channel is None or isinstance(channel, str)):
        return [("suppression", channel, at_ms, not SUPPRESSING[event.event_type])]
    return []
