"""The engine says what the oracle says for every construct of the language, in random definitions and histories (S8)."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import given

from streams.testing.comparison import compare
from streams.testing.histories import History, Language, histories, random_history
from streams.testing.random_conditions import WHOLE

ROUNDS = int(os.environ.get("STREAMS_TEST_ROUNDS", "10"))
"""How many times ten histories are drawn for each construct, and how many times a hundred for the whole language."""


def tell(seed: int, language: Language) -> None:
    """Compare one history; repeat it by ``random_history(random.Random(seed).choice, language=language)``."""
    try:
        compare(random_history(random.Random(seed).choice, language=language), restarts=seed % 2 == 1)
    except Exception as error:
        raise AssertionError(f"seed {seed} of {sorted(language)}: {error}") from error


@given(histories(language=WHOLE))
def test_any_definition(history: History) -> None:
    """Definitions of any shape, every construct among their leaves, shrunk by Hypothesis when they part."""
    compare(history)


@given(histories(language=WHOLE))
def test_any_definition_through_restarts(history: History) -> None:
    """The same when the engine is restored from its changelog after every stimulus."""
    compare(history, restarts=True)


@pytest.mark.parametrize("construct", WHOLE)
def test_definitions_of_one_construct(construct: str) -> None:
    """Definitions whose leaves are all of one kind, so that a difference names its construct."""
    for seed in range(10 * ROUNDS):
        tell(seed, {construct: WHOLE[construct]})


@pytest.mark.parametrize("first_seed", range(0, 100 * ROUNDS, 100))
def test_many_definitions(first_seed: int) -> None:
    """Definitions of the whole language, drawn faster."""
    for seed in range(first_seed, first_seed + 100):
        tell(seed, WHOLE)
