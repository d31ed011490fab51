"""Compiles a catalogue to a plan: generates one Python module, executes it, wraps its functions.

The module is deterministic: the same catalogue gives the same source, and its hash names the state format. It is kept
readable (`streams catalogue show --code` prints it) and registered with `linecache`, so that tracebacks show its lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xxhash import xxh3_128_hexdigest

from streams.catalogue.codegen import Writer
from streams.catalogue.contextcode import write_context
from streams.catalogue.coverage import reaches_of
from streams.catalogue.handlers import CREATED, write_handlers
from streams.catalogue.journalling import Journals, properties_of
from streams.catalogue.leafcode import LeafWriter
from streams.catalogue.machine_code import MachineCode
from streams.catalogue.profilecode import EVALUATES, PROFILE, machine_class, write_machine, write_profile
from streams.catalogue.runtime_names import execute, with_imports
from streams.catalogue.wording import describe, door_in_words
from streams.errors import DefinitionError
from streams.segmentation.conditions import (
    All,
    Any_,
    Condition,
    InSegment,
    Leaf,
    Not,
    Otherwise,
    leaves,
    rests_on_absence,
)
from streams.segmentation.definitions import Catalogue, GroupDefinition, SegmentDefinition
from streams.segmentation.journals import JournalSpec
from streams.segmentation.plans import MachinePlan, MemberPlan, Plan
from streams.segmentation.readings import readings

STATE_FORMAT = 2
"""Version of everything in a profile that the generated source does not determine."""

PREAMBLE = '''"""Generated from the catalogue; not edited by hand."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Any, Final, cast

from streams.segmentation.doors import DoorMachine
from streams.segmentation.effects import Clause
from streams.segmentation.filters import amount_of, passes, plain
from streams.segmentation.groups import GroupMachine
from streams.segmentation.journals import (
    JournalSpec, TRIM_AT, folded, folded_amount, forget, instants_of, most_alike, net, newest_alike, next_step, place,
    undo, undone_before,
)
from streams.segmentation.machines import SegmentMachine
from streams.segmentation.partition import Partition
from streams.segmentation.plans import Coverage
from streams.segmentation.profiles import MachineState, NO_ENTRIES, NONE, Profile
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import BEFORE_ALL, NEVER, rfc3339
from streams.segmentation.truth import WORDS

