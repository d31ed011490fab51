"""Numbers over the entries of a journal, for generated code: each as a numerator and a denominator, 0 for nothing.

Exact: whole numbers in, whole numbers out; comparisons multiply instead of dividing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

Ratio = tuple[int, int]
"""A number as (numerator, denominator); denominator 0: there is none."""

NOTHING: Ratio = (0, 0)


def average(numbers: Iterable[int | None]) -> Ratio:
    """Return the mean of *numbers*, those that are None left out."""
    known = [number for number in numbers if number is not None]
    return (sum(known), len(known)) if known else NOTHING


def total(numbers: Iterable[int | None]) -> Ratio:
    """Return the sum of *numbers*, those that are None left out; of none it is 0."""
    return sum(number for number in numbers if number is not None), 1


def least(numbers: Iterable[int | None]) -> Ratio:
    """Return the least of *numbers*."""
    known = [number for number in numbers if number is not None]
    return (min(known), 1) if known else NOTHING


def greatest(numbers: Iterable[int | None]) -> Ratio:
    """Return the greatest of *numbers*."""
    known = [number for number in numbers if number is not None]
    return (max(known), 1) if known else NOTHING


def distinct(values: Iterable[Sequence[Any]]) -> Ratio:
    """Return how many different values there are among the *values* of the entries."""
    return len({value for several in values for value in several}), 1


def share(values: Iterable[Sequence[Any]], wanted: Sequence[Any] = ()) -> Ratio:
    """Return which part of the entries that have a value has the most frequent one.

    Args:
        values: of each entry, its different values.
        wanted: 0 unless one of these is the most frequent value, or as frequent as it; empty: whichever it is.
    """
    entries = [several for several in values if several]
    counts = Counter(value for several in entries for value in several)
    most = max(counts.values(), default=0)
    if wanted and not any(counts[value] == most for value in wanted):
        most = 0
    return most, len(entries)
