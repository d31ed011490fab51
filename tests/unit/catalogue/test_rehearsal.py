"""Scenarios are run by the engine; what came is compared with what should have, in order."""

from __future__ import annotations

import pytest

from streams.catalogue.compiler import compile_catalogue
from streams.catalogue.rehearsal import Outcome, difference, rehearse
from streams.catalogue.scenarios import ScenarioReader
from streams.testing.shop import SOURCES, catalogue_of

CATALOGUE = catalogue_of(
    """
segments:
  - {id: a.viewed, label: L, when: {did: Cart Viewed, within: 1h}}
  - {id: a.left, label: L, grace: 5m, when: [{did: Cart Viewed}, {did_not: Order Completed, since: Cart Viewed}]}
"""
)
PLAN = compile_catalogue(CATALOGUE, SOURCES)
READER = ScenarioReader(["a.viewed", "a.left"], SOURCES)
VIEW = "{at: 10:00, did: Cart Viewed}"


def run(text: str, segment: str = "a.viewed") -> Outcome:
    """Run the only scenario of a file, whose keys are *text*."""
    file = READER.read("s.yaml", f"segment: {segment}\nscenarios:\n  - {{name: N, {text}}}\n")
    return rehearse(file.scenarios[0], PLAN, SOURCES)


@pytest.mark.parametrize(
    "text",
    [
        (
            f"steps: [{VIEW}, {{time passes until: 12:00}}], "
            "expect: [{entered: a.viewed, at: 10:00}, {exited: a.viewed, at: 11:00}]"
        ),
        (
            "steps: [{at: 10:00, did: Cart Viewed, expect: {entered: a.viewed, at: 10:00, origin: event}}, "
            "{time passes over: 11:00, expect: {exited: a.viewed, at: 11:00, origin: timer}}]"
        ),
        (
            f"steps: [{VIEW}, {{time passes over: 11:00, expect: {{exited: a.viewed, at: 11:00}}}}], "
            "expect: [{entered: a.viewed, at: 10:00}, {exited: a.viewed, at: 11:00}]"
        ),
        "steps: [{at: 10:00, did: Product Viewed}], expect: nothing",
        "steps: [{at: 10:00, did: Cart Viewed, customer: x}], expect: {entered: a.viewed, at: 10:00, customer: x}",
        (
            "steps: [{at: 10:00, did: Cart Viewed, arrives: 10:30}], "
            "expect: {entered: a.viewed, at: 10:00, origin: late}"
        ),
        (
            "out_of_orderness: 30m, steps: [{at: 10:00, did: Cart Viewed, arrives: 10:30}], "
            "expect: {entered: a.viewed, at: 10:00, origin: event}"
        ),
    ],
)
def test_what_is_expected_comes(text: str) -> None:
    """All in all, step by step, or both."""
    outcome = run(text)

    assert difference(outcome) == []
    assert outcome.passed


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            f"steps: [{VIEW}], expect: nothing",
            ["  all in all:", "      expected   got", "    +            10:00 entered a.viewed event"],
        ),
        (
            f"steps: [{VIEW}], expect: [{{entered: a.viewed, at: 10:00}}, {{exited: a.viewed, at: 10:30}}]",
            [
                "  all in all:",
                "      expected                 got",
                "    = 10:00 entered a.viewed | 10:00 entered a.viewed event",
                "    - 10:30 exited a.viewed",
            ],
        ),
        (
            (
                f"steps: [{VIEW}, {{time passes over: 10:59:59.999, expect: {{exited: a.viewed, at: 11:00}}}}], "
                "expect: [{entered: a.viewed, at: 10:00}, {exited: a.viewed, at: 11:00}]"
            ),
            [
                "  time passes over 10:59:59.999:",
                "      expected                got",
                "    - 11:00 exited a.viewed",
            ],
        ),
        (
            f"steps: [{VIEW}, {{time passes until: 12:00, expect: {{exited: a.viewed, at: 11:00}}}}]",
            ["  10:00 Cart Viewed:", "      expected   got", "    +            10:00 entered a.viewed event"],
        ),
        (
            f"steps: [{VIEW}], expect: {{entered: a.viewed, at: 10:00, origin: timer}}",
            [
                "  all in all:",
                "      expected                       got",
                "    - 10:00 entered a.viewed timer",
                "    +                                10:00 entered a.viewed event",
            ],
        ),
    ],
)
def test_a_difference_stands_side_by_side(text: str, lines: list[str]) -> None:
    """What is missing, what is too much, and what agrees in between, in order."""
    outcome = run(text)

    assert not outcome.passed
    assert lines == difference(outcome)[: len(lines)]


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("exit_by_event", "no event made anybody leave"),
        ("exit_by_time", "time made nobody leave"),
        ("boundary", "at no 'time passes over' did anything come"),
        ("late", "no event was late"),
    ],
)
def test_a_claim_is_checked(kind: str, sentence: str) -> None:
    """A scenario cannot say that it shows what did not happen."""
    outcome = run(f"shows: [entry, {kind}], steps: [{VIEW}], expect: {{entered: a.viewed, at: 10:00}}")

    assert not outcome.passed
    assert difference(outcome) == [f"  {outcome.untrue[0]}"]
    assert sentence in outcome.untrue[0]


