"""A changelog that is compacted while it is read, and ends in markers and aborted transactions: the restore ends."""

from __future__ import annotations

import random
import time
from functools import partial

from streams.testing.hashing_cluster import HashingCluster
from streams.testing.kafka import create_topics
from tests.faults.feeding import feed, feed_until, sent, wait_for
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

CONFIG = {
    "cleanup.policy": "compact",
    "segment.ms": "1000",
    "min.cleanable.dirty.ratio": "0.01",
    "delete.retention.ms": "100",
    "max.compaction.lag.ms": "1500",
}
LIVES = 8
FEED_S = 6.0


def run(seed: int, stage: Stage) -> Outcome:
    """Let several lives write, die in the middle of a transaction and restore, while the cleaner works all the time."""
    chance = random.Random(seed)
    with stage.hashing(seed, partitions=2) as cluster:
        create_topics(stage.bootstrap, {cluster.changelog: 2}, config=CONFIG)
        cluster.settings |= {"STREAMS_STATIC_MEMBERSHIP": "true", "STREAMS_COMMIT_INTERVAL_MS": "30ms"}
        cluster.send(1_000)
        lives = 2 if stage.quick else LIVES
        for life in range(lives):
            # a name of its own for every other life: the dead one's transaction is aborted by its time-out
            cluster.start(life % 2, STREAMS_FAILPOINT=f"offsets.before@{chance.randrange(60, 100)}")
            feed_until(cluster, partial(_has_ended, cluster, life % 2), 40, records=60, pause_s=0.05)
            stage.say(f"life {life + 1} of {lives} has ended")
        time.sleep(
            5.0
        )  # the tail is now an aborted transaction and its marker; the cleaner goes over the rest
        before = _left(cluster)
        cluster.start(0)
        cluster.wait_until_ready(0)
        ready = wait_for(lambda: "restored" in cluster.log_of(0).read_text(), 30)
        feed(cluster, 1.0 if stage.quick else FEED_S)
        cluster.wait_until_done(60)
        codes = cluster.stop_all()
        outcome = Outcome(sent(cluster), cluster.verdict())
    outcome.notes = f"{before[0]} of {before[1]} changelog offsets left before the last restore"
    outcome.must(ready, "the restore did not end")
    outcome.must(before[0] < before[1] // 2, "nothing was compacted")
    outcome.must(codes == [0], f"exit codes {codes}")
    return outcome


def _has_ended(cluster: HashingCluster, number: int) -> bool:
    return cluster.exit_code(number) is not None


def _left(cluster: HashingCluster) -> tuple[int, int]:
    """Return records that are left in the changelog, and offsets that were ever used."""
    return sum(len(cluster.read(cluster.changelog, n)) for n in cluster.sent), cluster.ends(cluster.changelog)
