"""The exactly-once cycle, rule by rule, with a fake Kafka in one thread: what is owned and delivered."""

from __future__ import annotations

from typing import Any

import pytest

from streams.errors import OperationError
from streams.runtime.kafka_ports import Fetched, Snapshot


class TestOwning:
    """From assigned over restored to owned."""

    def test_a_partition_waits_until_it_is_assigned_in_every_topic(self, make_bench: Any) -> None:
        """One topic of two is not enough: nothing is restored, and the log says so."""
        bench = make_bench()
        bench.kafka.callbacks.append(lambda: bench.coordinator.on_assign([("a", 0)]))
        bench.step()

        assert bench.restores == []
        assert "not assigned to this worker in every input topic" in bench.log[0]

    def test_nothing_is_fetched_before_the_state_is_there(self, make_bench: Any) -> None:
        """The fetch begins where the restored state stands, in every topic."""
        bench = make_bench()
        bench.kafka.callbacks.append(lambda: bench.coordinator.on_assign([("a", 0), ("b", 0)]))
        bench.step()
        before = dict(bench.kafka.positions)
        bench.restore_all({"a": 5, "b": 7})
        bench.step()

        assert before == {}
        assert bench.kafka.positions == {("a", 0): 5, ("b", 0): 7}

    def test_a_stale_restore_is_ignored(self, make_bench: Any) -> None:
        """An answer that comes after the partition went away and came back is not the one waited for."""
        bench = make_bench(("a",))
        bench.kafka.callbacks.append(lambda: bench.coordinator.on_assign([("a", 0)]))
        bench.step()
        _, _, stale, alive = bench.restores.pop()
        bench.coordinator.on_revoke([("a", 0)])
        bench.coordinator.on_assign([("a", 0)])
        stale(Snapshot(object(), {"a": 0}, ""))  # type: ignore[arg-type]
        bench.step()

        assert not alive()
        assert bench.coordinator.owned_partitions == frozenset()
        assert bench.coordinator.restoring_partitions == {0}

    def test_a_revoked_state_is_offered_to_the_next_restore(self, make_bench: Any) -> None:
        """It is clean, has no buffered records, and carries the stamp of its last transaction."""
        bench = make_bench(("a",))
        bench.assign(0)
        bench.bring("a", 0, 0, 1)
        bench.step()
        bench.step(200)
        bench.coordinator.on_revoke([("a", 0)])
        bench.coordinator.on_assign([("a", 0)])
        _, spare, _, _ = bench.restores[-1]

        assert spare == Snapshot(bench.states[0], {"a": 2}, "run-1")
        assert bench.states[0].calls[-1] == "rollback"

    def test_a_restore_that_cannot_succeed_ends_the_worker(self, make_bench: Any) -> None:
        """Its error comes out of the cycle."""
        bench = make_bench(("a",))
        bench.kafka.callbacks.append(lambda: bench.coordinator.on_assign([("a", 0)]))
        bench.step()
        bench.restores[0][2](OperationError("out of retention"))

        with pytest.raises(OperationError, match="out of retention"):
            bench.step()


