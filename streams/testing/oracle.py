"""The oracle: says from the whole history, at every stimulus anew, what must have been emitted.

Written apart from the engine, from the semantics alone, to be compared with it. It keeps every event, walks every
customer's whole past again at every stimulus (`streams.testing.oracle_walk`), and compares what the walk says now with
what was emitted so far (decision record 2, points 5 and 6). Use it for small histories: its cost grows with the cube.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from streams.errors import DefinitionError
from streams.segmentation.definitions import Catalogue
from streams.segmentation.effects import Kind, Stance
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import BEFORE_ALL, DurationMs, EpochMs
from streams.testing.oracle_stances import OracleStances, Turn
from streams.testing.oracle_told import OracleTransition
from streams.testing.oracle_truth import Truths
from streams.testing.oracle_walk import (
    EVIDENCE,
    Cause,
    Evidence,
    GroupMachine,
    Machine,
    SegmentMachine,
    Walk,
)


@dataclass
class Standing:
    """What has been emitted about one customer by one machine, and the walk that it came from.

    Attributes:
        versions: segment → version of its definition.
        walk: the newest walk, and the watermark of the gate that it was made under.
        member_of: the membership that stands, if any; `entry` is the transition that began it.
        since_ms: since when it is, as corrected by late evidence.
        exited_ms: when the last exit occurred.
        emitted: transitions not yet handed out, each with the instant that the walk had come to.
        sequences: segment → number of its transitions so far.
    """

    customer: str
    versions: Mapping[str, int]
    walk: Walk = field(default_factory=Walk)
    gate_ms: EpochMs = BEFORE_ALL
    member_of: str | None = None
    entry: OracleTransition | None = None
    since_ms: EpochMs = BEFORE_ALL
    exited_ms: EpochMs = BEFORE_ALL
    emitted: list[tuple[EpochMs, OracleTransition]] = field(default_factory=list)
    instant_ms: EpochMs = BEFORE_ALL
    sequences: dict[str, int] = field(default_factory=dict)

    @property
    def entered_ms(self) -> EpochMs:
        """When the entry that stands occurred, as it was emitted."""
        assert self.entry is not None, "nobody is a member without an entry"
        return self.entry.occurred_at_ms

    def follow(self, walk: Walk) -> None:
        """Emit what *walk* found beyond the walk before; never earlier than what stands.

        After evidence about the past a walk may stand further back than before. What it finds on its way again
        comes out in event-time order all the same: an exit not before its entry, an entry not before the last exit.
        """
        seen = len(self.walk.steps)
        assert walk.steps[:seen] == self.walk.steps, "the past changed without evidence about it"
        for step in walk.steps[seen:]:
            self.instant_ms = step.at_ms
            last_ms = self.exited_ms if self.member_of is None else self.entered_ms
            self.switch(max(step.at_ms, last_ms), step.after, step.cause)
            self.since_ms = step.at_ms

    def amend(self, walk: Walk, at_ms: EpochMs, cause: Cause, *, undoes: bool) -> None:
        """Emit what makes the present agree with *walk*, after evidence about the past at *at_ms*."""
        if walk.value == self.member_of:
            return
        if self.member_of is None:
            self.switch(max(walk.since_ms, self.exited_ms), walk.value, cause)
        elif at_ms <= self.entered_ms and not undoes:
            entered_ms = self.entered_ms
            self._leave("retracted", entered_ms, cause)
            self.switch(max(entered_ms, walk.since_ms), walk.value, cause)
        elif walk.value is None:
            self.switch(walk.leaves_ms(self.member_of, max(at_ms, self.entered_ms)), None, cause)
        else:
            self.switch(max(at_ms, self.entered_ms, walk.since_ms), walk.value, cause)

    def switch(self, at_ms: EpochMs, to: str | None, cause: Cause) -> None:
        """Emit the exit from what stands, if anything does, and the entry *to* another, if any."""
        if self.member_of is not None:
            self._leave("exited", at_ms, cause)
            self.exited_ms = at_ms
        if to is not None:
            self.entry = self._emit("entered", to, at_ms, cause)
        self.member_of = to

    def _leave(self, kind: Kind, at_ms: EpochMs, cause: Cause) -> None:
        assert self.entry is not None, "nobody is a member without an entry"
        retracts = (self.entry.segment_id, self.entry.sequence) if kind == "retracted" else None
        self._emit(kind, self.entry.segment_id, at_ms, cause, retracts)
        self.member_of = None

    def _emit(
        self,
        kind: Kind,
        segment_id: str,
        at_ms: EpochMs,
        cause: Cause,
        retracts: tuple[str, int] | None = None,
    ) -> OracleTransition:
        sequence = self.sequences[segment_id] = self.sequences.get(segment_id, 0) + 1
        transition = OracleTransition(
            customer=self.customer,
            segment_id=segment_id,
            version=self.versions[segment_id],
            kind=kind,
            origin=cause.origin,
            occurred_at_ms=at_ms,
            cause=cause.name,
            sequence=sequence,
            retracts=retracts,
            entered_at_ms=None if kind == "entered" else self.since_ms,
        )
        self.emitted.append((self.instant_ms, transition))
        return transition


class Oracle:
    """Expects transitions: `observe` events and `advance` watermarks, then read `transitions` and `memberships`."""

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        out_of_orderness_ms: Mapping[str, DurationMs] | DurationMs = 0,
        shared_watermark: bool = True,
        sources: Mapping[str, str],
    ) -> None:
        """Prepare for *catalogue*; coverage is complete.

        Args:
            catalogue: facts, groups and segments.
            out_of_orderness_ms: how far a watermark stays behind the highest event time; per source, or for all.
            shared_watermark: whether all sources share one watermark.
            sources: event type → source, for every event type that the catalogue reads.

        Raises:
            DefinitionError: an event type of the catalogue has no source.
        """
        self._out_of_orderness_ms = out_of_orderness_ms
        self._shared_watermark = shared_watermark
        self._sources = sources
        self._truths = Truths(catalogue)
        self._order = {segment.segment_id: place for place, segment in enumerate(catalogue.segments)}
        self._versions = {segment.segment_id: segment.version for segment in catalogue.segments}
        self._machines = _machines(self._truths)
        if missing := {e for m in self._machines for e in m.gate_events} - set(sources):
            raise DefinitionError(f"no source for {sorted(missing)}", hint="name one in `sources`")
        self._watermarks: dict[str, EpochMs] = {}
        self._evidence: dict[str, list[Evidence]] = {}
        self._standings: dict[str, list[Standing]] = {}
        self._stances = OracleStances(catalogue)
        self.transitions: list[OracleTransition] = []

    def observe(self, event: EventObserved) -> None:
        """Read *event*: raise stream time, fire what is due, apply the event (S7)."""
        late = event.event_time_ms < self.watermark_ms(event.source)
        self.advance(event.source, event.event_time_ms - self._lag_ms(event.source))
        known = self._evidence.setdefault(event.key, [])
        if all(event.event_id != other.event.event_id for other in known):
            known.append(Evidence(event, late=late))
            self._react([event.key], known[-1])

    def advance(self, source: str | None, watermark_ms: EpochMs) -> None:
        """Raise the watermark of *source* (None: of all) to *watermark_ms*, and fire what is due."""
        for name in {*self._sources.values()} if source is None else {source}:
            clock = self._clock(name)
            self._watermarks[clock] = max(watermark_ms, self._watermarks.get(clock, BEFORE_ALL))
        self._react(sorted(self._evidence), None)

    def watermark_ms(self, source: str) -> EpochMs:
        """Return the watermark of *source*; before all time when nothing was seen of it."""
        return self._watermarks.get(self._clock(source), BEFORE_ALL)

    def memberships(self) -> dict[str, dict[str, EpochMs]]:
        """Return the present memberships: customer → segment → since when. Customers without any are left out."""
        present: dict[str, dict[str, EpochMs]] = {}
        for customer, standings in self._standings.items():
            for standing in standings:
                if standing.member_of is not None:
                    present.setdefault(customer, {})[standing.member_of] = standing.since_ms
        return present

    def stances(self) -> dict[str, dict[str, Stance]]:
        """Return how the present memberships stand, those that something may stand beside."""
        return {customer: told.stances for customer, told in self._stances.told.items() if told.stances}

    def _clock(self, source: str) -> str:
        """Return whose watermark *source* goes by."""
        return "every source" if self._shared_watermark else source

    def _lag_ms(self, source: str) -> DurationMs:
        lag = self._out_of_orderness_ms
        return lag if isinstance(lag, int) else lag.get(source, 0)

    def _react(self, customers: Iterable[str], read: Evidence | None) -> None:
        """Walk again for *customers*, after *read* or because time moved, and emit what follows, in order."""
        touched: list[Standing] = []
        for customer in customers:
            if customer not in self._standings:
                self._standings[customer] = [self._unseen(customer, machine) for machine in self._machines]
            for machine, standing in zip(self._machines, self._standings[customer], strict=True):
                if read is None or machine.reads(read.event):
                    self._walk_again(machine, standing, read)
                    touched.append(standing)
        ordered: list[tuple[EpochMs, OracleTransition]] = []
        while waiting := [standing.emitted for standing in touched if standing.emitted]:
            first = min(waiting, key=lambda emitted: self._rank(*emitted[0], by_time=read is None))
            ordered.append(first.pop(0))
        if read is not None:
            self._end_turn(read.event.key, ordered, read)
            return
        for (_, customer), moves in groupby(ordered, key=lambda one: (one[0], one[1].customer)):
            self._end_turn(customer, list(moves), None)

    def _end_turn(
        self, customer: str, moves: list[tuple[EpochMs, OracleTransition]], read: Evidence | None
    ) -> None:
        """Tell the *moves* of one customer at one event or instant, and what stands otherwise after them."""
        told = self._stances.told.get(customer)
        since_ms = {} if told is None else dict(told.since_ms)
        for instant_ms, move in moves:
            since_ms.pop(move.segment_id, None)
            if move.kind == "entered":
                since_ms[move.segment_id] = instant_ms
        if read is not None:  # it may have corrected since when
            present = self.memberships().get(customer, {})
            assert present.keys() == since_ms.keys(), "who was told to be a member is one"
            since_ms = present
        known = [evidence.event for evidence in self._evidence[customer]]
        event, late = (None, False) if read is None else (read.event, read.late)
        turn = Turn(customer, [move for _, move in moves], known, event, late, since_ms)
        self.transitions += self._stances.end(turn)

    def _rank(
        self, instant_ms: EpochMs, transition: OracleTransition, *, by_time: bool
    ) -> tuple[EpochMs, str, EpochMs, bool, int]:
        """Order at one stimulus: by due instant, then customer (S7); of one customer by time, exits before entries.

        What occurred may be later than what was due: after out-of-order evidence nothing is told before what stands.
        """
        due_ms, entry = instant_ms if by_time else BEFORE_ALL, transition.kind == "entered"
        at_ms, place = transition.occurred_at_ms, self._order[transition.segment_id]
        return due_ms, transition.customer, at_ms, entry, place

    def _gate_ms(self, machine: Machine) -> EpochMs:
        return min(self.watermark_ms(self._sources[event]) for event in machine.gate_events)

    def _unseen(self, customer: str, machine: Machine) -> Standing:
        """Return what stands of a customer of whom nothing was read: nothing, up to the gate of now."""
        gate_ms = self._gate_ms(machine)
        return Standing(customer, self._versions, machine.walk([], gate_ms), gate_ms)

    def _walk_again(self, machine: Machine, standing: Standing, read: Evidence | None) -> None:
        gate_ms = self._gate_ms(machine)
        if read is None and gate_ms == standing.gate_ms:
            return
        evidence = [known for known in self._evidence[standing.customer] if machine.reads(known.event)]
        walk = machine.walk(evidence, gate_ms)
        if read is not None and (read.at_ms, EVIDENCE) <= standing.walk.position:
            standing.amend(walk, read.at_ms, read.cause, undoes=machine.undoes(read.event))
        else:
            standing.follow(walk)
        assert standing.member_of == walk.value, "what was emitted must agree with the walk"
        standing.walk, standing.gate_ms, standing.since_ms = walk, gate_ms, walk.since_ms


def _machines(truths: Truths) -> list[Machine]:
    """Return what is decided as one, in the catalogue's order of first mention."""
    machines: dict[str, Machine] = {}
    for segment in truths.segments.values():
        group = truths.partition_of(segment)
        if group is None:
            machines[f"segment {segment.segment_id}"] = SegmentMachine(truths, segment)
        elif f"group {group.name}" not in machines:
            machines[f"group {group.name}"] = GroupMachine(truths, group)
    return list(machines.values())
