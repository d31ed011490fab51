"""The ready-made definitions: each passes its scenarios, each file stands on what it names, every construct is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import streams.catalogue
from streams.catalogue.compiler import compile_catalogue
from streams.catalogue.constructs import known, used
from streams.catalogue.findings import find
from streams.catalogue.library import (
    READY,
    builtin_texts,
    read_catalogue,
    ready_scenarios,
    ready_texts,
)
from streams.catalogue.rehearsal import difference, rehearse
from streams.catalogue.scenarios import Scenario, ScenarioReader, lacking
from streams.testing.scenario_answers import answers, expected_answers
from streams.testing.shop import SOURCES, VOCABULARY

TEXTS = builtin_texts() | ready_texts()
CATALOGUE = read_catalogue(TEXTS, VOCABULARY)
IDS = [segment.segment_id for segment in CATALOGUE.segments]
PLAN = compile_catalogue(CATALOGUE, SOURCES)
FILES = [ScenarioReader(IDS, SOURCES).read(name, text) for name, text in ready_scenarios().items()]
FOLDER = Path(streams.catalogue.__file__).parent / "ready"
OWN = [
    segment["id"] for text in ready_texts().values() for segment in yaml.safe_load(text).get("segments", ())
]

FAR = {"campaign.holiday", "campaign.seasonal", "geo.season.north_winter", "geo.season.south_winter"}
"""The oracle looks at the calendar for 50 days, in five time zones; these reach further."""

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


@pytest.mark.parametrize(
    "scenario",
    [s for file in FILES if file.segment_id not in FAR for s in file.scenarios],
    ids=lambda scenario: f"{scenario.segment_id}: {scenario.name}",
)
def test_the_oracle_answers_alike(scenario: Scenario) -> None:
    """The naive answer, written apart from the engine, is what the scenario expects too."""
    assert answers(scenario, CATALOGUE, SOURCES) == expected_answers(scenario)


def test_every_segment_has_scenarios_of_every_kind() -> None:
    """Entry, exit by event, exit by time, boundary, exclusion, late; or a reason why this segment cannot have it."""
    assert lacking(FILES, OWN) == {}


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
    """One file of scenarios for each segment, found at a glance."""
    assert sorted(f"ready/scenarios/{name}.yaml" for name in OWN) == sorted(file.file for file in FILES)


def test_the_check_has_nothing_to_say_but_that_they_are_many() -> None:
    """No mistakes and no warnings, in definitions and in scenarios; all at once are more than anybody serves."""
    found = find(TEXTS, VOCABULARY, scenarios=ready_scenarios())

    assert found.of("error") == []
    assert len(found.of("warning")) == 1
    assert "active segments (a partition group counts once)" in found.of("warning")[0].problem.message


def test_the_readme_names_every_file() -> None:
    """Each file of definitions has its line in the table."""
    assert {"shared.yaml", *needs()} == set(READY)


@pytest.mark.parametrize("name", [name for name in READY if name != "shared.yaml"])
def test_a_file_stands_on_what_the_readme_says(name: str) -> None:
    """Facts, the shared file, and what the table names, are enough to read and compile it."""
    wanted = {"builtin/facts.yaml", "ready/shared.yaml", f"ready/{name}"}
    ahead = [*needs()[name]]
    while ahead:
        other = ahead.pop()
        wanted.add(other if "/" in other else f"ready/{other}")
        ahead += needs().get(other, [])
    catalogue = read_catalogue({file: text for file, text in TEXTS.items() if file in wanted}, VOCABULARY)

    assert compile_catalogue(catalogue, SOURCES).machines


def needs() -> dict[str, list[str]]:
    """Return file → the files that the README's table says it needs."""
    lines = re.findall(
        r"^\| `(\w+\.yaml)` \|[^|]*\|([^|]*)\|$", (FOLDER / "README.md").read_text(), re.MULTILINE
    )
    return {name: re.findall(r"`([\w/]+\.yaml)`", named) for name, named in lines}


# ---- every construct ----------------------------------------------------------------------------------------------

NOT_USED = {
    (
        "hysteresis",
        "A member stays while the number that 'when' compares passes this laxer limit.",
    ): "no row names a second limit that could be said",
    (
        "entity",
        "Whom it is about: customer or account; changes no membership.",
    ): "all are about customers, one by one",
    (
        "holdout",
        "A share of its members who get nothing, to compare with; they are members.",
    ): "what ships holds nobody out (S12)",
    ("share", "From 0 to 0.5, or 0% to 50%."): "of a holdout",
    ("salt", "Every salt deals the customers anew."): "of a holdout",
    ("at_most", "At most this long ago."): "differs from less_than by a millisecond",
    ("more_than", "Longer ago than this."): "differs from at_least by a millisecond",
    ("at_most", "Not above."): "nobody asks for low scores",
    ("more_than", "The sum is more than this."): "at_least says it of sums",
    ("less_than", "The sum is less than this."): "nobody asks for small baskets",
    ("cooldown", "No entry earlier than this after an exit."): "no row names one",
    (
        "max_entries",
        "At most so many entries in this time, such as 3 per 30d; one more waits.",
    ): "no row names a number",
    ("tests", "Files of scenarios, beside this one."): "the folder scenarios is found unasked",
    (
        "time_zone",
        "The shop's time zone, such as Europe/London.",
    ): "the shop's to say; a file to copy from would say it for all",
}
"""Construct → why no definition of ours uses it."""


def test_every_construct_is_used() -> None:
    """Each key of the grammar stands in some definition, built-in or ready-made, or in the list with its reason."""
    mentioned = {construct for text in TEXTS.values() for construct in used(yaml.safe_load(text))}

    assert known() - mentioned - set(NOT_USED) == set()
    assert mentioned & set(NOT_USED) == set()
