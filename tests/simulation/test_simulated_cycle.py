"""The coordinator under all faults, against a model of Kafka, by seed.

Goal: whatever is killed, paused, fenced, refused or lost, every output and state is as if nothing had happened.
Method: run many seeds to the end of all input, compare with a single-threaded run. More seeds:

    SIMULATION_FIRST_SEED=1000 SIMULATION_SEEDS=5000 python -m pytest tests/simulation/test_simulated_cycle.py
"""

from __future__ import annotations

import os

import pytest

from streams.testing.simulated_cluster import Simulation

FIRST_SEED = int(os.environ.get("SIMULATION_FIRST_SEED", "0"))
SEEDS = int(os.environ.get("SIMULATION_SEEDS", "250"))
POISON_SEEDS = max(1, SEEDS // 20)


def run_all(first: int, count: int, *, poison: bool) -> None:
    """Run the seeds; on a failure say which, and how to run it alone."""
    for seed in range(first, first + count):
        try:
            Simulation(seed, poison=poison).run()
        except Exception as error:  # noqa: BLE001 (whatever breaks, the seed must be told)
            replay = (
                f'python -c "from streams.testing.simulated_cluster import Simulation;'
                f' Simulation({seed}, poison={poison}).run()"'
            )
            pytest.fail(f"seed {seed}: {type(error).__name__}: {error}\nreplay: {replay}")


@pytest.mark.timeout(600)
def test_every_seed_is_exactly_once() -> None:
    """Kills, pauses, rebalances, fences, lost answers, failing and hanging agents change no output and no state."""
    run_all(FIRST_SEED, SEEDS, poison=False)


@pytest.mark.timeout(600)
def test_poison_is_dead_lettered_once_and_nothing_else_is() -> None:
    """Under the same faults every record that always fails is dead-lettered exactly once, and no other."""
    run_all(FIRST_SEED, POISON_SEEDS, poison=True)


def test_the_same_seed_gives_the_same_run() -> None:
    """A seed can be replayed: the same number of steps, the same logs."""
    first, second = Simulation(7), Simulation(7)

    steps = first.run()

    assert steps == second.run()
    assert [record.record for log in first.broker.logs.values() for record in log] == [
        record.record for log in second.broker.logs.values() for record in log
    ]
