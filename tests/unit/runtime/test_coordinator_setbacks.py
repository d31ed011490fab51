"""The exactly-once cycle: rollbacks, renewals, and their limits."""

from __future__ import annotations

from typing import Any

import pytest

from streams.errors import OperationError
from streams.runtime.kafka_ports import Abortable, Fatal


class TestFallingBack:
    """Rollbacks, renewals, and their limits."""

    def test_a_refused_commit_rolls_back_and_reads_again(self, make_bench: Any) -> None:
        """The state is rolled back, not restored; the positions are those of its own last commit."""
        bench = make_bench(("a",), commit_interval_ms=10)
        bench.assign(0, offsets={"a": 5})
        bench.bring("a", 0, 5, 6)
        bench.step()
        bench.kafka.failures["commit"] = Abortable("the generation is old")
        bench.step(10)
        bench.step()

        assert bench.kafka.calls.count("abort") == 1
        assert bench.kafka.positions == {("a", 0): 5}
        assert bench.states[0].calls[-1] == "rollback"
        assert bench.restores == []

    def test_an_unknown_outcome_replaces_the_producer_then_restores(self, make_bench: Any) -> None:
        """The commit may have happened: the state is given up, but not restored before the renewal is done."""
        bench = make_bench(("a",), commit_interval_ms=10)
        bench.assign(0)
        bench.bring("a", 0, 0)
        bench.step()
        bench.kafka.failures["commit"] = Fatal("timed out")
        bench.step(10)
        while_renewing = list(bench.restores)
        bench.kafka.renewals[0](None)
        bench.step()

        assert bench.observer.notes[-2:] == ["aborted unknown_outcome", "renewed unknown_outcome"]
        assert while_renewing == []
        assert [partition for partition, _, _, _ in bench.restores] == [0]
        assert "abort" not in bench.kafka.calls

    def test_consuming_goes_on_while_the_producer_is_replaced(self, make_bench: Any) -> None:
        """Heartbeats and rebalances must not wait for the broker's return."""
        bench = make_bench(("a",), commit_interval_ms=10)
        bench.assign(0)
        bench.bring("a", 0, 0)
        bench.step()
        bench.kafka.failures["commit"] = Fatal("timed out")
        bench.step(10)
        bench.kafka.callbacks.append(lambda: bench.coordinator.on_revoke([("a", 0)]))
        bench.step()

        assert bench.observer.notes[-1] == "revoked 1"

    def test_a_failed_abort_is_fatal(self, make_bench: Any) -> None:
        """A producer that cannot abort is replaced."""
        bench = make_bench(("a",), commit_interval_ms=10)
        bench.assign(0)
        bench.bring("a", 0, 0)
        bench.step()
        bench.kafka.failures |= {"commit": Abortable("no"), "abort": Abortable("no again")}
        bench.step(10)

        assert len(bench.kafka.renewals) == 1

    def test_a_stuck_agent_loses_its_state(self, make_bench: Any) -> None:
        """It may still hold it: the state is restored anew, and the orphan can do no harm."""
        bench = make_bench(("a",), patience_ms=1_000)
        bench.assign(0)
        bench.agent = None
        bench.bring("a", 0, 0)
        bench.step(work=False)
        bench.batches[0].__enter__()  # the agent takes it, and never comes back
        bench.step(1_001, work=False)

        assert [partition for partition, _, _, _ in bench.restores] == [0]
        assert "aborted agent_stuck" in bench.observer.notes

    def test_a_batch_that_never_reached_the_agent_costs_no_restore(self, make_bench: Any) -> None:
        """It is voided; whoever finds it later skips it."""
        bench = make_bench(("a",), patience_ms=1_000)
        bench.assign(0)
        bench.agent = None
        bench.bring("a", 0, 0)
        bench.step(work=False)
        bench.step(1_001, work=False)

        assert bench.restores == []
        assert bench.batches[0].__enter__() is None

    def test_setbacks_without_a_commit_have_a_limit(self, make_bench: Any) -> None:
        """The worker stops rather than spin."""
        bench = make_bench(("a",), patience_ms=10, renewals_max=3)
        bench.assign(0)
        bench.agent = None

        def go_on() -> None:
            for _ in range(400):
                bench.bring("a", 0, 0)
                bench.step(100, work=False)

        with pytest.raises(OperationError, match="4 setbacks in a row without a commit"):
            go_on()

    def test_fences_in_a_short_time_mean_a_second_process(self, make_bench: Any) -> None:
        """Even with commits between them: the error says that the instance id is used twice."""
        bench = make_bench(("a",), commit_interval_ms=1, fences_max=3, fence_window_ms=60_000)
        bench.assign(0)

        def be_fenced() -> None:
            for _ in range(3):
                bench.bring("a", 0, 0)
                bench.step(10)
                bench.step(10)
                bench.kafka.failures["begin"] = Fatal("fenced", fenced=True)
                bench.bring("a", 0, 1)
                bench.step(10_000)
                bench.kafka.renewals.pop()(None)
                bench.step()
                bench.restore_all()
                bench.step()

        with pytest.raises(OperationError, match="another process uses the same application id") as caught:
            be_fenced()

        assert "STREAMS_INSTANCE_ID" in caught.value.hint

    def test_fences_far_apart_are_borne(self, make_bench: Any) -> None:
        """A suspended laptop or a slow broker is no second process."""
        bench = make_bench(("a",), commit_interval_ms=1, fences_max=3, fence_window_ms=60_000)
        bench.assign(0)
        for offset in range(4):
            bench.kafka.failures["begin"] = Fatal("fenced", fenced=True)
            bench.bring("a", 0, offset)
            bench.step(40_000)
            bench.kafka.renewals.pop()(None)
            bench.step()
            bench.restore_all()
            bench.step()

        assert bench.observer.notes.count("renewed fenced") == 4

    def test_lost_partitions_are_rolled_back_and_dropped(self, make_bench: Any) -> None:
        """Others own them already: nothing is committed."""
        bench = make_bench(("a",), commit_interval_ms=1_000)
        bench.assign(0)
        bench.bring("a", 0, 0)
        bench.step()
        bench.kafka.callbacks.append(lambda: bench.coordinator.on_lost([("a", 0)]))
        bench.step()

        assert bench.kafka.commits == []
        assert "abort" in bench.kafka.calls
        assert bench.observer.notes[-1] == "lost 1"

    def test_an_error_that_ends_the_worker_aborts_and_leaves_without_a_commit(self, make_bench: Any) -> None:
        """Nobody has to wait for the transaction's time-out, and nothing half done is committed."""
        bench = make_bench(("a",), commit_interval_ms=1_000)
        bench.assign(0)
        bench.bring("a", 0, 0)
        bench.step()

        def fail() -> None:
            raise OperationError("the consumer cannot go on")

        bench.kafka.callbacks.append(fail)
        with pytest.raises(OperationError, match="cannot go on"):
            bench.coordinator.run()

        assert bench.kafka.commits == []
        assert bench.kafka.calls[-2:] == ["abort", "close"]
