"""What stands beside memberships: the engine says what the oracle says, in random definitions and histories (S12)."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.testing.comparison import compare
from streams.testing.histories import History
from streams.testing.random_conditions import Option
from streams.testing.random_stances import history_with_stances

ROUNDS = int(os.environ.get("STREAMS_TEST_ROUNDS", "10"))
"""How many times a hundred histories are drawn."""


@st.composite
def histories_with_stances(draw: st.DrawFn) -> History:
    """Draw one through Hypothesis."""

    def choose(options: Sequence[Option], /) -> Option:
        return draw(st.sampled_from(options))

    return history_with_stances(choose)


@given(histories_with_stances())
def test_stances(history: History) -> None:
    """Arbitration, suppressions, channels and arms, and every change of them, shrunk when the two part."""
    compare(history)


@given(histories_with_stances())
def test_stances_through_restarts(history: History) -> None:
    """The same when the engine is restored from its changelog after every stimulus."""
    compare(history, restarts=True)


@pytest.mark.parametrize("first_seed", range(0, 100 * ROUNDS, 100))
def test_stances_for_many(first_seed: int) -> None:
    """The same on histories drawn faster; repeat one by `history_with_stances(random.Random(seed).choice)`."""
    for seed in range(first_seed, first_seed + 100):
        try:
            compare(history_with_stances(random.Random(seed).choice), restarts=seed % 2 == 1)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
