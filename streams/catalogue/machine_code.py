"""Generates, per machine, the function that lets it see an event: the common cases in line, the others by the engine.

Nearly every event finds the machine where nothing is undecided, and changes at most the next instant of time, or enters or
leaves at once. These cases are written out with the definition's constants in place (`streams.segmentation.machines` says
why each step is right); whatever else may happen goes to `Partition.see`.
"""

from __future__ import annotations

from typing import NamedTuple

from streams.catalogue.codegen import Writer
from streams.segmentation.timeline import DurationMs


class MachineCode(NamedTuple):
    """What the generated code of one machine depends on.

    Attributes:
        number: the position of the machine in the plan.
        name: identifier of its segment or group.
        gate: index of its gate.
        partition_group: whether its functions return the index of the winner.
        entry, stay: names of the functions that evaluate entering and staying.
        filtered: whether it may see events that no journal of its keeps.
        gated, dwell_ms, grace_ms, min_membership_ms: of the definition.
        door: what it says of entering again, in words; empty when it may be at any time.
    """

    number: int
    name: str
    gate: int
    partition_group: bool
    entry: str
    stay: str
    filtered: bool = False
    gated: bool = False
    dwell_ms: DurationMs = 0
    grace_ms: DurationMs = 0
    min_membership_ms: DurationMs = 0
    door: str = ""


def write_see(write: Writer, machine: MachineCode) -> None:
    """Write ``see_NAME(x, p, t, event_id, late, undoing)``, which arms the machine's wake-up too."""
    write.start(
        f"def see_{machine.name}("
        f"x: Partition, p: CustomerProfile, t: int, event_id: str, late: bool, undoing: bool) -> None:"
    )
    if machine.door:  # who comes and goes concerns the door: the engine knows it
        write(f"# {machine.door}")
    write(f"s, w = p.states[{machine.number}], x.gates[{machine.gate}]")
    if machine.partition_group:
        _see_group(write, machine)
    else:
        write("if s is None:")
        write.level += 1
        _see_first(write, machine)
        write.level -= 1
        write("elif s.at <= t < s.due and not s.waiting:")
        write.level += 1
        _see_next(write, machine)
        write.level -= 1
    write(f"x.see(x.machines[{machine.number}], p, (t, event_id, late, undoing))")


def _see_group(write: Writer, machine: MachineCode) -> None:
    write(
        "if s is not None and s.at <= t < s.due and t <= w and (t > s.since or s.winner < 0) and not s.waiting:"
    )
    write(f"    winner, n = {machine.entry}(p, t, t, x.coverage)")
    write("    if winner == s.winner and n > w:")
    write("        s.at, s.due = t, n")
    _arm(write, machine, "n", indent="        ")
    write("        return")


def _see_first(write: Writer, machine: MachineCode) -> None:
    """Write what the first event does that concerns the machine: mostly nothing, or a wake-up is armed."""
    first = ", t" if machine.filtered else ""
    write("if t >= p.newest:")
    write(f"    v, n = {machine.entry}(p, t, t, x.coverage)")
    write("    if v != 2:")
    write("        if n == NEVER: return")
    write("        if n > w:")
    write(f"            p.states[{machine.number}] = MachineState(t, n{first})")
    _arm(write, machine, _plus("n", _delay(machine)), indent="            ")
    write("            return")
    if _enters_at_once(machine):
        write("    elif n > w <= t:")
        write(f"        x.enter(x.machines[{machine.number}], p, (t, event_id, late, undoing), n)")
        write("        return")


def _see_next(write: Writer, machine: MachineCode) -> None:
    write("if s.status == 2:")
    write("    if t > s.since:")
    write(f"        v, n = {machine.stay}(p, t, t, x.coverage)")
    write("        if v != 0:")
    write("            if n > w:")
    write("                s.at, s.due = t, n")
    _arm(write, machine, "n", indent="                ")
    write("                return")
    if machine.stay == machine.entry and not machine.door:
        young = f" and t >= s.since + {machine.min_membership_ms}" if machine.min_membership_ms else ""
        write(f"        elif n > w <= t and t > s.at{young}:")
        write(f"            x.leave(x.machines[{machine.number}], p, (t, event_id, late, undoing), n)")
        write("            return")
    write("elif s.status == 0:")
    write(f"    v, n = {machine.entry}(p, t, t, x.coverage)")
    write("    if v != 2:")
    write("        if n > w:")
    write("            s.at, s.due = t, n")
    _arm(write, machine, _plus("n", _delay(machine)), indent="            ")
    write("            return")
    if _enters_at_once(machine):
        write("    elif n > w <= t and t > s.at:")
        write(f"        x.enter(x.machines[{machine.number}], p, (t, event_id, late, undoing), n)")
        write("        return")


def _arm(write: Writer, machine: MachineCode, deadline: str, *, indent: str) -> None:
    armed = f"p.wakes[{machine.gate - 1}]" if machine.gate else "p.wake"
    if deadline != "n":
        write(f"{indent}n = {deadline}")
    write(f"{indent}if n < {armed}: x.arm(p, {machine.gate}, n)")


def _delay(machine: MachineCode) -> DurationMs:
    """Return how long after an instant of time an outsider's machine has to look: `SegmentMachine.deadline`."""
    return machine.dwell_ms + machine.grace_ms if machine.gated else 0


def _plus(name: str, delay_ms: DurationMs) -> str:
    return f"{name} + {delay_ms}" if delay_ms else name


def _enters_at_once(machine: MachineCode) -> bool:
    at_once = not machine.gated and not machine.dwell_ms and not machine.door
    return at_once and machine.stay == machine.entry
