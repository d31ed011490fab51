"""The batch between the coordinator's thread and the agent's."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from streams.runtime.batches import DeliveredBatch, ThreadSignal


@pytest.fixture
def batch(make_state: Any, make_record: Any) -> DeliveredBatch:
    """A batch of two topics."""
    records = {"a": [make_record("a", 0, 0), make_record("a", 0, 1)], "b": [make_record("b", 0, 5)]}
    return DeliveredBatch(0, records, make_state(0), ThreadSignal())


def test_an_exception_is_recorded_and_swallowed(batch: DeliveredBatch) -> None:
    """The agent goes on with the next batch; the coordinator finds the error."""
    with batch:
        raise ValueError("cannot")

    assert batch.done
    assert isinstance(batch.error, ValueError)


def test_a_cancellation_is_recorded_and_not_swallowed(batch: DeliveredBatch) -> None:
    """Asyncio must be able to end the agent."""
    with pytest.raises(asyncio.CancelledError), batch:
        raise asyncio.CancelledError

    assert batch.done
    assert isinstance(batch.error, asyncio.CancelledError)


def test_a_void_batch_gives_no_state_and_counts_as_done(batch: DeliveredBatch) -> None:
    """Whoever finds it later skips it; nobody waits for it."""
    batch.void()

    assert batch.done
    with batch as state:
        assert state is None


def test_a_batch_voided_under_the_agent_is_done_only_when_it_leaves(batch: DeliveredBatch) -> None:
    """Until then the agent may change the state."""
    with batch as state:
        batch.void()

        assert state is not None
        assert not batch.done

    assert batch.done


def test_leaving_wakes_the_waiter() -> None:
    """The coordinator goes on as soon as the agent is done, long before its patience is over."""
    signal = ThreadSignal()
    batch = DeliveredBatch(0, {}, object(), signal)  # type: ignore[arg-type]

    def work() -> None:
        with batch:
            pass

    thread = threading.Timer(0.05, work)
    thread.start()

    assert signal.wait(lambda: batch.done, 10_000)
    thread.join()


def test_waiting_ends_with_the_patience() -> None:
    """And says that it was in vain."""
    assert not ThreadSignal().wait(lambda: False, 10)


def test_size_counts_all_topics(batch: DeliveredBatch) -> None:
    """Records in flight are bounded by it."""
    assert batch.size == 3
