"""The walk: what becomes of one segment, or one partition group, of one customer along event time.

A walk is a function of the evidence read and of the watermark of the gate, computed from the beginning every time.
It visits every instant at which anything could change, in order, and stops at the first one that it may not decide
yet (decision record 2, points 1, 3, 4 and 6). At one instant time goes first and sees the evidence before it; then
the evidence of that instant.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field

from streams.segmentation.conditions import Cadence, Condition, leaves, rests_on_absence
from streams.segmentation.definitions import GroupDefinition, SegmentDefinition
from streams.segmentation.effects import Origin
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import BEFORE_ALL, DAY_MS, EpochMs
from streams.testing.oracle_calendar import calendar_instants
from streams.testing.oracle_events import View, passes
from streams.testing.oracle_leaves import bounds_ms
from streams.testing.oracle_rhythm import due_times
from streams.testing.oracle_truth import Truths

TIME, EVIDENCE = 0, 1
CALENDAR_MS = 50 * DAY_MS
"""How far the calendar is looked at beyond the first event: past the end of every random history."""

Position = tuple[EpochMs, int]
"""An instant, and whether only time (0) or the evidence of that instant too (1) has been walked over."""


@dataclass(frozen=True)
class Cause:
    """What a transition names as its cause (an event id, or ``timer``), and its origin."""

    name: str
    origin: Origin


BY_TIME = Cause("timer", "timer")


@dataclass(frozen=True)
class Evidence:
    """An event as it was read: in which order, and whether it was older than its source's watermark."""

    event: EventObserved
    late: bool

    @property
    def at_ms(self) -> EpochMs:
        """The event time."""
        return self.event.event_time_ms

    @property
    def cause(self) -> Cause:
        """What a transition says that this event brought about."""
        return Cause(self.event.event_id, "late" if self.late else "event")


@dataclass(frozen=True)
class Step:
    """The value changed: from one segment (or none) to another (or none)."""

    at_ms: EpochMs
    before: str | None
    after: str | None
    cause: Cause


@dataclass
class Walk:
    """How far the walk came and what it found.

    Attributes:
        steps: the changes, in order of event time.
        value: the segment of which the customer is a member where the walk stands, if any.
        since_ms: since when.
        position: what has been walked over; evidence at or before it is out of order.
    """

    steps: list[Step] = field(default_factory=list)
    value: str | None = None
    since_ms: EpochMs = BEFORE_ALL
    position: Position = (BEFORE_ALL, TIME)

    def step(self, at_ms: EpochMs, after: str | None, cause: Cause) -> None:
        """Take the step to the value *after*."""
        self.steps.append(Step(at_ms, self.value, after, cause))
        self.value, self.since_ms = after, at_ms

    def walked(self, position: Position) -> None:
        """Note that all up to *position* has been walked over."""
        self.position = max(self.position, position)

    def stop(self, gate_ms: EpochMs, undecided: Position | None = None) -> Walk:
        """End the walk before *undecided*; where nothing changes, time has been walked up to the gate."""
        quiet = (gate_ms, TIME)
        if undecided is not None:
            at_ms, phase = undecided
            quiet = min(quiet, (at_ms, TIME) if phase == EVIDENCE else (at_ms - 1, EVIDENCE))
        self.walked(quiet)
        return self

    def value_at(self, at_ms: EpochMs) -> str | None:
        """Return the value at the end of the instant *at_ms*."""
        return next((step.after for step in reversed(self.steps) if step.at_ms <= at_ms), None)

    def leaves_ms(self, value: str, from_ms: EpochMs) -> EpochMs:
        """Return the first instant from *from_ms* on at which the value is not *value*; it is not now."""
        if self.value_at(from_ms) != value:
            return from_ms
        return next(step.at_ms for step in self.steps if step.at_ms > from_ms and step.before == value)


