"""Explains a segment for one customer: the tree of its clauses, each with truth, value, evidence and next change.

Each node of a tree is a function that the compiler's own writer wrote, run among the functions of the plan that decides
memberships: what is explained is what was decided. The functions are generated when a segment is first explained, so a
worker pays nothing for them, and the plan's source and hash know nothing of them.

A tree says `not` where it matters, at the clauses: "not (a and b)" is told as "not a or not b". Its clauses under `when`
and the exclusions are those that transitions carry.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from streams.catalogue.compiler import PREAMBLE, Compiler
from streams.catalogue.coverage import leaves_of
from streams.catalogue.evidence import Evidence, evidence_of
from streams.catalogue.runtime_names import with_imports
from streams.catalogue.wording import describe
from streams.segmentation.conditions import All, Any_, Condition, InSegment, Not, Otherwise, leaves
from streams.segmentation.definitions import Catalogue, GroupDefinition, SegmentDefinition
from streams.segmentation.effects import Clause
from streams.segmentation.journals import JournalSpec
from streams.segmentation.plans import Coverage, MachinePlan, Plan
from streams.segmentation.profiles import Profile
from streams.segmentation.readings import Reading, readings
from streams.segmentation.timeline import NEVER, EpochMs
from streams.segmentation.truth import FALSE, TRUE, WORDS

STEPS_MAX = 400
"""Instants tried ahead until a node's truth changes; a definition that asks the clock has one every hour."""

Role = Literal["population", "until", "when", "exclude", "rank", ""]
Answer = tuple[int, EpochMs, str]
Ask = Callable[[Profile, EpochMs, EpochMs, Coverage], Answer]
"""(profile, t, seen, coverage) → truth, next instant at which time alone may change something, value."""


class TreeNode(msgspec.Struct, frozen=True, kw_only=True):
    """One node of the tree, as it stands at an instant.

    Attributes:
        kind: ``all`` or ``any`` of its parts, or a ``clause``.
        role: which part of the definition it is, at the first level; else empty.
        text: the clause in words, or ``all of``, ``any of``.
        truth: ``true``, ``false`` or ``unknown``.
        value: what a clause found: a time, a count, an amount; empty when there is none.
        changes_at_ms: when time alone changes the truth, if nothing more happens; None: it never does, or not within
            `STEPS_MAX` instants.
        becomes: the truth from then on; empty when it never changes.
        evidence: the events that a clause looked at.
    """

    kind: Literal["all", "any", "clause"]
    role: Role = ""
    text: str
    truth: str
    value: str = ""
    changes_at_ms: EpochMs | None = None
    becomes: str = ""
    evidence: tuple[Evidence, ...] = ()
    parts: tuple[TreeNode, ...] = ()

    def clauses(self) -> Iterator[TreeNode]:
        """Yield the clauses below (or the clause itself), left to right."""
        if self.kind == "clause":
            yield self
        for part in self.parts:
            yield from part.clauses()

    def reasons(self) -> Iterator[TreeNode]:
        """Yield the clauses whose truth alone makes this node what it is: why in, or why not."""
        if self.kind == "clause":
            yield self
        # In a partition group UNKNOWN counts as FALSE: then no part may be what the root is.
        for part in [part for part in self.parts if part.truth == self.truth] or self.parts:
            yield from part.reasons()


class _Draft(msgspec.Struct):
    """A node before it is asked: what it says, its condition (None: asked by hand), and later the function."""

    kind: Literal["all", "any", "clause"]
    text: str
    condition: Condition | None = None
    parts: tuple[_Draft, ...] = ()
    role: Role = ""
    ask: Ask | None = None

    def all(self) -> Iterator[_Draft]:
        """Yield the node and all below it."""
        yield self
        for part in self.parts:
            yield from part.all()


class _Moment(NamedTuple):
    """What is asked about: whose, when, what is known; and how many instants ahead."""

    profile: Profile
    t: EpochMs
    seen: EpochMs
    coverage: Coverage
    steps: int

    def turn(self, ask: Ask, truth: int, change: EpochMs) -> tuple[EpochMs | None, str]:
        """Return when time alone makes *truth* another one, and which; None and nothing when it does not."""
        for _ in range(self.steps):
            if change >= NEVER:
                break
            now, following, _value = ask(self.profile, change, self.seen, self.coverage)
            if now != truth:
                return change, WORDS[now]
            change = following
        return None, ""