def test_a_claim_of_entry_is_checked() -> None:
    """Somebody must have entered."""
    outcome = run("shows: entry, steps: [{at: 10:00, did: Product Viewed}], expect: nothing")

    assert outcome.untrue == ("it says that it shows entry, but nobody entered",)


def test_true_claims_pass() -> None:
    """Exit by time, a boundary crossed, a late event."""
    outcome = run(
        "shows: [entry, exit_by_time, boundary, late], steps: [{at: 10:00, did: Cart Viewed, arrives: 10:01}, "
        "{time passes over: 11:00, expect: {exited: a.viewed, at: 11:00}}], "
        "expect: [{entered: a.viewed, at: 10:00}, {exited: a.viewed, at: 11:00}]"
    )

    assert outcome.passed


def test_events_around_an_instant_show_a_boundary() -> None:
    """The same event at -1, 0 and +1 ms."""
    steps = ", ".join(f"{{at: 10:00 {sign} 1ms, did: Cart Viewed, customer: '{sign}'}}" for sign in "-+")
    outcome = run(f"shows: boundary, steps: [{steps}, {VIEW}], expect: nothing", "a.left")

    assert outcome.untrue == ()


def test_each_source_may_have_its_own_watermark() -> None:
    """The entry waits for orders, which lag behind."""
    outcome = run(
        f"watermarks: by source, steps: [{VIEW}, {{time passes until: 12:00, source: behaviour, expect: nothing}}, "
        "{time passes until: 10:05, source: orders, expect: {entered: a.left, at: 10:00}}]",
        "a.left",
    )

    assert difference(outcome) == []


JOURNEY = catalogue_of(
    """
groups: {J: {kind: arbitrated}}
segments:
  - {id: a.first, label: L, group: J, rank: 1, channels: email, when: {did: Cart Viewed, within: 1h}}
  - {id: a.next, label: L, group: J, rank: 2, when: {did: Product Viewed, within: 2h}}
"""
)
STEPS = "steps: [{at: 10:00, did: Product Viewed}, {at: 10:10, did: Cart Viewed}, {time passes until: 13:00}]"


def journey(expect: str) -> Outcome:
    """Run the story of two members of a group with what is expected of the second."""
    reader = ScenarioReader(["a.first", "a.next"], SOURCES)
    text = f"segment: a.next\nscenarios:\n  - {{name: N, {STEPS}, expect: [{expect}]}}\n"
    plan = compile_catalogue(JOURNEY, SOURCES)
    return rehearse(reader.read("s.yaml", text).scenarios[0], plan, SOURCES)


ENTERED, EXITED = "{entered: a.next, at: 10:00, active: true}", "{exited: a.next, at: 12:00}"


def test_how_a_membership_stands_is_looked_at_where_it_is_named() -> None:
    """S12: a scenario that names no change of it sees none; one that names a kind sees all of that kind."""
    shadowed = "{arbitration_changed: a.next, at: 10:10, active: false, shadowed_by: a.first}"
    active = "{arbitration_changed: a.next, at: 11:10, active: true, eligible_channels: nothing}"

    assert journey(f"{ENTERED}, {EXITED}").passed
    assert journey(f"{ENTERED}, {shadowed}, {active}, {EXITED}").passed
    assert not journey(f"{ENTERED}, {shadowed}, {EXITED}").passed


def test_what_was_expected_otherwise_is_shown() -> None:
    """Only what some expectation says of how a membership stands is shown, on both sides."""
    outcome = journey(f"{ENTERED.replace('true', 'false')}, {EXITED}")

    assert difference(outcome)[2:4] == [
        "    - 10:00 entered a.next active=false",
        "    + "
        + " " * len("10:00 entered a.next active=false")
        + "   10:00 entered a.next event active=true",
    ]
