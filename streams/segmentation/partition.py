"""One partition of customers: profiles, watermarks, wake-ups; stimuli in, effects out.

Everything that has to be exactly once is in here and in the records that `flush` yields: profiles, the watermarks, and
through the profiles the timers. Profiles rest as the bytes of their last commit and are decoded when touched; a roll back
forgets the decoded ones. So there is no undo log, and what is committed is byte for byte what a restart would read.

Order of work at one record (S7): stream time rises, what is due fires (by due instant, then customer), the event applies.
"""

from __future__ import annotations

from collections.abc import Iterator

from xxhash import xxh3_64_digest

from streams.segmentation.effects import Membership, MembershipsChanged, membership_of
from streams.segmentation.machines import Machine
from streams.segmentation.options import DEFAULTS, InputSpec, Options
from streams.segmentation.plans import Plan
from streams.segmentation.profiles import MEMBER, OUT, MachineState, Profile, Waiting
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import NEVER, DurationMs, EpochMs
from streams.segmentation.transitions import Transition
from streams.segmentation.truth import TRUE
from streams.segmentation.waking import Waking
from streams.segmentation.walking import Cause, View

SEEN_BYTES_MAX = 64 * 8
"""Ids remembered per customer, 8 bytes each; an id that comes again after 64 others is taken for new."""


