"""A rolling restart with static membership: every worker in turn, ended in order and started again."""

from __future__ import annotations

import signal
import time

from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

WORKERS = 3
ROUNDS = 4
END_WAIT_S = 30.0


def run(seed: int, stage: Stage) -> Outcome:
    """Restart each worker, several rounds, under load: no partition moves, nothing is lost, exit code 0 each time."""
    codes: list[int | None] = []
    longest_s = 0.0
    with stage.hashing(seed, partitions=6) as cluster:
        cluster.settings["STREAMS_STATIC_MEMBERSHIP"] = "true"
        cluster.send(10_000)
        for number in range(WORKERS):
            cluster.start(number)
            cluster.wait_until_ready(number)
        for turn in range(1 if stage.quick else ROUNDS):
            for number in range(WORKERS):
                cluster.send(1_000)
                began_s = time.monotonic()
                cluster.send_signal(number, signal.SIGTERM)
                while cluster.exit_code(number) is None and time.monotonic() < began_s + END_WAIT_S:
                    cluster.send(100)
                    time.sleep(0.05)
                codes.append(cluster.exit_code(number))
                cluster.log_of(number).unlink()
                cluster.start(number)
                cluster.wait_until_ready(number)
                longest_s = max(longest_s, time.monotonic() - began_s)
            stage.say(f"round {turn + 1}")
        cluster.wait_until_done(60)
        codes += cluster.stop_all()
        outcome = Outcome(sum(map(len, cluster.sent.values())), cluster.verdict())
    outcome.notes = (
        f"{len(codes) - WORKERS} restarts, the longest {longest_s:.1f} s from SIGTERM to its partitions"
    )
    outcome.must(not any(codes), f"exit codes {codes}")
    return outcome
