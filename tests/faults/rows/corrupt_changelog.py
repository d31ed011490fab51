"""A damaged changelog: a record that is no state, and one flipped bit on the broker's disk: refused, never used."""

from __future__ import annotations

import random
from pathlib import Path

from confluent_kafka import Producer

from streams.broker import KafkaCluster
from streams.testing.hashing_cluster import HashingCluster
from streams.testing.verdicts import Verdict
from tests.faults.feeding import sent, wait_for
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

REFUSAL_WAIT_S = 60.0
BATCH_HEADER_BYTES = 61


def run(seed: int, stage: Stage) -> Outcome:
    """Damage the changelog of a stopped application; its next start must end and say what is damaged."""
    chance = random.Random(seed)
    said = {}
    with stage.cluster(data_dir=stage.folder() / "kafka") as kafka:
        for kind in ("no state", "flipped bit"):
            with HashingCluster(kafka.bootstrap, stage.folder(), seed=seed, partitions=1) as cluster:
                cluster.send(3_000)
                cluster.start(0)
                cluster.wait_until_done(60)
                cluster.stop_all()
                stage.say(kind)
                if kind == "no state":
                    _write_nonsense(kafka, cluster)
                else:
                    _flip_a_bit(kafka, cluster, chance)
                said[kind] = _refusal(cluster)
                events = sent(cluster)
    outcome = Outcome(
        2 * events, Verdict(), "; ".join(f"{kind}: {text or 'nothing'}" for kind, text in said.items())
    )
    for kind, text in said.items():
        wanted = "cannot be restored" if kind == "no state" else "damaged records"
        outcome.must(wanted in text, f"{kind}: no clear refusal")
    return outcome


def _write_nonsense(kafka: KafkaCluster, cluster: HashingCluster) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(cluster.changelog, b"\xff\xfe\x00", b"nobody", 0)
    producer.flush(30)


def _flip_a_bit(kafka: KafkaCluster, cluster: HashingCluster, chance: random.Random) -> None:
    """Stop the node in order (else it would check its log at the start and cut it off), damage a batch, start it."""
    node = kafka._nodes[1]
    node.terminate()
    node.wait(60)
    (segment,) = Path(kafka.data_dir, "node-1", "data", f"{cluster.changelog}-0").glob("*.log")
    content = bytearray(segment.read_bytes())
    content[_in_a_batch_of_records(content, chance)] ^= 1 << chance.randrange(8)
    segment.write_bytes(content)
    kafka.start(1)


def _in_a_batch_of_records(content: bytes | bytearray, chance: random.Random) -> int:
    """Return a place in the records of some batch that is no control batch."""
    places, position = [], 0
    while position < len(content):
        length = 12 + int.from_bytes(content[position + 8 : position + 12], "big")
        control = int.from_bytes(content[position + 21 : position + 23], "big") & 0x20
        if not control and length > BATCH_HEADER_BYTES:
            places.append(range(position + BATCH_HEADER_BYTES, position + length))
        position += length
    return chance.choice(chance.choice(places))


def _refusal(cluster: HashingCluster) -> str:
    """Start the worker; return the line with which it refuses, empty when it does not."""
    cluster.log_of(0).unlink()
    cluster.start(0)
    wait_for(lambda: cluster.exit_code(0) is not None, REFUSAL_WAIT_S)
    lines = cluster.log_of(0).read_text().splitlines()
    return next((line.partition("stops: ")[2] for line in lines if "the worker stops: " in line), "")
