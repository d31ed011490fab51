"""The machine of a partition group: all its members are one decision (SEMANTICS S16, `streams/decisions/0002`)."""

from __future__ import annotations

from mypy_extensions import mypyc_attr

from streams.segmentation.machines import Machine, is_behind, stands
from streams.segmentation.profiles import MEMBER, OUT, MachineState, Waiting
from streams.segmentation.timeline import NEVER, EpochMs
from streams.segmentation.walking import Cause, View


@mypyc_attr(allow_interpreted_subclasses=True)
class GroupMachine(Machine):
    """Walks a partition group: at every instant at most one member wins, and a switch is one decision (S16)."""

    def observe(
        self, view: View, state: MachineState, evidence: Waiting, known: tuple[int, EpochMs] | None = None
    ) -> None:
        """Let the machine see *evidence* that the profile's journals already hold."""
        t = evidence[0]
        if is_behind(state, t, view.watermark):
            self.revise(view, state, evidence)
        elif t < state.due and t <= view.watermark and not state.waiting:
            self.take(view, state, evidence)
        else:
            self.wait(state, evidence)
            self.walk(view, state, NEVER)

    def deadline(self, state: MachineState) -> EpochMs:
        """Return the watermark the next move needs: a switch waits for all sources, whatever makes it."""
        return self.next_instant(state)

    def take(
        self, view: View, state: MachineState, evidence: Waiting, known: tuple[int, EpochMs] | None = None
    ) -> None:
        """Walk over one instant of evidence."""
        t, event_id, late, _ = evidence
        state.at = max(state.at, t)
        self._switch(view, state, t, Cause(event_id, t, late=late))

    def pass_time(self, view: View, state: MachineState) -> None:
        """Walk over `state.due`."""
        now = state.due
        state.at = max(state.at, now - 1)
        self._switch(view, state, now, Cause("", now - 1, deadline=now))

    def _switch(self, view: View, state: MachineState, t: EpochMs, cause: Cause) -> None:
        winner, state.due = self.entry(view.profile, t, cause.seen, view.coverage)
        if winner != state.winner:
            self._move(view, state, winner, max(t, state.left if state.winner < 0 else state.entered), cause)
            state.since = t

    def _move(self, view: View, state: MachineState, winner: int, at: EpochMs, cause: Cause) -> None:
        """Emit the exit from the present member, if there is one, and the entry into *winner*, if it is one."""
        if state.winner >= 0:
            view.facts.transition(self, view.profile, state, "exited", at, cause, state.winner)
            state.left = at
        state.winner, state.since = winner, at
        state.status = MEMBER if winner >= 0 else OUT
        if winner >= 0:
            state.entered = at
            view.facts.transition(self, view.profile, state, "entered", at, cause, winner)

    def revise(self, view: View, state: MachineState, evidence: Waiting) -> None:
        """Take in evidence older than what was walked, and correct the present member (S16)."""
        t, event_id, late, undoing = evidence
        was, entered, since = state.winner, state.entered, state.since
        begins_in = was if stands(state, t) else -1
        again, recorder = self.walked_again(view, state, evidence)
        cause = Cause(event_id, again.at, late=late)
        if again.winner == was:
            self.adopt(state, again)
            if was >= 0 and state.since != since:
                view.facts.corrected(view.profile)
            return
        if was < 0:
            at = max(again.since, state.left)
        elif t <= entered and not undoing:
            view.facts.transition(self, view.profile, state, "retracted", entered, cause, was)
            state.winner = -1
            at = max(entered, again.since)
        elif again.winner < 0:
            at = recorder.leaves(was, max(t, entered), begins_in=begins_in)
        else:
            at = max(t, entered, again.since)
        state.due = again.due
        self._move(view, state, again.winner, at, cause)
        self.adopt(state, again)
