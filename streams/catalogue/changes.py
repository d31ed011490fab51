"""Compares two catalogues: what is added, removed and changed in meaning, and what has to be recomputed for it.

The *meaning* of a definition is what its memberships depend on: its conditions, with the facts that they name, times,
exclusions, and in a partition group who comes before it. The order of clauses, labels, owners and what else accompanies
a definition (`streams.catalogue.metadata_keys`) are no part of it. Whoever changes the meaning raises the version:
transitions name it, and consumers rely on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import unified_diff
from typing import Any, NamedTuple

import msgspec

from streams.catalogue.checks import referred
from streams.catalogue.documents import Document
from streams.catalogue.journal_changes import JournalChange, journal_changes
from streams.catalogue.listing import by_rank
from streams.catalogue.telling import condition_lines
from streams.errors import DefinitionError
from streams.segmentation.conditions import All, Any_, Condition, Not, leaves
from streams.segmentation.definitions import Catalogue, GroupDefinition, SegmentDefinition
from streams.segmentation.readings import events_of
from streams.segmentation.timeline import duration_text

ACCOMPANYING = (
    "label", "description", "owner", "entity", "channels", "suppresses", "holdout", "actions", "size", "context", "group",
    "rank",
)  # fmt: skip
"""What may change without a new version; of a partition group's members group and rank are part of the meaning."""


class Change(NamedTuple):
    """One definition that is in both and not the same.

    Attributes:
        parts: what of it differs: names of keys, ``fact NAME``, ``population``, ``who comes before``.
        lines: its conditions, the old ones behind ``-``, the new ones behind ``+``.
    """

    segment_id: str
    old_version: int
    new_version: int
    parts: tuple[str, ...]
    lines: tuple[str, ...] = ()


