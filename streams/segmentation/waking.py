"""When profiles wake: the deadlines armed per gate, and what is due, fired in the order of S7.

A profile is armed once per gate, at the earliest deadline of its machines there; it may wake for nothing, because an event
can put a deadline off without taking the wake-up back. Waking, its machines pass their instants one after another, and
the profile is armed anew.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from streams.segmentation.deadlines import Entry
from streams.segmentation.deciding import Deciding
from streams.segmentation.machines import Machine
from streams.segmentation.options import InputSpec, Options
from streams.segmentation.plans import Plan
from streams.segmentation.profiles import MEMBER, OUT, Profile
from streams.segmentation.timeline import NEVER, EpochMs
from streams.segmentation.walking import View


class Waking(Deciding):
    """Profiles that decide wake when the watermarks of their gates allow it."""

    def __init__(
        self, plan: Plan, inputs: tuple[InputSpec, ...], options: Options, machines: tuple[Machine, ...]
    ) -> None:
        """Start empty."""
        super().__init__(plan, inputs, options, machines)
        self._gate_of = [machine.gate for machine in machines]
        self._more = False  # of the profile last looked at: something may move after what moves first
        self._delay_of = [machine.outside_delay_ms for machine in machines]

    def arm(self, profile: Profile, gate: int, deadline: EpochMs) -> None:
        """Wake *profile* when the gate's watermark reaches *deadline*, earlier than anything that wakes it there now."""
        profile.arm(gate, deadline)
        self._deadlines[gate].push(deadline, profile.key)
        self._next_wake = min(self._next_wake, deadline)

    def _fire_due(self) -> None:
        """Fire everything that the gates allow, by due instant, then customer, over the whole partition."""
        if self.watermarks.highest < self._next_wake:
            return
        woken: list[Profile] = []
        keys: set[str] | None = set() if len(self._deadlines) > 1 else None
        next_wake: EpochMs = NEVER
        for gate, deadlines in enumerate(self._deadlines):
            if deadlines.earliest <= self.gates[gate]:
                self._wake(gate, deadlines.pop_due(self.gates[gate]), woken, keys)
            next_wake = min(next_wake, deadlines.earliest)
        self._next_wake = next_wake  # what is armed from here on lowers it
        if len(woken) == 1:  # nearly always: nobody else to keep in order with
            profile = woken[0]
            due, moving = self._due(profile)
            while due < NEVER:
                due, moving = self._step(profile, due, moving)
        elif woken:
            self._fire_all(woken)

    def _wake(self, gate: int, due: list[Entry], woken: list[Profile], keys: set[str] | None) -> None:
        """Add to *woken* who is still to be woken by the deadlines *due* of *gate*; nobody twice.

        Args:
            gate: which of the gates has come so far.
            due: the deadlines, in order.
            woken: who passes instants now.
            keys: of those in *woken*, where several gates may wake one; None: there is one gate.
        """
        for deadline, key in due:
            profile = self.live.get(key)
            if profile is None:
                profile = self.profile(key)
            if profile.armed(gate) == deadline:
                profile.arm(gate, NEVER)
                self.touch(profile)
                if keys is None:
                    woken.append(profile)
                elif key not in keys:
                    keys.add(key)
                    woken.append(profile)

    def _fire_all(self, woken: list[Profile]) -> None:
        """Let the profiles *woken* pass their instants: the earliest first, and at one instant by customer."""
        ready: list[tuple[EpochMs, str, int, list[int]]] = []
        for place, profile in enumerate(woken):
            due, moving = self._due(profile)
            if due < NEVER:
                ready.append((due, profile.key, place, moving))
        heapify(ready)
        while ready:
            due, key, place, moving = heappop(ready)
            self._more = True  # of this profile nothing is known any more
            due, moving = self._step(woken[place], due, moving)
            if due < NEVER:
                heappush(ready, (due, key, place, moving))

    def _due(self, profile: Profile) -> tuple[EpochMs, list[int]]:  # noqa: C901, PLR0912 - one pass, no calls
        """Arm *profile* for what has to wait, and find what may move now.

        Returns:
            the earliest instant that machines may pass now (`NEVER`: none may), and those machines.
        """
        gates, gate_of = self.gates, self._gate_of
        earliest = NEVER  # of the first gate, mostly the only one
        others = profile.wakes[:] if profile.wakes else profile.wakes
        soonest: EpochMs = NEVER
        moving: list[int] = []
        self._more = False
        for index, state in enumerate(profile.states):
            if state is None:
                continue
            instant = state.due
            if state.waiting:
                machine = self.machines[index]
                deadline, instant = machine.deadline(state), machine.next_instant(state)
            elif instant == NEVER:
                continue
            elif state.status == MEMBER:
                deadline = instant
            elif state.status == OUT:
                deadline = instant + self._delay_of[index]
            else:
                deadline = self.machines[index].deadline(state)
            gate = gate_of[index]
            if deadline > gates[gate]:
                if gate == 0:
                    earliest = min(earliest, deadline)
                elif deadline < others[gate - 1]:
                    others[gate - 1] = deadline
            elif instant < soonest:
                self._more = soonest < NEVER
                soonest, moving = instant, [index]
            elif instant > soonest:
                self._more = True
            elif instant < NEVER:
                moving.append(index)
        if earliest < profile.wake:
            self.arm(profile, 0, earliest)
        for gate, deadline in enumerate(others, 1):
            if deadline < profile.wakes[gate - 1]:
                self.arm(profile, gate, deadline)
        return soonest, moving

    def _step(self, profile: Profile, through: EpochMs, moving: list[int]) -> tuple[EpochMs, list[int]]:
        """Let the machines *moving* of *profile* walk through the instant *through*; return what may move next."""
        self.timers += 1
        before = len(self.effects)
        if len(moving) > 1:
            moving.sort()
        settled = not self._more
        for index in moving:
            machine, state = self.machines[index], profile.states[index]
            assert state is not None, "only what has a state has an instant"
            gate = machine.gate
            view = View(profile, self.gates[gate], self.coverage, self)
            if state.waiting:
                machine.walk(view, state, through)
            else:  # the same, without looking for evidence that is not there
                machine.pass_time(view, state)
            deadline = machine.deadline(state)
            if deadline <= view.watermark:
                settled = False
            elif deadline < profile.armed(gate):
                self.arm(profile, gate, deadline)
        if len(self.effects) > before + 1:
            self._put_in_order(before)
        return (NEVER, moving) if settled else self._due(profile)
