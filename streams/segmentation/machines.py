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

from bisect import insort
from typing import Protocol

from streams.segmentation.effects import Kind
from streams.segmentation.plans import Coverage, MachinePlan, Profile
from streams.segmentation.profiles import MEMBER, OUT, PENDING, MachineState, Waiting
from streams.segmentation.timeline import BEFORE_ALL, NEVER, EpochMs
from streams.segmentation.truth import FALSE, TRUE


class Fact(Protocol):
    """Where a machine's decisions go: the partition, or nowhere during a repeated walk."""

    def transition(
        self, machine: Machine, state: MachineState, kind: Kind, at: EpochMs, cause: Cause, *, member: int = 0
    ) -> None:
        """Take one decision: *kind* at event time *at*."""

    def corrected(self) -> None:
        """Take note that a standing membership's `since` was corrected."""

    def missed(self) -> None:
        """Take note of a membership that came and went in the past."""


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


class Recorder:
    """Keeps when a repeated walk entered and left, and emits nothing."""

    def __init__(self) -> None:
        """Start empty."""
        self.moves: list[tuple[Kind, EpochMs]] = []

    def transition(
        self, machine: Machine, state: MachineState, kind: Kind, at: EpochMs, cause: Cause, *, member: int = 0
    ) -> None:
        """Note one decision."""
        self.moves.append((kind, at))

    def corrected(self) -> None:
        """Ignore it: nothing stands."""

    def missed(self) -> None:
        """Ignore it: this walk is the past."""

    def left_at_or_after(self, instant: EpochMs) -> EpochMs:
        """Return when the walk first left at or after *instant*; *instant* itself when it did not."""
        return next((at for kind, at in self.moves if kind == "exited" and at >= instant), instant)


class Machine:
    """What segments and partition groups have in common: waiting evidence, the walk, the repeated walk."""

    def __init__(self, plan: MachinePlan) -> None:
        """Serve *plan*."""
        self.plan = plan
        self.index, self.gate, self.gated = plan.index, plan.gate, plan.gated
        self.delay_ms = plan.dwell_ms + plan.grace_ms
        self.entry, self.stay = plan.entry, plan.stay

    def new_state(self) -> MachineState:
        """Return the state of a customer of whom this machine knows nothing."""
        return MachineState(sequences=[0] * len(self.plan.members))

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

    def passes_by(
        self, profile: Profile, state: MachineState, t: EpochMs, watermark: EpochMs, coverage: Coverage
    ) -> bool:
        """Walk over evidence at *t* if it changes nothing but the next instant of time: nearly every event.

        Returns:
            False when more may change; then nothing was changed, and `observe` decides.
        """
        raise TypeError(type(self))

    def revise(self, view: View, state: MachineState, evidence: Waiting) -> None:
        """Walk again, because *evidence* is older than what was walked, and emit what is corrected."""
        raise TypeError(type(self))

    def pass_time(self, view: View, state: MachineState) -> None:
        """Walk over the instant `state.due`, at which time alone may change something."""
        raise TypeError(type(self))

    def next_instant(self, state: MachineState) -> EpochMs:
        """Return the event time of the machine's next move."""
        waiting = state.waiting
        return waiting[0][0] if waiting and waiting[0][0] < state.due else state.due

    def walk(self, view: View, state: MachineState, through: EpochMs) -> None:
        """Walk on as far as the watermark allows, and not beyond *through*."""
        while self.next_instant(state) <= through and self.deadline(state) <= view.watermark:
            waiting = state.waiting
            if waiting and waiting[0][0] < state.due:
                self.take(view, state, waiting.pop(0))
            elif state.due < NEVER:
                self.pass_time(view, state)
            else:
                return

    def wait(self, state: MachineState, evidence: Waiting) -> None:
        """Keep *evidence* until what lies before it is decided."""
        if state.waiting and state.waiting[-1][0] > evidence[0]:
            insort(state.waiting, evidence, key=_time_of)
        else:
            state.waiting.append(evidence)

    def walked_again(
        self, view: View, state: MachineState, evidence: Waiting
    ) -> tuple[MachineState, Recorder]:
        """Walk from the first retained instant with all that is known now; emit nothing."""
        known = {waiting[0]: waiting for waiting in state.waiting}
        known[evidence[0]] = evidence
        again, recorder = self.new_state(), Recorder()
        unnamed = evidence[1:]  # the journals keep no event ids: what moves now, moves because of this event
        again.waiting = [known.get(at, (at, *unnamed)) for at in self.plan.instants(view.profile)]
        self.walk(View(view.profile, view.watermark, view.coverage, recorder), again, NEVER)
        return again, recorder