SPECS: Final[dict[str, JournalSpec]] = {}  # filled by who loads this: how each journal forgets and takes back
'''


class Compiler:
    """Compiles one catalogue."""

    def __init__(
        self,
        catalogue: Catalogue,
        sources: Mapping[str, str],
        *,
        covered: bool = False,
        one_watermark: bool = False,
    ) -> None:
        """Prepare to compile *catalogue*.

        Args:
            catalogue: facts, groups and segments; read from files, they are checked by `streams.catalogue.checks`.
            sources: event type → source.
            covered: write the coverage tests that make truth UNKNOWN (S10); without them everything is known.
            one_watermark: all sources come in one topic and share its watermark: there is one gate.
        """
        self.catalogue, self.covered, self.one_watermark = catalogue, covered, one_watermark
        self.journals = Journals(catalogue, dict(sources))
        self.segments = {segment.segment_id: segment for segment in catalogue.segments}
        self.groups = {group.name: group for group in catalogue.groups if group.kind == "partition"}
        self.whens = {segment.segment_id: segment.when for segment in catalogue.segments}
        self.write = Writer()
        self.conditions = LeafWriter(self.write, self.journals, covered=covered)
        self.units = self._units()

    def compile(self) -> Plan:
        """Generate, execute and wrap.

        Returns:
            the plan.

        Raises:
            DefinitionError: segments refer to each other in a circle, or to something unknown.
        """
        for line in PREAMBLE.splitlines():
            self.write(line)
        in_order = self._in_order_of_reference()
        gates = tuple(dict.fromkeys(self._gate(unit) for unit in self.units))
        write_profile(self.write, self.journals.specs, len(self.units), len(gates))
        for segment in in_order:
            self._write_truths(segment)
        reads = [self._write_unit(unit) for unit in self.units]
        names = [[spec.name for spec in specs] for specs in reads]
        codes = [self._code(i, unit, gates, reads[i]) for i, unit in enumerate(self.units)]
        for code in codes:
            write_machine(self.write, code)
        write_handlers(self.write, self.journals, codes, names, covered=self.covered)
        source = with_imports(self.write.text)
        plan_hash = xxh3_128_hexdigest(f"{STATE_FORMAT}\n{source}".encode())
        module = execute(source, plan_hash, {spec.name: spec for spec in self.journals.specs})
        return Plan(
            plan_hash=plan_hash,
            source=source,
            profile_type=module[PROFILE],
            machines=tuple(self._machine(*of, module) for of in zip(codes, self.units, strict=True)),
            handlers=module["HANDLERS"],
            gates=gates,
            sources=self.journals.source_names,
            journals=self.journals.specs,
            properties=properties_of(self.journals.specs),
        )

    # ---- what becomes a machine -----------------------------------------------------------------------------

    def _units(self) -> list[SegmentDefinition | GroupDefinition]:
        """Return what is decided together: each partition group where its first member stands, each segment."""
        units: dict[str, SegmentDefinition | GroupDefinition] = {}
        for segment in self.catalogue.segments:
            if segment.group in self.groups:
                units.setdefault(f"group {segment.group}", self.groups[segment.group])
            else:
                units[segment.segment_id] = segment
        return list(units.values())

    def members(self, unit: SegmentDefinition | GroupDefinition) -> list[SegmentDefinition]:
        """Return the segments of *unit*: itself, or the group's members by rank."""
        if isinstance(unit, SegmentDefinition):
            return [unit]
        return sorted((s for s in self.catalogue.segments if s.group == unit.name), key=lambda s: s.rank)

    def _gate(self, unit: SegmentDefinition | GroupDefinition) -> frozenset[str]:
        """Return the sources of the events in `when` and `until`, through references, not through exclusions."""
        if self.one_watermark:
            return frozenset(self.journals.source_names)
        conditions = [c for s in self.members(unit) for c in (s.when, s.until)]
        if isinstance(unit, GroupDefinition):
            conditions.append(unit.population)
        return frozenset().union(*(self._sources(c) for c in conditions if c is not None))

    def _sources(self, condition: Condition) -> frozenset[str]:
        found = self.journals.sources_of(condition)
        for leaf in leaves(condition):
            if isinstance(leaf, InSegment):
                found |= self._sources(self.segments[leaf.segment_id].when)
        return found

    def _specs(self, conditions: list[Condition]) -> list[JournalSpec]:
        """Return the journals that *conditions* read, through references and exclusions too."""
        found: dict[str, JournalSpec] = {}
        for condition in conditions:
            for leaf in leaves(condition):
                match leaf:
                    case InSegment(segment_id):
                        other = self.segments[segment_id]
                        parts = [other.when, *(InSegment(name) for name in other.exclude)]
                        found.update((spec.name, spec) for spec in self._specs(parts))
                    case _:
                        reads = [(reading.event, reading.where) for reading in readings(leaf)]
                        for at in (*reads, *((name, ()) for name, _ in reads)):
                            if at in self.journals:
                                found[self.journals.of(*at).name] = self.journals.of(*at)
        return list(found.values())

    def _in_order_of_reference(self) -> list[SegmentDefinition]:
        """Return the segments so that each comes after those it refers to."""
        done: dict[str, SegmentDefinition] = {}

        def visit(segment: SegmentDefinition, path: tuple[str, ...]) -> None:
            if segment.segment_id in path:
                circle = " -> ".join((*path[path.index(segment.segment_id) :], segment.segment_id))
                raise DefinitionError(f"segments refer to each other in a circle: {circle}")
            if segment.segment_id in done:
                return
            conditions = [c for c in (segment.when, segment.until) if c is not None]
            names = [leaf.segment_id for c in conditions for leaf in leaves(c) if isinstance(leaf, InSegment)]
            for name in (*names, *segment.exclude):
                if name not in self.segments:
                    raise DefinitionError(f"{segment.segment_id} refers to the unknown segment {name!r}")
                if isinstance(self.segments[name].when, Otherwise):
                    raise DefinitionError(
                        f"{segment.segment_id} refers to {name!r}, the catch-all of its group"
                    )
                visit(self.segments[name], (*path, segment.segment_id))
            done[segment.segment_id] = segment

        for segment in self.catalogue.segments:
            visit(segment, ())
        return list(done.values())

    # ---- functions ------------------------------------------------------------------------------------------

    def _function(self, name: str, condition: Condition, note: str) -> None:
        write = self.write
        self.conditions.start(f"def {name}{EVALUATES} -> tuple[int, int]:", docstring(note))
        k = self.conditions.condition(condition)
        write(f"return v{k}, n{k}")

    def _write_truths(self, segment: SegmentDefinition) -> None:
        """Write ``truth_``: `when` and not `exclude`; with an `until` also ``entry_`` and ``stay_``."""
        if isinstance(segment.when, Otherwise):
            return
        name = self.journals.identifier(segment.segment_id)
        outside = tuple(Not(InSegment(other)) for other in segment.exclude)
        self._function(
            f"truth_{name}", _all(segment.when, *outside), f"{segment.segment_id}: {segment.label}"
        )
        if segment.until is not None:
            until = Not(segment.until)
            self._function(
                f"entry_{name}", _all(until, segment.when, *outside), f"{segment.segment_id}: may enter"
            )
            self._function(f"stay_{name}", _all(until, *outside), f"{segment.segment_id}: may stay")

    def _write_unit(self, unit: SegmentDefinition | GroupDefinition) -> list[JournalSpec]:
        """Write what a machine needs beside the truths; return the journals it reads."""
        members = self.members(unit)
        conditions: list[Condition] = [c for s in members for c in (s.when, s.until) if c is not None]
        conditions += [InSegment(other) for s in members for other in s.exclude]
        if isinstance(unit, GroupDefinition):
            if unit.population is not None:
                conditions.append(unit.population)
            self._write_winner(unit, members)
        specs = self._specs(conditions)
        write = self.write
        write.start(f"def instants_{self._unit_name(unit)}(p: {PROFILE}) -> list[int]:")
        lists = [f"p.{s.name}" for s in specs]
        for spec in specs:
            if spec.undone_by:
                lists += [f"p.{spec.name}_undone", f"p.{spec.name}_stray.values()"]
        write(f"return instants_of([{', '.join(lists)}])")
        for segment in members:
            self._write_why(segment)
            write_context(self.conditions, self.journals.identifier(segment.segment_id), segment.context)
        return specs

    def _unit_name(self, unit: SegmentDefinition | GroupDefinition) -> str:
        name = unit.segment_id if isinstance(unit, SegmentDefinition) else f"group {unit.name}"
        return self.journals.identifier(name)

    def _write_winner(self, group: GroupDefinition, members: list[SegmentDefinition]) -> None:
        """Write the index of the first member that is true, -1 outside the population; UNKNOWN counts as FALSE."""
        write = self.write
        head = f"def winner_{self._unit_name(group)}{EVALUATES} -> tuple[int, int]:"
        self.conditions.start(head, docstring(f"{group.name}: which of its members wins."))
        write("soonest = NEVER")
        if group.population is not None:
            k = self.conditions.condition(group.population)
            write(f"if v{k} != 2: return -1, n{k}")
            write(f"if n{k} < soonest: soonest = n{k}")
        for index, segment in enumerate(members):
            if isinstance(segment.when, Otherwise):
                write(f"return {index}, soonest")
                return
            write(f"v, n = truth_{self.journals.identifier(segment.segment_id)}(p, t, seen, coverage)")
            write("if n < soonest: soonest = n")
            write(f"if v == 2: return {index}, soonest")
        write("return -1, soonest")

    def _write_why(self, segment: SegmentDefinition) -> None:
        """Write the clauses of a definition with their values, for transitions."""
        write = self.write
        self.conditions.start(
            f"def why_{self.journals.identifier(segment.segment_id)}{EVALUATES} -> list[Clause]:"
        )
        write("clauses = []")
        for leaf, negated in _clauses(segment):
            text = describe(leaf, negated=negated)
            if isinstance(leaf, Otherwise):
                write(f'clauses.append(Clause({text!r}, "true", ""))')
                continue
            k = self.conditions.condition(leaf)
            truth = f"2 - v{k}" if negated else f"v{k}"
            write(f"clauses.append(Clause({text!r}, WORDS[{truth}], {self.conditions.value(leaf, k)}))")
        write("return clauses")

    def _code(
        self,
        index: int,
        unit: SegmentDefinition | GroupDefinition,
        gates: tuple[frozenset[str], ...],
        specs: list[JournalSpec],
    ) -> MachineCode:
        name, gate = self._unit_name(unit), gates.index(self._gate(unit))
        filtered = (self.covered and CREATED in self.journals.facts) or any(
            spec.where or spec.undone_by for spec in specs
        )
        if isinstance(unit, GroupDefinition):
            winner = f"winner_{name}"
            return MachineCode(index, name, gate, True, winner, winner, filtered, gated=True)
        entry, stay = ("entry", "stay") if unit.until is not None else ("truth", "truth")
        return MachineCode(
            index,
            name,
            gate,
            partition_group=False,
            entry=f"{entry}_{name}",
            stay=f"{stay}_{name}",
            filtered=filtered,
            gated=unit.gated and rests_on_absence(unit.when, self.whens),
            dwell_ms=unit.dwell_ms,
            grace_ms=unit.grace_ms,
            min_membership_ms=unit.min_membership_ms,
            door=door_in_words(unit),
        )

    def _machine(
        self,
        code: MachineCode,
        unit: SegmentDefinition | GroupDefinition,
        module: dict[str, Any],
    ) -> MachinePlan:
        members = tuple(
            MemberPlan(
                s.segment_id,
                s.version,
                module[f"why_{self.journals.identifier(s.segment_id)}"],
                reaches_of(s, self.segments, self.journals),
                module.get(f"context_{self.journals.identifier(s.segment_id)}"),
            )
            for s in self.members(unit)
        )
        alone = unit if isinstance(unit, SegmentDefinition) else None
        return MachinePlan(
            code.number,
            members,
            code.gate,
            code.partition_group,
            entry=module[code.entry],
            stay=module[code.stay],
            instants=module[f"instants_{code.name}"],
            gated=code.gated,
            kind=module[machine_class(code)],
            filtered=code.filtered,
            dwell_ms=code.dwell_ms,
            grace_ms=code.grace_ms,
            min_membership_ms=code.min_membership_ms,
            cooldown_ms=alone.cooldown_ms if alone else 0,
            entries_max=alone.entries_max if alone else 0,
            entries_within_ms=alone.entries_within_ms if alone else 0,
        )


def compile_catalogue(
    catalogue: Catalogue, sources: Mapping[str, str], *, covered: bool = False, one_watermark: bool = False
) -> Plan:
    """Compile *catalogue*; see `Compiler`."""
    return Compiler(catalogue, sources, covered=covered, one_watermark=one_watermark).compile()


def docstring(text: str) -> str:
    """Return *text* as a docstring on one line, whatever it holds."""
    plain = text.isprintable() and not set(text) & set('"\\')
    return f'"""{text}"""' if plain else repr(text)


def _all(first: Condition, *others: Condition) -> Condition:
    """Return the conjunction; one condition alone stays as it is."""
    return All((first, *others)) if others else first


def _clauses(segment: SegmentDefinition) -> list[tuple[Leaf, bool]]:
    """Return the leaves of a definition, each with whether it stands negated; exclusions and `until` are negated."""
    found: list[tuple[Leaf, bool]] = []

    def visit(condition: Condition, *, negated: bool) -> None:
        match condition:
            case All(conditions) | Any_(conditions):
                for part in conditions:
                    visit(part, negated=negated)
            case Not(part):
                visit(part, negated=not negated)
            case _:
                found.append((condition, negated))

    visit(segment.when, negated=False)
    found += [(InSegment(other), True) for other in segment.exclude]
    return found
