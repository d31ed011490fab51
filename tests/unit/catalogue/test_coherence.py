"""What definitions say about themselves and one another that cannot be meant: a warning at its key, and no false alarm."""

from __future__ import annotations

import pytest

from streams.catalogue.findings import find
from streams.catalogue.library import builtin_texts, ready_texts
from streams.testing.shop import VOCABULARY

SHARED = builtin_texts(("facts.yaml",))
LOOKING = 'segments:\n  - id: a.b\n    label: "Look, 1d, no more"\n    when: {did: Cart Viewed, within: 1d}\n'


def said(text: str, level: str) -> list[str]:
    """Return ``line:column message`` of what is found in a file, of one level."""
    findings = find({**SHARED, "a.yaml": text}, VOCABULARY)
    return [
        f"{one.problem.line}:{one.problem.column} {one.problem.message}"
        for one in findings.all
        if one.level == level
    ]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            "    grace: 5m\n",
            "5:12 the grace of a.b has no effect: 'when' rests on nothing that did not happen",
        ),
        (
            "    grace: 5m\n    gate: none\n",
            "5:12 the grace of a.b has no effect: 'gate: none' waits for nothing",
        ),
        (
            "    dwell: 1d\n",
            "5:12 a dwell of 1d outlasts the window of 1d: only who does it again meanwhile enters",
        ),
        ("    rank: 5\n", "5:11 a.b has a rank and is in no group"),
        (
            (
                "    suppresses: c\n"
                '  - {id: c, label: "Look, 2d, no more", suppresses: a.b, when: {did: Cart Viewed, within: 2d}}\n'
            ),
            "6:53 c and a.b suppress each other: who is in both hears of neither",
        ),
        (
            '  - {id: c, label: "Look, 1d, no more", when: [{did: Cart Viewed, within: 24h}]}\n',
            "5:10 c and a.b have always the same members",
        ),
        (
            (
                "    group: VALUE\n"
                '  - {id: c, label: "Look, 2d, no more", group: VALUE, rank: 5, when: {did: Cart Viewed, within: 2d}}\n'
            ),
            "5:12 a.b has no rank in VALUE: it comes before all that have one",
        ),
        ("groups: {G: {kind: arbitrated, population: {did: orders}}}\n", "5:44 G is arbitrated"),
    ],
)
def test_what_cannot_be_meant(more: str, expected: str) -> None:
    """One warning, at the key, and nothing else."""
    (warning,) = said(LOOKING + more, "warning")

    assert warning.startswith(expected)
    assert said(LOOKING + more, "error") == []


@pytest.mark.parametrize(
    "more",
    [
        "    dwell: 23h\n",
        "    until: {did_not: Cart Viewed, within: 1h}\n",
        "    group: VALUE\n",
        '  - {id: c, label: "Look, 2d, no more", suppresses: a.b, when: {did: Cart Viewed, within: 2d}}\n',
    ],
)
def test_what_may_be_meant_is_left_alone(more: str) -> None:
    """A dwell that fits, a member alone in its group, one that suppresses the other."""
    assert [
        line for line in said(LOOKING + more, "warning") if "grace" not in line and "way" not in line
    ] == []


def test_an_account_is_a_note() -> None:
    """It runs, customer by customer."""
    assert said(LOOKING + "    entity: account\n", "note") == [
        "5:13 a.b is about accounts, and is decided for each customer"
    ]


DEAD_END = """\
groups:
  TIER: {kind: partition, population: {did: Signed Up}}
segments:
  - {id: t.one, label: "One, any time, seen", group: TIER, rank: 1, when: {did: Cart Viewed}}
  - {id: t.two, label: "Two, any time, others", group: TIER, rank: 2, when: {otherwise: true}}
"""


def test_a_dead_end_of_a_partition_group() -> None:
    """The first member, once true, stays so for ever: who is in it never leaves the group's first place."""
    assert said(DEAD_END, "warning") == [
        "4:10 t.one is a dead end of TIER: once true, nothing makes it false again, and no member comes before it"
    ]
    assert said(DEAD_END.replace("{did: Cart Viewed}", "{did: Cart Viewed, within: 9d}"), "warning") == []


def test_what_accompanies_a_definition_is_checked_with_the_rest() -> None:
    """Unknown words at their places with the nearest, all at once, and nothing that follows from another mistake."""
    text = LOOKING + (
        "    entity: acount\n    channels: [email, smss]\n    suppresses: [VALEU, a.c]\n"
        "    holdout: {share: 0.7, salt: x}\n    actions: {retain: x}\n    size: {share: [9, 3]}\n"
    )
    findings = find({**SHARED, "a.yaml": text}, VOCABULARY)

    assert said(text, "error") == [
        "5:13 unknown entity 'acount'",
        "6:23 unknown channel 'smss'",
        "7:18 unknown segment or group 'VALEU'",
        "7:25 unknown segment or group 'a.c'",
        "8:22 expected a share from 0 to 0.5, found '0.7'",
        "9:15 unknown key 'retain'",
        "10:19 expected percentages from 0 to 100, the second not less than the first",
    ]
    assert [one.problem.hint for one in findings.of("error")][:3] == [
        "did you mean 'account'?",
        "did you mean 'sms'?",
        "did you mean 'VALUE'?",
    ]


def test_no_false_alarm_in_what_ships() -> None:
    """The built-in and the ready-made definitions together: too many at once, and nothing else."""
    findings = find(builtin_texts() | ready_texts(), VOCABULARY)

    assert [one.problem.message for one in findings.of("warning")] == [
        "93 active segments (a partition group counts once), more than 12"
    ]
