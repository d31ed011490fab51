"""The membership machines: one walks the event time of one customer through one segment.

Theory of operation (the reading of the semantics is `streams/decisions/0002`). A machine has walked event time up to
`MachineState.at`. Ahead of it lie instants of *time* (`due`: a window ends, a dwell is over) and instants of *evidence*
(events read). It passes them in order and stops at the first it may not decide yet, because the watermarks of its gate
are behind. Evidence behind such an instant waits in the state. An event that comes in order and finds nothing undecided
before it, nearly every event, is evaluated at once (`observe`); anything older than what was walked makes the machine walk
again from the first retained instant, silently, and compare the outcome with what was emitted (`revise`).

The shell is `streams.segmentation.partition`: it knows watermarks, writes effects and arms wake-ups.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from mypy_extensions import mypyc_attr

from streams.segmentation.plans import Coverage, MachinePlan
from streams.segmentation.profiles import MEMBER, OUT, PENDING, MachineState, Profile, Waiting
from streams.segmentation.timeline import BEFORE_ALL, NEVER, DurationMs, EpochMs
from streams.segmentation.truth import FALSE, TRUE
from streams.segmentation.walking import Cause, Recorder, View


@mypyc_attr(allow_interpreted_subclasses=True)
class Machine:
    """What segments and partition groups have in common: waiting evidence, the walk, the repeated walk.

    The classes that a plan generates say in `entry` and `stay` what their definition says.
    """

    def __init__(self, plan: MachinePlan) -> None:
        """Serve *plan*."""
        self.plan = plan
        self.index: int = plan.index
        self.gate: int = plan.gate
        self.gated: bool = plan.gated
        self.partition_group: bool = plan.partition_group
        self.filtered: bool = plan.filtered
        self.dwell_ms: DurationMs = plan.dwell_ms
        self.grace_ms: DurationMs = plan.grace_ms
        self.min_membership_ms: DurationMs = plan.min_membership_ms
        self.members = len(plan.members)
        self.has_until = plan.stay is not plan.entry
        # Outside, time can only bring an entry, and that is not judged before dwell and grace are over: until then the
        # instant need not be passed, and most often an event has moved it meanwhile.
        judged_later = plan.gated and not plan.partition_group
        self.outside_delay_ms: DurationMs = plan.dwell_ms + plan.grace_ms if judged_later else 0
        self.judged_ms: DurationMs = plan.grace_ms if plan.gated else 0

    def entry(self, profile: Profile, t: EpochMs, seen: EpochMs, coverage: Coverage) -> tuple[int, EpochMs]:
        """Return the truth of entering (a group: the winner's index), and until when time alone changes nothing."""
        return self.plan.entry(profile, t, seen, coverage)

    def stay(self, profile: Profile, t: EpochMs, seen: EpochMs, coverage: Coverage) -> tuple[int, EpochMs]:
        """Return the truth of staying, and until when time alone changes nothing."""
        return self.plan.stay(profile, t, seen, coverage)

    def new_state(self) -> MachineState:
        """Return the state of a customer of whom this machine knows nothing."""
        return MachineState()

    def note_first(self, state: MachineState, t: EpochMs) -> None:
        """Remember an event at *t* as the first, if it is and a filter may have kept it out of the journals."""
        if self.filtered and t < state.first:
            state.first = t

    def deadline(self, state: MachineState) -> EpochMs:
        """Return the watermark at which the machine can move next; `BEFORE_ALL`: at once, `NEVER`: only by an event."""
        raise TypeError(type(self))

    def take(
        self, view: View, state: MachineState, evidence: Waiting, known: tuple[int, EpochMs] | None = None
    ) -> None:
        """Walk over one instant of evidence."""
        raise TypeError(type(self))

    def observe(
        self, view: View, state: MachineState, evidence: Waiting, known: tuple[int, EpochMs] | None = None
    ) -> None:
        """Let the machine see an event just read."""
        raise TypeError(type(self))

    def revise(self, view: View, state: MachineState, evidence: Waiting) -> None:
        """Walk again, because *evidence* is older than what was walked, and emit what is corrected."""
        raise TypeError(type(self))

    def pass_time(self, view: View, state: MachineState) -> None:
        """Walk over the instant `state.due`, at which time alone may change something."""
        raise TypeError(type(self))

    def is_quiet(self, view: View, state: MachineState) -> bool:
        """Go on to the next instant of time if nothing changes at `state.due`; return whether it did."""
        return False

    def next_instant(self, state: MachineState) -> EpochMs:
        """Return the event time of the machine's next move."""
        waiting = state.waiting
        return waiting[0][0] if waiting and waiting[0][0] < state.due else state.due

    def walk(self, view: View, state: MachineState, through: EpochMs) -> None:
        """Walk on as far as the watermark allows, and not beyond *through*."""
        while True:
            waiting = state.waiting
            while waiting and state.due <= waiting[0][0] and self.is_quiet(view, state):
                pass  # nothing changes by time there: the evidence behind it need not wait
            if self.next_instant(state) > through or self.deadline(state) > view.watermark:
                return
            if waiting and waiting[0][0] < state.due:
                self.take(view, state, waiting.pop(0))
            elif state.due < NEVER:
                self.pass_time(view, state)
            else:
                return

    def wait(self, state: MachineState, evidence: Waiting) -> None:
        """Keep *evidence* until what lies before it is decided."""
        if not state.waiting:
            state.waiting = [evidence]  # never the shared empty one
            return
        waiting = state.waiting
        position = bisect_left(waiting, evidence[0], key=_time_of)
        if position < len(waiting) and waiting[position][0] == evidence[0]:
            waiting[position] = evidence  # one instant is one step; who was read last is its cause
        else:
            waiting.insert(position, evidence)

    def walked_again(
        self, view: View, state: MachineState, evidence: Waiting
    ) -> tuple[MachineState, Recorder]:
        """Walk again with all that is known now; emit nothing.

        A membership that began before the evidence stands as it was until then: the walk goes on from there, and what
        the journals have forgotten since its beginning does not matter. Else it starts at the first retained instant.
        """
        known = {waiting[0]: waiting for waiting in state.waiting}
        t = known_from = evidence[0]
        if state.status == PENDING and state.cause:
            known.setdefault(state.since, (state.since, state.cause, state.late, False))
        known[t] = evidence
        again, recorder = self.new_state(), Recorder()
        if stands(state, t, self.judged_ms):
            again.status, again.winner, again.due = MEMBER, state.winner, t
            again.since = again.entered = state.since
        else:
            known_from = BEFORE_ALL
        unnamed = evidence[1:]  # the journals keep no event ids: what moves now, moves because of this event
        instants = self.plan.instants(view.profile)
        for read in (t, state.first):  # an event that undoes what is not known, or that no filter let in
            if read < NEVER and read not in instants:
                insort(instants, read)
        again.waiting = [known.get(at, (at, *unnamed)) for at in instants if at >= known_from]
        self.remember(again, state)
        self.walk(View(view.profile, view.watermark, view.coverage, recorder), again, NEVER)
        return again, recorder

    def remember(self, again: MachineState, state: MachineState) -> None:
        """Give the repeated walk, which is about to start, what *state* knows of the time before: mostly nothing."""

    def adopt(self, state: MachineState, again: MachineState) -> None:
        """Stand where the repeated walk stands, keeping what was emitted (entry, sequences, last entry and exit)."""
        state.status, state.since, state.due = again.status, again.since, again.due
        state.at = again.at
        state.cause, state.late, state.waiting = again.cause, again.late, again.waiting


def _time_of(evidence: Waiting) -> EpochMs:
    return evidence[0]


def stands(state: MachineState, t: EpochMs, judged_ms: DurationMs = 0) -> bool:
    """Return whether a membership began before *t*, so that evidence at *t* says nothing about its beginning.

    Evidence less than *judged_ms* (the grace) after the beginning could have cancelled the entry, had it come in time.
    """
    return state.status == MEMBER and state.since < t and state.since + judged_ms <= t


def is_behind(state: MachineState, t: EpochMs, watermark: EpochMs) -> bool:
    """Return whether evidence at *t* is older than what has been walked.

    Walked are the instants up to `at`; and, where nothing changes by time, those before the watermark.
    """
    return t <= state.at or (t < watermark and t < state.due)


@mypyc_attr(allow_interpreted_subclasses=True)
class SegmentMachine(Machine):
    """Walks one segment: OUT → PENDING → MEMBER → OUT."""

    def observe(
        self, view: View, state: MachineState, evidence: Waiting, known: tuple[int, EpochMs] | None = None
    ) -> None:
        """Let the machine see *evidence* that the profile's journals already hold.

        Args:
            view: the profile and the gate's watermark.
            state: where the machine stands.
            evidence: the event just read.
            known: the entry truth at the event's time, when the caller has just evaluated it.
        """
        t = evidence[0]
        if is_behind(state, t, view.watermark):
            self.revise(view, state, evidence)
            return
        if state.due <= t:
            self.wait(state, evidence)
        else:
            self.take(view, state, evidence, known)
        if state.waiting or self.deadline(state) <= view.watermark:
            self.walk(view, state, NEVER)

    def deadline(self, state: MachineState) -> EpochMs:
        """Return the watermark the next move needs: the judgement of an entry waits for its grace."""
        due, waiting, status = state.due, state.waiting, state.status
        if waiting and waiting[0][0] < due:
            return BEFORE_ALL
        if status == MEMBER or due == NEVER or not self.gated:
            return due
        if status == OUT:
            return due + self.outside_delay_ms
        return due + self.grace_ms if due >= state.since + self.dwell_ms else due

    def take(
        self, view: View, state: MachineState, evidence: Waiting, known: tuple[int, EpochMs] | None = None
    ) -> None:
        """Walk over one instant of evidence."""
        t, event_id, late, _ = evidence
        state.at = max(state.at, t)
        cause = Cause(event_id, t, late=late)
        if state.status == MEMBER:
            truth, change = self.stay(view.profile, t, t, view.coverage)
            if truth == FALSE:
                self._leave(view, state, t, change, cause)
            else:
                state.due = change
            return
        truth, change = known or self.entry(view.profile, t, t, view.coverage)
        if state.status == PENDING:
            if truth == FALSE:
                state.status = OUT
                state.due = change
            else:
                state.due = min(change, state.since + self.dwell_ms)
        else:
            self._stand_outside(view, state, t, (truth, change), cause)

    def is_quiet(self, view: View, state: MachineState) -> bool:
        """Go on to the next instant of time if nothing changes at `state.due`; return whether it did."""
        now, limit = state.due, NEVER
        if state.status == MEMBER:
            truth, change = self.stay(view.profile, now, now - 1, view.coverage)
            earliest = state.since + self.min_membership_ms
            quiet = truth != FALSE or now < earliest
            limit = earliest if truth == FALSE else NEVER
        else:
            truth, change = self.entry(view.profile, now, now - 1, view.coverage)
            quiet = truth != TRUE
            if state.status == PENDING:
                limit = state.since + self.dwell_ms
                quiet = truth != FALSE and now < limit
        if quiet:
            state.due = min(change, limit)
        return quiet

    def pass_time(self, view: View, state: MachineState) -> None:
        """Walk over `state.due`."""
        now = state.due
        profile, coverage = view.profile, view.coverage
        state.at = max(state.at, now - 1)
        if state.status == MEMBER:
            truth, change = self.stay(profile, now, now - 1, coverage)
            if truth == FALSE:
                self._leave(view, state, now, change, Cause("", now - 1, deadline=now))
            else:
                state.due = change
        elif state.status == OUT:
            known = self.entry(profile, now, now - 1, coverage)
            if known[0] == TRUE:
                cause = Cause("", now - 1, deadline=self.deadline(state))
                self._stand_outside(view, state, now, known, cause)
            else:
                state.due = known[1]
        elif now < state.since + self.dwell_ms:
            truth, change = self.entry(profile, now, now - 1, coverage)
            state.due = min(change, state.since + self.dwell_ms)
            if truth == FALSE:
                state.status, state.due = OUT, change
        else:
            self._judge(view, state, now, Cause("", now - 1, deadline=self.deadline(state)))

    def _stand_outside(
        self, view: View, state: MachineState, t: EpochMs, known: tuple[int, EpochMs], cause: Cause
    ) -> None:
        """Become what the entry truth at *t* makes of an outsider: still out, pending, or a member."""
        truth, change = known
        state.status = OUT
        state.due = change
        if truth != TRUE:
            return
        state.status, state.since, state.cause, state.late = PENDING, t, cause.event_id, cause.late
        due = t + self.dwell_ms
        if (
            self.dwell_ms == 0
            and not state.waiting
            and (not self.gated or view.watermark >= t + self.grace_ms)
        ):
            # What the judgement would look at is nothing: no evidence is known beyond t.
            state.at = max(state.at, t + self.grace_ms - 1 if self.gated else t - 1)
            self._enter(view, state, t, cause)
        elif self.dwell_ms == 0 and not self.gated and cause.event_id:
            self._enter(view, state, t, cause)
        else:
            state.due = min(change, due)

    def _judge(self, view: View, state: MachineState, now: EpochMs, cause: Cause) -> None:
        """Decide the pending entry that is due at *now*; its gate is open (S6)."""
        profile, coverage = view.profile, view.coverage
        made_by_event = self.dwell_ms == 0 and state.cause != ""
        if now > state.since and not made_by_event:
            truth, change = self.entry(profile, now, now - 1, coverage)
            if truth != TRUE:  # ended by time at the last moment, or not known: it waits
                state.due = change
                state.status = OUT if truth == FALSE else PENDING
                return
        limit = now + self.grace_ms if self.gated else now
        state.at = max(state.at, limit - 1)
        for position, evidence in enumerate(state.waiting):
            t = evidence[0]
            if t >= limit:
                break
            truth, change = self.entry(profile, t, t, coverage)
            if truth == FALSE and self.entry(profile, t, t - 1, coverage)[0] != FALSE:
                del state.waiting[: position + 1]
                state.status, state.due = OUT, change
                return
        if made_by_event:
            cause = Cause(state.cause, now, late=state.late, deadline=cause.deadline)
        self._enter(view, state, now, cause)

    def _enter(self, view: View, state: MachineState, t: EpochMs, cause: Cause) -> None:
        state.status, state.winner, state.since, state.entered = MEMBER, 0, t, max(t, state.left)
        state.cause, state.late = "", False
        state.due = self.stay(view.profile, t, cause.seen, view.coverage)[1]
        view.facts.transition(self, view.profile, state, "entered", state.entered, cause)

    def _leave(self, view: View, state: MachineState, t: EpochMs, change: EpochMs, cause: Cause) -> None:
        """Leave at *t*, or keep a membership that is too young until it may end."""
        earliest = state.since + self.min_membership_ms
        if t < earliest:
            state.due = min(change, earliest)
            return
        state.due = change
        left = max(t, state.entered)
        view.facts.transition(self, view.profile, state, "exited", left, cause)
        state.status, state.winner, state.left, state.entry = OUT, -1, left, b""
        if self.has_until:
            known = self.entry(view.profile, t, cause.seen, view.coverage)
            self._stand_outside(view, state, t, known, cause)

    def revise(self, view: View, state: MachineState, evidence: Waiting) -> None:
        """Take in evidence older than what was walked, and correct what it disproves (S13, S14)."""
        t, event_id, late, undoing = evidence
        begins_in = 0 if stands(state, t, self.judged_ms) else -1
        again, recorder = self.walked_again(view, state, evidence)
        cause, facts = Cause(event_id, again.at, late=late), view.facts
        was, entered, since = state.status == MEMBER, state.entered, state.since
        if was == (again.status == MEMBER):
            self.adopt(state, again)
            if was and state.since != since:
                facts.corrected(view.profile)
            elif not was and any(at >= t for _, at, _ in recorder.moves):
                facts.missed()
        elif was:
            if t <= entered and not undoing:
                facts.transition(self, view.profile, state, "retracted", entered, cause)
            else:
                left = recorder.leaves(0, max(t, entered), begins_in=begins_in)
                facts.transition(self, view.profile, state, "exited", left, cause)
                state.left = left
            state.entry, state.winner = b"", -1
            self.adopt(state, again)
        else:
            self.adopt(state, again)
            state.winner, state.entered = 0, max(again.since, state.left)
            facts.transition(self, view.profile, state, "entered", state.entered, cause)
