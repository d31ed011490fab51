"""Tests of single properties on whatever producers send."""

from __future__ import annotations

from typing import Any

import pytest

from streams.errors import RecordError
from streams.segmentation.conditions import Operator
from streams.segmentation.filters import amount_of, passes, plain


@pytest.mark.parametrize(
    ("value", "operator", "wanted", "expected"),
    [
        (5, "eq", 5, True),
        ("5", "eq", 5, True),
        (" 5.0 ", "eq", 5, True),
        ("9007199254740993", "eq", 9007199254740992, False),
        ("five", "eq", 5, False),
        ("five", "ne", 5, True),
        (5, "eq", "5", False),
        ("TRUE", "eq", True, True),
        ("no", "eq", True, False),
        ("no", "ne", True, True),
        (True, "eq", True, True),
        (False, "ne", True, True),
        (None, "eq", 5, False),
        (None, "ne", 5, True),
        (None, "lt", 5, False),
        (None, "in", (None, 5), False),
        (None, "exists", False, True),
        (None, "exists", True, False),
        (0, "exists", True, True),
        ("", "exists", True, True),
        (4, "lt", 5, True),
        (5, "lt", 5, False),
        (5, "le", 5, True),
        (5, "gt", 5, False),
        (5, "ge", 5, True),
        ("4.999", "lt", 5, True),
        ("abc", "lt", 5, False),
        ("abc", "gt", 5, False),
        (5, "lt", "abc", False),
        ([1], "lt", 5, False),
        ({}, "ge", 5, False),
        ([1], "eq", 1, False),
        ("nan", "eq", 5, False),
        ("nan", "lt", 5, False),
        ("b", "in", ("a", "b"), True),
        ("2", "in", (1, 2), True),
        ("c", "in", ("a", "b"), False),
        ([1], "in", ("a", "b"), False),
    ],
)
def test_passes(value: Any, operator: Operator, wanted: Any, expected: bool) -> None:  # noqa: FBT001
    """Text is read as a number or flag where one is wanted; what cannot be compared does not pass."""
    assert expected is passes(value, operator, wanted)


@pytest.mark.parametrize("value", ["p1", 1, -1, 1.5, True, None, (1 << 63) - 1, -(1 << 63)])
def test_plain_values_stay(value: Any) -> None:
    """Text, numbers of 64 bits and flags are kept as they are."""
    assert value is plain(value) or value == plain(value)


@pytest.mark.parametrize("value", [[1], {"a": 1}, 1 << 63, -(1 << 63) - 1])
def test_other_values_are_kept_as_text(value: Any) -> None:
    """What has no equality to rely on, or does not fit the state, is kept as its text."""
    assert str(value) == plain(value)


def test_amount_is_the_first_that_is_present() -> None:
    """A missing property gives way to the next; none present is nothing."""
    assert amount_of({"value": "2.5"}.get, ("total", "value")) == 2_500_000
    both: dict[str, Any] = {"total": 1, "value": 2}
    neither: dict[str, Any] = {}

    assert amount_of(both.get, ("total", "value")) == 1_000_000
    assert amount_of(neither.get, ("total",)) == 0


def test_amount_that_is_none_refuses_the_record() -> None:
    """The error names the property, and its reason is one that metrics may carry."""
    with pytest.raises(RecordError, match="total") as refused:
        amount_of({"total": "much"}.get, ("total",))

    assert refused.value.reason == "invalid_property"
