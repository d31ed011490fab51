"""Generates the classes of a plan: the customer's profile with its journals, and a machine for each unit of decision."""

from __future__ import annotations

from collections.abc import Sequence

from streams.catalogue.codegen import Writer
from streams.catalogue.machine_code import MachineCode
from streams.segmentation.journals import JournalSpec

PROFILE = "CustomerProfile"
EVALUATES = f"(p: {PROFILE}, t: int, seen: int, coverage: Coverage)"
"""The parameters of every function that evaluates a condition."""


def write_profile(write: Writer, specs: Sequence[JournalSpec], machines: int, gates: int) -> None:
    """Write the class of a customer's state: one list for each column of each journal."""
    fields = [field for spec in specs for field in fields_of(spec)]
    write.start(f"class {PROFILE}(Profile):")
    names = ", ".join(repr(name) for name, _, _ in fields)
    write(f"__slots__ = ({names}{',' if len(fields) == 1 else ''})")
    write()
    write("def __init__(self, key: str) -> None:")
    write(f"    super().__init__(key, {machines}, {gates})")
    for name, kind, empty in fields:
        write(f"    self.{name}: {kind} = {empty}")
    write()
    write("def journals(self) -> list[object]:")
    write(f"    return [{', '.join(f'self.{name}' for name, _, _ in fields)}]")
    write()
    write("def take_journals(self, lists: list[Any]) -> None:")
    for number, (name, _, empty) in enumerate(fields):
        write(f"    self.{name} = lists[{number}] or {empty}")
    if not fields:
        write("    assert not lists")


def fields_of(spec: JournalSpec) -> list[tuple[str, str, str]]:
    """Return the fields of a profile that hold the journal *spec*: name, type, what stands there while it is empty."""
    numbers = {spec.name, f"{spec.name}_undone", f"{spec.name}_amount", f"{spec.name}_folded"}
    found = [
        (name, "list[int]" if name in numbers else "list[Any]", "NONE")
        for name in (spec.name, *spec.columns, f"{spec.name}_folded")
    ]
    if spec.undone_by:
        found.append((f"{spec.name}_stray", "dict[str, int]", "NO_ENTRIES"))
    return found


def machine_class(machine: MachineCode) -> str:
    """Return the name of the class of *machine*."""
    return f"Machine_{machine.name}"


def write_machine(write: Writer, machine: MachineCode) -> None:
    """Write the class of *machine*: the engine's, with the definition's own truth."""
    base = "GroupMachine" if machine.partition_group else "DoorMachine" if machine.door else "SegmentMachine"
    write.start(f"class {machine_class(machine)}({base}):")
    for method, function in (("entry", machine.entry), ("stay", machine.stay)):
        write(
            f"def {method}(self, profile: Profile, t: int, seen: int, coverage: Coverage) -> tuple[int, int]:"
        )
        write(f'    return {function}(cast("{PROFILE}", profile), t, seen, coverage)')
        write()
