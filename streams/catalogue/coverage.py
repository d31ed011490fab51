"""How long a segment stays silent when history begins with the first record read (S10).

A condition that looks back is unknown until its window lies within what was watched, unless the evidence seen decides it.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.catalogue.journalling import Journals
from streams.segmentation.conditions import Compare, Condition, InSegment, Last, Performed, leaves
from streams.segmentation.definitions import SegmentDefinition
from streams.segmentation.timeline import NEVER, DurationMs


def reaches_of(segment: SegmentDefinition, segments: Mapping[str, SegmentDefinition], journals: Journals) -> dict[str, DurationMs]:
    """Return source → how far back *segment* looks into it, through references and exclusions.

    `NEVER` means for ever: the condition stays unknown for customers of whom nothing seen decides it. What is asked
    since another event needs nothing older than that event.
    """
    found: dict[str, DurationMs] = {}

    def look(condition: Condition | None) -> None:
        for leaf in leaves(condition) if condition is not None else ():
            match leaf:
                case InSegment(segment_id):
                    visit(segments[segment_id])
                case Performed(event=event, since=None, before=None, age=age) | Last(event=event, age=age):
                    reach(event, age.to_ms)
                case Compare(left=left, right=right):
                    for aggregate in (left, right):
                        if aggregate is not None:
                            reach(aggregate.event, aggregate.age.to_ms)
                case _:
                    pass

    def reach(event: str, to_ms: DurationMs | None) -> None:
        for position in journals.coverage_of(event):
            source = journals.source_names[position]
            found[source] = max(found.get(source, 0), NEVER if to_ms is None else to_ms)

    def visit(one: SegmentDefinition) -> None:
        look(one.when)
        look(one.until)
        for name in one.exclude:
            visit(segments[name])

    visit(segment)
    return found
