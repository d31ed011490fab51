"""Tells how memberships stand, whenever that has changed: after each turn of a customer (`streams/decisions/0010`).

A turn is one event that applied, or one instant that time passed. When a turn changed a membership, or an event said
something about a channel, the stances of this one customer are computed anew and compared with what was told last. Members
that entered or left in the turn carry their stance themselves; for each other whose stance differs, a transition says so: no
entry and no exit. A plan in which nothing stands beside a membership has no `Plan.stances`, and nothing here runs.
"""

from __future__ import annotations

from typing import Any

from xxhash import xxh3_128_hexdigest

from streams.segmentation.deciding import Deciding
from streams.segmentation.effects import Arbitration, Kind, Origin, Stance
from streams.segmentation.machines import Machine
from streams.segmentation.options import InputSpec, Options
from streams.segmentation.plans import Plan
from streams.segmentation.profiles import MEMBER, Profile
from streams.segmentation.stances import ACTIVE, EVERY_CHANNEL, Beside, Place, Said, StancePlan, stances_of
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import BEFORE_ALL, EpochMs
from streams.segmentation.transitions import Transition

NO_TURN = -1


class Settling(Deciding):
    """A partition that tells how memberships stand.

    Attributes:
        stances: who takes part; None: nobody does.
    """

    def __init__(
        self, plan: Plan, inputs: tuple[InputSpec, ...], options: Options, machines: tuple[Machine, ...]
    ) -> None:
        """Start empty."""
        super().__init__(plan, inputs, options, machines)
        self.stances: StancePlan | None = plan.stances
        self._heard = False  # the event that applies said something about a channel
        self._turn = NO_TURN  # where the effects begin of the instant that a customer passes

    def rollback(self) -> None:
        """Become what the last commit left."""
        super().rollback()
        self._heard, self._turn = False, NO_TURN

    # ---- what generated handlers call -------------------------------------------------------------------------

    def hear_consent(self, profile: Profile, channel: object, at: EpochMs, *, granted: bool) -> None:
        """Take what an event says of the consent to *channel*; of others than the plan speaks in, nothing is kept."""
        if self.stances is not None and isinstance(channel, str) and channel in self.stances.channels:
            heard = _beside_of(profile).hear_consent(channel, at, granted=granted)
            self._heard = self._heard or heard

    def hear_suppression(self, profile: Profile, channel: object, at: EpochMs, *, silences: bool) -> None:
        """Take what an event says of the suppression of *channel*; one that names none concerns them all."""
        name = EVERY_CHANNEL if channel is None else channel
        if self.stances is None or not isinstance(name, str):
            return
        if name == EVERY_CHANNEL or name in self.stances.channels:
            heard = _beside_of(profile).hear_suppression(name, at, silences=silences)
            self._heard = self._heard or heard

    # ---- turns ------------------------------------------------------------------------------------------------

    def _applied(self, profile: Profile, before: int, event: EventObserved, *, late: bool) -> None:
        """End the turn of *profile* in which *event* applied, with the effects from *before* on."""
        if len(self.effects) > before + 1:
            self._put_in_order(before)
        if self.stances is not None:
            self._settle(profile, before, event, late=late)

    def _passed(self, profile: Profile, before: int, instant: EpochMs, following: EpochMs) -> None:
        """Note that *profile* passed *instant*; the turn ends when it goes on to another.

        Args:
            profile: whose turn it is.
            before: where the effects of this step begin.
            instant: what was passed.
            following: the instant that it passes next.
        """
        if self._turn == NO_TURN and len(self.effects) > before:
            self._turn = before
        if self._turn != NO_TURN and following != instant:
            start, self._turn = self._turn, NO_TURN
            self._settle(profile, start, None, late=False)

    def _settle(self, profile: Profile, start: int, event: EventObserved | None, *, late: bool) -> None:
        """Compare how the memberships of *profile* stand with what was told, and tell what is new.

        Args:
            profile: whose turn ended.
            start: where the effects of the turn begin.
            event: the event that applied; None: time passed.
            late: it was older than the watermark.
        """
        plan, heard = self.stances, self._heard
        assert plan is not None, "only a plan with stances is settled"
        self._heard = False
        moved = self.effects[start:]
        beside = _beside_of(profile)
        members = self._present(plan, profile)
        for place in plan.places:
            if place.number in members:
                beside.deal(place, profile.key)
        stances = stances_of(plan, members, beside)
        _take_moves(plan, beside, stances, moved)
        at, by = BEFORE_ALL, "timer" if event is None else event.event_id
        origin: Origin = "late" if late else "event"
        if event is not None and heard:
            at = event.event_time_ms
        for effect in moved:
            at = max(at, effect.occurred_at_ms)
            origin, by = effect.origin, effect.cause
        for number, said in stances.items():
            told = beside.said[number]
            if told == said:
                continue  # nothing new, or told by the entry
            at_ms = max(at, beside.told_ms[number])
            beside.said[number], beside.told_ms[number] = said, at_ms
            place = plan.places[number]
            if told[0] != said[0]:
                self._tell(profile, place, "arbitration_changed", at_ms, origin, by)
            if told[1] != said[1] or told[2] != said[2]:
                if heard and event is not None:
                    self._tell(profile, place, "eligibility_changed", at_ms, "consent", event.event_id)
                else:
                    self._tell(profile, place, "eligibility_changed", at_ms, origin, by)

    def _present(self, plan: StancePlan, profile: Profile) -> set[int]:
        """Return the numbers of the segments that the customer is a member of, among those that take part."""
        members: set[int] = set()
        for place in plan.places:
            state = profile.states[place.machine]
            if state is not None and state.status == MEMBER and max(state.winner, 0) == place.member:
                members.add(place.number)
        return members

    def _tell(  # noqa: PLR0917 - called for each change: positions cost nothing
        self, profile: Profile, place: Place, kind: Kind, at: EpochMs, origin: Origin, by: str
    ) -> None:
        """Write down that the membership of the customer in the segment of *place* stands otherwise."""
        plan, beside, key = self.stances, _beside_of(profile), profile.key
        assert plan is not None, "only a plan with stances tells of them"
        machine, state = self.machines[place.machine], profile.states[place.machine]
        assert state is not None, "a member has a state"
        sequence = beside.sequences[place.number] = beside.sequences.get(place.number, 0) + 1
        identity = f"{key}|{place.segment_id}|{place.version}|{kind}|{at}|{by}|{sequence}"
        shop_id, _, customer_id = key.partition("/")
        effect = Transition(
            xxh3_128_hexdigest(identity.encode()),
            shop_id,
            customer_id,
            place.segment_id,
            place.version,
            kind,
            origin,
            at,
            self.clock_ms,
            self.gates[machine.gate],
            sequence,
            by,
            entered_at_ms=state.since,
            stance=stance_in_words(plan, place, beside.said[place.number], beside),
        )
        context = machine.plan.members[place.member].context
        if context is not None:
            effect.context = context(profile, at)
        self.effects.append(effect)
        self._changed[key] = None

    def stance(self, profile: Profile, segment_id: str) -> Stance | None:
        """Return how the membership of *segment_id* stands; None where nothing stands beside it, or there is none."""
        plan = self.stances
        if plan is None or segment_id not in plan.by_id:
            return None
        place = plan.by_id[segment_id]
        beside: Beside | None = known_beside(profile)
        if beside is None or place.number not in beside.said:
            return None
        return stance_in_words(plan, place, beside.said[place.number], beside)


