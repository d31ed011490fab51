"""Network cuts through a proxy: one worker or all, shorter and longer than the session, silent or by reset."""

from __future__ import annotations

import random

from tests.faults.feeding import feed, sent
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

WORKERS = 2
CUTS = 12


def run(seed: int, stage: Stage) -> Outcome:
    """Cut, feed, heal, several times; the other worker goes on, and who comes back writes nothing twice."""
    chance = random.Random(seed)
    with stage.hashing(seed, proxied=True) as cluster:
        cluster.send(5_000)
        for number in range(WORKERS):
            cluster.start(number)
            cluster.wait_until_ready(number)
        for number in range(1 if stage.quick else CUTS):
            whom = "worker-0" if number % 3 == 0 else chance.choice(["worker-0", "worker-1", "worker-"])
            for_s = 6.0 if stage.quick else chance.choice([1.0, 3.0, 6.0, 10.0])
            stage.say(f"{whom} cut off for {for_s:.0f} s")
            stage.proxy.cut(whom)
            feed(cluster, for_s)
            if chance.random() < 0.5:
                stage.proxy.reset()
            stage.proxy.clear()
            feed(cluster, 3.0)
        ended = [number for number in range(WORKERS) if cluster.exit_code(number) is not None]
        cluster.wait_until_done(90)
        codes = cluster.stop_all()
        outcome = Outcome(sent(cluster), cluster.verdict(), f"{1 if stage.quick else CUTS} cuts of 1 to 10 s")
    outcome.must(not ended, f"workers {ended} ended by themselves")
    outcome.must(codes == [0] * WORKERS, f"exit codes {codes}")
    return outcome
