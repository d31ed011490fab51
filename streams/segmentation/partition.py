"""One partition of customers: profiles, watermarks, wake-ups; stimuli in, effects out.

Everything that has to be exactly once is in here and in the records that `flush` yields: profiles, the watermarks, and
through the profiles the timers. Profiles rest as the bytes of their last commit and are decoded when touched; a roll back
forgets the decoded ones. So there is no undo log, and what is committed is byte for byte what a restart would read.

Order of work at one record (S7): stream time rises, what is due fires (by due instant, then customer), the event applies.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from heapq import heapify, heappop, heappush

from xxhash import xxh3_64_digest, xxh3_128_digest

from streams.segmentation.effects import (
    Kind,
    Membership,
    MembershipsChanged,
    Origin,
    Transition,
)
from streams.segmentation.groups import GroupMachine
from streams.segmentation.machines import Machine, SegmentMachine
from streams.segmentation.plans import Plan, Profile
from streams.segmentation.profiles import MEMBER, MachineState
from streams.segmentation.residence import DEFAULTS, Options, Residence
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import BEFORE_ALL, NEVER, EpochMs
from streams.segmentation.truth import TRUE
from streams.segmentation.walking import Cause, View
from streams.segmentation.watermarks import InputSpec

SEEN_BYTES_MAX = 64 * 8
"""Ids remembered per customer, 8 bytes each; an id that comes again after 64 others is taken for new."""


class Partition(Residence):
    """All customers of one partition number.

    Attributes:
        effects: what has been decided since the last `take_effects`.
        counts: events applied, duplicates, late events, refused, timers fired, late intervals.
    """

    def __init__(self, plan: Plan, inputs: tuple[InputSpec, ...], options: Options = DEFAULTS) -> None:
        """Start empty."""
        super().__init__(plan, inputs, options)
        self.machines: tuple[Machine, ...] = tuple(
            GroupMachine(machine) if machine.partition_group else SegmentMachine(machine)
            for machine in plan.machines
        )
        self.handlers = plan.bind(self.machines)
        self._place = {member.segment_id: m.index for m in plan.machines for member in m.members}
        self.counts = dict.fromkeys(
            ("events", "duplicates", "late", "refused", "timers", "late_intervals"), 0
        )
        self.now_ms: EpochMs = BEFORE_ALL
        self._key = ""

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
            profile = self._profile(key)
        digest = xxh3_64_digest(event.event_id.encode())
        seen = profile.seen
        if digest in seen and _holds(seen, digest):
            self.counts["duplicates"] += 1
            return True
        before = len(self.effects)
        if not handler(self, profile, key, event, late):
            self.counts["refused"] += 1
            return False
        self.dirty[key] = None
        # Remembered once it has applied: the same id, sent again with what was wrong mended, is no duplicate.
        profile.seen = seen[8 - SEEN_BYTES_MAX :] + digest if len(seen) >= SEEN_BYTES_MAX else seen + digest
        self.counts["events"] += 1
        if late:
            self.counts["late"] += 1
        if len(self.effects) > before + 1:
            self._put_in_order(before)
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

    def see(
        self, machine: Machine, profile: Profile, key: str, evidence: tuple[EpochMs, str, bool, bool]
    ) -> None:
        """Let *machine* see an event that the journals of *profile* already hold, and arm its wake-up."""
        gate = machine.gate
        watermark = self.watermarks.gates[gate]
        state = profile.states.get(machine.index)
        if state is None:
            state = self._see_first(machine, profile, key, evidence)
            if state is None:
                return
        elif not machine.passes_by(profile, state, evidence[0], watermark, self.coverage):
            self._key = key
            machine.observe(View(profile, watermark, self.coverage, self), state, evidence)
        deadline = machine.deadline(state)
        if deadline < profile.wakes[gate]:
            self._arm(profile, key, gate, deadline)

    def _see_first(
        self, machine: Machine, profile: Profile, key: str, evidence: tuple[EpochMs, str, bool, bool]
    ) -> MachineState | None:
        """Let *machine* see the first event that concerns it; None when there is nothing to remember of it."""
        t = evidence[0]
        in_order = t >= profile.newest
        known = None
        if in_order and not machine.plan.partition_group:
            known = machine.entry(profile, t, t, self.coverage)
            if known[0] != TRUE and known[1] == NEVER:
                return None  # outside, and nothing that time could change
        state = profile.states[machine.index] = machine.new_state()
        watermark = self.watermarks.gates[machine.gate]
        if known is not None and known[0] != TRUE and known[1] > watermark:
            state.at, state.due = t, known[1]
            return state
        self._key = key
        view = View(profile, watermark, self.coverage, self)
        if in_order:
            machine.observe(view, state, evidence, known)
        else:
            machine.revise(view, state, evidence)
        return state

    def transition(
        self, machine: Machine, state: MachineState, kind: Kind, at: EpochMs, cause: Cause, *, member: int = 0
    ) -> None:
        """Write down one decision of *machine* about the customer at hand."""
        segment = machine.plan.members[member]
        state.sequences[member] += 1
        sequence = state.sequences[member]
        by = cause.event_id or "timer"
        key = self._key
        identity = f"{key}|{segment.segment_id}|{segment.version}|{kind}|{at}|{by}|{sequence}"
        digest = xxh3_128_digest(identity.encode())
        watermark = self.watermarks.gates[machine.gate]
        shop_id, _, customer_id = key.partition("/")
        profile = self.live[key]
        entered = kind == "entered"
        clauses = segment.why(profile, at, min(at, cause.seen), self.coverage) if self.options.explain else []
        self.effects.append(
            Transition(
                digest.hex(),
                shop_id,
                customer_id,
                segment.segment_id,
                segment.version,
                kind,
                self._origin(cause),
                at,
                self.now_ms if self.options.wall else max(self.watermarks.stream_times),
                watermark,
                sequence,
                by,
                retracts=state.entry.hex() if kind == "retracted" else "",
                entered_at_ms=None if entered else state.since,
                valid_until_ms=state.due if entered and state.due < NEVER else None,
                clauses=clauses,
            )
        )
        if entered:
            state.entry = digest
        self._changed[key] = None

    def corrected(self) -> None:
        """Note that the customer's memberships changed without a transition (`since` was corrected, S14)."""
        self._changed[self._key] = None

    def missed(self) -> None:
        """Count a membership that late evidence shows to have come and gone in the past (S14)."""
        self.counts["late_intervals"] += 1

    def _origin(self, cause: Cause) -> Origin:
        if cause.event_id:
            return "late" if cause.late else "event"
        if self.options.wall and self.now_ms - cause.deadline > self.options.catchup_after_ms:
            return "catchup"
        return "timer"

    # ---- wake-ups ---------------------------------------------------------------------------------------------

    def _arm(self, profile: Profile, key: str, gate: int, deadline: EpochMs) -> None:
        """Wake the profile when the gate's watermark reaches *deadline*, if nothing wakes it earlier."""
        if deadline < profile.wakes[gate]:
            profile.wakes[gate] = deadline
            heappush(self._heaps[gate], (deadline, key))
            self._next_wake = min(self._next_wake, deadline)

    def _fire_due(self) -> None:
        """Fire everything that the gates allow, by due instant, then customer, over the whole partition."""
        if self.watermarks.highest < self._next_wake:
            return
        woken: dict[str, None] = {}
        for gate, watermark in enumerate(self.watermarks.gates):
            heap = self._heaps[gate]
            while heap and heap[0][0] <= watermark:
                deadline, key = heappop(heap)
                profile = self._profile(key)
                if profile.wakes[gate] == deadline:
                    profile.wakes[gate] = NEVER
                    self.dirty[key] = woken[key] = None
        ready = [(self._next_move(self._profile(key)), key) for key in woken]
        heapify(ready)
        while ready:
            due, key = heappop(ready)
            profile = self._profile(key)
            if due < NEVER:
                self._step(profile, key, due)
            due = self._arm_all(profile, key)
            if due < NEVER:
                heappush(ready, (due, key))
        self._next_wake = min((heap[0][0] for heap in self._heaps if heap), default=NEVER)

    def _arm_all(self, profile: Profile, key: str) -> EpochMs:
        """Wake the profile at the earliest deadlines; return the earliest instant that may be passed now, else `NEVER`."""
        machines, wakes, gates, soonest = self.machines, profile.wakes, self.watermarks.gates, NEVER
        for index, state in profile.states.items():
            due, waiting = state.due, state.waiting
            if due == NEVER and not waiting:
                continue
            machine = machines[index]
            gate = machine.gate
            watermark = gates[gate]
            # A deadline is never before the next instant of time, unless evidence waits: most states pass here.
            if due > watermark and due >= wakes[gate] and not waiting:
                continue
            deadline = machine.deadline(state)
            if deadline <= watermark:
                soonest = min(soonest, machine.next_instant(state))
            elif deadline < wakes[gate]:
                self._arm(profile, key, gate, deadline)
        return soonest

    def _next_move(self, profile: Profile) -> EpochMs:
        """Return the earliest instant that a machine of *profile* may pass now; `NEVER` when none may."""
        soonest = NEVER
        gates, machines = self.watermarks.gates, self.machines
        for index, state in profile.states.items():
            machine = machines[index]
            watermark = gates[machine.gate]
            # A deadline is never before the next instant of time, unless evidence waits: most states pass here.
            if (state.due <= watermark or state.waiting) and machine.deadline(state) <= watermark:
                soonest = min(soonest, machine.next_instant(state))
        return soonest

    def _step(self, profile: Profile, key: str, through: EpochMs) -> None:
        """Let every machine of *profile* walk through the instant *through*."""
        self._key = key
        self.counts["timers"] += 1
        before = len(self.effects)
        machines, gates = self.machines, self.watermarks.gates
        moving = []
        for index, state in profile.states.items():
            if state.due > through and not state.waiting:
                continue
            machine = machines[index]
            if machine.deadline(state) <= gates[machine.gate] and machine.next_instant(state) <= through:
                moving.append(index)
        for index in sorted(moving) if len(moving) > 1 else moving:
            machine = machines[index]
            view = View(profile, gates[machine.gate], self.coverage, self)
            machine.walk(view, profile.states[index], through)
        if len(self.effects) > before + 1:
            self._put_in_order(before)

    def _put_in_order(self, start: int) -> None:
        """Order what one customer's machines decided at one stimulus: by instant, exits first, then the catalogue.

        What one machine decided stays in its order.
        """
        queues: dict[int, deque[Transition]] = {}
        for effect in self.effects[start:]:
            queues.setdefault(self._place[effect.segment_id], deque()).append(effect)
        if len(queues) > 1:
            del self.effects[start:]
            while queues:
                place = min(
                    queues, key=lambda at: (queues[at][0].occurred_at_ms, queues[at][0].kind == "entered", at)
                )
                self.effects.append(queues[place].popleft())
                if not queues[place]:
                    del queues[place]

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

    def memberships(self, key: str) -> list[Membership]:
        """Return the current memberships of the customer *key*, in the catalogue's order."""
        found = []
        profile = self._profile(key)
        for index, state in sorted(profile.states.items()):
            if state.status == MEMBER:
                member = self.machines[index].plan.members[max(state.winner, 0)]
                found.append(Membership(member.segment_id, member.version, state.since))
        return found

    def take_membership_changes(self) -> Iterator[MembershipsChanged]:
        """Yield all memberships of each customer whose memberships changed since the last call."""
        changed, self._changed = self._changed, {}
        now = self.now_ms if self.options.wall else max(self.watermarks.stream_times)
        for key in changed:
            shop_id, _, customer_id = key.partition("/")
            yield MembershipsChanged(shop_id, customer_id, self.memberships(key), now)


def _holds(seen: bytes, digest: bytes) -> bool:
    """Return whether the 8-byte *digest* stands in *seen* at a multiple of 8."""
    found = seen.find(digest)
    while found >= 0 and found & 7:
        found = seen.find(digest, found + 1)
    return found >= 0
