"""Generates the handlers: one function per event type, which updates the journals and lets machines see the event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from streams.catalogue.codegen import Writer
from streams.catalogue.journalling import CUSTOMER_HASH, Journals, Where, unique
from streams.catalogue.machine_code import MachineCode, write_see
from streams.segmentation.journals import JournalSpec, column_name

CREATED = "created"
"""A fact of this name says when a customer came into being: nothing of theirs is older (S10)."""


def write_handlers(
    write: Writer,
    journals: Journals,
    machines: Sequence[MachineCode],
    reads: list[list[str]],
    *,
    covered: bool,
    heard: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write the handlers, what lets machines see events, and ``HANDLERS``: event type → handler.

    Args:
        write: where the lines go.
        journals: the catalogue's journals.
        machines: what there is to see an event.
        reads: per machine, the names of the journals it reads.
        covered: coverage counts: that a customer came into being may make any truth known (S10).
        heard: event type → the call that takes what it says about a channel.
    """
    created = journals.facts.get(CREATED)
    born = created.events if created is not None else ()
    feeding: dict[str, list[JournalSpec]] = {}
    undoing: dict[str, list[tuple[JournalSpec, Where]]] = {}
    for spec in journals.specs:
        for event in spec.events:
            feeding.setdefault(event, []).append(spec)
        for event, where in spec.undone_by:
            undoing.setdefault(event, []).append((spec, where))
    events = list(dict.fromkeys((*feeding, *undoing, *born, *heard)))
    taken: set[str] = set()
    functions = {event: unique(f"on_{column_name(event)}", taken) for event in events}
    for machine in machines:
        write_see(write, machine)
    see = [(f"see_{machine.name}", set(names)) for machine, names in zip(machines, reads, strict=True)]
    for event in events:
        fed, undone = feeding.get(event, []), undoing.get(event, [])
        write.start(
            f"def {functions[event]}(x: Partition, profile: Profile, event: EventObserved, late: bool) -> bool:"
        )
        write('p = cast("CustomerProfile", profile)')
        if journals.deals:
            write(f"if not p.{CUSTOMER_HASH}: p.{CUSTOMER_HASH} = [hash_of(p.key)]")
        hears = heard.get(event, "")
        _body(write, fed, undone, see, born=event in born, everyone=covered and event in born, hears=hears)
    write.start("HANDLERS = {")
    for event in events:
        write(f"{event!r}: {functions[event]},")
    write.level = 0
    write("}")


def _body(
    write: Writer,
    fed: list[JournalSpec],
    undone: list[tuple[JournalSpec, Where]],
    see: list[tuple[str, set[str]]],
    *,
    born: bool,
    everyone: bool,
    hears: str,
) -> None:
    write("t = event.event_time_ms")
    if (
        any(spec.values or spec.kept or spec.amounts or spec.where or spec.key for spec in fed)
        or undone
        or "get(" in hears
    ):
        write("get = event.properties.get")
    for number, spec in enumerate(fed):
        if spec.amounts:  # first of all: a bad amount refuses the event before anything is changed
            write(f"amount{number} = amount_of(get, {spec.amounts!r})")
    alone = len(fed) == 1 and not fed[0].where and not born and not undone and not hears
    if not alone:
        write(f"kept = {not fed or bool(hears)}")
    if born:
        write("if p.created == BEFORE_ALL or t < p.created: p.created = t")
        write("kept = True")
    for number, spec in enumerate(fed):
        _feed(write, spec, number, alone=alone)
    names_fed = {spec.name for spec in fed}
    both = {name for _, names in see if everyone or names_fed & names for name in names}
    taken = _undo(write, undone, both)
    if not alone and not hears:
        write("if not kept: return False")
    _let_see(write, names_fed, taken, see, everyone=everyone)
    if hears:
        write(hears)
    write("return True")


def _undo(write: Writer, undone: list[tuple[JournalSpec, Where]], both: set[str]) -> dict[str, str]:
    """Write what the event takes back; return journal → the variable that tells whether it did.

    Only for the journals *both*, which machines read that the event feeds as well: else there is no variable.
    """
    taken = {}
    for number, (spec, where) in enumerate(undone):
        taken[spec.name] = variable = f"taken{number}" if spec.name in both else ""
        if variable:
            write(f"{variable} = False")
        level = write.level
        _test(write, where)
        write(f"occurrence = get({spec.key!r})")
        if variable:
            write(f"{variable} = occurrence is not None")
        write(f"if occurrence is not None: undo(p, SPECS[{spec.name!r}], str(occurrence), t)")
        write.level = level
    return taken


def _let_see(
    write: Writer, fed: set[str], undone: dict[str, str], see: list[tuple[str, set[str]]], *, everyone: bool
) -> None:
    """Write: let every machine (or *everyone*) see the event that reads a journal which it fed, or took from.

    Where it does both for a machine, the variables of *undone* tell whether it took something back: then it never
    retracts (S15).
    """
    for function, names in see:
        if everyone or fed & names:
            taken = " or ".join(variable for name, variable in undone.items() if name in names)
            write(f"{function}(x, p, t, event.event_id, late, {taken or False})")
        elif not names.isdisjoint(undone):
            write(f"{function}(x, p, t, event.event_id, late, True)")


def _test(write: Writer, where: Where) -> None:
    """Open a block that runs when the event passes *where*."""
    if where:
        tests = (f"passes(get({f.property!r}), {f.operator!r}, {f.value!r})" for f in where)
        write(f"if {' and '.join(tests)}:")
        write.level += 1


def _feed(write: Writer, spec: JournalSpec, number: int, *, alone: bool) -> None:
    """Write: put the event into the journal *spec*; *alone*: there is no other, and no filter."""
    name, level = spec.name, write.level
    horizon = "BEFORE_ALL" if spec.retention_ms is None else f"x.horizon - {spec.retention_ms}"
    if spec.where:
        write("kept = True")  # an event that a filter leaves out is not too late
    _test(write, spec.where)
    write(f"j = p.{name}")
    write("if not j:")
    write(f"    j = p.{name} = []")
    for column in spec.columns:
        if column != f"{name}_undone":  # it stays empty until something is undone
            write(f"    p.{column} = []")
    write(f"k = len(j) if not j or t >= j[-1] else place(j, t, {horizon})")
    if alone:
        write("if k < 0: return False")
    else:
        write("if k >= 0:")
        write.level += 1
        write("kept = True")
    write("j.insert(k, t)")
    for value in spec.values:
        write(f"p.{spec.column_of(value)}.insert(k, plain(get({value!r})))")
    for kept in spec.kept:
        write(f"p.{spec.kept_column(kept)}.insert(k, {kept.expression})")
    if spec.amounts:
        write(f"p.{name}_amount.insert(k, amount{number})")
    if spec.key is not None:
        write(f"occurrence = get({spec.key!r})")
        write("occurrence = None if occurrence is None else str(occurrence)")
        write("since = NEVER")
        write(f"if occurrence is not None and (p.{name}_undone or p.{name}_stray):")
        write(f"    since = undone_before(p, SPECS[{name!r}], occurrence)")
        write(f"if p.{name}_undone: p.{name}_undone.insert(k, NEVER)")
        write(f"p.{name}_key.insert(k, occurrence)")
        write(f"if since < NEVER: undo(p, SPECS[{name!r}], str(occurrence), since)")
    write(f"if len(j) > TRIM_AT: forget(p, SPECS[{name!r}], {horizon})")
    write.level = level
