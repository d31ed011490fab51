"""The engine says what the oracle says, on random definitions and histories (SEMANTICS S8)."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import given

from streams.testing.comparison import compare
from streams.testing.histories import History, histories, random_history

ROUNDS = int(os.environ.get("STREAMS_TEST_ROUNDS", "10"))
"""How many times a hundred histories are drawn."""


@given(histories())
def test_engine_equals_oracle(history: History) -> None:
    """Every transition in its order, and the memberships, after every stimulus."""
    compare(history)


@given(histories())
def test_engine_equals_oracle_through_restarts(history: History) -> None:
    """The same when the engine is restored from its changelog after every stimulus."""
    compare(history, restarts=True)


@pytest.mark.parametrize("first_seed", range(0, 100 * ROUNDS, 100))
def test_engine_equals_oracle_for_many(first_seed: int) -> None:
    """The same on histories drawn faster; repeat one by `random_history(random.Random(seed).choice)`."""
    for seed in range(first_seed, first_seed + 100):
        try:
            compare(random_history(random.Random(seed).choice), restarts=seed % 2 == 1)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
