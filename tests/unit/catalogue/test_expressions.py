"""The short form of conditions means the same trees as the long one, and its mistakes point into it."""

from __future__ import annotations

import pytest

from streams.errors import DefinitionError
from streams.segmentation.conditions import Condition
from streams.testing.shop import catalogue_of

FACTS = "facts: {orders: {events: Order Completed, amount: [total]}}\nsegments:\n"
OTHER = "  - {id: a.c, label: C, when: {did: orders}}\n"
SEGMENT = "  - id: a.b\n    label: L\n    when: "


def when(text: str) -> Condition:
    """Return the condition that one line of YAML means."""
    return catalogue_of(f"{FACTS}{OTHER}{SEGMENT}{text}").segments[1].when


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("count(orders within 60d) >= 2", "{count: orders, within: 60d, at_least: 2}"),
        ("count(orders) = 1", "{did: orders, exactly: 1}"),
        ("avg(orders) > 19.99", "{avg: orders, more_than: 19.99}"),
        (
            "sum(Order Refunded.total within 180d) >= 30% of sum(orders within 180d)",
            "{sum: Order Refunded.total, within: 180d, at_least: 30%, of: {sum: orders, within: 180d}}",
        ),
        ("max(orders) < avg(orders)", "{max: orders, less_than: {avg: orders}}"),
        ("days_since(Order Completed) < 60d", "{days_since: Order Completed, less_than: 60d}"),
        ("trait(country) = DE", "{trait: country, is: DE}"),
        ("trait(city) != 'New York'", "{trait: city, not: New York}"),
        ("trait(points) > 100", "{trait: points, above: 100}"),
        (
            "did(Product Viewed within 2h) and not in(a.c)",
            "[{did: Product Viewed, within: 2h}, {not: {in: a.c}}]",
        ),
        (
            "did(orders) or did(Order Refunded) and not (first(orders) or last(orders within 1h))",
            "{any: [{did: orders}, [{did: Order Refunded}, {not: {any: [{first: orders}, {last: orders, within: 1h}]}}]]}",
        ),
    ],
)
def test_short_and_long_form_mean_the_same(short: str, long: str) -> None:
    """One compiler reads both."""
    assert when(f'{{if: "{short}"}}') == when(long)


@pytest.mark.parametrize(
    ("short", "under", "message"),
    [
        ("count(ordrs) >= 2", "ordrs", "did you mean 'orders'"),
        ("count(orders within 60) >= 2", "60)", "is no duration"),
        ("cuont(orders) >= 2", "cuont", "did you mean 'count'"),
        ("did(orders) and count(orders) >= lots", "lots", "expected a number"),
        ("did(orders) and", "", "expected a condition, found the end"),
        ("did(orders) did(orders)", "did(orders)$", "is left over"),
        ("(did(orders)", "", "expected ')'"),
        ("count(orders) 2", "2", "needs one of >= > <= <"),
        ("count(orders) >= and", "and", "expected a value"),
        ("sum(orders) >= 30% of 5", "5", "a percentage of what?"),
        ("in(a.d)", "a.d", "did you mean 'a.c'"),
        ("days_since(orders) < 5", "5", "is no duration"),
        ("count(orders) >= 2 ! did(orders)", "! did", "cannot be read here"),
        ("not " * 60 + "did(orders)", None, "nested"),
    ],
)
def test_mistakes_point_into_the_expression(short: str, under: str | None, message: str) -> None:
    """Line and column of the word that is wrong."""
    with pytest.raises(DefinitionError) as refused:
        when(f'{{if: "{short}"}}')

    error = refused.value
    assert message in str(error)
    assert error.line == 6
    if under is not None:
        place = short.rindex(under.rstrip("$")) if under else len(short)
        assert error.column == len('    when: {if: "') + place + 1
