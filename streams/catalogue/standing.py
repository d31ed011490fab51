"""Says where a customer stands in a segment: a member or not, since when, what an undecided entry waits for, and why."""

from __future__ import annotations

from typing import Literal

import msgspec

from streams.catalogue.explaining import Explainer, TreeNode
from streams.catalogue.past import Past, past_of
from streams.segmentation.machines import Machine
from streams.segmentation.partition import Partition
from streams.segmentation.profiles import MEMBER, OUT, PENDING, MachineState, Profile
from streams.segmentation.timeline import BEFORE_ALL, NEVER, EpochMs
from streams.segmentation.walking import Recorder, View


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """An input that holds a decision back: its watermark has not come as far as the decision needs.

    Attributes:
        input: the topic, or ``file``.
        sources: the sources of the gate that it carries.
        watermark_ms: how far its time has come; `BEFORE_ALL`: nothing was read.
    """

    input: str
    sources: tuple[str, ...]
    watermark_ms: EpochMs


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a customer stands in one segment.

    Attributes:
        status: ``member``, ``pending`` (it is true, the entry is not decided yet) or ``out``.
        since_ms: when the membership, or the pending time, began; None when out.
        left_ms: the last exit that was emitted; None: there was none.
        due_ms: the instant that is to be decided next and has come or is a pending entry's; None: nothing is.
        decided_at_ms: the watermark at which it is decided, grace included; None with *due_ms*.
        waits_for: the inputs whose watermarks have not come so far.
        known: something is remembered of the customer here. Without that the customer is out: either nothing came that
            the definition reads, or what came made it neither true nor something that time could make true.
    """

    status: Literal["out", "pending", "member"]
    since_ms: EpochMs | None = None
    left_ms: EpochMs | None = None
    due_ms: EpochMs | None = None
    decided_at_ms: EpochMs | None = None
    waits_for: tuple[Held, ...] = ()
    known: bool = True


def present(partition: Partition, profile: Profile) -> EpochMs:
    """Return the instant that *partition* has come to, and *profile* with it."""
    newest: EpochMs = profile.newest
    return max(newest, *partition.watermarks.inputs)


def standing(partition: Partition, profile: Profile, machine_index: int, member: int) -> Standing:
    """Return where the customer of *profile* stands.

    Args:
        partition: the engine whose state it is.
        profile: the customer's.
        machine_index: the machine's position in the plan.
        member: the segment's place among the machine's members.
    """
    machine = partition.machines[machine_index]
    state = profile.states[machine_index]
    if state is None:
        return Standing(status="out", known=False)
    now = present(partition, profile)
    state = _caught_up(partition, profile, machine, state, now)
    inside = state.status == MEMBER and max(state.winner, 0) == member
    # A group keeps one time for all its members: when the last of them was left is known, not which it was.
    left = None if machine.plan.partition_group or state.left == BEFORE_ALL else state.left
    due = _due(machine, state, now)
    judged = state.status == PENDING or (state.status == OUT and not machine.plan.partition_group)
    needed = None if due is None else due + machine.judged_ms if judged else due
    return Standing(
        status="member" if inside else "pending" if state.status == PENDING else "out",
        since_ms=state.since if inside or state.status == PENDING else None,
        left_ms=left,
        due_ms=due,
        decided_at_ms=needed,
        waits_for=() if needed is None else _behind(partition, machine, needed),
    )


def _caught_up(
    partition: Partition, profile: Profile, machine: Machine, state: MachineState, now: EpochMs
) -> MachineState:
    """Return the state of *machine* at *now*, pending if it is.

    Outside, a machine lets the beginning of a pending time lie until the entry may be judged: here it is passed.
    """
    state = state.copy()
    if not machine.outside_delay_ms:
        return state
    view = View(profile, partition.gates[machine.gate], partition.coverage, Recorder())
    machine.walk(view, state, now)
    while state.status == OUT and state.due <= now and machine.next_instant(state) == state.due:
        machine.pass_time(view, state)
        machine.walk(view, state, now)
    return state


def _due(machine: Machine, state: MachineState, now: EpochMs) -> EpochMs | None:
    """Return the instant that is undecided: a pending entry's, or one that has come already."""
    if state.status == PENDING:
        instant = max(state.due, state.since + machine.plan.dwell_ms)
        return instant if instant < NEVER else None
    instant = machine.next_instant(state)
    return instant if instant <= now and instant < NEVER else None


def _behind(partition: Partition, machine: Machine, needed: EpochMs) -> tuple[Held, ...]:
    """Return the inputs of the machine's gate whose watermarks are before *needed*."""
    gate, watermarks = partition.plan.gates[machine.gate], partition.watermarks
    inputs = list(zip(watermarks.specs, watermarks.inputs, strict=True))
    carrying = [one for one in inputs if not gate or not one[0].sources or one[0].sources & gate] or inputs
    return tuple(
        Held(input=spec.name, sources=tuple(sorted(gate & (spec.sources or gate))), watermark_ms=watermark)
        for spec, watermark in carrying
        if watermark < needed
    )


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why one customer is in one segment or not.

    Attributes:
        standing: where the customer stands now, at `present`.
        tree: the clauses as they stand at *at_ms*; the root is what an entry needs.
        stays: the truth that a member needs at *at_ms*, where a definition has an `until`; else that of the root.
        past: where the customer stood at *at_ms*, when that is before the present.
    """

    segment_id: str
    segment_version: int
    label: str
    at_ms: EpochMs
    standing: Standing
    tree: TreeNode
    stays: str
    past: Past | None = None


def explain(
    explainer: Explainer, partition: Partition, profile: Profile, segment_id: str, at_ms: EpochMs
) -> Explanation:
    """Return the explanation of *segment_id* for the customer of *profile*, its clauses at *at_ms*."""
    machine, member = explainer.machine_of(segment_id)
    definition = explainer.definition(segment_id)
    back = at_ms < present(partition, profile)
    return Explanation(
        segment_id=segment_id,
        segment_version=definition.version,
        label=definition.label,
        at_ms=at_ms,
        standing=standing(partition, profile, machine.index, member),
        tree=explainer.tree(segment_id, profile, at_ms, partition.coverage),
        stays=explainer.stays(segment_id, profile, at_ms, partition.coverage),
        past=past_of(explainer, partition, profile, segment_id, at_ms) if back else None,
    )