class Difference(NamedTuple):
    """What there is between two catalogues.

    Attributes:
        added, removed: ids of segments, in the order of their catalogue.
        changed: whose meaning is another one.
        accompanied: of which only what accompanies them differs, or the version.
        renamed: new id → the removed one of the same meaning.
        reevaluated: segment id → why its members have to be found anew.
        journals: what of events is kept longer, anew or no longer.
        mistakes: versions that were not raised, each at its place in the new files.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[Change, ...]
    accompanied: tuple[Change, ...]
    renamed: Mapping[str, str]
    reevaluated: Mapping[str, str]
    journals: tuple[JournalChange, ...]
    mistakes: tuple[DefinitionError, ...]

    @property
    def nothing(self) -> bool:
        """Whether the two say the same."""
        return not (self.added or self.removed or self.changed or self.accompanied or self.journals)


def compare(old: Catalogue, new: Catalogue, document: Document, sources: Mapping[str, str]) -> Difference:
    """Return what differs.

    Args:
        old: the catalogue as it was.
        new: as it shall be.
        document: what read *new*; it knows the places.
        sources: event type → source.
    """
    before = {segment.segment_id: segment for segment in old.segments}
    after = {segment.segment_id: segment for segment in new.segments}
    both = [name for name in after if name in before]
    changes = [_change(before[name], after[name], _meant(name, old, new)) for name in both]
    changed = tuple(change for change, meant in changes if change is not None and meant)
    added = tuple(name for name in after if name not in before)
    removed = tuple(name for name in before if name not in after)
    return Difference(
        added=added,
        removed=removed,
        changed=changed,
        accompanied=tuple(change for change, meant in changes if change is not None and not meant),
        renamed=_renamed(added, removed, old, new),
        reevaluated=_reevaluated(old, new, added, removed, changed),
        journals=journal_changes(old, new, sources),
        mistakes=tuple(_mistakes(changes, document)),
    )


# ---- meaning ----------------------------------------------------------------------------------------------------------


def meaning(segment: SegmentDefinition, catalogue: Catalogue) -> dict[str, Any]:
    """Return what the memberships of *segment* depend on, by what it is called; but for who comes before it."""
    group = next((g for g in catalogue.groups if g.name == segment.group and g.kind == "partition"), None)
    conditions = [segment.when, segment.until, group.population if group is not None else None]
    named = {e for c in conditions if c is not None for leaf in leaves(c) for e in events_of(leaf)}
    found: dict[str, Any] = {
        "when": _normal(segment.when),
        "until": None if segment.until is None else _normal(segment.until),
        "exclude": sorted(segment.exclude),
        "dwell": segment.dwell_ms,
        "grace": segment.grace_ms,
        "gate": segment.gated,
        "min_membership": segment.min_membership_ms,
        "cooldown": segment.cooldown_ms,
        "max_entries": (segment.entries_max, segment.entries_within_ms),
        "partition group": None if group is None else group.name,
        "population": None if group is None or group.population is None else _normal(group.population),
    }
    return found | {f"fact {fact.name}": fact for fact in catalogue.facts if fact.name in named}


def _normal(condition: Condition) -> Condition:
    """Return *condition* in a form in which the order of its clauses and doubled negations leave no trace."""
    match condition:
        case All(parts) | Any_(parts):
            kind = type(condition)
            flat: list[Condition] = []
            for part in map(_normal, parts):
                flat += part.conditions if isinstance(part, All | Any_) and type(part) is kind else (part,)
            once = {msgspec.json.encode(part): part for part in flat}
            ordered = tuple(part for _, part in sorted(once.items()))
            return ordered[0] if len(ordered) == 1 else kind(ordered)
        case Not(part):
            inner = _normal(part)
            return inner.condition if isinstance(inner, Not) else Not(inner)
        case _:
            return condition


def _meant(name: str, old: Catalogue, new: Catalogue) -> list[str]:
    """Return what of the meaning of *name* differs."""
    one, other = (meaning(_segment(name, catalogue), catalogue) for catalogue in (old, new))
    parts = [key for key in one | other if one.get(key) != other.get(key)]
    common = {s.segment_id for s in old.segments} & {s.segment_id for s in new.segments}
    if _before(name, old) & common != _before(name, new) & common and "partition group" not in parts:
        parts.append("who comes before")
    return parts


def _segment(name: str, catalogue: Catalogue) -> SegmentDefinition:
    return next(segment for segment in catalogue.segments if segment.segment_id == name)


def _before(name: str, catalogue: Catalogue) -> set[str]:
    """Return the members that come before *name* in its partition group."""
    segment = _segment(name, catalogue)
    if not any(group.name == segment.group for group in _partitions(catalogue)):
        return set()
    ids = [member.segment_id for member in by_rank(segment.group or "", catalogue)]
    return set(ids[: ids.index(name)])


def _partitions(catalogue: Catalogue) -> list[GroupDefinition]:
    return [group for group in catalogue.groups if group.kind == "partition"]


# ---- changes ----------------------------------------------------------------------------------------------------------


def _change(old: SegmentDefinition, new: SegmentDefinition, meant: list[str]) -> tuple[Change | None, bool]:
    """Return how *new* differs from *old*, and whether in meaning; None when it does not differ at all."""
    parts = meant or [key for key in ACCOMPANYING if getattr(old, key) != getattr(new, key)]
    if not parts and old.version == new.version:
        return None, False
    change = Change(
        new.segment_id, old.version, new.version, tuple(parts) or ("version",), tuple(_lines(old, new))
    )
    return change, bool(meant)


def _lines(old: SegmentDefinition, new: SegmentDefinition) -> Iterator[str]:
    """Yield what differs line by line, what is gone behind ``-``, what is new behind ``+``."""
    one, other = (list(_said(segment)) for segment in (old, new))
    # The first two lines of a unified difference name the files.
    yield from (line for line in list(unified_diff(one, other, lineterm="", n=0))[2:] if line[0] != "@")


def _said(segment: SegmentDefinition) -> Iterator[str]:
    for key, condition in (("when", segment.when), ("until", segment.until)):
        if condition is not None:
            yield from (f"{key}: {line.lstrip(' -')}" for line in condition_lines(condition, ""))
    yield from (f"exclude: {name}" for name in sorted(segment.exclude))
    times = {
        "dwell": segment.dwell_ms,
        "grace": segment.grace_ms,
        "min_membership": segment.min_membership_ms,
        "cooldown": segment.cooldown_ms,
    }
    yield from (f"{key}: {duration_text(length_ms)}" for key, length_ms in times.items() if length_ms)
    if segment.entries_max:
        yield f"max_entries: {segment.entries_max} per {duration_text(segment.entries_within_ms)}"


def _mistakes(changes: list[tuple[Change | None, bool]], document: Document) -> Iterator[DefinitionError]:
    for change, meant in changes:
        if change is None:
            continue
        place = document.segment_nodes[change.segment_id]
        if change.new_version < change.old_version:
            yield place.error(
                f"{change.segment_id} goes back from version {change.old_version} to {change.new_version}",
                f"versions only rise: write 'version: {change.old_version + 1}'",
            )
        elif meant and change.new_version == change.old_version:
            yield place.error(
                f"{change.segment_id} means something else ({', '.join(change.parts)}) "
                f"and is still version {change.old_version}",
                f"write 'version: {change.old_version + 1}'",
            )


def _renamed(
    added: tuple[str, ...], removed: tuple[str, ...], old: Catalogue, new: Catalogue
) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in added:
        mine = meaning(_segment(name, new), new)
        twins = [gone for gone in removed if meaning(_segment(gone, old), old) == mine]
        if twins:
            found[name] = twins[0]
    return found


def _reevaluated(
    old: Catalogue,
    new: Catalogue,
    added: tuple[str, ...],
    removed: tuple[str, ...],
    changed: tuple[Change, ...],
) -> dict[str, str]:
    """Return the segments whose members are found anew, each with the first reason."""
    found = dict.fromkeys(added, "it is new")
    found |= {change.segment_id: "its meaning changed" for change in changed}
    partitions = {group.name for group in _partitions(new)}
    while True:
        more: dict[str, str] = {}
        for segment in new.segments:
            if segment.segment_id in found:
                continue
            others = [name for name in referred(segment) if name in found]
            first = _before(segment.segment_id, new)
            gone = {name for name in removed if segment.group in partitions and _stood(name, segment, old)}
            if others:
                more[segment.segment_id] = f"it refers to {others[0]}"
            elif earlier := sorted(first & found.keys()) or sorted(gone):
                more[segment.segment_id] = f"{earlier[0]} comes or came before it"
        if not more:
            return found
        found |= more


def _stood(name: str, segment: SegmentDefinition, old: Catalogue) -> bool:
    """Return whether the removed *name* came before *segment* in its group."""
    known = any(s.segment_id == segment.segment_id for s in old.segments)
    return known and name in _before(segment.segment_id, old)
