"""EndTxn alone is delayed beyond its transaction, lost, or its answer is lost: the outcome nobody can know."""

from __future__ import annotations

import random
from functools import partial
from typing import get_args

from streams.testing.kafka_proxy import ADD_OFFSETS, END_TXN, TXN_OFFSET_COMMIT, Rule, What
from tests.faults.feeding import feed, feed_until, sent
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

WORKERS = 2
FAULTS = 20
STRIKE_WAIT_S = 30.0


def run(seed: int, stage: Stage) -> Outcome:
    """Let one fault after another strike under load; each request or answer is late, or never comes."""
    chance = random.Random(seed)
    struck: dict[str, int] = {}
    with stage.hashing(seed, proxied=True) as cluster:
        cluster.settings["STREAMS_STATIC_MEMBERSHIP"] = "true"
        cluster.send(5_000)
        for number in range(WORKERS):
            cluster.start(number)
            cluster.wait_until_ready(number)
        for number, rule in enumerate(_rules(chance, 2 if stage.quick else FAULTS)):
            stage.say(f"{number + 1}: {rule.what} of API {rule.api_key}, {rule.delay_s:.1f} s")
            stage.proxy.add(rule)
            feed_until(cluster, partial(_has_struck, rule), STRIKE_WAIT_S)
            feed(cluster, chance.uniform(1, 3 if stage.quick else 9))
            stage.proxy.clear()
            struck[rule.what] = struck.get(rule.what, 0) + rule.struck
        cluster.wait_until_done(90)
        ended = [number for number in range(WORKERS) if cluster.exit_code(number) is not None]
        codes = cluster.stop_all()
        outcome = Outcome(sent(cluster), cluster.verdict())
    outcome.notes = ", ".join(f"{count} x {what}" for what, count in sorted(struck.items()))
    outcome.must(sum(struck.values()) >= (2 if stage.quick else FAULTS), "not every fault struck")
    outcome.must(not ended, f"workers {ended} ended by themselves")
    outcome.must(codes == [0] * WORKERS, f"exit codes {codes}")
    return outcome


def _has_struck(rule: Rule) -> bool:
    return rule.struck > 0


def _rules(chance: random.Random, count: int) -> list[Rule]:
    """Return that many faults: mostly of EndTxn, some of the requests that carry the offsets."""
    rules = [Rule(END_TXN, "delay_request", 5.0, times=1), Rule(END_TXN, "lose_response", times=1)]
    while len(rules) < count:
        key = chance.choice([END_TXN, END_TXN, END_TXN, ADD_OFFSETS, TXN_OFFSET_COMMIT])
        what = chance.choice(["delay_request", *get_args(What)])
        rules.append(Rule(key, what, chance.uniform(0.5, 9.0), times=1))
    return rules[:count]
