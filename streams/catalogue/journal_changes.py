"""Compares what two catalogues keep of events: journals that get longer, keep more, are new or are no longer needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from streams.catalogue.journalling import Journals
from streams.segmentation.conditions import leaves
from streams.segmentation.definitions import Catalogue
from streams.segmentation.journals import JournalSpec
from streams.segmentation.readings import context_readings, readings
from streams.segmentation.timeline import DurationMs

ChangeKind = Literal["new", "longer", "more", "shorter", "less", "dropped"]


class JournalChange(NamedTuple):
    """How one journal differs.

    Attributes:
        kind: ``new``; ``longer`` or ``shorter`` kept; ``more`` or ``less`` of each event; ``dropped``.
        events: the events that feed it.
        old_ms, new_ms: how long it keeps them; None: for ever, or there is none.
        readers: the segments of the new catalogue (of the old one where it is dropped) that read it.
    """

    kind: ChangeKind
    events: tuple[str, ...]
    old_ms: DurationMs | None
    new_ms: DurationMs | None
    readers: tuple[str, ...]

    @property
    def needs_history(self) -> bool:
        """Whether it wants events that the old catalogue did not keep: they have to be read again."""
        return self.kind in {"new", "longer", "more"}


def journal_changes(old: Catalogue, new: Catalogue, sources: Mapping[str, str]) -> tuple[JournalChange, ...]:
    """Return the journals that differ, the new catalogue's first."""
    before, after = (Journals(catalogue, dict(sources)) for catalogue in (old, new))
    one, other = ({_identity(spec): spec for spec in journals.specs} for journals in (before, after))
    found = [
        change
        for identity, spec in other.items()
        if (change := _change(one.get(identity), spec, _readers(spec, after, new))) is not None
    ]
    found += [
        JournalChange("dropped", spec.events, spec.retention_ms, None, _readers(spec, before, old))
        for identity, spec in one.items()
        if identity not in other
    ]
    return tuple(found)


def _identity(spec: JournalSpec) -> object:
    """Return what makes a journal the same in two catalogues: which events it takes, and what takes them back."""
    return spec.events, spec.where, spec.undone_by, spec.key, not spec.events and spec.name


def _change(old: JournalSpec | None, new: JournalSpec, readers: tuple[str, ...]) -> JournalChange | None:
    if old is None:
        return JournalChange("new", new.events, None, new.retention_ms, readers)
    kept = {*old.values, *old.amounts, *(kept.expression for kept in old.kept)}
    wanted = {*new.values, *new.amounts, *(kept.expression for kept in new.kept)}
    kind: ChangeKind
    if _span(new) > _span(old):
        kind = "longer"
    elif wanted - kept:
        kind = "more"
    elif _span(new) < _span(old):
        kind = "shorter"
    elif kept - wanted:
        kind = "less"
    else:
        return None
    return JournalChange(kind, new.events, old.retention_ms, new.retention_ms, readers)


def _span(spec: JournalSpec) -> float:
    return float("inf") if spec.retention_ms is None else spec.retention_ms


def _readers(spec: JournalSpec, journals: Journals, catalogue: Catalogue) -> tuple[str, ...]:
    """Return the segments that read the journal *spec* themselves, and the groups whose population does."""
    found: dict[str, None] = {}
    for segment in catalogue.segments:
        conditions = [c for c in (segment.when, segment.until) if c is not None]
        asked = [reading for c in conditions for leaf in leaves(c) for reading in readings(leaf)]
        for reading in (*asked, *context_readings(segment)):
            if (reading.event, reading.where) in journals and journals.of(
                reading.event, reading.where
            ) is spec:
                found[segment.segment_id] = None
    return tuple(found)