class Explainer:
    """Makes the trees of one catalogue."""

    def __init__(
        self, catalogue: Catalogue, sources: Mapping[str, str], plan: Plan, *, covered: bool = False
    ) -> None:
        """Explain *plan*.

        Args:
            catalogue: what *plan* was compiled from; so are *sources* and *covered*.
            sources: event type → source.
            plan: the plan that decides.
            covered: as the plan was compiled.
        """
        self.plan = plan
        self._compiler = Compiler(catalogue, sources, covered=covered)
        self._place = {
            member.segment_id: (machine, index)
            for machine in plan.machines
            for index, member in enumerate(machine.members)
        }
        self._drafts: dict[str, _Draft] = {}

    @property
    def segment_ids(self) -> tuple[str, ...]:
        """The segments that can be explained, in the plan's order."""
        return tuple(self._place)

    def machine_of(self, segment_id: str) -> tuple[MachinePlan, int]:
        """Return the machine that decides *segment_id*, and the segment's place in it."""
        return self._place[segment_id]

    def definition(self, segment_id: str) -> SegmentDefinition:
        """Return the definition of *segment_id*."""
        return self._compiler.segments[segment_id]

    def journals_of(self, segment_id: str) -> Iterator[tuple[Reading, JournalSpec]]:
        """Yield what decides *segment_id* reads, through references and, in a partition group, of all its members."""
        compiler, machine = self._compiler, self._place[segment_id][0]
        asked = [
            leaf
            for member in machine.members
            for leaf in leaves_of(compiler.segments[member.segment_id], compiler.segments)
        ]
        group = compiler.groups.get(self.definition(segment_id).group or "")
        if group is not None and group.population is not None:
            asked += leaves(group.population)
        for leaf in asked:
            for reading in readings(leaf):
                yield reading, compiler.journals.of(reading.event, reading.where)

    def tree(
        self,
        segment_id: str,
        profile: Profile,
        t: EpochMs,
        coverage: Coverage,
        *,
        seen: EpochMs | None = None,
        ahead: bool = True,
    ) -> TreeNode:
        """Return why *segment_id* is true or not at *t*; the root is the truth that an entry needs.

        Args:
            segment_id: one of `segment_ids`.
            profile: the customer's, of the plan's type.
            t: the instant asked about.
            coverage: since when each source was watched.
            seen: look at events up to here only; default *t*.
            ahead: look ahead for when each node changes; without it `changes_at_ms` is None everywhere.
        """
        moment = _Moment(profile, t, t if seen is None else seen, coverage, STEPS_MAX if ahead else 0)
        return self._asked(self._draft(segment_id), moment)

    def clauses(
        self, segment_id: str, profile: Profile, t: EpochMs, seen: EpochMs, coverage: Coverage
    ) -> list[Clause]:
        """Return the clauses of the tree that a transition at *t* carries."""
        tree = self.tree(segment_id, profile, t, coverage, seen=seen, ahead=False)
        parts = tree.parts if tree.role == "" else (tree,)
        carried = [part for part in parts if part.role in {"when", "exclude"}]
        return [Clause(node.text, node.truth, node.value) for part in carried for node in part.clauses()]

    def stays(self, segment_id: str, profile: Profile, t: EpochMs, coverage: Coverage) -> str:
        """Return the truth that a member of *segment_id* needs at *t* to stay one."""
        machine, index = self._place[segment_id]
        truth, _ = machine.stay(profile, t, t, coverage)
        return WORDS[(TRUE if truth == index else FALSE) if machine.partition_group else truth]

    # ---- asking -------------------------------------------------------------------------------------------------

    def _asked(self, draft: _Draft, moment: _Moment) -> TreeNode:
        ask, journals = draft.ask, self._compiler.journals
        assert ask is not None, draft.text
        truth, change, value = ask(moment.profile, moment.t, moment.seen, moment.coverage)
        changes_at, becomes = moment.turn(ask, truth, change)
        seen: tuple[Evidence, ...] = ()
        if draft.kind == "clause" and draft.condition is not None:
            seen = evidence_of(draft.condition, moment.profile, moment.t, moment.seen, journals)
        return TreeNode(
            kind=draft.kind,
            role=draft.role,
            text=draft.text,
            truth=WORDS[truth],
            value=value,
            changes_at_ms=changes_at,
            becomes=becomes,
            evidence=seen,
            parts=tuple(self._asked(part, moment) for part in draft.parts),
        )

    # ---- generating ---------------------------------------------------------------------------------------------

    def _draft(self, segment_id: str) -> _Draft:
        """Return the tree of *segment_id* with its functions, made when first asked for."""
        found = self._drafts.get(segment_id)
        if found is None:
            found = self._drafts[segment_id] = self._outline(segment_id)
            self._generate(segment_id, found)
        return found

    def _outline(self, segment_id: str) -> _Draft:
        segment, (machine, index) = self.definition(segment_id), self._place[segment_id]
        parts: list[tuple[Role, _Draft]] = []
        group = self._compiler.groups.get(segment.group or "")
        if isinstance(group, GroupDefinition) and group.population is not None:
            parts.append(("population", _drafted(group.population)))
        if segment.until is not None:
            parts.append(("until", _drafted(segment.until, negated=True)))
        if isinstance(segment.when, Otherwise):
            parts.append(
                ("when", _Draft("clause", describe(segment.when), ask=self._outranked(machine, index)))
            )
        else:
            if index:
                before = _Draft("clause", f"in nothing before it in {segment.group}")
                before.ask = self._outranked(machine, index)
                parts.append(("rank", before))
            when = _drafted(segment.when)
            flat = when.kind == "all" and bool(parts or segment.exclude)
            parts += [("when", part) for part in (when.parts if flat else (when,))]
        parts += [("exclude", _drafted(InSegment(other), negated=True)) for other in segment.exclude]
        for role, part in parts:
            part.role = role
        every = tuple(part for _, part in parts)
        root = every[0] if len(every) == 1 else _Draft("all", "all of", parts=every)
        root.ask = _deciding(machine, index, root.ask)
        return root

    def _outranked(self, machine: MachinePlan, index: int) -> Ask:
        """Return the question whether none of the members before *index* is true; UNKNOWN counts as FALSE (S16)."""
        names = [member.segment_id for member in machine.members[:index]]
        module = _module_of(machine)
        truths = [module[f"truth_{self._compiler.journals.identifier(name)}"] for name in names]

        def ask(profile: Profile, t: EpochMs, seen: EpochMs, coverage: Coverage) -> Answer:
            soonest = NEVER
            for name, truth in zip(names, truths, strict=True):
                value, change = truth(profile, t, seen, coverage)
                soonest = min(soonest, change)
                if value == TRUE:
                    return FALSE, soonest, name
            return TRUE, soonest, ""

        return ask

    def _generate(self, segment_id: str, root: _Draft) -> None:
        """Write and run one function for each node, among the functions of the plan."""
        compiler = self._compiler
        write, conditions = compiler.write, compiler.conditions
        write.lines = []
        written = [draft for draft in root.all() if draft.condition is not None]
        for number, draft in enumerate(written):
            leaf, negated = _positive(draft) if draft.kind == "clause" else (draft.condition, False)
            assert leaf is not None
            conditions.start(f"def node_{number}(p, t, seen, coverage):")
            k = conditions.condition(leaf)
            value = conditions.value(leaf, k) if draft.kind == "clause" else '""'  # type: ignore[arg-type]
            write(f"return {f'2 - v{k}' if negated else f'v{k}'}, n{k}, {value}")
        source = with_imports(PREAMBLE + write.text)
        file = f"<explain {segment_id} of plan {self.plan.plan_hash[:12]}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        module = dict(_module_of(self._place[segment_id][0]))
        exec(compile(source, file, "exec"), module)  # noqa: S102 - our own generator's output
        for number, draft in enumerate(written):
            node: Ask = module[f"node_{number}"]
            draft.ask = node if draft.ask is None else _with_value(draft.ask, node)


