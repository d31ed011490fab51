"""The exactly-once cycle: when and what is committed."""

from __future__ import annotations

from typing import Any

from streams.runtime.kafka_ports import Abortable
from streams.runtime.ports import OutputRecord


class TestCommitting:
    """When and what is committed."""

    def test_outputs_changelog_and_offsets_are_one_transaction(self, make_bench: Any) -> None:
        """Begin, outputs, what the state flushes, commit; then the state is told."""
        bench = make_bench(("a",), commit_interval_ms=100)
        bench.assign(0)
        bench.states[0].flushed = [OutputRecord("log", b"k", b"v", None, 0)]
        bench.bring("a", 0, 0, 1)
        bench.step()
        early = list(bench.kafka.commits)
        bench.step(100)

        assert early == []
        assert [record.value for record in bench.kafka.produced] == [b"a 0", b"a 1", b"v"]
        assert bench.kafka.commits == [{("a", 0): 2}]
        assert bench.kafka.calls[-4:] == ["begin", "produce", "produce", "commit"]
        assert bench.states[0].calls == ["flush", "commit"]

    def test_what_is_buffered_is_not_committed(self, make_bench: Any) -> None:
        """The committed offset is what was processed; a rollback reads the rest again."""
        bench = make_bench(("a",), commit_interval_ms=10)
        bench.assign(0)

        def keep_the_last(batch: Any) -> None:
            if batch.records:
                batch.offsets["a"] = batch.records["a"][-1].offset()

        bench.agent = keep_the_last
        bench.bring("a", 0, 0, 1, 2)
        bench.step()
        bench.step(10)
        bench.kafka.failures["begin"] = Abortable("refused")
        bench.bring("a", 0, 3)
        bench.step()
        bench.step()

        assert bench.kafka.commits == [{("a", 0): 2}]
        assert bench.kafka.positions == {("a", 0): 2}

    def test_far_behind_the_interval_stretches(self, make_bench: Any) -> None:
        """Fewer, larger commits while there is much to catch up with."""
        bench = make_bench(("a",), commit_interval_ms=100, catchup_interval_ms=1_000, catchup_lag=10)
        bench.kafka.lag = 11
        bench.assign(0)
        bench.step(1_000)
        bench.bring("a", 0, 0)
        bench.step()
        bench.step(500)
        early = list(bench.kafka.commits)
        bench.step(500)

        assert (len(early), len(bench.kafka.commits)) == (0, 1)

    def test_a_large_transaction_is_committed_at_once(self, make_bench: Any) -> None:
        """outputs_max bounds it, whatever the interval."""
        bench = make_bench(("a",), outputs_max=3, commit_interval_ms=1_000)
        bench.assign(0)
        bench.bring("a", 0, 0, 1, 2)
        bench.step()

        assert len(bench.kafka.commits) == 1

    def test_every_transaction_has_its_own_stamp(self, make_bench: Any) -> None:
        """The run's id and a number."""
        bench = make_bench(("a",), commit_interval_ms=1)
        bench.assign(0)
        for offset in range(2):
            bench.bring("a", 0, offset)
            bench.step(5)
            bench.step(5)

        assert bench.kafka.stamps == ["run-1", "run-2"]

    def test_the_observer_learns_what_a_commit_held(self, make_bench: Any) -> None:
        """Records, outputs, flushed records, partitions."""
        bench = make_bench(("a",), commit_interval_ms=10)
        bench.assign(0)
        bench.states[0].flushed = [OutputRecord("log", b"k", b"v", None, 0)]
        bench.bring("a", 0, 0, 1)
        bench.step()
        bench.step(10)
        report = bench.observer.reports[0]

        assert (report.records, report.outputs, report.flushed, report.partitions) == (2, 2, 1, 1)

    def test_stop_commits_and_leaves(self, make_bench: Any) -> None:
        """What was processed is committed before the group is left."""
        bench = make_bench(("a",), commit_interval_ms=1_000)
        bench.assign(0)
        bench.bring("a", 0, 0)
        bench.step()
        bench.coordinator.stop()
        bench.coordinator.run()

        assert bench.kafka.commits == [{("a", 0): 1}]
        assert bench.kafka.calls[-1] == "close"

    def test_a_revocation_commits_first(self, make_bench: Any) -> None:
        """The next owner finds nothing half done."""
        bench = make_bench(("a",), commit_interval_ms=1_000)
        bench.assign(0)
        bench.bring("a", 0, 0)
        bench.step()
        bench.kafka.callbacks.append(lambda: bench.coordinator.on_revoke([("a", 0)]))
        bench.step()

        assert bench.kafka.commits == [{("a", 0): 1}]
        assert bench.coordinator.owned_partitions == frozenset()
        assert bench.kafka.positions == {}
