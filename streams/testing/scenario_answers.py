"""What the oracle, written apart from the engine, answers to a scenario."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from streams.catalogue.checks import referred
from streams.catalogue.scenarios import Scenario, Step
from streams.segmentation.definitions import Catalogue
from streams.segmentation.effects import MOVES
from streams.segmentation.stimuli import EventObserved
from streams.testing.oracle import Oracle

Answer = tuple[str, str, int, str, str]
"""Kind, segment, when, origin, customer."""


def answers(scenario: Scenario, catalogue: Catalogue, sources: Mapping[str, str]) -> list[Answer]:
    """Return the oracle's transitions of the segments that *scenario* watches, sorted."""
    oracle = Oracle(
        narrowed(catalogue, scenario.watched, neighbours=not scenario.kinds <= MOVES),
        sources=sources,
        out_of_orderness_ms=scenario.out_of_orderness_ms,
        shared_watermark=not scenario.by_source,
    )
    for step in scenario.steps:
        _tell(oracle, step, scenario.out_of_orderness_ms, sources)
    return sorted(
        (t.kind, t.segment_id, t.occurred_at_ms, t.origin, t.customer)
        for t in oracle.transitions
        if t.segment_id in scenario.watched and t.kind in scenario.kinds
    )


def expected_answers(scenario: Scenario) -> list[Answer]:
    """Return what *scenario* expects, sorted; every expectation must name its origin."""
    expected = scenario.expect
    if expected is None:
        expected = scenario.expected
    return sorted((e.kind, e.segment_id, e.at_ms, str(e.origin), f"default/{e.customer}") for e in expected)


def narrowed(catalogue: Catalogue, segments: frozenset[str], *, neighbours: bool = False) -> Catalogue:
    """Return *catalogue* with *segments*, those that they refer to and the groups that they are in, and no others.

    With *neighbours* also those that may stand in their way: of the same arbitrated group, or suppressing them.
    """
    known = {segment.segment_id: segment for segment in catalogue.segments}
    partitions = {group.name for group in catalogue.groups if group.kind == "partition" or neighbours}
    needed: set[str] = set()
    ahead = list(segments)
    while ahead:
        segment = known[name := ahead.pop()]
        if segment.segment_id not in needed:
            needed.add(segment.segment_id)
            ahead += referred(segment)
            ahead += [s.segment_id for s in known.values() if s.group in partitions & {segment.group}]
            if neighbours:
                ahead += [s.segment_id for s in known.values() if {name, segment.group} & set(s.suppresses)]
    kept = tuple(segment for segment in catalogue.segments if segment.segment_id in needed)
    groups = {segment.group for segment in kept}
    return msgspec.structs.replace(
        catalogue, segments=kept, groups=tuple(group for group in catalogue.groups if group.name in groups)
    )


def _tell(oracle: Oracle, step: Step, out_of_orderness_ms: int, sources: Mapping[str, str]) -> None:
    """Let *oracle* live through one step."""
    if step.head != "did":
        for offset_ms in (-1, 0, 1) if step.head.endswith("over") else (0,):
            oracle.advance(step.source or None, step.at_ms + offset_ms)
        return
    if step.arrives_ms is not None:
        oracle.advance(None, step.arrives_ms - out_of_orderness_ms)
    source = sources[step.event_type]
    properties = dict(step.properties or {})
    oracle.observe(
        EventObserved(
            step.event_type, step.at_ms, step.event_id, "default", step.customer, source, properties
        )
    )
