"""Zombies: SIGSTOP for longer than the session, at random and with a transaction open, then SIGCONT."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

from streams.testing.hashing_cluster import HashingCluster
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

ASLEEP_S = 7.0
FREEZE_WAIT_S = 40.0
AT = ("offsets.after", "produce.after", "offsets.before", "commit.after")


def run(seed: int, stage: Stage) -> Outcome:
    """Freeze a worker between its offsets and its commit, let the other take over, wake it, several times."""
    chance = random.Random(seed)
    points = AT[:1] if stage.quick else AT * 2
    with stage.hashing(seed) as cluster:
        cluster.send(5_000)
        cluster.start(1)
        cluster.wait_until_ready(1)
        frozen = 0
        for point in points:
            stage.say(f"frozen at {point}")
            cluster.start(0, STREAMS_FAILPOINT=f"{point}@{chance.randrange(3, 9)}:stop")
            frozen += _freeze_and_wake(cluster)
            if not stage.quick:  # once more, at a random moment
                cluster.send_signal(0, signal.SIGSTOP)
                _feed(cluster, ASLEEP_S)
                cluster.send_signal(0, signal.SIGCONT)
                _feed(cluster, 2.0)
            cluster.send_signal(0, signal.SIGTERM)
            _wait_for_the_end(cluster, 0)
        cluster.wait_until_done(60)
        codes = [cluster.exit_code(0), *cluster.stop_all()]
        outcome = Outcome(sum(map(len, cluster.sent.values())), cluster.verdict())
    outcome.notes = f"{len(points) * (1 if stage.quick else 2)} pauses beyond the session, {frozen} with a transaction open"
    outcome.must(codes == [0, 0], f"exit codes {codes}")
    outcome.must(frozen == len(points), f"{len(points) - frozen} points were never reached")
    return outcome


def _feed(cluster: HashingCluster, for_s: float) -> None:
    until = time.monotonic() + for_s
    while time.monotonic() < until:
        cluster.send(300)
        time.sleep(0.15)


def _freeze_and_wake(cluster: HashingCluster) -> bool:
    """Feed until worker 0 has frozen itself; keep it so beyond its session; wake it."""
    process = cluster.running()[0]
    deadline = time.monotonic() + FREEZE_WAIT_S
    while _state(process) != "T":
        if time.monotonic() > deadline:
            return False
        _feed(cluster, 0.2)
    _feed(cluster, ASLEEP_S)
    cluster.send_signal(0, signal.SIGCONT)
    _feed(cluster, 2.0)
    return True


def _state(process: int) -> str:
    """Return the kernel's letter for what *process* does: T is stopped."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _wait_for_the_end(cluster: HashingCluster, number: int) -> None:
    deadline = time.monotonic() + 40
    while cluster.exit_code(number) is None and time.monotonic() < deadline:
        time.sleep(0.1)
