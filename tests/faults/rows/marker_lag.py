"""Commit markers that lag: the broker's own WriteTxnMarkers are delayed while workers are killed and restore."""

from __future__ import annotations

import random

from streams.testing.kafka_proxy import WRITE_MARKERS, Rule
from tests.faults.feeding import feed, sent
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

WORKERS = 2
KILLS = 10
LAG_S = 0.7


def run(seed: int, stage: Stage) -> Outcome:
    """Kill workers while every marker comes late, so that restores begin before the last transaction is visible."""
    chance = random.Random(seed)
    proxy = stage.proxy_of_markers()
    with stage.hashing(seed) as cluster:
        cluster.settings["STREAMS_STATIC_MEMBERSHIP"] = "true"
        cluster.send(5_000)
        for number in range(WORKERS):
            cluster.start(number)
            cluster.wait_until_ready(number)
        rule = proxy.add(Rule(WRITE_MARKERS, "delay_request", LAG_S))
        for number in range(KILLS):
            victim = chance.randrange(WORKERS)
            stage.say(f"kill {number + 1} of {KILLS}, {rule.struck} markers delayed")
            cluster.kill(victim)
            cluster.start(victim)
            feed(cluster, chance.uniform(2, 6))
        proxy.clear()
        cluster.wait_until_done(90)
        codes = cluster.stop_all()
        outcome = Outcome(
            sent(cluster),
            cluster.verdict(),
            f"{rule.struck} marker requests delayed by {LAG_S} s, {KILLS} kills",
        )
    outcome.must(rule.struck, "no marker was delayed")
    outcome.must(codes == [0] * WORKERS, f"exit codes {codes}")
    return outcome
