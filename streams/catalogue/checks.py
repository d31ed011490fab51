"""Checks what definitions say about each other, at the place where they say it."""

from __future__ import annotations

from streams.catalogue.documents import Document
from streams.catalogue.nodes import nearest
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
    _check_references(catalogue, document)
    _check_circles(catalogue, document)
    partitions = {group.name: group for group in catalogue.groups if group.kind == "partition"}
    for segment in catalogue.segments:
        group = partitions.get(segment.group or "")
        if group is not None:
            _check_member(segment, group, document)
        _check_otherwise(segment, group, catalogue, document)
    for group in partitions.values():
        if group.population is not None and _holds_otherwise(group.population):
            first = next((s for s in catalogue.segments if s.group == group.name), None)
            if first is not None:
                place = document.segment_nodes[first.segment_id]
                raise place.error(f"the population of {group.name} cannot be 'otherwise'")


def _check_references(catalogue: Catalogue, document: Document) -> None:
    """Refuse a reference to what does not exist, or to a catch-all, whose truth is only known inside its group."""
    segments = {segment.segment_id: segment for segment in catalogue.segments}
    groups = {group.name for group in catalogue.groups}
    for place, kind, name in document.references:
        known = segments if kind == "segment" else groups
        if name not in known:
            raise place.error(f"unknown {kind} {name[:80]!r}", nearest(name, known))
        if kind == "segment" and isinstance(segments[name].when, Otherwise):
            raise place.error(f"{name!r} is the catch-all of its group", "refer to the others, negated")


def _check_circles(catalogue: Catalogue, document: Document) -> None:
    segments = {segment.segment_id: segment for segment in catalogue.segments}
    done: set[str] = set()

    def visit(segment: SegmentDefinition, path: tuple[str, ...]) -> None:
        name = segment.segment_id
        if name in path:
            circle = " -> ".join((*path[path.index(name) :], name))
            raise document.segment_nodes[name].error(f"segments refer to each other in a circle: {circle}")
        if name not in done:
            for other in referred(segment):
                visit(segments[other], (*path, name))
            done.add(name)

    for segment in catalogue.segments:
        visit(segment, ())


def referred(segment: SegmentDefinition) -> list[str]:
    """Return the ids of the segments that *segment* refers to, in `when`, `until` and `exclude`."""
    conditions = [c for c in (segment.when, segment.until) if c is not None]
    named = [leaf.segment_id for c in conditions for leaf in leaves(c) if isinstance(leaf, InSegment)]
    return [*named, *segment.exclude]


def _check_member(segment: SegmentDefinition, group: GroupDefinition, document: Document) -> None:
    """Refuse in a partition group what would make its switches more than one decision (S16)."""
    timed = segment.dwell_ms or segment.grace_ms or segment.min_membership_ms
    if timed or segment.exclude or segment.until is not None or not segment.gated:
        raise document.segment_nodes[segment.segment_id].error(
            f"{segment.segment_id} is in the partition group {group.name}, whose switches are one decision",
            "leave out dwell, grace, gate, exclude, until and min_membership",
        )


def _check_otherwise(
    segment: SegmentDefinition, group: GroupDefinition | None, catalogue: Catalogue, document: Document
) -> None:
    """Refuse a catch-all that is not the whole condition of the last member of a partition group."""
    place = document.segment_nodes[segment.segment_id]
    if isinstance(segment.when, Otherwise):
        members = [other for other in catalogue.segments if other.group == segment.group]
        if group is None:
            raise place.error("'otherwise' stands only in a partition group")
        if segment is not max(reversed(members), key=lambda s: s.rank):
            raise place.error(
                f"'otherwise' is not the last of {group.name}: those after it would never be tried"
            )
    elif _holds_otherwise(segment.when) or (segment.until is not None and _holds_otherwise(segment.until)):
        raise place.error("'otherwise' stands alone, as the whole of 'when'")


def _holds_otherwise(condition: Condition) -> bool:
    return any(isinstance(leaf, Otherwise) for leaf in leaves(condition))