class Machine(ABC):
    """What is decided as one: a segment that stands alone, or a partition group."""

    def __init__(self, truths: Truths, conditions: Sequence[Condition], gate: Sequence[Condition]) -> None:
        """Take the conditions that the decision reads, and those whose sources its gate waits for."""
        self.truths = truths
        self.event_types, self.undoing = truths.readings(conditions)
        self.gate_events, _ = truths.readings(gate)
        self._conditions, self._bounds_ms = list(conditions), bounds_ms(conditions)

    def reads(self, event: EventObserved) -> bool:
        """Return whether *event* is evidence here: its type is read, whatever the filters say of it."""
        return event.event_type in self.event_types

    def undoes(self, event: EventObserved) -> bool:
        """Return whether *event* takes back what this machine counts (S15); without a key it takes nothing back."""
        return any(
            event.event_type == other.event
            and passes(other.where, event)
            and event.properties.get(key) is not None
            for key, other in self.undoing
        )

    @abstractmethod
    def walk(self, evidence: Sequence[Evidence], gate_ms: EpochMs) -> Walk:
        """Walk over *evidence* (in order of reading) as far as the gate's watermark *gate_ms* allows."""

    def _instants(self, evidence: Sequence[Evidence], *after_ms: int) -> list[EpochMs]:
        """Return every instant at which anything may change; *after_ms* are delays that may follow any of them."""
        instants = {e.at_ms for e in evidence}
        instants |= {at + bound for at in instants for bound in self._bounds_ms}
        if evidence:
            begin_ms = min(instants)
            instants |= calendar_instants(self._conditions, begin_ms, begin_ms + CALENDAR_MS)
        for leaf in (leaf for condition in self._conditions for leaf in leaves(condition)):
            if isinstance(leaf, Cadence):
                views = [view_at(evidence, at, phase) for at in instants for phase in (TIME, EVIDENCE)]
                due = [times for view in views for times in due_times(self.truths.occurrences, leaf, view)]
                instants |= {at for times in due for at in times}
        for delay in after_ms:
            instants |= {at + delay for at in instants}
        return sorted(instants)


def view_at(evidence: Sequence[Evidence], at_ms: EpochMs, phase: int) -> View:
    """Return what counts at *at_ms*: the evidence before it, and in the evidence phase that of the instant too."""
    return View(
        at_ms,
        [e.event for e in evidence if e.at_ms < at_ms or (phase == EVIDENCE and e.at_ms == at_ms)],
    )


def cause_at(evidence: Sequence[Evidence], at_ms: EpochMs, phase: int) -> Cause:
    """Return cause and origin of a change: time, or the evidence of that instant that was read last."""
    if phase == TIME:
        return BY_TIME
    return [e for e in evidence if e.at_ms == at_ms][-1].cause


def phases(evidence: Sequence[Evidence], at_ms: EpochMs) -> tuple[int, ...]:
    """Return the parts of an instant: time, then its evidence if it has any."""
    return (TIME, EVIDENCE) if any(e.at_ms == at_ms for e in evidence) else (TIME,)


class SegmentMachine(Machine):
    """One segment: out, pending since `start_ms`, or a member."""

    def __init__(self, truths: Truths, segment: SegmentDefinition) -> None:
        reads = [condition for condition, _ in truths.conditions_of(segment, exclusions=True)]
        gate = [condition for condition, _ in truths.conditions_of(segment, exclusions=False)]
        super().__init__(truths, reads, gate)
        self.segment = segment
        whens = {other.segment_id: other.when for other in truths.segments.values()}
        self.gated = segment.gated and rests_on_absence(segment.when, whens)
        self.grace_ms = segment.grace_ms if self.gated else 0

    def walk(self, evidence: Sequence[Evidence], gate_ms: EpochMs) -> Walk:
        """Walk over *evidence* as far as *gate_ms* allows."""
        return _SegmentWalk(self, evidence, gate_ms).run()

    def instants(self, evidence: Sequence[Evidence]) -> list[EpochMs]:
        """Return every instant at which this segment may change."""
        return self._instants(evidence, self.segment.dwell_ms, self.segment.min_membership_ms)


class _Undecided(Exception):
    """The walk came to an instant that the watermarks do not let it decide."""


