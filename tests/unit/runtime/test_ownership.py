"""One owned partition number: its places, its stash, its batches."""

from __future__ import annotations

from typing import Any

import pytest

from streams.runtime.batches import ThreadSignal
from streams.runtime.kafka_ports import Snapshot
from streams.runtime.limits import Limits
from streams.runtime.ownership import OwnedPartition


@pytest.fixture
def owned(make_state: Any) -> OwnedPartition:
    """A partition that stands at 10 in topic a and at 20 in topic b."""
    limits = Limits(batch_records_max=4, records_in_flight_max=8, tick_interval_ms=100)
    return OwnedPartition(3, Snapshot(make_state(3), {"a": 10, "b": 20}, "stamp"), limits)


def take(owned: OwnedPartition, now_ms: int = 0) -> Any:
    """Make the next batch."""
    return owned.next_batch(now_ms, 0, ThreadSignal())


def test_places_move_one_after_another(owned: OwnedPartition, make_record: Any) -> None:
    """Fetched, delivered, committed: each offset follows the one before it."""
    owned.take_in("a", [make_record("a", 3, 10), make_record("a", 3, 12)])
    fetched = owned.next["a"], owned.delivered["a"], owned.base["a"]
    take(owned)
    delivered = owned.next["a"], owned.delivered["a"], owned.base["a"]
    owned.settle({"a": 13, "b": 20}, "next")

    assert fetched == (13, 10, 10)
    assert delivered == (13, 13, 10)
    assert (owned.base["a"], owned.settled, owned.stamp) == (13, True, "next")


def test_a_large_stash_is_delivered_in_pieces(owned: OwnedPartition, make_record: Any) -> None:
    """No batch is larger than batch_records_max for a topic, and none is out of order."""
    owned.take_in("a", [make_record("a", 3, offset) for offset in range(10, 20)])
    sizes = [[record.offset() for record in take(owned).records["a"]] for _ in range(3)]

    assert sizes == [[10, 11, 12, 13], [14, 15, 16, 17], [18, 19]]


def test_rewind_returns_to_the_last_commit(owned: OwnedPartition, make_record: Any) -> None:
    """Stash, holds and positions are forgotten; the state is rolled back."""
    owned.take_in("a", [make_record("a", 3, offset) for offset in range(10, 16)])
    take(owned)
    owned.hold, owned.waiting = frozenset({"a"}), True
    owned.rewind()

    assert owned.next == owned.delivered == {"a": 10, "b": 20}
    assert (owned.hold, owned.waiting, owned.in_flight) == (frozenset(), False, 0)
    assert owned.state.calls == ["rollback"]  # type: ignore[attr-defined]
    assert take(owned, now_ms=1) is None


def test_a_snapshot_is_clean(owned: OwnedPartition, make_record: Any) -> None:
    """It stands for the last commit, and its buffered records are gone with the rollback."""
    owned.take_in("a", [make_record("a", 3, 10)])
    take(owned)

    assert owned.snapshot() == Snapshot(owned.state, {"a": 10, "b": 20}, "stamp")
    assert owned.state.calls == ["rollback"]  # type: ignore[attr-defined]


def test_no_tick_while_a_batch_is_in_flight(owned: OwnedPartition) -> None:
    """A slow agent is not given more ticks than it can use."""
    first = take(owned, now_ms=100)

    assert first.records == {}
    assert take(owned, now_ms=10_000) is None


def test_stashed_records_mean_not_caught_up(owned: OwnedPartition, make_record: Any) -> None:
    """A topic whose end was seen but whose records are held here is behind."""
    owned.take_in("a", [make_record("a", 3, 10)])
    owned.reach_end("a", 11, 0)
    owned.reach_end("b", 20, 0)
    owned.hold = frozenset({"a"})

    assert take(owned, now_ms=500).caught_up_ms == {"b": 500}
