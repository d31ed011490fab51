"""An outage: the only broker is killed with kill -9 under load and comes back after 70 seconds."""

from __future__ import annotations

import time

from tests.faults.feeding import feed, sent
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

WORKERS = 2
AWAY_S = 70.0
RECOVERY_S = 120.0


def run(seed: int, stage: Stage) -> Outcome:
    """No worker may end meanwhile, and all is processed within two minutes of the broker's return."""
    with stage.hashing(seed) as cluster:
        cluster.send(20_000)
        for number in range(WORKERS):
            cluster.start(number)
        cluster.wait_until_ready(0)
        feed(cluster, 3.0)
        stage.say("the broker is killed")
        stage.kafka.kill(1)
        time.sleep(AWAY_S)
        ended = [number for number in range(WORKERS) if cluster.exit_code(number) is not None]
        stage.kafka.start(1)
        back_s = time.monotonic()
        stage.say("the broker is back")
        cluster.send(5_000)
        cluster.wait_until_done(RECOVERY_S)
        recovered_s = time.monotonic() - back_s
        codes = cluster.stop_all()
        outcome = Outcome(
            sent(cluster), cluster.verdict(), f"{AWAY_S:.0f} s away, caught up {recovered_s:.0f} s after"
        )
    outcome.must(not ended, f"workers {ended} ended by themselves")
    outcome.must(codes == [0] * WORKERS, f"exit codes {codes}")
    return outcome