def _drafted(condition: Condition, *, negated: bool = False) -> _Draft:
    """Return the outline of *condition*, with what is negated pushed down to the clauses."""
    match condition:
        case All(parts) | Any_(parts) if len(parts) == 1:
            return _drafted(parts[0], negated=negated)
        case All(parts) | Any_(parts):
            every = isinstance(condition, All) != negated
            return _Draft(
                "all" if every else "any",
                "all of" if every else "any of",
                Not(condition) if negated else condition,
                tuple(_drafted(part, negated=negated) for part in parts),
            )
        case Not(part):
            return _drafted(part, negated=not negated)
        case _:
            return _Draft(
                "clause", describe(condition, negated=negated), Not(condition) if negated else condition
            )


def _positive(draft: _Draft) -> tuple[Condition | None, bool]:
    """Return the leaf of a clause, and whether the clause is its negation."""
    if isinstance(draft.condition, Not):
        return draft.condition.condition, True
    return draft.condition, False


def _module_of(machine: MachinePlan) -> dict[str, Any]:
    """Return the names of the generated module that *machine* is of."""
    function: Any = machine.entry
    module: dict[str, Any] = function.__globals__
    return module


def _deciding(machine: MachinePlan, index: int, outranked: Ask | None) -> Ask:
    """Return the question that decides an entry; the value is that of *outranked*, when the root is that clause."""

    def ask(profile: Profile, t: EpochMs, seen: EpochMs, coverage: Coverage) -> Answer:
        truth, change = machine.entry(profile, t, seen, coverage)
        if machine.partition_group:
            truth = TRUE if truth == index else FALSE
        return truth, change, outranked(profile, t, seen, coverage)[2] if outranked is not None else ""

    return ask


def _with_value(deciding: Ask, clause: Ask) -> Ask:
    """Return the question *deciding* with the value that *clause* found: the root is a clause itself."""

    def ask(profile: Profile, t: EpochMs, seen: EpochMs, coverage: Coverage) -> Answer:
        truth, change, _ = deciding(profile, t, seen, coverage)
        return truth, change, clause(profile, t, seen, coverage)[2]

    return ask
