"""Every built-in definition passes its scenarios, and its scenarios leave nothing out without a reason."""

from __future__ import annotations

import pytest

from streams.catalogue.compiler import compile_catalogue
from streams.catalogue.library import builtin_scenarios
from streams.catalogue.rehearsal import difference, rehearse
from streams.catalogue.scenarios import SHOWN_KINDS, Scenario, ScenarioReader, Step, lacking
from streams.segmentation.stimuli import EventObserved
from streams.testing.oracle import Oracle
from streams.testing.shop import SOURCES, builtin

CATALOGUE = builtin()
IDS = [segment.segment_id for segment in CATALOGUE.segments]
PLAN = compile_catalogue(CATALOGUE, SOURCES)
FILES = [ScenarioReader(IDS, SOURCES).read(name, text) for name, text in builtin_scenarios().items()]


every_scenario = pytest.mark.parametrize(
    "scenario",
    [scenario for file in FILES for scenario in file.scenarios],
    ids=lambda scenario: f"{scenario.segment_id}: {scenario.name}",
)


@every_scenario
def test_scenario(scenario: Scenario) -> None:
    """What the scenario expects comes, nothing else comes, and it shows what it claims to show."""
    outcome = rehearse(scenario, PLAN, SOURCES)

    assert difference(outcome) == []
    assert outcome.passed


@every_scenario
def test_the_oracle_answers_alike(scenario: Scenario) -> None:
    """The naive answer, written apart from the engine, is what the scenario expects too."""
    oracle = Oracle(
        CATALOGUE,
        sources=SOURCES,
        out_of_orderness_ms=scenario.out_of_orderness_ms,
        shared_watermark=not scenario.by_source,
    )
    for step in scenario.steps:
        tell(oracle, step, scenario.out_of_orderness_ms)
    expected = scenario.expect
    if expected is None:
        expected = tuple(e for step in scenario.steps for e in step.expect or ())

    assert sorted(
        (e.kind, e.segment_id, e.at_ms, e.origin, f"default/{e.customer}") for e in expected
    ) == sorted(
        (t.kind, t.segment_id, t.occurred_at_ms, t.origin, t.customer)
        for t in oracle.transitions
        if t.segment_id in scenario.watched and t.kind in scenario.kinds
    )


def tell(oracle: Oracle, step: Step, out_of_orderness_ms: int) -> None:
    """Let *oracle* live through one step."""
    if step.head != "did":
        for offset in (-1, 0, 1) if step.head.endswith("over") else (0,):
            oracle.advance(step.source or None, step.at_ms + offset)
        return
    if step.arrives_ms is not None:
        oracle.advance(None, step.arrives_ms - out_of_orderness_ms)
    source = SOURCES[step.event_type]
    oracle.observe(
        EventObserved(
            step.event_type,
            step.at_ms,
            step.event_id,
            "default",
            step.customer,
            source,
            dict(step.properties or {}),
        )
    )


def test_every_built_in_segment_has_scenarios_of_every_kind() -> None:
    """Entry, exit by event, exit by time, boundary, exclusion, late; or a reason why this segment cannot have it."""
    assert lacking(FILES, IDS) == {}


def test_no_reason_is_given_for_what_is_shown() -> None:
    """A `cannot` that a scenario refutes is not true."""
    refuted = [
        (file.segment_id, kind)
        for file in FILES
        for kind in file.cannot
        if any(kind in scenario.shows for scenario in file.scenarios)
    ]

    assert refuted == []


def test_a_file_is_named_by_its_segment() -> None:
    """One file for each segment, found at a glance."""
    assert sorted(f"builtin/scenarios/{name}.yaml" for name in IDS) == sorted(file.file for file in FILES)


@pytest.mark.parametrize("kind", SHOWN_KINDS)
def test_every_kind_is_shown_by_most_segments(kind: str) -> None:
    """The exemptions stay exceptions."""
    showing = {s.segment_id for file in FILES for s in file.scenarios if kind in s.shows}

    assert len(showing) >= len(IDS) * 2 // 3
