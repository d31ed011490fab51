"""A definition in words and as a picture."""

from __future__ import annotations

import re

import pytest

from streams.catalogue.telling import Setting, picture, tell
from streams.segmentation.definitions import SegmentDefinition
from streams.testing.shop import builtin, catalogue_of

CATALOGUE = builtin()
SETTING = Setting(CATALOGUE, ("behaviour", "orders"))


def segment(name: str) -> SegmentDefinition:
    """Return a built-in segment."""
    return next(s for s in CATALOGUE.segments if s.segment_id == name)


def test_a_definition_is_told_in_sentences() -> None:
    """When, exclusion, dwell, grace and its sources, exit, windows, group and rank."""
    text = "\n".join(tell(segment("checkout.abandon"), SETTING))

    assert "checkout.abandon, version 1\n  Checkout abandoned, started 0-2h ago" in text
    assert "    - did Checkout Started within 2h\n    - did not Order Completed since" in text
    assert "- and not in post_purchase.24h (excluded)" in text
    assert "must hold for 30m (dwell)" in text
    assert "all that behaviour and orders may say up to 15m after it (grace) has come" in text
    assert "A member leaves as soon as this is no longer true." in text
    assert "looks back:   Checkout Started 2h" in text
    assert (
        "rank 20\n  comes after:  post_purchase.24h, post_purchase.7d\n  comes before: cart.abandon" in text
    )


def test_what_excludes_a_segment_and_what_it_excludes_is_told() -> None:
    """In both directions, and who names it otherwise."""
    assert "excludes:     value.vip" in tell(segment("buyer.repeat"), SETTING)
    told = tell(segment("value.vip"), SETTING)
    assert "excluded from: buyer.repeat" in told
    assert "named by:     lifecycle.at_risk_vip" in told


def test_a_fact_is_explained() -> None:
    """What the word means that the definition uses."""
    text = "\n".join(tell(segment("value.vip"), SETTING))

    assert (
        "orders: Order Completed [is_test is not True], taken back by Order Cancelled or Order Refunded"
        in text
    )
    assert "not earlier than 7d after the entry" in text


def test_until_and_negation_are_told() -> None:
    """An exit of its own stands there; 'not all of' is told as any of the opposites."""
    catalogue = catalogue_of(
        """
segments:
  - id: a.b
    label: L
    gate: none
    owner: Ada
    when: {not: [{did: Cart Viewed, within: 1d}, {not: {did: Product Viewed}}]}
    until: {did: Product Added, within: 1h}
"""
    )
    text = "\n".join(tell(catalogue.segments[0], Setting(catalogue, ("behaviour",))))

    assert "  - any of\n    - did not Cart Viewed within 1d\n    - did Product Viewed" in text
    assert "A member leaves when\n  - did Product Added within 1h" in text
    assert "gate: none" in text
    assert "owner: Ada" in text


def test_the_states_are_drawn() -> None:
    """OUT, PENDING and MEMBER, with what moves a customer."""
    lines = picture(segment("checkout.abandon"), SETTING)

    assert lines[0] == "stateDiagram-v2"
    moves = [line.strip().partition(":")[0] for line in lines if "-->" in line]
    assert moves == [
        "[*] --> OUT",
        "OUT --> PENDING",
        "PENDING --> MEMBER",
        "PENDING --> OUT",
        "MEMBER --> OUT",
        "MEMBER --> OUT",
    ]
    assert any("entered when true for 30m and 15m of grace are over" in line for line in lines)


def test_without_dwell_and_absence_there_is_no_pending() -> None:
    """What an event alone decides is entered at once."""
    lines = picture(segment("post_purchase.24h"), SETTING)

    assert any("OUT --> MEMBER: entered when did Order Completed within 1d" in line for line in lines)
    assert not any("PENDING" in line for line in lines)


def test_a_partition_group_is_drawn_as_a_choice() -> None:
    """Its members in the order in which they are tried, the one asked for set off."""
    lines = picture(segment("lifecycle.winback"), SETTING)
    members = re.findall(r'member\d+\(\["([a-z_.]+)"\]\)', "\n".join(lines))

    assert lines[0] == "flowchart TD"
    assert members[0] == "lifecycle.lapsed_sunset"
    assert members[-1] == "lifecycle.other"
    assert "    style member2 stroke-width:4px" in lines


@pytest.mark.parametrize("name", [s.segment_id for s in CATALOGUE.segments])
def test_no_label_ends_early(name: str) -> None:
    """No text inside a label holds what Mermaid would read as its end."""
    for line in picture(segment(name), SETTING):
        if "-->" in line and "{" not in line and "(" not in line:
            assert line.count(":") <= 1
        for label in re.findall(r'"([^"]*)"', line):
            assert not set(re.sub(r"#[a-z]+;", "", label)) & set("<>;")
