"""A rebalance storm: every three seconds a worker joins or leaves."""

from __future__ import annotations

import random
import signal
import time

from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

EVERY_S = 3.0
FOR_S = 120.0
QUICK_S = 10.0
RECOVERY_S = 60.0


def run(seed: int, stage: Stage) -> Outcome:
    """Let workers 1 to 3 come and go around worker 0; the lag must be gone a minute after."""
    chance = random.Random(seed)
    moves = 0
    with stage.hashing(seed, partitions=6) as cluster:
        cluster.send(10_000)
        cluster.start(0)
        cluster.wait_until_ready(0)
        bad: list[int] = []
        until = time.monotonic() + (QUICK_S if stage.quick else FOR_S)
        while time.monotonic() < until:
            number = chance.randrange(1, 4)
            if number in cluster.running():
                cluster.send_signal(number, signal.SIGTERM)
            else:
                cluster.start(number)
            moves += 1
            next_s = time.monotonic() + EVERY_S
            while time.monotonic() < next_s:
                cluster.send(200)
                time.sleep(0.1)
            bad += [
                code for n in range(1, 4) if (code := _code(cluster, n)) not in {None, 0, -signal.SIGTERM}
            ]
            stage.say(f"{moves} moves, {cluster.committed()} committed")
        calm_s = time.monotonic()
        cluster.wait_until_done(RECOVERY_S)
        recovered_s = time.monotonic() - calm_s
        time.sleep(3.0)  # a worker that has just begun does not hear SIGTERM yet
        codes = cluster.stop_all()
        outcome = Outcome(sum(map(len, cluster.sent.values())), cluster.verdict())
    outcome.notes = f"{moves} joins and leaves, caught up {recovered_s:.0f} s after"
    outcome.must(not bad, f"workers ended with {bad}")
    outcome.must(not any(code not in {0, -signal.SIGTERM} for code in codes), f"exit codes {codes}")
    return outcome


def _code(cluster: object, number: int) -> int | None:
    try:
        code: int | None = cluster.exit_code(number)  # type: ignore[attr-defined]
    except KeyError:
        return None
    return code
