"""The counting of differences: the fault matrix can only find what this counts."""

from __future__ import annotations

import pytest

from streams.testing.verdicts import Verdict, differing, outputs_verdict


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ([1, 2, 3], Verdict()),
        ([1, 3], Verdict(missing=1)),
        ([1, 2, 2, 3], Verdict(extra=1)),
        ([1, 9, 3], Verdict(missing=1, extra=1)),
        ([2, 1, 3], Verdict(disordered=1)),
        ([], Verdict(missing=3)),
    ],
    ids=["equal", "lost", "doubled", "wrong", "out of order", "nothing"],
)
def test_outputs_are_compared_in_count_and_in_order(written: list[int], found: Verdict) -> None:
    """Each difference is counted as what it is."""
    assert outputs_verdict({"c": [1, 2, 3]}, {"c": written}) == found
    assert found.clean == (written == [1, 2, 3])


def test_a_customer_nobody_expected_is_extra() -> None:
    """Both sides' customers count."""
    assert outputs_verdict({}, {"c": [1]}) == Verdict(extra=1)


def test_states_differ_by_name() -> None:
    """Missing, unexpected and different names count one each."""
    assert differing({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 9, "d": 4}) == 3


def test_verdicts_add_up() -> None:
    """Partition by partition."""
    assert Verdict(missing=1, torn=2) + Verdict(missing=3) == Verdict(missing=4, torn=2)
