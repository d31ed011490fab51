"""Planted defects in the cycle: the simulation must find each, else it proves nothing about the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from streams.runtime.assignment import Assignment
from streams.runtime.coordinator import Coordinator
from streams.runtime.flights import Flights
from streams.runtime.kafka_ports import Snapshot
from streams.runtime.ownership import OwnedPartition
from streams.runtime.transaction import Transaction
from streams.testing.simulated_broker import SimulatedBroker
from streams.testing.simulated_cluster import CHANGELOG, SimulatedRestore, Simulation

Plant = Callable[[pytest.MonkeyPatch], None]


def no_undo(patch: pytest.MonkeyPatch) -> None:
    """A rollback leaves the state as the aborted transaction made it."""
    real = OwnedPartition.rewind

    def rewind(self: OwnedPartition) -> None:
        state, self.state = self.state, _Inert()  # type: ignore[assignment]
        real(self)
        self.state = state

    patch.setattr(OwnedPartition, "rewind", rewind)


def no_fetch_from_base(patch: pytest.MonkeyPatch) -> None:
    """A rollback goes on reading where it was."""
    real = OwnedPartition.rewind

    def rewind(self: OwnedPartition) -> None:
        place = dict(self.next)
        real(self)
        self.next = place
        self.delivered = dict(place)

    patch.setattr(OwnedPartition, "rewind", rewind)


def no_commit_at_revocation(patch: pytest.MonkeyPatch) -> None:
    """A revocation drops the partitions with a transaction open."""

    def on_revoke(self: Coordinator, revoked: Iterable[tuple[str, int]]) -> None:
        self._assignment.drop(revoked, keep=False)
        self._flights.void_all(0)

    patch.setattr(Coordinator, "on_revoke", on_revoke)


def no_reload_after_an_unknown_outcome(patch: pytest.MonkeyPatch) -> None:
    """After a fatal error the states are rolled back instead of restored."""

    def give_up_states(self: Assignment) -> None:
        for owned in self.owned.values():
            owned.rewind()

    patch.setattr(Assignment, "give_up_states", give_up_states)


def no_rollback_when_lost(patch: pytest.MonkeyPatch) -> None:
    """Lost partitions are dropped with their transaction open."""

    def on_lost(self: Coordinator, lost: Iterable[tuple[str, int]]) -> None:
        self._flights.void_all(0)
        self._assignment.drop(lost, keep=False)

    patch.setattr(Coordinator, "on_lost", on_lost)


def undo_under_a_working_agent(patch: pytest.MonkeyPatch) -> None:
    """A state is rolled back while the agent still holds it."""

    def void_all(self: Flights, timeout_ms: float) -> bool:
        del timeout_ms
        for batch in self._queue:
            batch.void()
        self._queue.clear()
        self.records = 0
        return True

    patch.setattr(Flights, "void_all", void_all)


def spare_known_by_offsets_alone(patch: pytest.MonkeyPatch) -> None:
    """A state from before a rebalance is taken although time has changed it elsewhere since."""
    real = SimulatedBroker._move
    patch.setattr(SimulatedBroker, "_move", lambda self, place, offset, stamp: real(self, place, offset, ""))
    commit = Transaction.commit

    def unstamped(self: Transaction, *arguments: Any) -> Any:
        self._stamps = iter(["", ""])  # type: ignore[assignment]
        return commit(self, *arguments)

    patch.setattr(Transaction, "commit", unstamped)


def spare_with_buffered_records(patch: pytest.MonkeyPatch) -> None:
    """A kept state still holds records that will be read again."""
    patch.setattr(OwnedPartition, "snapshot", lambda self: Snapshot(self.state, dict(self.base), self.stamp))


def offsets_only_of_what_moved(patch: pytest.MonkeyPatch) -> None:
    """A transaction of time alone carries no offsets: no generation fences it."""
    real = Transaction.commit

    def commit(self: Transaction, owned: Any, started_ms: int) -> Any:
        kept = self._kafka
        moved = {(topic, p): o for (topic, p), o in self._offsets.items() if o != owned[p].base[topic]}
        self._kafka = _CommitOnly(kept, moved)  # type: ignore[assignment]
        try:
            return real(self, owned, started_ms)
        finally:
            self._kafka = kept

    patch.setattr(Transaction, "commit", commit)


def restore_to_the_last_stable_offset(patch: pytest.MonkeyPatch) -> None:
    """A restore takes the end that a read_committed handle names: the last transaction may lie behind it."""
    patch.setattr(
        SimulatedRestore, "end_offset", lambda self: self.broker.last_stable((CHANGELOG, self.partition))
    )


def stale_restores_adopted(patch: pytest.MonkeyPatch) -> None:
    """The answer of a restore that nobody waits for any more is adopted."""

    def start(self: Assignment, partition: int, token: int, spare: Snapshot | None) -> None:
        del token
        self._restore(
            partition,
            spare,
            lambda answer: self._answers.put((partition, self._wanted.get(partition, 0), answer)),
            lambda: True,
        )

    patch.setattr(Assignment, "_start", start)


def buffered_records_committed(patch: pytest.MonkeyPatch) -> None:
    """What was delivered is committed, not what was processed."""
    real = Transaction.add

    def add(self: Transaction, owned: OwnedPartition, batch: Any) -> None:
        batch.offsets = dict(owned.delivered)
        real(self, owned, batch)

    patch.setattr(Transaction, "add", add)


def commit_while_the_agent_works(patch: pytest.MonkeyPatch) -> None:
    """A commit flushes a state in the middle of a batch."""

    def commit(self: Coordinator) -> None:
        self._collect()
        if self._transaction.open:
            self._transaction.commit(self._assignment.owned, 0)

    patch.setattr(Coordinator, "_commit", commit)


class _Inert:
    """A state whose rollback does nothing."""

    def rollback(self) -> None:
        """Do nothing."""


class _CommitOnly:
    """Passes everything on, but commits other offsets."""

    def __init__(self, kafka: Any, offsets: dict[tuple[str, int], int]) -> None:
        self._kafka, self._offsets = kafka, offsets

    def produce(self, records: Any) -> int:
        """Pass on."""
        count: int = self._kafka.produce(records)
        return count

    def commit(self, offsets: object, stamp: str) -> None:
        """Commit the other offsets."""
        del offsets
        self._kafka.commit(self._offsets, stamp)


MUTANTS: tuple[Plant, ...] = (
    no_undo,
    no_fetch_from_base,
    no_commit_at_revocation,
    no_reload_after_an_unknown_outcome,
    no_rollback_when_lost,
    undo_under_a_working_agent,
    spare_known_by_offsets_alone,
    spare_with_buffered_records,
    offsets_only_of_what_moved,
    restore_to_the_last_stable_offset,
    stale_restores_adopted,
    buffered_records_committed,
    commit_while_the_agent_works,
)
SEEDS_MAX = 400


@pytest.mark.parametrize("plant", MUTANTS, ids=lambda plant: plant.__name__)
def test_planted_defect_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some seed shows the defect, though the same seeds pass without it."""
    plant(monkeypatch)

    for seed in range(SEEDS_MAX):
        try:
            Simulation(seed).run()
        except Exception:  # noqa: BLE001 (any failure shows the defect)
            return

    pytest.fail(f"{plant.__name__}: not found in {SEEDS_MAX} seeds")
