"""The condition tree: its leaves, its depth, and whether its truth rests on an absence."""

from __future__ import annotations

import pytest

from streams.segmentation.conditions import (
    AgeRange,
    Aggregate,
    All,
    Any_,
    Compare,
    Condition,
    InSegment,
    Last,
    Not,
    Otherwise,
    Performed,
    depth,
    leaves,
    rests_on_absence,
)

VIEW, ORDER = Performed("Product Viewed"), Performed("Order Completed")
COUNT = Aggregate("count", "Product Viewed")


def test_leaves_come_from_left_to_right() -> None:
    """Every leaf is there, however deep."""
    tree = All((VIEW, Any_((Not(ORDER), InSegment("a.b"))), Otherwise()))

    assert [VIEW, ORDER, InSegment("a.b"), Otherwise()] == list(leaves(tree))


def test_depth_counts_levels() -> None:
    """A leaf has one level; negation is one too."""
    assert [depth(VIEW), depth(All((VIEW, ORDER))), depth(All((VIEW, Not(ORDER))))] == [1, 2, 3]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (VIEW, False),
        (Performed("Product Viewed", at_least=3), False),
        (Not(ORDER), True),
        (Performed("Order Completed", at_least=1, at_most=1), True),
        (Performed("Order Completed", at_least=0, at_most=2), True),
        (Performed("Order Completed", since="Checkout Started"), True),
        (Last("Order Completed", AgeRange(0, 100)), False),
        (Last("Order Completed", AgeRange(50, 100)), True),
        (All((VIEW, Not(ORDER))), True),
        (Any_((VIEW, ORDER)), False),
        (Not(Not(VIEW)), False),
        (Compare(COUNT, "ge", 2), False),
        (Compare(COUNT, "gt", 2), False),
        (Compare(COUNT, "lt", 2), True),
        (Compare(COUNT, "le", 2), True),
        (Not(Compare(COUNT, "ge", 2)), True),
        (Otherwise(), True),
        (InSegment("viewed"), False),
        (Not(InSegment("viewed")), True),
        (InSegment("not bought"), True),
        (Not(InSegment("not bought")), False),
        (InSegment("viewed, not bought"), True),
    ],
)
def test_absence(condition: Condition, expected: bool) -> None:  # noqa: FBT001
    """S5: did not, never, exactly N, at most N, here or in a segment that is named, rest on what did not happen."""
    whens: dict[str, Condition] = {
        "viewed": VIEW,
        "not bought": Not(ORDER),
        "viewed, not bought": All((InSegment("viewed"), InSegment("not bought"))),
    }

    assert expected is rests_on_absence(condition, whens)
