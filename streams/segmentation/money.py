"""Money as whole millionths of the currency's unit (micros), so that sums are exact and in any order the same."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

MICROS: Final = 1_000_000
"""Micros in one unit of money."""

AMOUNT_MAX_MICROS: Final = 10**18
"""Largest amount taken, either sign: a million million units. Above it, a producer made a mistake."""

_PLAIN = re.compile(r"\s*([+-]?)([0-9]{1,15})(?:\.([0-9]{0,6}))?\s*", re.ASCII)
_ANY = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?\s*", re.ASCII)
_ONE_MICRO = Decimal("0.000001")
_LARGEST = Decimal(AMOUNT_MAX_MICROS).scaleb(-6)


def micros(value: Any) -> int:
    """Return an amount of money in micros.

    A number counts as the decimal it is written as (``19.99`` is 19 990 000 micros). Digits beyond the sixth decimal
    are rounded half to even: they are what binary arithmetic left at the producer's.

    Args:
        value: decimal text (``"19.99"``), or an int, float or Decimal, in units of the currency.

    Raises:
        ValueError: it is no finite number, or larger than `AMOUNT_MAX_MICROS`; the text says which.
    """
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value)
        if plain is not None:
            sign, whole, part = plain.groups()
            amount = int(whole) * MICROS + (int(part.ljust(6, "0")) if part else 0)
            return _bounded(-amount if sign == "-" else amount)
        if len(value) > 100 or _ANY.fullmatch(value) is None:
            raise ValueError("not an amount of money: expected decimal text such as '19.99'")
        return _rounded(Decimal(value.strip()))
    if isinstance(value, bool):
        raise ValueError("not an amount of money: expected a number or decimal text, not a flag")  # noqa: TRY004
    if isinstance(value, int):
        return _bounded(value * MICROS) if abs(value) <= AMOUNT_MAX_MICROS else _bounded(value)
    if isinstance(value, float):
        return _rounded(Decimal(repr(value)))
    if isinstance(value, Decimal):
        return _rounded(value)
    raise ValueError(f"not an amount of money: expected a number or decimal text, not {type(value).__name__}")


def _rounded(value: Decimal) -> int:
    if not value.is_finite():
        raise ValueError("not an amount of money: expected a finite number")
    # Compared before it is scaled: a huge exponent would ask for as many digits.
    if not -_LARGEST <= value <= _LARGEST:
        raise ValueError("not an amount of money: larger than a million million")
    return int(value.quantize(_ONE_MICRO, rounding=ROUND_HALF_EVEN).scaleb(6))


def _bounded(amount_micros: int) -> int:
    if not -AMOUNT_MAX_MICROS <= amount_micros <= AMOUNT_MAX_MICROS:
        raise ValueError("not an amount of money: larger than a million million")
    return amount_micros
