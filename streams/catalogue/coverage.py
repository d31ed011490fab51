"""How long a segment stays silent when history begins with the first record read (S10).

A condition that looks back is unknown until its window lies within what was watched, unless the evidence seen decides it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from streams.catalogue.journalling import Journals
from streams.segmentation.conditions import Condition, InSegment, leaves
from streams.segmentation.definitions import SegmentDefinition
from streams.segmentation.readings import readings
from streams.segmentation.timeline import NEVER, DurationMs


def reaches_of(
    segment: SegmentDefinition, segments: Mapping[str, SegmentDefinition], journals: Journals
) -> dict[str, DurationMs]:
    """Return source → how far back *segment* looks into it, through references and exclusions.

    `NEVER` means for ever: the condition stays unknown for customers of whom nothing seen decides it. What is asked
    since another event needs nothing older than that event.
    """
    found: dict[str, DurationMs] = {}
    for leaf in leaves_of(segment, segments):
        for reading in readings(leaf):
            for position in journals.coverage_of(reading.event) if reading.looks else ():
                source = journals.source_names[position]
                looks_ms = NEVER if reading.looks_ms is None else reading.looks_ms
                found[source] = max(found.get(source, 0), looks_ms)
    return found


def leaves_of(segment: SegmentDefinition, segments: Mapping[str, SegmentDefinition]) -> Iterator[Condition]:
    """Yield the leaves of *segment*, and of every segment it refers to or excludes; references make no circle."""
    others = list(segment.exclude)
    for condition in (segment.when, segment.until):
        for leaf in leaves(condition) if condition is not None else ():
            if isinstance(leaf, InSegment):
                others.append(leaf.segment_id)
            else:
                yield leaf
    for name in others:
        yield from leaves_of(segments[name], segments)
