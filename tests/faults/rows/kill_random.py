"""kill -9 at random: three workers, one killed every one to six seconds and started again."""

from __future__ import annotations

import random
import time

from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

WORKERS = 3
FOR_S = 180.0
QUICK_S = 8.0


def run(seed: int, stage: Stage) -> Outcome:
    """Kill, feed, compare; an odd seed has dynamic membership, an even one static."""
    chance = random.Random(seed)
    static = stage.quick or seed % 2 == 0
    kills = 0
    with stage.hashing(seed) as cluster:
        cluster.settings["STREAMS_STATIC_MEMBERSHIP"] = str(static)
        cluster.send(20_000)
        for number in range(WORKERS):
            cluster.start(number)
        cluster.wait_until_ready(0)
        until = time.monotonic() + (QUICK_S if stage.quick else FOR_S)
        while time.monotonic() < until:
            victim = chance.randrange(WORKERS)
            cluster.kill(victim)
            cluster.start(victim)
            kills += 1
            pause_until = time.monotonic() + chance.uniform(1, 3 if stage.quick else 6)
            while time.monotonic() < pause_until:
                cluster.send(300)
                time.sleep(0.1)
            stage.say(f"{kills} kills, {cluster.committed()} committed")
        cluster.wait_until_done(120)
        codes = cluster.stop_all()
        outcome = Outcome(sum(map(len, cluster.sent.values())), cluster.verdict())
    outcome.notes = f"{kills} kills, {'static' if static else 'dynamic'} membership"
    outcome.must(codes == [0] * WORKERS, f"exit codes {codes}")
    return outcome
