"""What accompanies a definition and changes no membership: read with place and hint, and shown."""

from __future__ import annotations

import pytest

from streams.catalogue.compiler import compile_catalogue
from streams.catalogue.listing import listed
from streams.catalogue.telling import Setting, tell
from streams.errors import DefinitionError
from streams.segmentation.definitions import Actions, Catalogue, ExpectedSize, Holdout, SegmentDefinition
from streams.testing.shop import SOURCES, catalogue_of

DEFINITION = "segments:\n  - id: s\n    label: S\n    when: {did: Product Viewed}\n    "

FULL = """
groups:
  SERVICE: {kind: arbitrated, description: Who needs help., owner: Support}
  JOURNEY: {kind: arbitrated}
segments:
  - id: service.risk
    label: S
    group: SERVICE
    rank: 10
    when: {did: Ticket Created, within: 14d}
    entity: account
    channels: [email, ads]
    suppresses: [JOURNEY, other]
    holdout: {share: 10%, salt: risk-2026}
    actions: {retention: pause promotions, support: senior agent, review: goodwill}
    size: {share: [3, 7.5], at_least: 150}
  - {id: cart, label: C, group: JOURNEY, rank: 20, when: {did: Product Added, within: 1d}}
  - {id: checkout, label: C, group: JOURNEY, rank: 10, when: {did: Checkout Started, within: 1d}}
  - {id: other, label: O, when: {did: Product Viewed, within: 1d}}
"""


def read(line: str) -> SegmentDefinition:
    """Return the definition with *line* below its `when`."""
    (segment,) = catalogue_of(DEFINITION + line).segments
    return segment


def told(catalogue: Catalogue, place: int = 0) -> list[str]:
    """Return one definition in words."""
    return tell(catalogue.segments[place], Setting(catalogue, ("support",)))


def test_everything_is_read() -> None:
    """Each key becomes a value of the definition."""
    found = catalogue_of(FULL).segments[0]

    assert (found.entity, found.channels) == ("account", ("email", "ads"))
    assert found.suppresses == ("JOURNEY", "other")
    assert found.holdout == Holdout(100_000, "risk-2026")
    assert found.actions == Actions("pause promotions", "senior agent", "goodwill")
    assert found.size == ExpectedSize((30_000, 75_000), 150)


def test_nothing_is_said_by_default() -> None:
    """A definition is about customers, and nothing accompanies it."""
    found = read("grace: 1m")

    assert (found.entity, found.channels, found.suppresses, found.holdout) == ("customer", (), (), None)
    assert (found.actions, found.size) == (Actions(), ExpectedSize())


@pytest.mark.parametrize(
    ("text", "share_ppm"), [("0", 0), ("0.5", 500_000), ("50%", 500_000), ("7.5%", 75_000)]
)
def test_share_of_a_holdout(text: str, share_ppm: int) -> None:
    """A share or a percentage, from nothing to one half."""
    assert read(f"holdout: {{share: {text}, salt: x}}").holdout == Holdout(share_ppm, "x")


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("entity: custmer", "unknown entity 'custmer'", "customer"),
        ("channels: [email, smss]", "unknown channel 'smss'", "sms"),
        ("channels: [sms, sms]", "'sms' is said twice", ""),
        ("holdout: {share: 0.51, salt: x}", "expected a share from 0 to 0.5, found '0.51'", "10%"),
        ("holdout: {share: 51%, salt: x}", "expected a share from 0 to 0.5, found '51%'", "10%"),
        ("holdout: {share: 0.1}", "'salt' is missing", ""),
        ("holdout: {share: 0.1, salt: ''}", "expected a salt", "any word"),
        ("actions: {retain: x}", "unknown key 'retain'", "retention"),
        ("size: {}", "what size?", "at_least: 150"),
        ("size: {share: [8, 3]}", "the second not less than the first", ""),
        ("size: {share: 3}", "expected two percentages", "[3, 8]"),
        ("suppresses: JOURNEYS", "unknown segment or group 'JOURNEYS'", "s"),
        ("suppresses: s", "s suppresses itself", "their group"),
    ],
)
def test_mistakes(line: str, message: str, hint: str) -> None:
    """What cannot be is refused, with what would be right."""
    with pytest.raises(DefinitionError) as refused:
        read(line)

    assert message in str(refused.value)
    assert hint in refused.value.hint


def test_an_unknown_group_has_a_nearest_word() -> None:
    """Groups and segments are offered alike."""
    with pytest.raises(DefinitionError) as refused:
        catalogue_of(FULL.replace("[JOURNEY, other]", "[JOURNY]"))

    assert refused.value.hint == "did you mean 'JOURNEY'?"


def test_everything_is_shown() -> None:
    """In words, with who is silent meanwhile, and on the other side by whom."""
    catalogue = catalogue_of(FULL)

    assert told(catalogue)[-10:] == [
        "group:        SERVICE (all are members, one is active), rank 10",
        "  Who needs help.; owner: Support",
        "entity:       account",
        "channels:     email, ads",
        "suppresses:   all of JOURNEY, other",
        "holdout:      10% of its members, by the salt risk-2026",
        "retention:    pause promotions",
        "support:      senior agent",
        "review:       goodwill, before anything is done",
        "size:         3 to 7.5% of all customers, at least 150 expected",
    ]
    assert "suppressed by: service.risk" in told(catalogue, 1)


def test_everything_is_listed() -> None:
    """As plain values, groups with their members by rank."""
    catalogue = catalogue_of(FULL)
    found = listed(catalogue, {s.segment_id: frozenset({"support"}) for s in catalogue.segments})
    first = found["segments"][0]

    assert first["suppresses"] == ["JOURNEY", "other"]
    assert first["suppressed_segments"] == ["cart", "checkout", "other"]
    assert first["holdout"] == {"share": 0.1, "salt": "risk-2026"}
    assert first["size"] == {"share": [0.03, 0.075], "at_least": 150}
    assert first["actions"]["review"] == "goodwill"
    journey = next(group for group in found["groups"] if group["name"] == "JOURNEY")
    assert journey["members"] == ["checkout", "cart"]


def test_membership_does_not_change() -> None:
    """With and without all of it the plan is the same, to the byte."""
    lines = FULL.splitlines()
    bare = "\n".join(
        line
        for line in lines
        if not line.strip().startswith(("entity", "channels", "suppresses", "holdout", "actions", "size"))
    )

    full, less = (compile_catalogue(catalogue_of(text), SOURCES) for text in (FULL, bare))
    assert full.plan_hash == less.plan_hash
