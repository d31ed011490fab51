"""Journals keep what may still be asked for: folding, forgetting, taking back, names that never meet."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from streams.segmentation.journals import (
    LENGTH_MAX,
    STRAYS_MAX,
    JournalSpec,
    column_name,
    forget,
    forgettable,
    instants_of,
    most_alike,
    net,
    newest_alike,
    next_step,
    place,
    undo,
    undone_before,
)
from streams.segmentation.timeline import BEFORE_ALL, NEVER

ORDERS = JournalSpec("orders", ("Order Completed",), key="order_id", amounts=("total",))


def profile_of(times: list[int], keys: list[str] | None = None) -> Any:
    """Return the lists of a profile with one order at each of *times*, each worth its position in micros."""
    return SimpleNamespace(
        orders=list(times),
        orders_key=list(keys or [str(t) for t in times]),
        orders_undone=[],
        orders_amount=list(range(len(times))),
        orders_folded=[],
        orders_stray={},
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Order Completed", "order_completed"),
        ("  Product  Viewed ", "product_viewed"),
        ("a--b", "a_b"),
        ("2nd view", "x_2nd_view"),
        ("class", "x_class"),
        ("²", "x"),
        ("Größe", "gr_e"),
    ],
)
def test_column_name_is_an_identifier_without_double_underscores(text: str, name: str) -> None:
    """Whatever an event is called, the profile's field can be written in Python."""
    assert name == column_name(text)
    assert name.isidentifier()


def test_no_two_columns_share_a_name() -> None:
    """Properties spelled alike, or like the journal's own columns, get lists of their own."""
    spec = JournalSpec(
        "orders", ("Order Completed",), key="order_id", values=("a b", "a-b", "key", "amount"), amounts=("x",)
    )

    assert len(set(spec.fields)) == len(spec.fields)


def test_net_leaves_out_what_was_taken_back_by_then() -> None:
    """S15: an entry counts until the instant of its undoing, not from it on."""
    assert net(["a", "b"], [], 10) == ["a", "b"]
    assert net(["a", "b"], [NEVER, 11], 10) == ["a", "b"]
    assert net(["a", "b"], [NEVER, 10], 10) == ["a"]


def test_newest_alike_is_the_newest_instant_with_so_many_of_one_value() -> None:
    """The count holds as long as the oldest of the newest N alike is in the window."""
    times, values = [1, 2, 3, 4, 5], ["p", "q", "p", None, "q"]

    assert newest_alike(times, values, 0, 5, 2) == 2
    assert newest_alike(times, values, 0, 4, 2) == 1
    assert newest_alike(times, values, 0, 5, 3) == BEFORE_ALL
    assert newest_alike(times, [None] * 5, 0, 5, 1) == BEFORE_ALL


def test_most_alike_counts_no_missing_values() -> None:
    """Entries without the property are alike to nothing."""
    assert most_alike(["p", None, None, None, "p"], 0, 5) == 2
    assert most_alike([None], 0, 1) == 0


def test_next_step_is_the_first_entry_to_come_of_age_or_leave() -> None:
    """S1: an entry at x enters the range [from, to) at x + from and leaves it at x + to."""
    assert next_step([10, 20, 30], (0, 2, 3), (5, 25)) == 35
    assert next_step([10, 20, 30], (1, 2, 3), (5, 50)) == 35
    assert next_step([10, 20], (0, 2, 2), (5, 25)) == 35
    assert next_step([10, 20], (0, 2, 2), (5, None)) == NEVER
    assert next_step([], (0, 0, 0), (5, 25)) == NEVER


@pytest.mark.parametrize(("horizon", "expected"), [(4, 1), (5, 1), (6, -1)])
def test_place_refuses_what_nobody_can_ask_for(horizon: int, expected: int) -> None:
    """An entry before the horizon is kept only as the newest one."""
    assert expected == place([3, 7], 5, horizon)
    assert place([3, 4], 5, horizon) == 2
    assert place([], 5, horizon) == 0


def test_place_puts_equal_times_in_order_of_arrival() -> None:
    """What comes later at the same instant stands behind."""
    assert place([5, 5, 9], 5, BEFORE_ALL) == 2


@pytest.mark.parametrize(("horizon", "expected"), [(1, 0), (2, 0), (3, 1), (99, 2)])
def test_forgettable_spares_the_newest_before_the_horizon(horizon: int, expected: int) -> None:
    """The newest entry before the horizon still says when it last happened."""
    assert expected == forgettable([1, 2, 3], horizon)


def test_forget_drops_the_same_entries_from_every_list() -> None:
    """The columns stay as long as the times."""
    profile = profile_of([1, 2, 3, 4])
    undo(profile, ORDERS, "3", 9)
    forget(profile, JournalSpec("orders", (), key="order_id", amounts=("total",), retention_ms=0), 4)

    assert (
        profile.orders,
        profile.orders_key,
        profile.orders_undone,
        profile.orders_amount,
    ) == ([3, 4], ["3", "4"], [9, NEVER], [2, 3])


def test_forget_folds_what_exceeds_the_longest_journal() -> None:
    """Beyond the longest journal, what stands is kept as a count and a sum; what was taken back is not."""
    profile = profile_of(list(range(LENGTH_MAX + 3)))
    undo(profile, ORDERS, "1", 5_000)
    forget(profile, ORDERS, BEFORE_ALL)

    assert profile.orders_folded[:2] == [2, 0 + 2]
    assert len(profile.orders) == len(profile.orders_key) == len(profile.orders_undone) == LENGTH_MAX


def test_folded_amounts_fit_the_state() -> None:
    """A sum beyond 64 bits stays at the greatest that the changelog can hold."""
    profile = profile_of(list(range(LENGTH_MAX + 20)))
    profile.orders_amount = [10**18] * (LENGTH_MAX + 20)
    forget(profile, ORDERS, BEFORE_ALL)

    assert profile.orders_folded[:2] == [20, 1 << 62]


def test_undo_takes_back_every_entry_with_the_key() -> None:
    """An order that was sent twice under two message ids is cancelled as one."""
    profile = profile_of([1, 2, 3], ["a", "b", "a"])
    undo(profile, ORDERS, "a", 9)
    undo(profile, ORDERS, "a", 12)

    assert profile.orders_undone == [9, NEVER, 9]


def test_undoing_before_the_occurrence_is_remembered() -> None:
    """A cancellation that is read before its order takes effect when the order comes, and is then forgotten."""
    profile = profile_of([])
    undo(profile, ORDERS, "a", 9)
    undo(profile, ORDERS, "a", 7)

    assert profile.orders_stray == {"a": 7}
    assert undone_before(profile, ORDERS, "a") == 7
    assert profile.orders_stray == {}
    assert undone_before(profile, ORDERS, "b") == NEVER


def test_an_occurrence_of_a_cancelled_key_is_cancelled_too() -> None:
    """What is known of a key counts for each of its occurrences."""
    profile = profile_of([1], ["a"])
    undo(profile, ORDERS, "a", 9)

    assert undone_before(profile, ORDERS, "a") == 9


def test_strays_are_bounded() -> None:
    """Cancellations of orders that never come do not grow the state for ever: the earliest goes."""
    profile = profile_of([])
    for number in range(STRAYS_MAX + 5):
        undo(profile, ORDERS, str(number), number)

    assert len(profile.orders_stray) == STRAYS_MAX
    assert min(profile.orders_stray.values()) == 5


def test_instants_are_ascending_and_single() -> None:
    """What was never taken back has no instant of being taken back."""
    assert instants_of([[2, 2, 9], [NEVER, 1]]) == [1, 2, 9]
