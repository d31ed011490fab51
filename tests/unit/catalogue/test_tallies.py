"""What is counted over a run: sizes, entries a day, flaps, overlaps; beside a naive count on random runs."""

from __future__ import annotations

import random
from collections import Counter
from itertools import combinations

import pytest

from streams.catalogue.tallies import FLAP_MS, Tally
from streams.segmentation.effects import Kind
from streams.segmentation.timeline import DAY_MS
from streams.segmentation.transitions import Transition


def transition(kind: Kind, segment_id: str, at_ms: int, customer: str = "c") -> Transition:
    """Return a transition of *customer*."""
    return Transition("", "s", customer, segment_id, 1, kind, "event", at_ms, at_ms, at_ms, 1, "m")


def counted(*moves: tuple[Kind, str, int], end_ms: int = 100) -> Tally:
    """Return the tally of the moves of one customer."""
    tally = Tally(["a", "b"])
    for move in moves:
        tally.take(transition(*move))
    tally.finish(end_ms)
    return tally


def test_sizes_and_days() -> None:
    """Members at the end, members ever, transitions, and the day with the most entries, the first of several."""
    day = DAY_MS
    tally = counted(
        ("entered", "a", 1), ("exited", "a", 2), ("entered", "a", day), ("exited", "a", day + 1),
        ("entered", "a", day + 2), ("entered", "b", day), ("exited", "b", day + 5), end_ms=3 * day,
    )  # fmt: skip
    one, other = tally.segments["a"], tally.segments["b"]

    assert (one.entries, one.exits, one.members, one.customers) == (3, 2, {"s/c"}, 1)
    assert one.busiest == (1, 2)
    assert (other.entries, other.exits, other.members, other.customers) == (1, 1, set(), 1)


@pytest.mark.parametrize(("pause_ms", "flaps"), [(FLAP_MS - 1, 1), (FLAP_MS, 0), (FLAP_MS + 1, 0)])
def test_a_flap_is_an_entry_soon_after_the_exit(pause_ms: int, flaps: int) -> None:
    """Less than a day after it; to the millisecond."""
    tally = counted(("entered", "a", 1), ("exited", "a", 2), ("entered", "a", 2 + pause_ms))

    assert tally.segments["a"].flaps == flaps
    assert tally.segments["a"].flap_rate == flaps / 2


def test_what_is_retracted_was_never_a_member() -> None:
    """It counts as an entry that was taken back, overlaps nothing, and what follows is no flap."""
    tally = counted(
        ("entered", "b", 1),
        ("entered", "a", 2),
        ("retracted", "a", 2),
        ("entered", "a", 3),
        ("retracted", "a", 3),
    )

    assert (tally.segments["a"].customers, tally.segments["a"].retractions) == (0, 2)
    assert tally.segments["a"].flaps == 0
    assert tally.ever == Counter()


@pytest.mark.parametrize(
    ("moves", "together"),
    [
        ([("entered", "a", 1), ("entered", "b", 2), ("exited", "a", 3), ("exited", "b", 4)], 1),
        ([("entered", "a", 1), ("entered", "b", 2), ("exited", "a", 2), ("exited", "b", 4)], 0),
        ([("entered", "a", 1), ("exited", "a", 2), ("entered", "b", 2)], 0),
        ([("entered", "b", 1), ("entered", "a", 100)], 1),
        ([("entered", "b", 1), ("entered", "a", 2), ("exited", "b", 3), ("exited", "a", 3)], 1),
    ],
)
def test_together_means_for_more_than_an_instant(moves: list[tuple[Kind, str, int]], together: int) -> None:
    """Who leaves one as he enters the other was never in both, whichever is told first."""
    assert counted(*moves).ever[("a", "b")] == together


def test_beside_a_naive_count() -> None:
    """On random runs of several customers: intervals compared with each other, one by one."""
    draw = random.Random(7)
    for _ in range(50):
        tally, intervals = Tally("abc"), dict[tuple[str, str], list[tuple[int, int]]]()
        inside: dict[tuple[str, str], int] = {}
        for at_ms in sorted(draw.choices(range(60), k=40)):
            at = draw.choice("123"), draw.choice("abc")
            if at in inside:
                began_ms = inside.pop(at)
                intervals.setdefault(at, []).append((began_ms, at_ms))
                tally.take(transition("exited", at[1], at_ms, at[0]))
            else:
                inside[at] = at_ms
                tally.take(transition("entered", at[1], at_ms, at[0]))
        tally.finish(60)
        for at, began_ms in inside.items():
            intervals.setdefault(at, []).append((began_ms, 61))
        for one, other in combinations("abc", 2):
            together = sum(
                any(
                    max(first[0], second[0]) < min(first[1], second[1])
                    for first in intervals.get((customer, one), [])
                    for second in intervals.get((customer, other), [])
                )
                for customer in "123"
            )
            assert tally.ever[(one, other)] == together
            at_end = sum((customer, one) in inside and (customer, other) in inside for customer in "123")
            assert tally.at_end()[(one, other)] == at_end
