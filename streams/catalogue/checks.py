"""Checks what definitions say about each other, at the place where they say it."""

from __future__ import annotations

from collections.abc import Iterator

from streams.catalogue.documents import Document
from streams.catalogue.nodes import nearest
from streams.errors import DefinitionError
from streams.segmentation.conditions import Condition, InSegment, Otherwise, leaves
from streams.segmentation.definitions import Catalogue, GroupDefinition, SegmentDefinition


def check(catalogue: Catalogue, document: Document) -> None:
    """Check the references, the circles, the partition groups and the catch-alls of *catalogue*.

    Args:
        catalogue: facts, groups and segments of all files.
        document: what read them; it knows their places.

    Raises:
        DefinitionError: at the first thing that cannot be.
    """
    for problem in problems(catalogue, document):
        raise problem


def problems(catalogue: Catalogue, document: Document) -> Iterator[DefinitionError]:
    """Yield everything that cannot be in *catalogue*, each at its place; see `check`."""
    yield from _wrong_references(catalogue, document)
    yield from _circles(catalogue, document)
    partitions = {group.name: group for group in catalogue.groups if group.kind == "partition"}
    for segment in catalogue.segments:
        if segment.segment_id in segment.suppresses:
            place = document.segment_nodes[segment.segment_id]
            yield place.error(f"{segment.segment_id} suppresses itself", "name the others, or their group")
        group = partitions.get(segment.group or "")
        if group is not None:
            yield from _wrong_member(segment, group, document)
        yield from _wrong_otherwise(segment, group, catalogue, document)
    for group in partitions.values():
        if group.population is not None and _holds_otherwise(group.population):
            first = next((s for s in catalogue.segments if s.group == group.name), None)
            if first is not None:
                place = document.segment_nodes[first.segment_id]
                yield place.error(f"the population of {group.name} cannot be 'otherwise'")


def _wrong_references(catalogue: Catalogue, document: Document) -> Iterator[DefinitionError]:
    """Yield references to what does not exist, or to a catch-all, whose truth is only known inside its group."""
    segments = {segment.segment_id: segment for segment in catalogue.segments}
    groups = {group.name for group in catalogue.groups}
    kinds = {"segment": segments.keys(), "group": groups, "segment or group": segments.keys() | groups}
    for place, kind, name in document.references:
        known = kinds[kind]
        if name not in known:
            yield place.error(f"unknown {kind} {name[:80]!r}", nearest(name, known))
        elif kind == "segment" and isinstance(segments[name].when, Otherwise):
            yield place.error(f"{name!r} is the catch-all of its group", "refer to the others, negated")


def _circles(catalogue: Catalogue, document: Document) -> Iterator[DefinitionError]:
    segments = {segment.segment_id: segment for segment in catalogue.segments}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> Iterator[DefinitionError]:
        if name in path:
            circle = " -> ".join((*path[path.index(name) :], name))
            yield document.segment_nodes[name].error(
                f"segments refer to each other in a circle: {circle}", "leave one of the references out"
            )
        elif name not in done and name in segments:
            for other in referred(segments[name]):
                yield from visit(other, (*path, name))
            done.add(name)

    for segment in catalogue.segments:
        yield from visit(segment.segment_id, ())


def referred(segment: SegmentDefinition) -> list[str]:
    """Return the ids of the segments that *segment* refers to, in `when`, `until` and `exclude`."""
    conditions = [c for c in (segment.when, segment.until) if c is not None]
    named = [leaf.segment_id for c in conditions for leaf in leaves(c) if isinstance(leaf, InSegment)]
    return [*named, *segment.exclude]


def _wrong_member(
    segment: SegmentDefinition, group: GroupDefinition, document: Document
) -> Iterator[DefinitionError]:
    """Yield in a partition group what would make its switches more than one decision (S16)."""
    timed = segment.dwell_ms or segment.grace_ms or segment.min_membership_ms or segment.has_door
    if timed or segment.exclude or segment.until is not None or not segment.gated:
        yield document.segment_nodes[segment.segment_id].error(
            f"{segment.segment_id} is in the partition group {group.name}, whose switches are one decision",
            "leave out dwell, grace, gate, exclude, until, hysteresis, min_membership, cooldown and max_entries",
        )


def _wrong_otherwise(
    segment: SegmentDefinition, group: GroupDefinition | None, catalogue: Catalogue, document: Document
) -> Iterator[DefinitionError]:
    """Yield a catch-all that is not the whole condition of the last member of a partition group."""
    place = document.segment_nodes[segment.segment_id]
    if isinstance(segment.when, Otherwise):
        members = [other for other in catalogue.segments if other.group == segment.group]
        if group is None:
            yield place.error("'otherwise' stands only in a partition group")
        elif segment is not max(reversed(members), key=lambda s: s.rank):
            yield place.error(
                f"'otherwise' is not the last of {group.name}: those after it would never be tried"
            )
    elif _holds_otherwise(segment.when) or (segment.until is not None and _holds_otherwise(segment.until)):
        yield place.error("'otherwise' stands alone, as the whole of 'when'")


def _holds_otherwise(condition: Condition) -> bool:
    return any(isinstance(leaf, Otherwise) for leaf in leaves(condition))
