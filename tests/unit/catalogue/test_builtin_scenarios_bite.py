"""The scenarios bite: whoever changes a number or leaves out a clause of a built-in definition fails one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from streams.catalogue.checks import referred
from streams.catalogue.compiler import compile_catalogue
from streams.catalogue.library import builtin_scenarios
from streams.catalogue.rehearsal import rehearse
from streams.catalogue.scenarios import Scenario, ScenarioReader
from streams.segmentation.conditions import (
    All,
    Any_,
    Compare,
    Condition,
    InSegment,
    Last,
    Not,
    Performed,
    leaves,
)
from streams.segmentation.definitions import Catalogue, SegmentDefinition
from streams.testing.shop import SOURCES, builtin

CATALOGUE = builtin()
SEGMENTS = {segment.segment_id: segment for segment in CATALOGUE.segments}
FILES = [ScenarioReader(SEGMENTS, SOURCES).read(name, text) for name, text in builtin_scenarios().items()]
PARTITIONS = {group.name: group for group in CATALOGUE.groups if group.kind == "partition"}

SAME_ANYWAY = {
    # Whoever orders once is in post_purchase.24h, which is excluded: a second order is not needed.
    "checkout.abandon": 1,
    # What ends a membership (`until`) also keeps from entering, so that the same clause in `when`, or a window there that
    # is a millisecond longer, decides nothing by itself; and an order excludes anyhow.
    "cart.abandon": 9,
    # Whoever has a last order has at least one: "none or one" says the same as "exactly one".
    "lifecycle.first_time_aging": 1,
    # The same; and from 30 days on first_time_aging comes first.
    "lifecycle.first_time_recent": 2,
    # With one order first_time_recent and first_time_aging come first, with two to four active_repeat.
    "lifecycle.active_repeat": 1,
    "lifecycle.active_loyal": 2,
}
"""Changes that nobody can see, because another clause or segment decides the same; the reasons stand beside."""


def changed(value: Any, **fields: Any) -> Any:
    """Return *value* with other *fields*."""
    return msgspec.structs.replace(value, **fields)


def other_ages(leaf: Any) -> Iterator[Any]:
    """Yield *leaf* with each end of its window a millisecond earlier and later."""
    for name in ("from_ms", "to_ms"):
        bound = getattr(leaf.age, name)
        for step in (-1, 1) if bound else ():
            yield changed(leaf, age=changed(leaf.age, **{name: bound + step}))


def other_leaves(leaf: Condition) -> Iterator[Condition]:
    """Yield *leaf* with one thing changed: a bound, a count, a mark, a sign."""
    match leaf:
        case Performed():
            yield from other_ages(leaf)
            yield changed(leaf, at_least=leaf.at_least + 1)
            if leaf.at_least > 1 or leaf.at_most is not None:
                yield changed(leaf, at_least=leaf.at_least - 1)
            if leaf.at_most is not None:
                yield changed(leaf, at_most=leaf.at_most + 1)
            for mark in ("since", "before"):
                if getattr(leaf, mark):
                    yield changed(leaf, **{mark: None})
        case Last():
            yield from other_ages(leaf)
        case Compare():
            yield changed(leaf, operator={"ge": "gt", "gt": "ge", "le": "lt", "lt": "le"}[leaf.operator])
            yield from (changed(leaf, left=left) for left in other_ages(leaf.left))
            if leaf.right is not None:
                yield changed(leaf, factor_ppm=leaf.factor_ppm + 1)
                yield from (changed(leaf, right=right) for right in other_ages(leaf.right))
        case _:
            pass


def other_conditions(condition: Condition) -> Iterator[Condition]:
    """Yield *condition* with one part left out or changed."""
    match condition:
        case All(parts) | Any_(parts):
            kind = type(condition)
            for i, part in enumerate(parts):
                if len(parts) > 1:
                    yield kind(parts[:i] + parts[i + 1 :])
                for other in other_conditions(part):
                    yield kind((*parts[:i], other, *parts[i + 1 :]))
        case Not(part):
            yield from map(Not, other_conditions(part))
        case _:
            yield from other_leaves(condition)


def mutants(segment: SegmentDefinition) -> Iterator[SegmentDefinition]:
    """Yield *segment* with one thing changed."""
    for when in other_conditions(segment.when):
        yield changed(segment, when=when)
    if segment.until is not None:
        yield changed(segment, until=None)
        for until in other_conditions(segment.until):
            yield changed(segment, until=until)
    for name in segment.exclude:
        yield changed(segment, exclude=tuple(other for other in segment.exclude if other != name))
    for field in ("dwell_ms", "grace_ms", "min_membership_ms"):
        length = getattr(segment, field)
        for step in (-1, 1) if length else ():
            yield changed(segment, **{field: length + step})


def needed(scenarios: list[Scenario]) -> set[str]:
    """Return the segments that *scenarios* look at, with their groups and all that they refer to."""
    found: set[str] = set()
    waiting = {name for scenario in scenarios for name in scenario.watched}
    while waiting:
        segment = SEGMENTS[waiting.pop()]
        found.add(segment.segment_id)
        group = PARTITIONS.get(segment.group or "")
        mates = [s.segment_id for s in CATALOGUE.segments if group is not None and s.group == group.name]
        population = group.population if group is not None else None
        named = (
            [leaf.segment_id for leaf in leaves(population) if isinstance(leaf, InSegment)]
            if population
            else []
        )
        waiting |= {*referred(segment), *mates, *named} - found
    if any(scenario.told for scenario in scenarios):  # who stands in the way is named there, and looked at
        found |= in_the_way(found)
    return found


def in_the_way(names: set[str]) -> set[str]:
    """Return the segments that may shadow or suppress those of *names*, with all that they refer to."""
    groups = {SEGMENTS[name].group for name in names} - {None, *PARTITIONS}
    found = {
        s.segment_id for s in CATALOGUE.segments if s.group in groups or (names | groups) & set(s.suppresses)
    }
    return found | {other for name in found for other in referred(SEGMENTS[name])}


@pytest.mark.parametrize("segment", CATALOGUE.segments, ids=lambda segment: segment.segment_id)
def test_every_change_of_a_definition_fails_a_scenario(segment: SegmentDefinition) -> None:
    """A window a millisecond longer or shorter, a count one more or less, a clause or an exclusion left out."""
    scenarios = [s for file in FILES if file.segment_id == segment.segment_id for s in file.scenarios]
    kept = needed(scenarios)
    survivors = []
    for mutant in mutants(segment):
        segments = tuple(
            mutant if other is segment else other for other in CATALOGUE.segments if other.segment_id in kept
        )
        plan = compile_catalogue(Catalogue(CATALOGUE.facts, CATALOGUE.groups, segments), SOURCES)
        if all(rehearse(scenario, plan, SOURCES).passed for scenario in scenarios):
            survivors.append(mutant)

    assert len(survivors) == SAME_ANYWAY.get(segment.segment_id, 0), survivors
