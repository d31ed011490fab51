"""Cooldown and max_entries in the engine and in the oracle, on definitions that are true often and shortly."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.segmentation.conditions import AgeRange, All, Condition, Last, Not, Performed
from streams.segmentation.definitions import Catalogue, SegmentDefinition
from streams.testing.comparison import compare
from streams.testing.histories import History, random_history
from streams.testing.random_conditions import FACTS, TICK_MS, Choose, Option

ROUNDS = int(os.environ.get("STREAMS_TEST_ROUNDS", "10"))
"""How many times a hundred histories are drawn."""

VIEWED = Last("Product Viewed", AgeRange(0, 2 * TICK_MS))
WHENS: tuple[Condition, ...] = (
    VIEWED,
    Last("Product Viewed", AgeRange(0, 1)),
    Last("Product Viewed", AgeRange(TICK_MS, 3 * TICK_MS)),
    All((VIEWED, Not(Performed("Order Completed", age=AgeRange(0, 2 * TICK_MS))))),
    Performed("orders", age=AgeRange(0, 3 * TICK_MS)),
    Performed("Order Completed", at_least=2, age=AgeRange(0, 4 * TICK_MS)),
)
LIMITS = ((0, 0), (1, 1), (1, 4), (2, 4), (2, 12), (3, 20))
"""Numbers of entries, and ticks."""


def segment_with_door(choose: Choose) -> SegmentDefinition:
    """Choose a segment that has to wait before it is entered again."""
    cooldown_ticks = choose((1, 2, 3, 6, 0))
    entries_max, within_ticks = choose(LIMITS if cooldown_ticks else LIMITS[1:])
    return SegmentDefinition(
        segment_id="s",
        version=1,
        label="s",
        when=choose(WHENS),
        until=choose((None, None, Performed("Order Completed", since="Product Viewed"))),
        dwell_ms=choose((0, 0, 1, 2)) * TICK_MS,
        grace_ms=choose((0, 0, 1, 2)) * TICK_MS,
        gated=choose((True, True, False)),
        min_membership_ms=choose((0, 0, 1, 3)) * TICK_MS,
        cooldown_ms=cooldown_ticks * TICK_MS,
        entries_max=entries_max,
        entries_within_ms=within_ticks * TICK_MS,
    )


def history_with_door(choose: Choose) -> History:
    """Choose a segment with a door and what happens to it."""
    return random_history(choose, Catalogue(facts=FACTS, segments=(segment_with_door(choose),)))


@st.composite
def histories_with_doors(draw: st.DrawFn) -> History:
    """Draw one through Hypothesis."""

    def choose(options: Sequence[Option], /) -> Option:
        return draw(st.sampled_from(options))

    return history_with_door(choose)


@given(histories_with_doors())
def test_doors(history: History) -> None:
    """Decision 5: whoever waits before a shut door enters when the oracle says so, shrunk when they part."""
    compare(history)


@pytest.mark.parametrize("first_seed", range(0, 100 * ROUNDS, 100))
def test_doors_for_many(first_seed: int) -> None:
    """The same on histories drawn faster, half of them through restarts."""
    for seed in range(first_seed, first_seed + 100):
        try:
            compare(history_with_door(random.Random(seed).choice), restarts=seed % 2 == 1)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
