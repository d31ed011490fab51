"""The exactly-once cycle: records that always fail."""

from __future__ import annotations

from typing import Any

import pytest

from streams.errors import OperationError
from streams.runtime.batches import RecordFailed
from streams.runtime.kafka_ports import Unproducible


class TestPoison:
    """Records that always fail."""

    def run_until_quarantined(self, bench: Any, poison: set[int], count: int) -> list[str]:
        """Feed *count* records from the fetch position again and again; return the quarantined offsets."""
        dead: list[int] = []

        def agent(batch: Any) -> None:
            for record in batch.records.get("a", ()):
                if record.offset() in batch.quarantined.get("a", ()):
                    dead.append(record.offset())
                elif record.offset() in poison:
                    raise ValueError("cannot")
                batch.offsets["a"] = record.offset() + 1

        bench.agent = agent
        for _ in range(500):
            start = bench.kafka.positions.get(("a", 0), 0)
            fetches = bench.kafka.fetches
            bench.bring("a", 0, *range(start, count))
            while bench.kafka.fetches == fetches:
                bench.step(50)
                if bench.kafka.commits and bench.kafka.commits[-1] == {("a", 0): count}:
                    return [note.split()[-1] for note in bench.observer.notes if "quarantined" in note]
        pytest.fail(f"stuck at {bench.kafka.commits[-1:]}")

    def test_only_the_guilty_record_is_quarantined(self, make_bench: Any) -> None:
        """The batch is taken apart; what was good is committed meanwhile."""
        bench = make_bench(("a",), attempts=3, backoff_ms=10)
        bench.assign(0)

        assert self.run_until_quarantined(bench, {37}, 100) == ["37"]

    def test_several_guilty_records_are_all_found(self, make_bench: Any) -> None:
        """First, last and neighbours."""
        bench = make_bench(("a",), attempts=1, backoff_ms=10)
        bench.assign(0)

        assert self.run_until_quarantined(bench, {0, 50, 51, 99}, 100) == ["0", "50", "51", "99"]

    def test_a_failure_pauses_longer_each_time(self, make_bench: Any) -> None:
        """100 ms, 200 ms, 400 ms: nothing of the partition is delivered before."""
        bench = make_bench(("a",), attempts=5, backoff_ms=100, tick_interval_ms=1)
        bench.assign(0)

        def agent(batch: Any) -> None:
            if batch.records:
                raise ValueError("cannot")

        bench.agent = agent
        waits = []
        for _ in range(3):
            bench.bring("a", 0, 0)
            bench.step()
            failed_ms, seen = bench.now_ms, len(bench.seen)
            while len(bench.seen) == seen:
                bench.step(10)
            waits.append(bench.now_ms - failed_ms)

        assert [round(wait, -2) for wait in waits] == [100, 200, 400]

    def test_an_agent_that_names_the_record_saves_the_search(self, make_bench: Any) -> None:
        """RecordFailed: after the attempts the named record is quarantined at once."""
        bench = make_bench(("a",), attempts=2, backoff_ms=10)
        bench.assign(0)

        def agent(batch: Any) -> None:
            for record in batch.records.get("a", ()):
                if record.offset() == 5 and 5 not in batch.quarantined.get("a", ()):
                    raise RecordFailed("a", 5) from ValueError("cannot")
                batch.offsets["a"] = record.offset() + 1

        bench.agent = agent
        for _ in range(4):
            bench.bring("a", 0, *range(10))
            for _ in range(5):
                bench.step(50)

        assert bench.observer.notes.count("aborted agent_failed") == 3
        assert bench.kafka.commits[-1] == {("a", 0): 10}
        assert "ValueError" in next(line for line in bench.log if "quarantined" in line)

    def test_fail_stops_the_worker_and_names_the_record(self, make_bench: Any) -> None:
        """on_poison=fail: topic, partition and offset are in the error, the exception's text is not."""
        bench = make_bench(("a",), attempts=1, backoff_ms=1, on_poison="fail")
        bench.assign(0)

        with pytest.raises(
            OperationError, match="topic a, partition 0, offset 3 cannot be processed"
        ) as caught:
            self.run_until_quarantined(bench, {3}, 10)
        assert "cannot." not in str(caught.value)

    def test_a_tick_that_always_fails_stops_the_worker(self, make_bench: Any) -> None:
        """There is no record to blame, and time cannot be dead-lettered."""
        bench = make_bench(("a",), attempts=2, backoff_ms=1, tick_interval_ms=1)
        bench.assign(0)

        def agent(_: Any) -> None:
            raise ValueError("cannot")

        def go_on() -> None:
            for _ in range(2_000):
                bench.step(50)

        bench.agent = agent
        with pytest.raises(OperationError, match="without any new record"):
            go_on()

    def test_infrastructure_is_never_blamed_on_a_record(self, make_bench: Any) -> None:
        """An OperationError from the agent (a registry is down) pauses and tries again, for as long as it takes."""
        bench = make_bench(("a",), attempts=1, backoff_ms=1, backoff_max_ms=10)
        bench.assign(0)
        failures = iter(range(50))

        def agent(batch: Any) -> None:
            if next(failures, None) is not None:
                raise OperationError("the schema registry does not answer")
            batch.offsets["a"] = batch.records["a"][-1].offset() + 1

        bench.agent = agent
        for _ in range(60):
            bench.bring("a", 0, 0)
            bench.step(20)
            bench.step(20)
            if bench.kafka.commits:
                break

        assert bench.kafka.commits == [{("a", 0): 1}]
        assert not [note for note in bench.observer.notes if "quarantined" in note]

    def test_a_record_the_client_refuses_is_its_batchs_failure(self, make_bench: Any) -> None:
        """Too large for the client: the partition is to blame, the transaction is rolled back."""
        bench = make_bench(("a",))
        bench.assign(0)
        bench.kafka.failures["produce"] = Unproducible("too large")
        bench.bring("a", 0, 0)
        bench.step()

        assert "aborted agent_failed" in bench.observer.notes

    def test_other_partitions_go_on(self, make_bench: Any) -> None:
        """A partition in trouble is paused alone."""
        bench = make_bench(("a",), attempts=3, backoff_ms=1_000, commit_interval_ms=10)
        bench.assign(0, 1)

        def agent(batch: Any) -> None:
            if batch.partition == 0 and batch.records:
                raise ValueError("cannot")
            if batch.records:
                batch.offsets["a"] = batch.records["a"][-1].offset() + 1

        bench.agent = agent
        bench.bring("a", 0, 0)
        bench.step()
        bench.bring("a", 1, 0)
        bench.step(20)
        bench.step(20)

        assert bench.kafka.commits == [{("a", 1): 1}]
