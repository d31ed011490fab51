"""Says where a customer stood at a past instant, from the state as it is now, and how far back that can be said.

Two witnesses are asked. The *state* of the machine knows the last entry and the last exit, as late evidence has corrected
them: it answers for every instant since. Before them the *journals* answer: the machine walks again through what they
still hold, late events included, once from each state that it may have been in at their beginning; where all walks end
alike, that is the answer, and where they do not, there is none.
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
        witness: ``state``: the last entry and exit; ``journals``: a walk through what they hold.
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
    known = _emitted(profile.states[plan.index], member, at_ms)
    if known is None:
        return by_journals(explainer, partition, profile, segment_id, at_ms)
    kept = kept_back_to(explainer, partition, profile, segment_id)
    return Past(status=known[0], since_ms=known[1], witness="state", kept_back_to_ms=kept)


def by_journals(
    explainer: Explainer, partition: Partition, profile: Profile, segment_id: str, at_ms: EpochMs
) -> Past:
    """Return the same by a walk through the journals alone; of a customer whom the machine knows."""
    plan, member = explainer.machine_of(segment_id)
    kept = kept_back_to(explainer, partition, profile, segment_id)
    # Since when somebody must stay, or may not enter, is not kept where the events of that time are not.
    rests_on_more = plan.has_door or plan.min_membership_ms > 0
    if kept > BEFORE_ALL and (at_ms < kept or rests_on_more):
        return Past(status="unknown", witness="journals", kept_back_to_ms=kept)
    status, since = _walked(partition.machines[plan.index], partition, profile, member, (kept, at_ms))
    return Past(status=status, since_ms=since, witness="journals", kept_back_to_ms=kept)


def kept_back_to(explainer: Explainer, partition: Partition, profile: Profile, segment_id: str) -> EpochMs:
    """Return the earliest instant for which the journals of *profile* hold all that *segment_id* asks.

    A journal that forgets spares the newest entry of those: where its first entry is young enough to be kept anyway,
    nothing was forgotten, and else it is complete from its first entry on.
    """
    found = BEFORE_ALL
    for reading, spec in explainer.journals_of(segment_id):
        times: list[EpochMs] = getattr(profile, spec.name)
        old = spec.retention_ms is not None and times and times[0] < partition.horizon - spec.retention_ms
        if old or len(times) >= LENGTH_MAX:
            reach_ms = reading.undone_reach_ms if spec.undone_by else reading.reach_ms
            found = max(found, times[0] + (reach_ms or 0))
    return found


def _emitted(state: MachineState | None, member: int, at_ms: EpochMs) -> tuple[Stood, EpochMs | None] | None:
    """Return what the last entry and exit say about *at_ms*; None when it lies before them."""
    if state is None:
        return "out", None
    if state.status == MEMBER and at_ms >= state.since:
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
    known = profile.states[machine.index]
    first = NEVER if known is None else known.first
    instants = sorted({*machine.plan.instants(profile), first} - {NEVER})
    starts = [machine.new_state()]
    if instants and instants[0] <= begin:  # else all is kept: before the first event nobody stands anywhere
        starts += [] if machine.plan.partition_group else [_member(machine, member, begin)]
        for state in starts:
            state.due = begin
    view = View(profile, partition.gates[machine.gate], partition.coverage, Recorder())
    ends: set[tuple[Stood, EpochMs | None]] = set()
    for state in starts:
        state.waiting = [(at, "kept", False, False) for at in instants if at >= begin]
        machine.walk(view, state, at_ms)
        ends.add(_end(state, member, at_ms))
    statuses = {status for status, _ in ends}
    since = {since for _, since in ends}
    if statuses == {"out", "pending"}:
        return "out", None
    if len(statuses) > 1:
        return "unknown", None
    return statuses.pop(), since.pop() if len(since) == 1 else None


def _end(state: MachineState, member: int, at_ms: EpochMs) -> tuple[Stood, EpochMs | None]:
    if state.status == PENDING:  # before a shut door its time begins later
        return "pending", state.since if state.since <= at_ms else None
    if state.status == MEMBER and max(state.winner, 0) == member:
        return "member", state.since
    return "out", None


def _member(machine: Machine, member: int, begin: EpochMs) -> MachineState:
    """Return the state of a member at *begin*: with nobody's at all, the two between which every state lies."""
    state = machine.new_state()
    state.status, state.winner = MEMBER, member
    state.since = state.entered = begin
    return state