class _SegmentWalk:
    """One walk of a segment; lives as long as the walk."""

    def __init__(self, machine: SegmentMachine, evidence: Sequence[Evidence], gate_ms: EpochMs) -> None:
        self.machine, self.segment, self.truths = machine, machine.segment, machine.truths
        self.evidence, self.gate_ms = evidence, gate_ms
        self.walk = Walk()
        self.pending_ms: EpochMs | None = None
        self.due_ms: EpochMs = BEFORE_ALL  # of the pending entry
        self.entered: list[EpochMs] = []
        self.left_ms: EpochMs = BEFORE_ALL
        self.ahead = machine.instants(evidence)
        self.now_ms: EpochMs = BEFORE_ALL
        self.resume: Position = (BEFORE_ALL, TIME)

    def run(self) -> Walk:
        """Visit the instants in order until one may not be decided."""
        while self.ahead:
            at_ms = self.now_ms = self.ahead.pop(0)
            for phase in phases(self.evidence, at_ms):
                try:
                    self._visit(at_ms, phase)
                except _Undecided:
                    return self.walk.stop(self.gate_ms, (at_ms, phase))
        return self.walk.stop(self.gate_ms)

    def _visit(self, at_ms: EpochMs, phase: int) -> None:
        if (at_ms, phase) < self.resume:
            return
        view = view_at(self.evidence, at_ms, phase)
        if self.walk.value is not None:
            self._visit_member(view, phase)
        elif self.pending_ms is not None:
            self._visit_pending(view, phase)
        elif self.truths.entry(self.segment, view):
            self._decidable(at_ms, phase)
            self.pending_ms, self.due_ms = at_ms, max(at_ms + self.segment.dwell_ms, self._door_opens_ms())
            self._look_at(self.due_ms)
            if self.due_ms == at_ms:
                self._judge(at_ms, cause_at(self.evidence, at_ms, phase), phase)
        if phase == EVIDENCE:
            self.walk.walked((at_ms, EVIDENCE))

    def _look_at(self, at_ms: EpochMs) -> None:
        """Visit *at_ms* too, if it is still ahead."""
        if at_ms > self.now_ms and at_ms not in self.ahead:
            insort(self.ahead, at_ms)

    def _door_opens_ms(self) -> EpochMs:
        """Return the first instant that no cooldown and no earlier entries speak against (decision record 5)."""
        segment = self.segment
        opens_ms = [BEFORE_ALL]
        if segment.cooldown_ms and self.left_ms > BEFORE_ALL:
            opens_ms.append(self.left_ms + segment.cooldown_ms)
        if segment.entries_max:  # from when on fewer than so many of them count
            ends_ms = sorted((at_ms + segment.entries_within_ms for at_ms in self.entered), reverse=True)
            opens_ms += ends_ms[segment.entries_max - 1 :]
        return max(opens_ms)

    def _visit_pending(self, view: View, phase: int) -> None:
        if not self.truths.entry(self.segment, view):
            self._decidable(view.at_ms, phase)
            self.pending_ms = None
        elif view.at_ms == self.due_ms:
            self._judge(self.due_ms, BY_TIME, phase)

    def _visit_member(self, view: View, phase: int) -> None:
        bound_ms = self.walk.since_ms + self.segment.min_membership_ms
        if view.at_ms >= bound_ms and not self.truths.stay(self.segment, view):
            self._decidable(view.at_ms, phase)
            self.left_ms = view.at_ms
            self.walk.step(view.at_ms, None, cause_at(self.evidence, view.at_ms, phase))

    def _decidable(self, at_ms: EpochMs, phase: int) -> None:
        """A change by time is walked over when the watermarks have come to it; evidence when it is read."""
        if phase == TIME and self.gate_ms < at_ms:
            raise _Undecided

    def _judge(self, due_ms: EpochMs, cause: Cause, phase: int) -> None:
        """Decide the entry due at *due_ms*: at the gate, with all that has been read (S5, S6)."""
        machine = self.machine
        at_once = not machine.gated and phase == EVIDENCE
        if not at_once and self.gate_ms < due_ms + machine.grace_ms:
            raise _Undecided
        self.pending_ms = None
        self.walk.walked((due_ms + machine.grace_ms - 1, EVIDENCE))
        cancelled_ms = self._cancelled_ms(due_ms, phase)
        if cancelled_ms is None:
            self.entered.append(due_ms)
            self._look_at(due_ms + self.segment.min_membership_ms)
            self.walk.step(due_ms, self.segment.segment_id, cause)
        else:
            self.resume = (cancelled_ms, EVIDENCE)

    def _cancelled_ms(self, due_ms: EpochMs, phase: int) -> EpochMs | None:
        """Return when evidence within the grace first makes the entry truth false; None when none does."""
        for at_ms in sorted({e.at_ms for e in self.evidence}):
            after_due = (at_ms, EVIDENCE) > (due_ms, phase)
            if after_due and at_ms < due_ms + self.machine.grace_ms:
                was = self.truths.entry(self.segment, view_at(self.evidence, at_ms, TIME))
                if was and not self.truths.entry(self.segment, view_at(self.evidence, at_ms, EVIDENCE)):
                    return at_ms
        return None


class GroupMachine(Machine):
    """A partition group: its value is the winning member (S16)."""

    def __init__(self, truths: Truths, group: GroupDefinition) -> None:
        members = truths.members_of(group)
        population = [] if group.population is None else [(group.population, members[0])]
        reads = [*population, *(c for m in members for c in truths.conditions_of(m, exclusions=True))]
        gate = [*population, *(c for m in members for c in truths.conditions_of(m, exclusions=False))]
        super().__init__(truths, [c for c, _ in reads], [c for c, _ in gate])
        self.group = group

    def walk(self, evidence: Sequence[Evidence], gate_ms: EpochMs) -> Walk:
        """Walk over *evidence* as far as *gate_ms* allows."""
        walk = Walk()
        for at_ms in self._instants(evidence):
            if at_ms > gate_ms:
                return walk.stop(gate_ms)
            for phase in phases(evidence, at_ms):
                winner = self.truths.winner(self.group, view_at(evidence, at_ms, phase))
                if winner != walk.value:
                    walk.walked((at_ms - 1, EVIDENCE))
                    walk.step(at_ms, winner, cause_at(evidence, at_ms, phase))
                if phase == EVIDENCE:
                    walk.walked((at_ms, EVIDENCE))
        return walk.stop(gate_ms)
