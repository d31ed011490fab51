"""Amounts of money in micros: exact, and no others."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.segmentation.money import AMOUNT_MAX_MICROS, micros


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("19.99", 19_990_000),
        (" 19.99 ", 19_990_000),
        ("-0.01", -10_000),
        ("+5", 5_000_000),
        ("5.", 5_000_000),
        (".5", 500_000),
        ("0.000001", 1),
        ("1.2e3", 1_200_000_000),
        ("007", 7_000_000),
        (19.99, 19_990_000),
        (0, 0),
        (5, 5_000_000),
        (-3, -3_000_000),
        (1e-05, 10),
        (Decimal("1.10"), 1_100_000),
        ("1000000000000", AMOUNT_MAX_MICROS),
        (10**12, AMOUNT_MAX_MICROS),
    ],
)
def test_an_amount_is_what_is_written(value: Any, expected: int) -> None:
    """Text and numbers are taken as the decimal that they are written as."""
    assert expected == micros(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.1 + 0.2, 300_000), ("0.0000005", 0), ("0.0000015", 2), ("0.00000051", 1), ("-0.0000015", -2)],
)
def test_digits_beyond_the_sixth_are_rounded_half_to_even(value: Any, expected: int) -> None:
    """What binary arithmetic left at the producer's does not change the amount."""
    assert expected == micros(value)


@pytest.mark.parametrize(
    "value",
    [
        "", " ", "ten pounds", "1,234.50", "1_000", "٣", "0x10", "NaN", "Infinity", "--1", "1.2.3", "1e", "9" * 200,
        "1e999", "1000000000000.000001", float("nan"), float("inf"), Decimal("NaN"), Decimal("1E+999999"),
        10**12 + 1, -(10**12) - 1, 10**400, True, None, [], {}, b"1",
    ],
)  # fmt: skip
def test_anything_else_is_refused(value: Any) -> None:
    """No number, a number that is not finite or too large, or a number in another notation raises ValueError."""
    with pytest.raises(ValueError, match="not an amount of money"):
        micros(value)


@given(st.integers(-AMOUNT_MAX_MICROS, AMOUNT_MAX_MICROS))
def test_every_amount_survives_being_written(amount: int) -> None:
    """An amount written with six decimals is read back exactly."""
    assert amount == micros(f"{Decimal(amount).scaleb(-6):f}")


@given(st.text() | st.floats() | st.integers() | st.decimals())
def test_no_value_raises_anything_else(value: Any) -> None:
    """Any value is an amount or a ValueError."""
    try:
        assert abs(micros(value)) <= AMOUNT_MAX_MICROS
    except ValueError as error:
        assert str(error).startswith("not an amount of money")  # noqa: PT017 - either outcome is right
