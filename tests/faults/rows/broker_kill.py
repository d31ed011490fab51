"""Broker loss: three nodes, min.insync.replicas 2; one killed or frozen at a time, the group's coordinator first."""

from __future__ import annotations

import random
import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.broker import KafkaCluster
from streams.testing.hashing_cluster import HashingCluster
from tests.faults.feeding import feed, sent, wait_for
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

WORKERS = 2
NODES = 3
STEPS = ("kill", "coordinator", "freeze", "coordinator", "kill")
AWAY_S = 12.0
IN_SYNC_WAIT_S = 90.0


def run(seed: int, stage: Stage) -> Outcome:
    """Take a node away, feed, bring it back, wait until all replicas are in sync, and again."""
    chance = random.Random(seed)
    moves = []
    with (
        stage.cluster(nodes=NODES, settings={"broker.session.timeout.ms": 6_000}) as kafka,
        HashingCluster(kafka.bootstrap, stage.folder(), seed=seed) as cluster,
    ):
        cluster.send(5_000, within_s=90)
        for number in range(WORKERS):
            cluster.start(number)
        cluster.wait_until_ready(0, 60)
        for step in STEPS[: 1 if stage.quick else None]:
            node = _coordinator(kafka, cluster) if step == "coordinator" else chance.randrange(1, NODES + 1)
            stage.say(f"{step}: node {node}")
            moves.append(f"{step} {node}")
            _take_away(kafka, cluster, node, frozen=step == "freeze")
            began_s = time.monotonic()
            in_sync = wait_for(lambda: _in_sync(kafka, cluster), IN_SYNC_WAIT_S)
            stage.say(f"in sync again after {time.monotonic() - began_s:.0f} s: {in_sync}")
        ended = [number for number in range(WORKERS) if cluster.exit_code(number) is not None]
        cluster.wait_until_done(120)
        codes = cluster.stop_all()
        outcome = Outcome(sent(cluster), cluster.verdict(), ", ".join(moves))
    outcome.must(not ended, f"workers {ended} ended by themselves")
    outcome.must(codes == [0] * WORKERS, f"exit codes {codes}")
    return outcome


def _take_away(kafka: KafkaCluster, cluster: HashingCluster, node: int, *, frozen: bool) -> None:
    (kafka.pause if frozen else kafka.kill)(node)
    until = time.monotonic() + AWAY_S
    while time.monotonic() < until:
        cluster.send(300, within_s=90)
        time.sleep(0.2)
    if frozen:
        kafka.resume(node)
    else:
        kafka.start(node)
    feed(cluster, 2.0)


def _coordinator(kafka: KafkaCluster, cluster: HashingCluster) -> int:
    """Return the node that coordinates the workers' group."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    asked = admin.describe_consumer_groups([cluster.application_id])
    return int(asked[cluster.application_id].result(30).coordinator.id)


def _in_sync(kafka: KafkaCluster, cluster: HashingCluster) -> bool:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    try:
        topics = admin.list_topics(timeout=10).topics
    except KafkaException:
        return False
    ours = [
        topics[name] for name in (*cluster.inputs, cluster.output, "__consumer_offsets") if name in topics
    ]
    return all(len(p.isrs) == NODES for topic in ours for p in topic.partitions.values())
