"""kill -9 at every named point of a transaction, a revocation and a restore, and SIGSTOP at the worst of them."""

from __future__ import annotations

import random
import signal
import time

from streams.runtime.failpoints import POINTS
from streams.testing.hashing_cluster import HashingCluster
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

QUICK_POINTS = ("produce.after", "offsets.after", "commit.during", "commit.after")
ROUNDS = 4
DEATH_WAIT_S = 40.0
HELPER = 9


def run(seed: int, stage: Stage) -> Outcome:
    """Let a worker die at each point, at the first to eighth transaction; another life goes on from there."""
    chance = random.Random(seed)
    points = [
        point
        for _ in range(1 if stage.quick else ROUNDS)
        for point in (QUICK_POINTS if stage.quick else POINTS)
    ]
    died = 0
    with stage.hashing(seed) as cluster:
        cluster.settings |= {"STREAMS_STATIC_MEMBERSHIP": "true", "HASH_POISON": "1", "STREAMS_ATTEMPTS": "1"}
        cluster.send(2_000)
        for number, point in enumerate(points):
            stage.say(f"{point} ({number + 1} of {len(points)})")
            died += _die_at(cluster, point, chance)
        cluster.start(0)
        cluster.wait_until_done(90)
        codes = cluster.stop_all()
        outcome = Outcome(
            sum(map(len, cluster.sent.values())),
            cluster.verdict(),
            f"{died} deaths at {len(set(points))} points",
        )
    outcome.must(died == len(points), f"{len(points) - died} points were never reached")
    outcome.must(codes == [0], f"exit codes {codes}")
    return outcome


def _die_at(cluster: HashingCluster, point: str, chance: random.Random) -> bool:
    """Run a worker until it dies there; feed it meanwhile."""
    once = point.startswith(("open", "revoke", "restore", "abort"))
    cluster.start(0, STREAMS_FAILPOINT=f"{point}@{1 if once else chance.randrange(1, 9)}")
    if point == "revoke":
        cluster.start(HELPER)
    deadline, poison = time.monotonic() + DEATH_WAIT_S, 1 if point.startswith("abort") else 0
    while cluster.exit_code(0) is None and time.monotonic() < deadline:
        cluster.send(200, poison=poison)
        poison = 0
        time.sleep(0.1)
    died = cluster.exit_code(0) == -signal.SIGKILL
    cluster.kill(0)
    if point == "revoke":
        cluster.kill(HELPER)
    return died
