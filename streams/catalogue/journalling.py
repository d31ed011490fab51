"""Decides which journals a catalogue needs: what each leaf of each definition will ask for, and for how long.

Leaves that read the same events with the same filters share a journal. A journal keeps entries for the longest window
that reads it plus the time that late evidence may go back (`LATE_MS`); journals behind conditions without a window keep
everything, up to the longest journal.
"""

from __future__ import annotations

import msgspec

from streams.errors import DefinitionError
from streams.segmentation.conditions import Bucket, Condition, Filter, leaves
from streams.segmentation.definitions import Catalogue, FactDefinition
from streams.segmentation.journals import JournalSpec, Kept, column_name
from streams.segmentation.profiles import BESIDE, OWN_FIELDS
from streams.segmentation.readings import Column, Reading, context_readings, events_of, readings
from streams.segmentation.timeline import DAY_MS, DurationMs

CUSTOMER_HASH = "customer_hash"
"""The profile's list that holds the hash of the customer's key, where customers are shared out by chance."""

LATE_MS = 7 * DAY_MS
"""How far back late evidence is still weighed against what has been forgotten since."""

Where = tuple[Filter, ...]


class _Need(msgspec.Struct):
    """What all leaves together need of one journal; `reach_ms` None: everything."""

    name: str
    fact: FactDefinition
    where: Where
    reach_ms: DurationMs | None = 0
    columns: tuple[Column, ...] = ()
    amounts: tuple[str, ...] = ()


class Journals:
    """The journals of a catalogue and who reads them."""

    def __init__(self, catalogue: Catalogue, sources: dict[str, str]) -> None:
        """Collect what the definitions of *catalogue* need.

        Args:
            catalogue: facts, groups, segments.
            sources: event type → source, for every event type that is named.

        Raises:
            DefinitionError: an event or fact is unknown.
        """
        self.sources = sources
        self.source_names = tuple(dict.fromkeys(sources.values()))
        self.facts = {fact.name: fact for fact in catalogue.facts}
        self._needs: dict[tuple[str, Where], _Need] = {}
        groups = {segment.group for segment in catalogue.segments}
        conditions = [c for segment in catalogue.segments for c in (segment.when, segment.until)]
        conditions += [group.population for group in catalogue.groups if group.name in groups]
        named = {
            name
            for condition in conditions
            if condition is not None
            for leaf in leaves(condition)
            for name in events_of(leaf)
        }
        for fact in catalogue.facts:
            if fact.amount and fact.name in named:  # read at all, its gross totals are kept for people
                need = self._need(fact.name, ())
                need.reach_ms, need.amounts = None, fact.amount
        for condition in conditions:
            self._collect(condition)
        for segment in catalogue.segments:
            for reading in context_readings(segment):
                self._take(reading)
        self.deals = any(isinstance(leaf, Bucket) for c in conditions if c is not None for leaf in leaves(c))
        self._specs = self._named()
        self._identifiers: dict[str, str] = {}
        taken: set[str] = set()
        for name in (
            *(s.segment_id for s in catalogue.segments),
            *(f"group {g.name}" for g in catalogue.groups),
        ):
            self._identifiers[name] = unique(column_name(name), taken)

    @property
    def specs(self) -> tuple[JournalSpec, ...]:
        """All journals, in order of first mention."""
        own = (JournalSpec(CUSTOMER_HASH, ()),) if self.deals else ()
        return (*self._specs.values(), *own)

    def __contains__(self, at: tuple[str, Where]) -> bool:
        """Return whether a journal answers for an event (or fact) with these filters."""
        return at in self._specs

    def of(self, event: str, where: Where) -> JournalSpec:
        """Return the journal that answers for *event* (or fact) with the filters *where*."""
        return self._specs[event, where]

    def column(self, event: str, where: Where, column: Column) -> str:
        """Return the profile's list that holds *column* beside the times of the journal for *event*."""
        spec, need = self._specs[event, where], self._needs[event, where]
        if column.kind == "plain":
            return spec.column_of(column.property)
        return spec.kept_column(kept_of(column, need.columns.index(column)))

    def identifier(self, name: str) -> str:
        """Return a segment's id, or ``group`` and a group's name, as a Python identifier of its own."""
        return self._identifiers[name]

    def fact(self, event: str) -> FactDefinition:
        """Return the fact that *event* names; an event type is a fact of its own.

        Raises:
            DefinitionError: neither is known.
        """
        found = self.facts.get(event)
        if found is None:
            if event not in self.sources:
                raise DefinitionError(f"unknown event or fact {event!r}")
            found = FactDefinition(event, (event,))
        return found

    def sources_of(self, condition: Condition | None) -> frozenset[str]:
        """Return the sources of the events that *condition* reads itself (not through other segments)."""
        if condition is None:
            return frozenset()
        return frozenset(
            self.sources[e]
            for leaf in leaves(condition)
            for name in events_of(leaf)
            for e in self._event_types(name)
        )

    def coverage_of(self, event: str) -> list[int]:
        """Return the positions, in the plan's sources, of the sources that *event* comes from."""
        found = dict.fromkeys(self.sources[e] for e in self._event_types(event))
        return [self.source_names.index(source) for source in found]

    def _event_types(self, event: str) -> tuple[str, ...]:
        fact = self.fact(event)
        return (*fact.events, *(undoing.event for undoing in fact.undone_by))

    def _collect(self, condition: Condition | None) -> None:
        for leaf in leaves(condition) if condition is not None else ():
            for reading in readings(leaf):
                self._take(reading)

    def _take(self, reading: Reading) -> None:
        """Let a journal answer *reading*."""
        need = self._need(reading.event, reading.where)
        # The newest may be taken back: then the one before it answers.
        _widen(need, reading.undone_reach_ms if need.fact.undone_by else reading.reach_ms)
        if reading.sums:
            _sum(need, reading)
        need.columns = tuple(dict.fromkeys((*need.columns, *reading.columns)))

    def _need(self, event: str, where: Where) -> _Need:
        found = self._needs.get((event, where))
        if found is None:
            found = self._needs[event, where] = _Need(column_name(event), self.fact(event), where)
        return found

    def _named(self) -> dict[tuple[str, Where], JournalSpec]:
        """Return the journals, each named so that none of its profile fields meets another's."""
        taken = {*OWN_FIELDS, BESIDE, CUSTOMER_HASH, f"{CUSTOMER_HASH}_folded"}
        specs: dict[tuple[str, Where], JournalSpec] = {}
        for at, need in self._needs.items():
            base, number = need.name, 1
            spec = self._spec(need)
            while not taken.isdisjoint(spec.fields):
                number += 1
                need.name = f"{base}__{number}"
                spec = self._spec(need)
            taken.update(spec.fields)
            specs[at] = spec
        return specs

    def _spec(self, need: _Need) -> JournalSpec:
        fact = need.fact
        return JournalSpec(
            name=need.name,
            events=fact.events,
            where=(*fact.where, *need.where),
            undone_by=tuple((undoing.event, undoing.where) for undoing in fact.undone_by),
            key=fact.key if fact.undone_by else None,
            values=tuple(column.property for column in need.columns if column.kind == "plain"),
            kept=tuple(kept_of(c, number) for number, c in enumerate(need.columns) if c.kind != "plain"),
            amounts=need.amounts,
            retention_ms=None if need.reach_ms is None else need.reach_ms + LATE_MS,
        )