class TestBatches:
    """What is delivered, and when."""

    def test_records_of_all_topics_come_in_one_batch(self, make_bench: Any) -> None:
        """The unit is the partition number."""
        bench = make_bench()
        bench.assign(0)
        bench.kafka.coming.append(
            Fetched(
                {
                    ("a", 0): [*_records(bench, "a", 0, 1)],
                    ("b", 0): [*_records(bench, "b", 0, 2)],
                },
                {},
            )
        )
        bench.step()
        batch = bench.seen[-1]

        assert {topic: [r.offset() for r in records] for topic, records in batch.records.items()} == {
            "a": [0],
            "b": [0, 1],
        }
        assert batch.now_ms == bench.wall_ms()

    def test_a_quiet_partition_gets_a_tick_every_interval(self, make_bench: Any) -> None:
        """Not before 250 ms after the last batch, and then at once."""
        bench = make_bench(tick_interval_ms=250)
        bench.assign(0)
        bench.bring("a", 0, 0)
        bench.step()
        seen = len(bench.seen)
        bench.step(248)
        early = len(bench.seen) - seen
        bench.step(2)

        assert early == 0
        assert len(bench.seen) - seen == 1
        assert bench.seen[-1].records == {}

    def test_a_waiting_agent_gets_a_tick_soon(self, make_bench: Any) -> None:
        """After merge_wait instead of the tick interval."""
        bench = make_bench(tick_interval_ms=250, merge_wait_ms=50)
        bench.assign(0)

        def wait(batch: Any) -> None:
            batch.waiting = True

        bench.agent = wait
        bench.bring("a", 0, 0)
        bench.step()
        seen = len(bench.seen)
        bench.step(48)
        early = len(bench.seen) - seen
        bench.step(2)

        assert (early, len(bench.seen) - seen) == (0, 1)

    def test_a_tick_that_changed_nothing_opens_no_transaction(self, make_bench: Any) -> None:
        """Quiet hours cost the broker nothing."""
        bench = make_bench(tick_interval_ms=10)
        bench.assign(0)
        for _ in range(20):
            bench.step(50)

        assert len(bench.seen) > 10
        assert "begin" not in bench.kafka.calls

    def test_a_tick_that_changed_the_state_is_committed_with_the_offsets_it_stands_on(
        self, make_bench: Any
    ) -> None:
        """Offsets that did not move are sent all the same: with them the broker checks the generation."""
        bench = make_bench(tick_interval_ms=10, commit_interval_ms=100)
        bench.assign(0, offsets={"a": 3, "b": 4})

        def change(batch: Any) -> None:
            batch.changed = True

        bench.agent = change
        bench.step(20)
        bench.step(100)

        assert bench.kafka.commits[0] == {("a", 0): 3, ("b", 0): 4}
        assert bench.states[0].calls[:2] == ["flush", "commit"]

    def test_an_end_is_told_until_the_next_record(self, make_bench: Any) -> None:
        """caught_up_ms counts from the end's arrival on, and is absent after a record until the next end."""
        bench = make_bench(("a",), tick_interval_ms=10)
        bench.assign(0)
        bench.bring("a", 0, 0, end=True)
        bench.step(0)
        bench.step(100)
        bench.step(0)
        caught_up = bench.seen[-1].caught_up_ms
        bench.bring("a", 0, 1)
        bench.step()

        assert bench.seen[0].caught_up_ms == {"a": 0}
        assert caught_up["a"] >= 100
        assert bench.seen[-1].caught_up_ms == {}

    def test_an_empty_log_is_told(self, make_bench: Any) -> None:
        """An end at offset 0: the topic never had a record; one record ends that."""
        bench = make_bench(("a",), tick_interval_ms=10)
        bench.assign(0)
        bench.bring("a", 0, end=True)
        bench.step()
        bench.step(20)
        empty = bench.seen[-1].never_had_a_record
        bench.bring("a", 0, 0)
        bench.step()

        assert empty == {"a"}
        assert bench.seen[-1].never_had_a_record == frozenset()

    def test_a_held_topic_is_kept_back_then_paused_then_goes_on(self, make_bench: Any) -> None:
        """Its records wait, in order; above the limit it is paused, and resumed when they are nearly gone."""
        bench = make_bench(held_records_max=4, tick_interval_ms=10)
        bench.assign(0)
        hold: set[str] = {"a"}

        def agent(batch: Any) -> None:
            batch.hold = frozenset(hold)

        bench.agent = agent
        bench.bring("b", 0, 0)
        bench.step()
        bench.bring("a", 0, *range(6))
        bench.step(20)
        held = [batch.records for batch in bench.seen if "a" in batch.records]
        paused = set(bench.kafka.paused)
        hold.clear()
        bench.step(20)
        bench.step(20)

        assert held == []
        assert paused == {("a", 0)}
        assert [r.offset() for batch in bench.seen for r in batch.records.get("a", ())] == list(range(6))
        assert bench.kafka.paused == set()

    def test_no_more_is_delivered_than_may_be_in_flight(self, make_bench: Any) -> None:
        """The cycle waits for the agent before it reads on."""
        bench = make_bench(("a",), batch_records_max=10, records_in_flight_max=20)
        bench.assign(0)
        bench.agent = None
        for start in range(0, 20, 10):
            bench.bring("a", 0, *range(start, start + 10))
            bench.step(work=False)
        before = bench.now_ms
        bench.step(0, work=False)

        assert bench.now_ms >= before + 5_000
        assert "needed more than" in bench.log[-1] or "did not reach" in bench.log[-1]


def _records(bench: Any, topic: str, partition: int, count: int) -> list[Any]:
    bench.bring(topic, partition, *range(count))
    return list(bench.kafka.coming.pop().records[topic, partition])
