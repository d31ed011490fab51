"""Everything that can be said about definitions is said at once, in order, at its place, and nothing else."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.catalogue.findings import Findings, find
from streams.catalogue.library import builtin_texts
from streams.segmentation.timeline import DAY_MS
from streams.testing.shop import VOCABULARY

SHARED = builtin_texts(("facts.yaml",))


def found(text: str, **retention_days: int) -> Findings:
    """Return the findings of a file of one's own beside the shared facts."""
    kept = {name: days * DAY_MS for name, days in retention_days.items()}
    return find({**SHARED, "a.yaml": text}, VOCABULARY, kept)


def said(findings: Findings, level: str = "") -> list[str]:
    """Return ``line:column message`` of the findings (of one level)."""
    return [
        f"{f.problem.line}:{f.problem.column} {f.problem.message}"
        for f in findings.all
        if level in ("", f.level)
    ]


def segment(when: str, more: str = "", label: str = "Look, any time, no more") -> str:
    """Return a file with one segment."""
    return f'segments:\n  - id: a.b\n    label: "{label}"\n{more}    when: {when}\n'


def test_the_built_in_catalogue_is_all_good() -> None:
    """No errors, no warnings; notes say what overlaps."""
    findings = find(builtin_texts(), VOCABULARY)

    assert said(findings, "error") == []
    assert said(findings, "warning") == []
    assert any("lifecycle.winback overlap" in line for line in said(findings, "note"))


MANY = """\
facts:
  mine: {events: Order Complted, key: order_id}
groups:
  G: {kind: partitoin}
segments:
  - id: a.one
    label: A
    dwell: 3x
    grace: 2y
    when:
      - {did: Chekout Started}
      - {did: Product Viewed, wihtin: 2h}
      - {did: Product Viewed, wihtin: 2h}
      - any:
          - {did: Nonsense}
      - {in: b.tow}
  - id: b.two
    lable: B
    when: {did: mine}
    exclude: [c.three, nothing]
  - id: c.three
    label: [x]
    when: {did: orders, at_most: x}
    exclude: b.two
  - id: c.three
    label: y
    when: {did: Cart Viewed}
    group: G
  - {id: d, label: D, when: {otherwise: true}}
"""


def test_every_mistake_is_told_and_none_that_follows_from_another() -> None:
    """In the order of the file."""
    assert said(found(MANY), "error") == [
        "2:18 unknown event 'Order Complted'",
        "4:13 unknown kind of group 'partitoin'",
        "8:12 '3x' is no duration",
        "9:12 '2y' is no duration",
        "11:15 unknown event or fact 'Chekout Started'",
        "12:31 unknown key 'wihtin'",
        "13:31 unknown key 'wihtin'",
        "15:19 unknown event or fact 'Nonsense'",
        "16:14 unknown segment 'b.tow'",
        "17:9 segments refer to each other in a circle: b.two -> c.three -> b.two",
        "18:5 unknown key 'lable'",
        "20:24 unknown segment 'nothing'",
        "22:12 expected text, found a list",
        "23:34 expected a whole number of at least 0, found 'x'",
        "25:9 segment 'c.three' is defined twice",
        "29:10 'otherwise' stands only in a partition group",
    ]


