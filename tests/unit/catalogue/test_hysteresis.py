"""A limit of its own for leaving: read as an `until`, and refused where it says nothing clear."""

from __future__ import annotations

import pytest

from streams.errors import DefinitionError
from streams.segmentation.definitions import SegmentDefinition
from streams.testing.shop import catalogue_of, driver, instant, told

DAY = "2026-03-02"
FACTS = "facts: {orders: {events: Order Completed, amount: total}}\n"


def text(when: str, hysteresis: str, more: str = "") -> str:
    """Return a file with one segment."""
    return (
        f"{FACTS}segments:\n  - id: s\n    label: S\n    when: {when}\n    hysteresis: {hysteresis}\n{more}"
    )


def read(when: str, hysteresis: str) -> SegmentDefinition:
    """Return the definition of `text`."""
    return catalogue_of(text(when, hysteresis)).segments[0]


def same_as(when: str, until: str) -> SegmentDefinition:
    """Return the same segment with its `until` written out."""
    return catalogue_of(
        f"{FACTS}segments:\n  - id: s\n    label: S\n    when: {when}\n    until: {until}\n"
    ).segments[0]


@pytest.mark.parametrize(
    ("when", "limit", "until"),
    [
        ("{did: orders, at_least: 5, within: 9d}", "3", "{not: {did: orders, at_least: 3, within: 9d}}"),
        ("{count: orders, more_than: 5}", "3", "{not: {count: orders, more_than: 3}}"),
        ("{count: orders, less_than: 5}", "8", "{not: {count: orders, less_than: 8}}"),
        ("{sum: orders, at_least: 500}", "449.5", "{not: {sum: orders, at_least: 449.5}}"),
        (
            "{sum: Order Refunded.total, at_least: 30%, of: {sum: orders}}",
            "25%",
            "{not: {sum: Order Refunded.total, at_least: 25%, of: {sum: orders}}}",
        ),
        (
            "[{did: Cart Viewed}, {any: [{sum: orders, at_least: 500}, {did: Product Added}]}]",
            "450",
            "{not: [{did: Cart Viewed}, {any: [{sum: orders, at_least: 450}, {did: Product Added}]}]}",
        ),
    ],
)
def test_it_means_an_until(when: str, limit: str, until: str) -> None:
    """The whole of `when` with the laxer limit, negated."""
    assert read(when, limit) == same_as(when, until)


@pytest.mark.parametrize(
    ("when", "limit", "message"),
    [
        ("{did: orders}", "1", "0 numbers are compared here"),
        ("{not: {did: orders, at_least: 5}}", "3", "0 numbers are compared here"),
        ("[{count: orders, at_least: 5}, {sum: orders, at_least: 9}]", "3", "2 numbers are compared here"),
        ("{did: orders, at_least: 5}", "5", "must be less than the one to enter, 5"),
        ("{did: orders, at_least: 5}", "0", "expected a whole number of at least 1"),
        ("{sum: orders, at_least: 500}", "500", "must be less than the one to enter, 500"),
        ("{sum: orders, at_most: 500}", "400", "must be more than the one to enter, 500"),
        ("{sum: orders, at_least: 500}", "90%", "expected a number"),
        ("{sum: orders, at_least: 30%, of: {sum: orders}}", "20", "expected a percentage"),
        ("{sum: orders, at_least: 500}", "{sum: orders}", "expected a number or a percentage"),
    ],
)
def test_mistakes(when: str, limit: str, message: str) -> None:
    """Refused where it stands."""
    with pytest.raises(DefinitionError) as refused:
        read(when, limit)

    assert message in str(refused.value)
    assert (refused.value.line, refused.value.column) == (6, 17)


def test_not_beside_until_and_not_in_a_partition_group() -> None:
    """An `until` says it already; a partition group decides all its members as one."""
    with pytest.raises(DefinitionError, match="exclude each other"):
        catalogue_of(text("{did: orders, at_least: 5}", "3", "    until: {did: Cart Viewed}\n"))
    with pytest.raises(DefinitionError, match="one decision") as refused:
        catalogue_of(
            "groups: {G: {kind: partition}}\n"
            + text("{did: orders, at_least: 5}", "3", "    group: G\n    rank: 1\n")
        )
    assert "hysteresis" in refused.value.hint


def test_who_entered_with_five_stays_with_three() -> None:
    """To the millisecond: the window takes the orders away one by one, and the third last ends it."""
    run = driver(catalogue_of(text("{did: Order Completed, at_least: 5, within: 10d}", "3")))
    for hour in range(5):
        run.happen("Order Completed", instant(f"{DAY} {10 + hour}:00"), order_id=hour)
    run.advance(None, instant("2026-03-12 11:59:59.999"))
    assert told(run.transitions) == ["entered s 2026-03-02T14:00:00.000Z event"]
    run.advance(None, instant("2026-03-12 12:00"))

    assert told(run.transitions)[1:] == ["exited s 2026-03-12T12:00:00.000Z timer"]