def kept_of(column: Column, number: int) -> Kept:
    """Return how the handler computes *column*, the *number*-th of its journal."""
    name = f"{column.kind}_{column_name(column.property)}_{number}"
    whole, _, part = column.property.rpartition(".")
    match column.kind:
        case "test":
            tests = (f"passes(get({f.property!r}), {f.operator!r}, {f.value!r})" for f in column.where)
            return Kept(name, " and ".join(tests), tuple(f.property for f in column.where))
        case "json":
            return Kept(name, f"json_of(get({column.property!r}))", (column.property,))
        case "number" if whole:
            return Kept(name, f"number_at(get({whole!r}), {part!r})", (whole,))
        case "number":
            return Kept(name, f"number_of(get({part!r}))", (part,))
        case "each" if whole:
            return Kept(name, f"each(get({whole!r}), {part!r})", (whole,))
        case "each":
            return Kept(name, f"each_of(get({part!r}))", (part,))
        case _:
            raise TypeError(column.kind)


def properties_of(specs: tuple[JournalSpec, ...]) -> dict[str, frozenset[str]]:
    """Return, per event type, the properties that its handler reads."""
    found: dict[str, set[str]] = {}
    for spec in specs:
        for event in spec.events:
            names = {*spec.values, *spec.amounts, *(f.property for f in spec.where)}
            names.update(name for kept in spec.kept for name in kept.properties)
            found.setdefault(event, set()).update(names | ({spec.key} if spec.key else set()))
        for event, where in spec.undone_by:
            names = {spec.key or "", *(f.property for f in where)}
            found.setdefault(event, set()).update(names)
    return {event: frozenset(names) for event, names in found.items()}


def unique(base: str, taken: set[str]) -> str:
    """Return *base*, numbered where it is *taken* already, and take it."""
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}__{number}"
    taken.add(name)
    return name


def _sum(need: _Need, reading: Reading) -> None:
    """Note the money property that is summed; a journal keeps the running sum of one."""
    named = (reading.property,) if reading.property else need.fact.amount
    if not named or (need.amounts and need.amounts != named):
        raise DefinitionError(
            f"a sum of {reading.event!r} needs one money property",
            hint="name it as 'sum: EVENT.property', or give the fact an 'amount'",
        )
    need.amounts = named


def _widen(need: _Need, reach_ms: DurationMs | None) -> None:
    need.reach_ms = None if reach_ms is None or need.reach_ms is None else max(need.reach_ms, reach_ms)
