"""The clauses of a definition, as its transitions tell them."""

from __future__ import annotations

from streams.segmentation.conditions import All, Any_, Condition, InSegment, Leaf, Not
from streams.segmentation.definitions import SegmentDefinition


def clauses_of(segment: SegmentDefinition) -> list[tuple[Leaf, bool]]:
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
