"""Exactly once on a real broker, while workers are killed, paused and replaced.

Goal: outputs read committed, and the state the changelog restores, equal a single-threaded run.
Method: workers as processes of their own, input before and during the faults, the random numbers by a printed seed.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from streams.testing.hashing_cluster import HashingCluster

pytestmark = pytest.mark.integration

SEED = int(os.environ.get("TRANSPORT_SEED") or time.time_ns() % 1_000_000)
WORKERS = 3


@pytest.mark.timeout(150)
@pytest.mark.parametrize("static", [True, False], ids=["static membership", "dynamic membership"])
def test_workers_killed_at_random_lose_and_double_nothing(kafka: str, tmp_path: Path, static: bool) -> None:  # noqa: FBT001
    """Three workers, one killed and started again every few seconds: outputs and state are as if nothing happened."""
    print(f"seed {SEED}; again: TRANSPORT_SEED={SEED}")
    chance = random.Random(SEED)
    with HashingCluster(kafka, tmp_path, seed=SEED) as cluster:
        cluster.settings["STREAMS_STATIC_MEMBERSHIP"] = str(static)
        cluster.send(40_000)
        for number in range(WORKERS):
            cluster.start(number)
        cluster.wait_until_ready(0)
        for _ in range(6 if static else 3):
            victim = chance.randrange(WORKERS)
            cluster.kill(victim)
            cluster.start(victim)
            until = time.monotonic() + chance.uniform(1, 3) * (1 if static else 2)
            while time.monotonic() < until:
                cluster.send(500)
                time.sleep(0.1)
        cluster.wait_until_done(40)

        assert cluster.stop_all() == [0] * WORKERS
        assert cluster.differences() == []


@pytest.mark.timeout(90)
def test_a_paused_worker_comes_back_as_a_zombie_and_writes_nothing(kafka: str, tmp_path: Path) -> None:
    """A worker stopped for longer than its session is fenced when it goes on; nothing is lost, doubled, or ended."""
    with HashingCluster(kafka, tmp_path, seed=SEED) as cluster:
        cluster.start(0)
        cluster.start(1)
        cluster.send(20_000)
        cluster.wait_until_ready(0)
        cluster.wait_until_ready(1)
        for _ in range(2):
            cluster.send(5_000)
            cluster.send_signal(0, signal.SIGSTOP)
            cluster.send(5_000)
            time.sleep(6)
            cluster.send_signal(0, signal.SIGCONT)
            cluster.send(5_000)
            time.sleep(1)
        cluster.wait_until_done(30)

        assert cluster.stop_all() == [0, 0]
        assert cluster.differences() == []


@pytest.mark.timeout(90)
def test_workers_that_leave_and_join_hand_over_without_a_trace(kafka: str, tmp_path: Path) -> None:
    """SIGTERM ends a worker with exit code 0 after its last commit; others go on from there, again and again."""
    with HashingCluster(kafka, tmp_path, seed=SEED) as cluster:
        cluster.send(20_000)
        cluster.start(0)
        for number in (1, 2, 1):
            cluster.log_of(number).unlink(missing_ok=True)
            worker = cluster.start(number)
            cluster.send(5_000)
            cluster.wait_until_ready(number)
            time.sleep(1)
            cluster.send_signal(number, signal.SIGTERM)

            assert worker.wait(30) == 0
        cluster.wait_until_done(30)

        assert cluster.stop_all() == [0]
        assert cluster.differences() == []
