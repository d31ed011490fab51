"""Definitions and groups as plain values, with what accompanies them: for programs, and in words for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from streams.segmentation.definitions import Catalogue, ExpectedSize, GroupDefinition, SegmentDefinition

_PERCENT_PPM = 10_000


def listed(catalogue: Catalogue, gates: Mapping[str, frozenset[str]]) -> dict[str, Any]:
    """Return the segments and groups of *catalogue* as JSON would hold them.

    Args:
        catalogue: what is listed.
        gates: segment id → the sources whose watermarks its entries wait for.
    """
    return {
        "segments": [_segment(one, catalogue, gates) for one in catalogue.segments],
        "groups": [_group(one, catalogue) for one in catalogue.groups],
    }


def _segment(
    segment: SegmentDefinition, catalogue: Catalogue, gates: Mapping[str, frozenset[str]]
) -> dict[str, Any]:
    holdout, size, actions = segment.holdout, segment.size, segment.actions
    return {
        "id": segment.segment_id,
        "version": segment.version,
        "label": segment.label,
        "description": segment.description,
        "owner": segment.owner,
        "entity": segment.entity,
        "group": segment.group,
        "rank": segment.rank,
        "exclude": list(segment.exclude),
        "dwell_ms": segment.dwell_ms,
        "grace_ms": segment.grace_ms,
        "min_membership_ms": segment.min_membership_ms,
        "cooldown_ms": segment.cooldown_ms,
        "waits_for": sorted(gates[segment.segment_id]),
        "channels": list(segment.channels),
        "suppresses": list(segment.suppresses),
        "suppressed_segments": suppressed(segment, catalogue),
        "holdout": None
        if holdout is None
        else {"share": holdout.share_ppm / 1_000_000, "salt": holdout.salt},
        "actions": {
            name: text
            for name, text in (
                ("retention", actions.retention),
                ("support", actions.support),
                ("review", actions.review),
            )
            if text
        },
        "size": {
            "share": None if size.share_ppm is None else [part / 1_000_000 for part in size.share_ppm],
            "at_least": size.least or None,
        },
    }


def _group(group: GroupDefinition, catalogue: Catalogue) -> dict[str, Any]:
    return {
        "name": group.name,
        "kind": group.kind,
        "description": group.description,
        "owner": group.owner,
        "members": [one.segment_id for one in by_rank(group.name, catalogue)],
    }


def by_rank(group: str, catalogue: Catalogue) -> list[SegmentDefinition]:
    """Return the members of *group* by rank."""
    return sorted((s for s in catalogue.segments if s.group == group), key=lambda s: s.rank)


def suppressed(segment: SegmentDefinition, catalogue: Catalogue) -> list[str]:
    """Return the ids of the segments that *segment* suppresses, itself or by their group, in the catalogue's order."""
    named = set(segment.suppresses)
    return [
        other.segment_id
        for other in catalogue.segments
        if other is not segment and (other.segment_id in named or other.group in named)
    ]


def in_words(segment: SegmentDefinition, catalogue: Catalogue) -> Iterator[str]:
    """Yield, line by line, what accompanies *segment* and changes no membership."""
    if segment.entity != "customer":
        yield f"entity:       {segment.entity}"
    if segment.channels:
        yield f"channels:     {', '.join(segment.channels)}"
    if segment.suppresses:
        groups = {group.name for group in catalogue.groups}
        named = (f"all of {name}" if name in groups else name for name in segment.suppresses)
        yield f"suppresses:   {', '.join(named)}"
    silencing = [s.segment_id for s in catalogue.segments if segment.segment_id in suppressed(s, catalogue)]
    if silencing:
        yield f"suppressed by: {', '.join(silencing)}"
    if segment.holdout is not None:
        yield f"holdout:      {_percent(segment.holdout.share_ppm)} of its members, by the salt {segment.holdout.salt}"
    actions = segment.actions
    for name, text in (("retention", actions.retention), ("support", actions.support)):
        if text:
            yield f"{name + ':':<13} {text}"
    if actions.review:
        yield f"review:       {actions.review}, before anything is done"
    if segment.size != ExpectedSize():
        yield f"size:         {_size(segment.size)}"


def _size(size: ExpectedSize) -> str:
    parts = []
    if size.share_ppm is not None:
        low, high = size.share_ppm
        parts.append(f"{low / _PERCENT_PPM:g} to {_percent(high)} of all customers")
    if size.least:
        parts.append(f"at least {size.least:,}")
    return f"{', '.join(parts)} expected"


def _percent(share_ppm: int) -> str:
    return f"{share_ppm / _PERCENT_PPM:g}%"