def _time_of(evidence: Waiting) -> EpochMs:
    return evidence[0]


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
        if t < state.at or (t <= state.since and state.status == MEMBER):
            self.revise(view, state, evidence)
            return
        if state.due <= t:
            self.wait(state, evidence)
        else:
            self.take(view, state, evidence, known)
        if self.deadline(state) <= view.watermark:
            self.walk(view, state, NEVER)

    def deadline(self, state: MachineState) -> EpochMs:
        """Return the watermark the next move needs: the judgement of an entry waits for its grace."""
        due, waiting, status = state.due, state.waiting, state.status
        if waiting and waiting[0][0] < due:
            return BEFORE_ALL
        if status == MEMBER or due == NEVER or not self.gated:
            return due
        if status == OUT:
            # Outside, time can only bring an entry, and that is not judged before dwell and grace are over: until
            # then the instant need not be passed, and most often an event has moved it meanwhile.
            return due + self.delay_ms
        return due + self.plan.grace_ms if due >= state.since + self.plan.dwell_ms else due

    def passes_by(
        self, profile: Profile, state: MachineState, t: EpochMs, watermark: EpochMs, coverage: Coverage
    ) -> bool:
        """Walk over evidence at *t* if it changes nothing but the next instant of time."""
        if state.waiting or not state.at <= t < state.due:
            return False
        if state.status == MEMBER:
            if t <= state.since:
                return False
            truth, change = self.stay(profile, t, t, coverage)
            if truth == FALSE or change <= watermark:
                return False
        elif state.status == OUT:
            truth, change = self.entry(profile, t, t, coverage)
            if truth == TRUE or change <= watermark:
                return False
        else:
            return False
        state.at, state.due = t, change
        return True

    def take(
        self, view: View, state: MachineState, evidence: Waiting, known: tuple[int, EpochMs] | None = None
    ) -> None:
        """Walk over one instant of evidence."""
        t, event_id, late, _ = evidence
        state.at = t
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
                state.due = min(change, state.since + self.plan.dwell_ms)
        else:
            self._stand_outside(view, state, t, (truth, change), cause)

    def pass_time(self, view: View, state: MachineState) -> None:
        """Walk over `state.due`."""
        now = state.due
        cause = Cause("", now - 1, deadline=self.deadline(state))
        profile, coverage = view.profile, view.coverage
        state.at = max(state.at, now)
        if state.status == MEMBER:
            truth, change = self.stay(profile, now, now - 1, coverage)
            if truth == FALSE:
                self._leave(view, state, now, change, cause)
            else:
                state.due = change
        elif state.status == OUT:
            self._stand_outside(view, state, now, self.entry(profile, now, now - 1, coverage), cause)
        elif now < state.since + self.plan.dwell_ms:
            truth, change = self.entry(profile, now, now - 1, coverage)
            state.due = min(change, state.since + self.plan.dwell_ms)
            if truth == FALSE:
                state.status, state.due = OUT, change
        else:
            self._judge(view, state, now, cause)

    def _stand_outside(
        self, view: View, state: MachineState, t: EpochMs, known: tuple[int, EpochMs], cause: Cause
    ) -> None:
        """Become what the entry truth at *t* makes of an outsider: still out, pending, or a member."""
        truth, change = known
        state.status = OUT
        state.due = change
        if truth != TRUE:
            return
        plan = self.plan
        state.status, state.since, state.cause, state.late = PENDING, t, cause.event_id, cause.late
        due = t + plan.dwell_ms
        if (
            plan.dwell_ms == 0
            and not state.waiting
            and (not plan.gated or view.watermark >= t + plan.grace_ms)
        ):
            # What the judgement would look at is nothing: no evidence is known beyond t.
            self._enter(view, state, t, cause)
        elif plan.dwell_ms == 0 and not plan.gated and cause.event_id:
            self._enter(view, state, t, cause)
        else:
            state.due = min(change, due)

    def _judge(self, view: View, state: MachineState, now: EpochMs, cause: Cause) -> None:
        """Decide the pending entry that is due at *now*; its gate is open (S6)."""
        plan, profile, coverage = self.plan, view.profile, view.coverage
        made_by_event = plan.dwell_ms == 0 and state.cause != ""
        if now > state.since and not made_by_event:
            truth, change = self.entry(profile, now, now - 1, coverage)
            if truth != TRUE:  # ended by time at the last moment, or not known: it waits
                state.due = change
                state.status = OUT if truth == FALSE else PENDING
                return
        limit = now + plan.grace_ms if plan.gated else now
        for position, evidence in enumerate(state.waiting):
            t = evidence[0]
            if t >= limit:
                break
            truth, change = self.entry(profile, t, t, coverage)
            if truth == FALSE:
                del state.waiting[: position + 1]
                state.status, state.at, state.due = OUT, t, change
                return
        if made_by_event:
            cause = Cause(state.cause, now, late=state.late, deadline=cause.deadline)
        self._enter(view, state, now, cause)

    def _enter(self, view: View, state: MachineState, t: EpochMs, cause: Cause) -> None:
        state.status, state.winner, state.since = MEMBER, 0, t
        state.cause, state.late = "", False
        state.due = self.stay(view.profile, t, cause.seen, view.coverage)[1]
        view.facts.transition(self, state, "entered", t, cause)

    def _leave(self, view: View, state: MachineState, t: EpochMs, change: EpochMs, cause: Cause) -> None:
        """Leave at *t*, or keep a membership that is too young until it may end."""
        earliest = state.since + self.plan.min_membership_ms
        if t < earliest:
            state.due = min(change, earliest)
            return
        state.due = change
        view.facts.transition(self, state, "exited", t, cause)
        state.status, state.winner, state.left, state.entry = OUT, -1, t, b""
        if self.stay is not self.entry:
            known = self.entry(view.profile, t, cause.seen, view.coverage)
            self._stand_outside(view, state, t, known, cause)

    def revise(self, view: View, state: MachineState, evidence: Waiting) -> None:
        """Take in evidence older than what was walked, and correct what it disproves (S13, S14)."""
        t, event_id, late, undoing = evidence
        again, recorder = self.walked_again(view, state, evidence)
        was, entered_at = state.status == MEMBER, state.since
        cause = Cause(event_id, again.at, late=late)
        facts = view.facts
        since = again.since
        if was and again.status == MEMBER:
            if t > entered_at:
                since = entered_at if again.since < t else again.since
            _adopt(state, again, since)
            if since != entered_at:
                facts.corrected()
            return
        if was:
            if undoing:
                facts.transition(self, state, "exited", max(t, entered_at), cause)
                state.left = max(t, entered_at)
            elif t <= entered_at:
                facts.transition(self, state, "retracted", entered_at, cause)
            else:
                left = recorder.left_at_or_after(t)
                facts.transition(self, state, "exited", left, cause)
                state.left = left
            state.entry, state.winner = b"", -1
            _adopt(state, again, since)
        elif again.status == MEMBER:
            if again.since <= state.left:
                since = state.left
            _adopt(state, again, since)
            state.winner = 0
            facts.transition(self, state, "entered", since, cause)
        else:
            _adopt(state, again, since)
            if any(at >= t for _, at in recorder.moves):
                facts.missed()