def test_nothing_is_advised_about_what_is_broken() -> None:
    """A segment or fact with a mistake gets no warnings: they may follow from it."""
    assert said(found(MANY), "warning") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("segments: [", ["1:12 not YAML: expected the node content, but found '<stream end>'"]),
        ("segmens: []", ["1:1 unknown key 'segmens'"]),
        ("[]", ["1:1 expected a mapping, found a list"]),
        ("", ["1:1 the file is empty"]),
        ("segments: 7", ["1:11 expected a mapping, found a single value"]),
        ("segments: [{}]", ["1:12 'id' is missing"]),
    ],
)
def test_a_file_that_is_none_is_one_mistake(text: str, expected: list[str]) -> None:
    """What is no YAML, or no catalogue, is told once."""
    assert said(found(text), "error") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            segment("{did: Cart Viewed, within: 1d}", label="Look, 1d"),
            "does not say intent, window and exclusions",
        ),
        (segment("{did: Cart Viewed, within: 1d}", label="Look, now, no more"), "names no window"),
        (segment("{did: Cart Viewed, within: 1d}", label="Cart abandoned, 1d, no more"), "excludes nobody"),
        (segment("{did: Order Completed, where: {curency: EUR}, within: 1d}"), "no known property 'curency'"),
        (segment("{did: Product Viewed, same: produkt_id, at_least: 2, within: 1d}"), "'produkt_id'"),
        (segment("{sum: Order Completed.totl, at_least: 5, within: 1d}"), "no known property 'totl'"),
        (
            segment("{distinct: Order Completed.products.skuu, at_least: 2, within: 9d}"),
            "An item has no known property 'skuu'",
        ),
        (segment("{did: Order Completed, within: 9d, where: {products: {any: {bran: x}}}}"), "'bran'"),
        (segment("{trait: countri, is: DE}"), "identify has no known property 'countri'"),
        ("facts: {f: {events: Order Completed, amount: [totl]}}", "no known property 'totl'"),
        (
            (
                "facts: {f: {events: Order Completed, key: order_id, "
                "undone_by: {event: Order Refunded, where: {isfull: true}}}}"
            ),
            "Order Refunded has no known property 'isfull'",
        ),
        (segment("{did: Cart Viewed}"), "no way out"),
        (segment("[{did: Cart Viewed, within: 1d}, {did_not: Cart Viewed, within: 2d}]"), "no way in"),
        (segment("{did_not: Cart Viewed}"), "no way in"),
        (
            segment("{did: Product Viewed, at_least: 90}", more="    until: {did: Cart Viewed}\n"),
            "keeps every Product Viewed for ever: about 9,000 bytes a customer after 3 years (1,000 entries)",
        ),
    ],
)
def test_what_is_probably_not_meant_is_a_warning(text: str, expected: str) -> None:
    """One thing each, at its place, and it runs all the same."""
    findings = found(text)
    (warning,) = said(findings, "warning")

    assert expected in warning
    assert said(findings, "error") == []


@pytest.mark.parametrize(
    "when",
    [
        "{did: Cart Viewed, within: 1d}",
        "{did: orders}",
        "{last: Cart Viewed, ago: {from: 1d}}",
        "{did: Cart Viewed, since: Product Added}",
        "[{did: Cart Viewed}, {did_not: orders}]",
        "{not: {did: orders, at_least: 3}}",
        "{did: Product Viewed, at_least: 3, same: product_id, within: 3d, where: {price: {above: 5, below: 9}}}",
        "{sum: orders, at_least: 500, within: 30d}",
        "{count: Order Refunded, within: 30d, at_least: 50%, of: {count: orders, within: 30d}}",
        "{distinct: Order Completed.products.sku, at_least: 2, within: 9d}",
        "{avg: orders, at_least: 2}",
        "{sum: orders, less_than: 9, within: 30d}",
        "{count: Order Refunded, within: 30d, more_than: {count: orders, within: 30d}}",
        "{count: Product Viewed, within: 7d, less_than: 50%, of: {count: Product Viewed, within: 30d}}",
        "{days_since: Order Completed, at_least: 30d}",
        "{count: orders, within: 1d, more_than: {count: orders, ago: {from: 1d, to: 10d}}}",
        "{consent: email}",
        "{score: churn, at_least: 0.6}",
        "{did: Product Viewed, within: 1d, where: {brand: {in: [a, b]}, sku: {exists: true}, price: {not: 3}}}",
    ],
)
def test_what_has_a_way_in_and_out_is_left_alone(when: str) -> None:
    """No warning without a reason."""
    assert said(found(segment(when, label="Look, 1d or so, no more")), "warning") == []


def test_a_word_of_the_calendar_is_a_window() -> None:
    """A label that says today or this month names its window."""
    for period in ("today", "last week", "this month"):
        label = f"Bought, {period}, no more"
        assert said(found(segment(f"{{did: orders, during: {period}}}", label=label)), "warning") == []


