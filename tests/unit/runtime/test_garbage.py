"""When the cycle collector runs."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from streams.runtime.garbage import LONGEST_INTERVAL_MS, QUIET_INTERVAL_MS, CollectorPauses


@pytest.fixture
def pauses() -> Iterator[CollectorPauses]:
    """The collector taken over, and given back afterwards."""
    taken = CollectorPauses()
    taken.start(0)
    yield taken
    taken.stop()


def collections(pauses: CollectorPauses, now_ms: int, *, quiet: bool) -> int:
    """Note once; return how many full collections ran."""
    before = gc.get_stats()[2]["collections"]
    pauses.note(now_ms, quiet=quiet, owned=0, restoring=0)
    return int(gc.get_stats()[2]["collections"] - before)


def test_it_does_not_run_by_itself(pauses: CollectorPauses) -> None:
    """No batch is interrupted; afterwards Python has it back."""
    assert not gc.isenabled()

    pauses.stop()

    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_it_runs_at_quiet_times_a_minute_apart(pauses: CollectorPauses) -> None:
    """Not before, and not while batches are in flight."""
    assert collections(pauses, QUIET_INTERVAL_MS - 1, quiet=True) == 0
    assert collections(pauses, QUIET_INTERVAL_MS, quiet=False) == 0
    assert collections(pauses, QUIET_INTERVAL_MS, quiet=True) == 1
    assert collections(pauses, QUIET_INTERVAL_MS + 1, quiet=True) == 0


def test_it_runs_after_a_quarter_of_an_hour_without_quiet(pauses: CollectorPauses) -> None:
    """Garbage must not grow for ever on a busy worker."""
    assert collections(pauses, LONGEST_INTERVAL_MS - 1, quiet=False) == 0
    assert collections(pauses, LONGEST_INTERVAL_MS, quiet=False) == 1


def test_what_a_restore_built_is_frozen_when_all_restores_are_over(pauses: CollectorPauses) -> None:
    """A million profiles are looked at by no collection."""
    built = [[number] for number in range(1_000)]
    before = gc.get_freeze_count()
    pauses.note(1, quiet=False, owned=1, restoring=1)
    during = gc.get_freeze_count()
    pauses.note(2, quiet=False, owned=2, restoring=0)

    assert during == before
    assert gc.get_freeze_count() >= before + len(built)