def _adopt(state: MachineState, again: MachineState, since: EpochMs) -> None:
    """Stand where the repeated walk stands, keeping what was emitted (entry, sequences, last exit)."""
    state.status, state.since, state.at, state.due = again.status, since, again.at, again.due
    state.cause, state.late, state.waiting = again.cause, again.late, again.waiting


class GroupMachine(Machine):
    """Walks a partition group: at every instant at most one member wins, and a switch is one decision (S16)."""

    def observe(
        self, view: View, state: MachineState, evidence: Waiting, known: tuple[int, EpochMs] | None = None
    ) -> None:
        """Let the machine see *evidence* that the profile's journals already hold."""
        t = evidence[0]
        if t < state.at or (t <= state.since and state.winner >= 0):
            self.revise(view, state, evidence)
        elif t < state.due and t <= view.watermark and not state.waiting:
            self.take(view, state, evidence)
        else:
            self.wait(state, evidence)
            self.walk(view, state, NEVER)

    def deadline(self, state: MachineState) -> EpochMs:
        """Return the watermark the next move needs: a switch waits for all sources, whatever makes it."""
        return self.next_instant(state)

    def passes_by(
        self, profile: Profile, state: MachineState, t: EpochMs, watermark: EpochMs, coverage: Coverage
    ) -> bool:
        """Walk over evidence at *t* if the same member wins."""
        if state.waiting or not state.at <= t < state.due or t > watermark:
            return False
        if t <= state.since and state.winner >= 0:
            return False
        winner, change = self.entry(profile, t, t, coverage)
        if winner != state.winner:
            return False
        state.at, state.due = t, change
        return True

    def take(
        self, view: View, state: MachineState, evidence: Waiting, known: tuple[int, EpochMs] | None = None
    ) -> None:
        """Walk over one instant of evidence."""
        t, event_id, late, _ = evidence
        state.at = t
        self._switch(view, state, t, Cause(event_id, t, late=late))

    def pass_time(self, view: View, state: MachineState) -> None:
        """Walk over `state.due`."""
        now = state.due
        state.at = max(state.at, now)
        self._switch(view, state, now, Cause("", now - 1, deadline=now))

    def _switch(self, view: View, state: MachineState, t: EpochMs, cause: Cause) -> None:
        winner, state.due = self.entry(view.profile, t, cause.seen, view.coverage)
        if winner == state.winner:
            return
        if state.winner >= 0:
            view.facts.transition(self, state, "exited", t, cause, member=state.winner)
            state.left = t
        state.winner, state.since = winner, t
        state.status = MEMBER if winner >= 0 else OUT
        if winner >= 0:
            view.facts.transition(self, state, "entered", t, cause, member=winner)

    def revise(self, view: View, state: MachineState, evidence: Waiting) -> None:
        """Take in evidence older than what was walked, and correct the present member (S16)."""
        t, event_id, late, undoing = evidence
        again, _ = self.walked_again(view, state, evidence)
        cause = Cause(event_id, again.at, late=late)
        was, began = state.winner, state.since
        since = again.since
        if again.winner == was:
            if was >= 0 and t > began:
                since = began if again.since < t else again.since
            _adopt(state, again, since)
            if since != began:
                view.facts.corrected()
            return
        if was >= 0 and t <= began and not undoing:
            view.facts.transition(self, state, "retracted", began, cause, member=was)
            since = max(began, again.since)
        elif was >= 0:
            since = max(t, began) if undoing else max(again.since, t)
            view.facts.transition(self, state, "exited", since, cause, member=was)
            state.left = since
        _adopt(state, again, since)
        state.winner = again.winner
        if again.winner >= 0:
            view.facts.transition(self, state, "entered", since, cause, member=again.winner)
