"""Kleene's three values as small integers."""

from __future__ import annotations

from itertools import product

from streams.segmentation.truth import FALSE, TRUE, UNKNOWN, WORDS


def test_min_max_and_complement_are_and_or_not() -> None:
    """Where a definite value decides, UNKNOWN does not matter; else it stays UNKNOWN."""
    for a, b in product((FALSE, UNKNOWN, TRUE), repeat=2):
        both = FALSE if FALSE in (a, b) else UNKNOWN if UNKNOWN in (a, b) else TRUE
        either = TRUE if TRUE in (a, b) else UNKNOWN if UNKNOWN in (a, b) else FALSE
        assert (both, either) == (min(a, b), max(a, b))
    assert [2 - v for v in (FALSE, UNKNOWN, TRUE)] == [TRUE, UNKNOWN, FALSE]
    assert [WORDS[v] for v in (FALSE, UNKNOWN, TRUE)] == ["false", "unknown", "true"]
