"""The machine of a segment that may have to wait before it is entered again: `cooldown` and `max_entries`.

What they mean is `streams/decisions/0005`. While a customer is outside nothing moves the instant at which the door opens, so
an entry that the door puts off is like one whose pending time began so late that its dwell ends when the door opens.
"""

from __future__ import annotations

from mypy_extensions import mypyc_attr

from streams.segmentation.machines import SegmentMachine
from streams.segmentation.plans import MachinePlan
from streams.segmentation.profiles import MEMBER, OUT, PENDING, MachineState
from streams.segmentation.timeline import BEFORE_ALL, EpochMs
from streams.segmentation.truth import FALSE, TRUE
from streams.segmentation.walking import Cause, View


@mypyc_attr(allow_interpreted_subclasses=True)
class DoorMachine(SegmentMachine):
    """Walks one segment whose definition has a `cooldown` or a `max_entries`."""

    def __init__(self, plan: MachinePlan) -> None:
        """Serve *plan*."""
        super().__init__(plan)
        self.cooldown_ms, self.entries_within_ms = plan.cooldown_ms, plan.entries_within_ms
        self.entries_max = plan.entries_max

    def opens_at(self, state: MachineState) -> EpochMs:
        """Return from when on an outsider may enter."""
        opens = state.exits[0] + self.cooldown_ms if state.exits else BEFORE_ALL
        if self.entries_max and len(state.entries) >= self.entries_max:
            opens = max(opens, state.entries[-self.entries_max] + self.entries_within_ms)
        return opens

    def remember(self, again: MachineState, state: MachineState) -> None:
        """Give the repeated walk the entries and the exit before its first instant: they stand."""
        if again.status == MEMBER:
            again.entries, again.exits = state.entries, state.exits
            return
        first = again.waiting[0][0]
        again.entries = [at for at in state.entries if at < first]
        again.exits = [at for at in state.exits if at < first]

    def adopt(self, state: MachineState, again: MachineState) -> None:
        """Stand where the repeated walk stands, and take over its entries and its last exit."""
        super().adopt(state, again)
        state.entries, state.exits = again.entries, again.exits

    def _stand_outside(
        self, view: View, state: MachineState, t: EpochMs, known: tuple[int, EpochMs], cause: Cause
    ) -> None:
        """Become what the entry truth at *t* makes of an outsider; before a shut door time makes the entry."""
        truth, change = known
        opens, dwell_ms = self.opens_at(state), self.dwell_ms
        if truth != TRUE or t + dwell_ms >= opens:
            super()._stand_outside(view, state, t, known, cause)
            return
        state.status, state.since, state.cause, state.late = PENDING, opens - dwell_ms, "", False
        state.due = min(change, opens)

    def _judge(self, view: View, state: MachineState, now: EpochMs, cause: Cause) -> None:
        """Decide the pending entry that is due at *now*; one that was put off has not been looked at since."""
        if state.since == now and not state.cause:
            truth, change = self.entry(view.profile, now, now - 1, view.coverage)
            if truth != TRUE:
                state.status, state.due = OUT if truth == FALSE else PENDING, change
                return
        super()._judge(view, state, now, cause)

    def _enter(self, view: View, state: MachineState, t: EpochMs, cause: Cause) -> None:
        super()._enter(view, state, t, cause)
        if self.entries_max:
            state.entries = [*state.entries, t][-self.entries_max :]

    def _leave(self, view: View, state: MachineState, t: EpochMs, change: EpochMs, cause: Cause) -> None:
        """Leave at *t*, which shuts the door, or keep a membership that is too young until it may end."""
        if self.cooldown_ms and t >= state.since + self.min_membership_ms:
            state.exits = [t]
        super()._leave(view, state, t, change, cause)
