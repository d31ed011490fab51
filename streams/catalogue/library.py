"""Puts catalogues together: the built-in one, and the files of a directory that the caller has read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files

from streams.catalogue.documents import Document
from streams.catalogue.nodes import nearest
from streams.errors import DefinitionError
from streams.segmentation.conditions import InSegment, leaves
from streams.segmentation.definitions import Catalogue
from streams.segmentation.vocabulary import Vocabulary

BUILTIN = ("facts.yaml", "journey.yaml", "lifecycle.yaml", "value.yaml")


def builtin_texts(names: Iterable[str] = BUILTIN) -> dict[str, str]:
    """Return file name → text of the built-in definitions."""
    folder = files("streams.catalogue").joinpath("builtin")
    return {f"builtin/{name}": folder.joinpath(name).read_text(encoding="utf-8") for name in names}


def read_catalogue(texts: Mapping[str, str], vocabulary: Vocabulary) -> Catalogue:
    """Return the catalogue that *texts* (file name → YAML) define together.

    Facts and groups of all files are known in all files; a later file replaces a fact or group of the same name.

    Raises:
        DefinitionError: a file cannot be read, a segment is defined twice or refers to something unknown.
    """
    document = Document(tuple(vocabulary.event_types))
    parts = {file: document.catalogue(file, text) for file, text in texts.items()}
    facts = {fact.name: fact for part in parts.values() for fact in part.facts}
    groups = {group.name: group for part in parts.values() for group in part.groups}
    segments = {}
    for file, part in parts.items():
        for segment in part.segments:
            if segment.segment_id in segments:
                raise DefinitionError(
                    f"segment {segment.segment_id!r} is defined twice", file=file, line=1, column=1
                )
            segments[segment.segment_id] = segment
    catalogue = Catalogue(tuple(facts.values()), tuple(groups.values()), tuple(segments.values()))
    _check_references(catalogue)
    return catalogue


def builtin_catalogue(vocabulary: Vocabulary) -> Catalogue:
    """Return the built-in definitions."""
    return read_catalogue(builtin_texts(), vocabulary)


def source_of_events(vocabulary: Vocabulary) -> dict[str, str]:
    """Return event type → source, as the compiler takes it."""
    return {name: event_type.source for name, event_type in vocabulary.event_types.items()}


def _check_references(catalogue: Catalogue) -> None:
    ids = [segment.segment_id for segment in catalogue.segments]
    groups = {group.name: group for group in catalogue.groups}
    for segment in catalogue.segments:
        conditions = [c for c in (segment.when, segment.until) if c is not None]
        named = [leaf.segment_id for c in conditions for leaf in leaves(c) if isinstance(leaf, InSegment)]
        for name in (*named, *segment.exclude):
            if name not in ids:
                raise DefinitionError(
                    f"{segment.segment_id} refers to the unknown segment {name!r}", hint=nearest(name, ids)
                )
        if segment.group is not None and segment.group not in groups:
            raise DefinitionError(
                f"{segment.segment_id} is in the unknown group {segment.group!r}",
                hint=nearest(segment.group, groups),
            )
        group = groups.get(segment.group or "")
        if group is not None and group.kind == "partition":
            timed = segment.dwell_ms or segment.grace_ms or segment.min_membership_ms
            if timed or segment.exclude or segment.until is not None or not segment.gated:
                raise DefinitionError(
                    f"{segment.segment_id} is in the partition group {group.name}, whose switches are one decision",
                    hint="leave out dwell, grace, gate, exclude, until and min_membership",
                )
