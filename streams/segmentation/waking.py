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
from streams.segmentation.plans import Plan, Profile
from streams.segmentation.profiles import OUT, PENDING
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
        self._delay_of = [machine.outside_delay_ms for machine in machines]

    def arm(self, profile: Profile, key: str, gate: int, deadline: EpochMs) -> None:
        """Wake *profile* when the gate's watermark reaches *deadline*, earlier than anything that wakes it there now."""
        profile.wakes[gate] = deadline
        self._deadlines[gate].push(deadline, key)
        self._next_wake = min(self._next_wake, deadline)

    def _fire_due(self) -> None:
        """Fire everything that the gates allow, by due instant, then customer, over the whole partition."""
        if self.watermarks.highest < self._next_wake:
            return
        woken: dict[str, Profile] = {}
        for gate, deadlines in enumerate(self._deadlines):
            if deadlines.earliest <= self.gates[gate]:
                self._wake(gate, deadlines.pop_due(self.gates[gate]), woken)
        if len(woken) == 1:  # nearly always: nobody else to keep in order with
            for key, profile in woken.items():
                due, moving = self._due(profile, key)
                while due < NEVER:
                    self._step(profile, key, due, moving)
                    due, moving = self._due(profile, key)
        elif woken:
            self._fire_all(woken)
        self._next_wake = min([deadlines.earliest for deadlines in self._deadlines], default=NEVER)

    def _wake(self, gate: int, due: list[Entry], woken: dict[str, Profile]) -> None:
        """Add to *woken* who is still to be woken by the deadlines *due* of *gate*."""
        live = self.live
        for deadline, key in due:
            profile = live.get(key)
            if profile is None:
                profile = self._profile(key)
            if profile.wakes[gate] == deadline:
                profile.wakes[gate] = NEVER
                self.dirty[key] = profile
                woken[key] = profile

    def _fire_all(self, woken: dict[str, Profile]) -> None:
        """Let the profiles *woken* pass their instants: the earliest first, and at one instant by customer."""
        ready = []
        for key, profile in woken.items():
            due, moving = self._due(profile, key)
            if due < NEVER:
                ready.append((due, key, moving))
        heapify(ready)
        while ready:
            due, key, moving = heappop(ready)
            profile = woken[key]
            self._step(profile, key, due, moving)
            due, moving = self._due(profile, key)
            if due < NEVER:
                heappush(ready, (due, key, moving))

    def _due(self, profile: Profile, key: str) -> tuple[EpochMs, list[int]]:
        """Arm *profile* for what has to wait, and find what may move now.

        Returns:
            the earliest instant that machines may pass now (`NEVER`: none may), and those machines.
        """
        wakes, gates = profile.wakes, self.gates
        soonest, moving = NEVER, []
        for index, state in profile.states.items():
            instant = state.due
            if state.waiting or state.status == PENDING:
                machine = self.machines[index]
                gate, deadline = machine.gate, machine.deadline(state)
                instant = machine.next_instant(state)
            elif instant == NEVER:
                continue
            else:
                gate = self._gate_of[index]
                # A deadline is never before the next instant of time: most states pass here.
                if instant > gates[gate] and instant >= wakes[gate]:
                    continue
                deadline = instant + self._delay_of[index] if state.status == OUT else instant
            if deadline > gates[gate]:
                if deadline < wakes[gate]:
                    self.arm(profile, key, gate, deadline)
            elif instant < soonest:
                soonest, moving = instant, [index]
            elif instant == soonest < NEVER:
                moving.append(index)
        return soonest, moving

    def _step(self, profile: Profile, key: str, through: EpochMs, moving: list[int]) -> None:
        """Let the machines *moving* of *profile* walk through the instant *through*."""
        self._key = key
        self.counts["timers"] += 1
        before = len(self.effects)
        if len(moving) > 1:
            moving.sort()
        for index in moving:
            machine, state = self.machines[index], profile.states[index]
            view = View(profile, self.gates[machine.gate], self.coverage, self)
            if state.waiting:
                machine.walk(view, state, through)
            else:  # the same, without looking for evidence that is not there
                machine.pass_time(view, state)
        if len(self.effects) > before + 1:
            self._put_in_order(before)
