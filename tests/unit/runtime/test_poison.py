"""How a batch that fails again and again is taken apart."""

from __future__ import annotations

import pytest

from streams.errors import OperationError
from streams.runtime.batches import RecordFailed
from streams.runtime.limits import Limits
from streams.runtime.poison import Trouble, describe

LIMITS = Limits(attempts=2, backoff_ms=100, backoff_max_ms=1_000)
ERROR = ValueError("customer 4711")


def fail(trouble: Trouble, unsettled: int, now_ms: int = 0) -> list[tuple[str, int]]:
    """Fail with everything up to offset 100 delivered."""
    return trouble.fail(ERROR, {"a": 100}, unsettled, now_ms)


def test_attempts_come_before_the_search() -> None:
    """The batch size stays as it is for the first failures."""
    trouble = Trouble(0, LIMITS)
    fail(trouble, 100)
    fail(trouble, 100)

    assert not trouble.searching
    assert trouble.limit == LIMITS.batch_records_max


def test_pauses_double_up_to_a_limit() -> None:
    """100, 200, 400, 800, then 1,000 ms."""
    trouble = Trouble(0, Limits(attempts=10, backoff_ms=100, backoff_max_ms=1_000))
    pauses = []
    for _ in range(5):
        fail(trouble, 100, now_ms=5_000)
        pauses.append(trouble.resume_at_ms - 5_000)

    assert pauses == [100, 200, 400, 800, 1_000]


def test_batches_halve_with_failures_and_double_with_commits() -> None:
    """The search goes on with what is good."""
    trouble = Trouble(0, LIMITS)
    limits = []
    for _ in range(4):
        fail(trouble, 100)
        limits.append(trouble.limit)
    over = trouble.settle({"a": 10}, LIMITS.batch_records_max)

    assert limits == [1_000, 1_000, 50, 25]
    assert not over
    assert trouble.limit == 50


def test_what_fails_alone_is_quarantined() -> None:
    """And is forgotten once it is committed; then the trouble is over."""
    trouble = Trouble(0, LIMITS)
    while trouble.limit > 1:
        fail(trouble, 100)
    trouble.expose([("a", 42)], all_settled=True)

    assert fail(trouble, 1) == [("a", 42)]
    assert trouble.quarantined == {"a": {42}}
    assert not trouble.settle({"a": 43}, 1_000)
    assert trouble.quarantined == {"a": frozenset()}
    assert trouble.settle({"a": 100}, 1_000)


def test_the_oldest_of_several_exposed_records_is_blamed_first() -> None:
    """When the agent keeps a record back for long, more than one may be the guilty one."""
    trouble = Trouble(0, LIMITS)
    while trouble.limit > 1:
        fail(trouble, 100)
    trouble.expose([("a", 42)], all_settled=True)
    trouble.expose([("b", 7)], all_settled=False)

    assert fail(trouble, 2) == [("a", 42)]
    assert fail(trouble, 2) == [("b", 7)]
    with pytest.raises(OperationError, match="although the record is quarantined"):
        fail(trouble, 2)


def test_a_named_record_that_fails_although_quarantined_stops_the_worker() -> None:
    """The agent does not dead-letter what it must: that is a defect."""
    trouble = Trouble(3, Limits(attempts=1))
    error = RecordFailed("a", 9)
    trouble.fail(error, {"a": 10}, 10, 0)
    trouble.fail(error, {"a": 10}, 10, 0)

    with pytest.raises(OperationError, match=r"topic a, partition 3, offset 9 .* although it is quarantined"):
        trouble.fail(error, {"a": 10}, 10, 0)


def test_a_description_shows_no_data() -> None:
    """An exception's text may hold a customer's data: type and place are named, the text is not."""

    def work() -> None:
        raise KeyError("customer 4711")

    try:
        work()
    except KeyError as error:
        described = describe(error)
        named = RecordFailed("a", 1)
        named.__cause__ = error

    assert described.startswith("KeyError in ")
    assert "work" in described
    assert "4711" not in described
    assert describe(named) == described
    assert describe(ERROR) == "ValueError"