def _take_moves(plan: StancePlan, beside: Beside, stances: dict[int, Said], moved: list[Transition]) -> None:
    """Let the entries and exits of a turn carry how their membership stands, and take it as told.

    An entry whose membership is over when the turn ends carries what an exit does: nothing may be done with it.
    """
    for effect in moved:
        place = plan.by_id.get(effect.segment_id)
        if place is None or not place.concerned:
            continue
        number = place.number
        said = stances.get(number)
        if said is None:
            if number in beside.said:
                del beside.said[number], beside.told_ms[number]
        else:
            beside.said[number], beside.told_ms[number] = said, effect.occurred_at_ms
        if said is not None and effect.kind == "entered":
            effect.stance = stance_in_words(plan, place, said, beside)
        else:
            effect.stance = Stance(arm=beside.arm(place))


def stance_in_words(plan: StancePlan, place: Place, said: Said, beside: Beside) -> Stance:
    """Return *said* with the names of the segments."""
    shadow, channels, suppressors = said
    arbitration = None
    if place.group:
        shadowed_by = None if shadow == ACTIVE else plan.places[shadow].segment_id
        arbitration = Arbitration(place.group, place.rank, shadow == ACTIVE, shadowed_by)
    names = tuple([plan.places[number].segment_id for number in suppressors])
    return Stance(channels, names, arbitration, beside.arm(place))


def known_beside(profile: Profile) -> Beside | None:
    """Return what the state of *profile* keeps beside its memberships; None: nothing yet."""
    own: Any = profile
    found: Beside | None = own.beside
    return found


def _beside_of(profile: Profile) -> Beside:
    """Return what the state of *profile* keeps beside its memberships, from now on something."""
    own: Any = profile
    if own.beside is None:
        own.beside = Beside()
    found: Beside = own.beside
    return found