class Partition(Waking):
    """All customers of one partition number.

    Attributes:
        effects: what has been decided since the last `take_effects`.
    """

    def __init__(self, plan: Plan, inputs: tuple[InputSpec, ...], options: Options = DEFAULTS) -> None:
        """Start empty."""
        super().__init__(plan, inputs, options, tuple(machine.kind(machine) for machine in plan.machines))
        self.handlers = dict(plan.handlers)

    # ---- stimuli ----------------------------------------------------------------------------------------------

    def observe(self, event: EventObserved, position: int = 0) -> bool:
        """Take *event*, read from input *position*: time rises, timers fire, the event applies.

        Returns:
            False when the event is older than everything that could still hold it; it changed nothing but time.
        """
        t = event.event_time_ms
        watermarks = self.watermarks
        late = t < watermarks.inputs[position]
        rises = t > watermarks.stream_times[position] or watermarks.idle[position]
        if rises and watermarks.observe(position, t) and watermarks.highest >= self._next_wake:
            self._fire_due()
        if not self.watched:
            self.watch(position, t)
        handler = self.handlers.get(event.event_type)
        if handler is None:
            return True
        key = f"{event.shop_id}/{event.customer_id}"
        profile = self.live.get(key)
        if profile is None:
            profile = self.profile(key)
        digest = xxh3_64_digest(event.event_id.encode())
        seen = profile.seen
        if digest in seen and _holds(seen, digest):
            self.duplicates += 1
            return True
        before = len(self.effects)
        if not handler(self, profile, event, late):
            self.refused += 1
            return False
        self.touch(profile)
        # Remembered once it has applied: the same id, sent again with what was wrong mended, is no duplicate.
        profile.seen = seen[8 - SEEN_BYTES_MAX :] + digest if len(seen) >= SEEN_BYTES_MAX else seen + digest
        self.applied += 1
        if late:
            self.late += 1
            self.late_by.append((event.source, watermarks.inputs[position] - t))
        if len(self.effects) > before or self._heard:
            self._applied(profile, before, event, late=late)
        if t > profile.newest:  # noqa: PLR1730 - no call and no store for the most events
            profile.newest = t
        return True

    def advance(self, position: int, watermark_ms: EpochMs) -> None:
        """Raise the watermark of input *position* (a heartbeat, the end of a replay) and fire what is due."""
        if self.watermarks.advance(position, watermark_ms):
            self._fire_due()

    def fall_idle(self, positions: frozenset[int], now_ms: EpochMs) -> bool:
        """Let caught-up inputs follow the clock (S4) and fire what is due; return whether time moved."""
        before = self.watermarks.inputs[:]
        moved = self.watermarks.fall_idle(positions, now_ms)
        for position in () if self.watched else positions:
            self.watch(position, self.watermarks.inputs[position])
        if moved:
            self._fire_due()
        return before != self.watermarks.inputs

    # ---- what generated handlers call -------------------------------------------------------------------------

    def see(self, machine: Machine, profile: Profile, evidence: Waiting) -> None:
        """Let *machine* see an event that the journals of *profile* already hold, and arm its wake-up."""
        gate = machine.gate
        state = profile.states[machine.index]
        if state is None:
            state = self._see_first(machine, profile, evidence)
            if state is None:
                return
        else:
            machine.note_first(state, evidence[0])
            machine.observe(View(profile, self.gates[gate], self.coverage, self), state, evidence)
        deadline = machine.deadline(state)
        if deadline < profile.armed(gate):
            self.arm(profile, gate, deadline)

    def _see_first(self, machine: Machine, profile: Profile, evidence: Waiting) -> MachineState | None:
        """Let *machine* see the first event that concerns it; None when there is nothing to remember of it."""
        t = evidence[0]
        in_order = t >= profile.newest
        known = None
        if in_order and not machine.partition_group:
            known = machine.entry(profile, t, t, self.coverage)
            if known[0] != TRUE and known[1] == NEVER:
                return None  # outside, and nothing that time could change
        state = profile.states[machine.index] = MachineState()
        machine.note_first(state, t)
        view = View(profile, self.gates[machine.gate], self.coverage, self)
        if in_order:
            machine.observe(view, state, evidence, known)
        else:
            machine.revise(view, state, evidence)
        return state

    def enter(self, machine: Machine, profile: Profile, evidence: Waiting, due: EpochMs) -> None:
        """Let the customer enter the segment of *machine* by an event in order that nothing has to wait for.

        Args:
            machine: a plain segment's, without gate or dwell; the customer is outside.
            profile: the customer's.
            evidence: the event, newer than what was walked and not before the watermark.
            due: when time alone ends the membership; after the watermark.
        """
        t = evidence[0]
        state = profile.states[machine.index]
        if state is None:
            state = profile.states[machine.index] = MachineState()
            machine.note_first(state, t)
        state.status, state.winner, state.since, state.at, state.due = MEMBER, 0, t, t, due
        state.entered = max(state.left, t)
        cause = Cause(evidence[1], t, late=evidence[2])
        self.transition(machine, profile, state, "entered", state.entered, cause)
        if due < profile.armed(machine.gate):
            self.arm(profile, machine.gate, due)

    def leave(self, machine: Machine, profile: Profile, evidence: Waiting, due: EpochMs) -> None:
        """Let the customer leave the segment of *machine* by an event in order.

        Args:
            machine: a plain segment's without `until`; the customer is a member and may leave.
            profile: the customer's.
            evidence: the event, newer than what was walked and not before the watermark.
            due: when time alone may make it true again; after the watermark.
        """
        t = evidence[0]
        state = profile.states[machine.index]
        assert state is not None, "a member has a state"
        state.at, state.due = t, due
        left = max(state.entered, t)
        self.transition(machine, profile, state, "exited", left, Cause(evidence[1], t, late=evidence[2]))
        state.status, state.winner, state.left, state.entry = OUT, -1, left, b""
        deadline = machine.deadline(state)
        if deadline < profile.armed(machine.gate):
            self.arm(profile, machine.gate, deadline)

    # ---- state ------------------------------------------------------------------------------------------------

    def watch(self, position: int, since_ms: EpochMs) -> None:
        """Begin the coverage of the sources of input *position* at *since_ms*, where it has not begun (S10).

        That is the earliest record of the input: the sources of one topic share a log. For a topic that is read to its
        end and empty it is the shell's to say since when that is known.
        """
        sources = self.watermarks.specs[position].sources
        self.coverage = tuple(
            since_ms if known == NEVER and (not sources or source in sources) else known
            for source, known in zip(self.plan.sources, self.coverage, strict=True)
        )
        self._take_coverage()

    def take_effects(self) -> list[Transition]:
        """Return what was decided since the last call, in order."""
        effects, self.effects = self.effects, []
        return effects

    def take_late(self) -> list[tuple[str, DurationMs]]:
        """Return the sources of the late events applied since the last call, and by how much each was late."""
        late_by, self.late_by = self.late_by, []
        return late_by

    def memberships(self, key: str) -> list[Membership]:
        """Return the current memberships of the customer *key*, in the catalogue's order."""
        found = []
        profile = self.profile(key)
        for index, state in enumerate(profile.states):
            if state is not None and state.status == MEMBER:
                member = self.machines[index].plan.members[max(state.winner, 0)]
                stance = None if self.stances is None else self.stance(profile, member.segment_id)
                found.append(membership_of(member.segment_id, member.version, state.since, stance))
        return found

    def take_membership_changes(self) -> Iterator[MembershipsChanged]:
        """Yield all memberships of each customer whose memberships changed since the last call."""
        changed, self._changed = self._changed, {}
        now = self.clock_ms
        for key in changed:
            shop_id, _, customer_id = key.partition("/")
            yield MembershipsChanged(shop_id, customer_id, self.memberships(key), now)


def _holds(seen: bytes, digest: bytes) -> bool:
    """Return whether the 8-byte *digest* stands in *seen* at a multiple of 8."""
    found = seen.find(digest)
    while found >= 0 and found & 7:
        found = seen.find(digest, found + 1)
    return found >= 0
