"""Says where a customer stood at a past instant, from the state as it is now, and how far back that can be said.

Two witnesses are asked. The *state* of the machine knows the last entry and the last exit that were emitted: it answers
for every instant since. Before them the *journals* answer: the machine walks again through what they still hold, once
from each state that it may have been in at their beginning; where all walks end alike, that is the answer, and where
they do not, there is none. Late evidence is known by now: the answer is what was true, not what had been told by then.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from streams.catalogue.explaining import Explainer
from streams.segmentation.journals import LENGTH_MAX
from streams.segmentation.machines import Machine
from streams.segmentation.partition import Partition
from streams.segmentation.profiles import MEMBER, PENDING, MachineState, Profile
from streams.segmentation.timeline import BEFORE_ALL, NEVER, EpochMs
from streams.segmentation.walking import Recorder, View

Stood = Literal["out", "pending", "member", "unknown"]


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """Where a customer stood in one segment at a past instant.

    Attributes:
        status: ``unknown``: nothing that is kept says it.
        since_ms: when the membership, or the pending time, began; None when out, or from before what is kept.
        witness: ``state``: the last entry and exit that were emitted; ``journals``: a walk through what they hold.
        kept_back_to_ms: the earliest instant at which the clauses can be told; `BEFORE_ALL`: any.
    """

    status: Stood
    since_ms: EpochMs | None = None
    witness: Literal["state", "journals"]
    kept_back_to_ms: EpochMs


def past_of(
    explainer: Explainer, partition: Partition, profile: Profile, segment_id: str, at_ms: EpochMs
) -> Past:
    """Return where the customer of *profile* stood in *segment_id* at *at_ms*, which is before the present."""
    plan, member = explainer.machine_of(segment_id)
    machine, state = partition.machines[plan.index], profile.states[plan.index]
    kept = kept_back_to(explainer, partition, profile, segment_id)
    known = _emitted(state, member, at_ms)
    if known is not None:
        return Past(status=known[0], since_ms=known[1], witness="state", kept_back_to_ms=kept)
    if at_ms < kept or plan.has_door:  # what a door let in before is not kept
        return Past(status="unknown", witness="journals", kept_back_to_ms=kept)
    status, since = _walked(machine, partition, profile, member, (kept, at_ms))
    return Past(status=status, since_ms=since, witness="journals", kept_back_to_ms=kept)


def kept_back_to(explainer: Explainer, partition: Partition, profile: Profile, segment_id: str) -> EpochMs:
    """Return the earliest instant for which the journals of *profile* hold all that *segment_id* asks."""
    found = BEFORE_ALL
    for reading, spec in explainer.journals_of(segment_id):
        times: list[EpochMs] = getattr(profile, spec.name)
        first = BEFORE_ALL
        if spec.retention_ms is not None and partition.horizon > BEFORE_ALL:
            first = partition.horizon - spec.retention_ms
        if len(times) >= LENGTH_MAX:  # older ones may have been dropped, or only be counted
            first = max(first, times[0])
        reach_ms = reading.undone_reach_ms if spec.undone_by else reading.reach_ms
        if first > BEFORE_ALL:
            found = max(found, first + (reach_ms or 0))
    return found


def _emitted(state: MachineState | None, member: int, at_ms: EpochMs) -> tuple[Stood, EpochMs | None] | None:
    """Return what the last entry and exit say about *at_ms*; None when it lies before them."""
    if state is None:
        return "out", None
    if state.status == MEMBER and at_ms >= state.entered:
        mine = max(state.winner, 0) == member
        return ("member", state.since) if mine else ("out", None)
    if at_ms < state.left:
        return None
    if state.status == PENDING and at_ms >= state.since:
        return "pending", state.since
    return "out", None


def _walked(
    machine: Machine, partition: Partition, profile: Profile, member: int, span: tuple[EpochMs, EpochMs]
) -> tuple[Stood, EpochMs | None]:
    """Return how the walks from the first to the second instant of *span* end, if they end alike."""
    begin, at_ms = span
    instants = machine.plan.instants(profile)
    starts = [machine.new_state()]
    if begin == BEFORE_ALL:  # all is kept: before the first event nobody stands anywhere
        state = profile.states[machine.index]
        first = NEVER if state is None else state.first
        instants = sorted({*instants, first} - {NEVER})
    else:
        starts += _members(machine, member, begin)
        for state in starts:
            state.due = begin
    view = View(profile, partition.gates[machine.gate], partition.coverage, Recorder())
    ends: set[tuple[Stood, EpochMs | None]] = set()
    for state in starts:
        state.waiting = [(at, "", False, False) for at in instants if at >= begin]
        machine.walk(view, state, at_ms)
        ends.add(_end(state, member))
    statuses = {status for status, _ in ends}
    since = {since for _, since in ends}
    if statuses == {"out", "pending"}:
        return "out", None
    if len(statuses) > 1:
        return "unknown", None
    return statuses.pop(), since.pop() if len(since) == 1 else None


def _end(state: MachineState, member: int) -> tuple[Stood, EpochMs | None]:
    if state.status == PENDING:
        return "pending", state.since
    if state.status == MEMBER and max(state.winner, 0) == member:
        return "member", state.since
    return "out", None


def _members(machine: Machine, member: int, begin: EpochMs) -> list[MachineState]:
    """Return the states of members at *begin*: just entered, and for so long that every least time is over."""
    found = []
    if machine.plan.partition_group:
        return []  # the winner is whoever is true, whoever it was before
    for since in (begin, begin - machine.plan.min_membership_ms):
        state = machine.new_state()
        state.status, state.winner = MEMBER, member
        state.since = state.entered = since
        found.append(state)
    return found