def test_windows_are_compared_with_what_the_log_keeps() -> None:
    """By source or event type; for ever is longer than everything, and a mark bounds its window."""
    text = """\
segments:
  - id: a.b
    label: "Look, any time, no more"
    when:
      - {did: Order Completed, within: 90d}
      - {did: Order Completed, within: 91d}
      - {did: Product Viewed, since: Order Completed}
      - {did_not: Signed Up}
"""
    assert said(found(text, orders=90), "warning") == [
        "6:9 looks back 91d at Order Completed, but orders is kept for 90d"
    ]
    assert said(found(text, **{"Signed Up": 365}), "warning") == [
        "8:9 looks back for ever at Signed Up, but Signed Up is kept for 365d"
    ]


TIERS = """\
groups:
  TIER: {kind: partition, population: {did: orders}}
segments:
  - {id: t.gold, label: "Gold, any time, 5+", group: TIER, rank: 1, when: {did: orders, at_least: 5}}
  - {id: t.platinum, label: "Platinum, any time, 9+", group: TIER, rank: 2, when: {did: orders, at_least: 9}}
  - {id: t.silver, label: "Silver, any time, 2+", group: TIER, rank: 2, when: {did: orders, at_least: 2}}
"""


def test_a_partition_group_is_tried() -> None:
    """Members that never win, equal ranks, holes with an example, overlaps as notes."""
    findings = found(TIERS)

    warnings = "\n".join(said(findings, "warning"))
    assert "5:10 t.platinum is never the one of TIER: whenever it was true" in warnings
    assert "t.gold came first" in warnings
    assert "6:10 t.silver and t.platinum have the same rank 2 in TIER" in warnings
    assert "6:10 TIER has a hole: in no member after Order Completed" in warnings
    assert any(
        "t.silver and t.gold overlap, and t.gold comes first" in line for line in said(findings, "note")
    )


def test_a_catch_all_leaves_no_hole() -> None:
    """Whoever is in the population is in some member."""
    last = (
        '  - {id: t.rest, label: "Rest, any time, others", group: TIER, rank: 9, when: {otherwise: true}}\n'
    )

    assert not any("hole" in line for line in said(found(TIERS + last)))


@pytest.mark.parametrize(("number", "warned"), [(12, False), (13, True)])
def test_more_than_twelve_active_are_too_many(number: int, warned: bool) -> None:  # noqa: FBT001
    """Twelve are not."""
    text = "segments:\n" + "".join(
        f'  - {{id: a.n{i}, label: "Look, {i + 1}d, no more", when: {{did: Cart Viewed, within: {i + 1}d}}}}\n'
        for i in range(number)
    )

    assert warned == any(f"{number} active segments" in line for line in said(found(text), "warning"))


def test_journals_are_estimated() -> None:
    """By retention and assumed rates: a week of late evidence beyond the window, nine bytes an entry."""
    (cost,) = (c for c in found(segment("{did: Cart Viewed, at_least: 2, within: 23d}")).costs)

    assert (cost.journal.name, cost.entries, cost.size_bytes) == ("cart_viewed", 60, 540)


TEXT = builtin_texts(("journey.yaml",))["builtin/journey.yaml"]


@given(seed=st.integers(0, 10**9), changes=st.integers(1, 12))
def test_no_damage_stops_the_search(seed: int, changes: int) -> None:
    """However a file is damaged: its mistakes are told with places inside it, and nothing is raised."""
    draw = random.Random(seed)
    text = TEXT
    for _ in range(changes):
        at = draw.randrange(len(text))
        text = (
            text[:at]
            + draw.choice(["", "x", ":", "[", "{", "\n", "- ", " ", "]", ", "])
            + text[at + draw.randrange(4) :]
        )
    lines = text.splitlines()

    for finding in found(text).all:
        problem = finding.problem
        assert problem.file in ("a.yaml", *SHARED)
        assert problem.file != "a.yaml" or 1 <= problem.line <= len(lines) + 1
