"""Exactly once on a real broker: three workers, killed at random, write what one undisturbed thread would have written."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Message, Producer

from streams.bench.generator import generated
from streams.demo.kafka_side import committed_messages
from streams.runtime.application import wire
from streams.segmentation.chunks import states_in
from streams.segmentation.residence import PARTITION_KEY
from streams.settings import Settings
from streams.testing.kafka import create_topics
from streams.testing.reference import Reference, identity, origin_of, reference_run
from streams.testing.workers import Committed, Workers

EVENTS = int(os.environ.get("CHAOS_EVENTS", "60000"))
KILLS = int(os.environ.get("CHAOS_KILLS", "5"))
CUSTOMERS = 5_000
PARTITIONS = 4
LIMIT_S = 150.0


@pytest.fixture
def chosen(kafka: str, topic_name: Callable[[str], str]) -> dict[str, Any]:
    """The settings of a fresh application whose topics exist."""
    name = topic_name("chaos")
    topics = {
        f"{name}.{kind}": PARTITIONS for kind in ("events", "transitions", "memberships", "dead-letter")
    }
    create_topics(kafka, topics)
    return {
        "application_id": name, "bootstrap": kafka, "inputs": f"{name}.events=*:compact",
        "transitions_topic": f"{name}.transitions", "memberships_topic": f"{name}.memberships",
        "dead_letter_topic": f"{name}.dead-letter", "output_format": "json", "clock": "event",
        "coverage": "complete", "out_of_orderness_ms": "0", "metrics_port": "0",
    }  # fmt: skip


def fill(settings: Settings, seed: int) -> int:
    """Write the bench job's events and some garbage among them; return the number of records."""
    chance = random.Random(seed)
    producer = Producer({"bootstrap.servers": settings.bootstrap, "linger.ms": 20, "compression.type": "lz4"})
    topic, written = settings.input_topics[0], 0
    for event in generated(EVENTS, customers=CUSTOMERS):
        values = [msgspec.json.encode(event)]
        if chance.random() < 0.001:
            values.append(b"\x00 garbage \xff")
        for value in values:
            producer.produce(topic, value, event.customer_id)
            written += 1
        if written % 1000 < 2:
            producer.poll(0)
    producer.flush()
    return written


def read_by_partition(settings: Settings, topic: str) -> dict[int, list[Message]]:
    """Return the committed records of *topic* by partition, in order."""
    found: dict[int, list[Message]] = {number: [] for number in range(PARTITIONS)}
    for message in committed_messages(settings.bootstrap, topic):
        found[message.partition() or 0].append(message)
    return found


def compare(settings: Settings, expected: Reference) -> None:
    """Assert that nothing is missing, nothing extra, each customer in order, and the state the same."""
    wiring = wire(settings)
    got: dict[str, list[tuple[object, ...]]] = {}
    for messages in read_by_partition(settings, settings.transitions_topic).values():
        for message in messages:
            transition = wiring.encoder.read_transition(message.value() or b"")
            got.setdefault((message.key() or b"").decode(), []).append(identity(transition))
    want = {
        key: [identity(transition) for transition in found] for key, found in expected.transitions.items()
    }
    missing = Counter(x for found in want.values() for x in found) - Counter(
        x for f in got.values() for x in f
    )
    extra = Counter(x for found in got.values() for x in found) - Counter(x for f in want.values() for x in f)

    assert (missing.total(), extra.total()) == (0, 0)
    assert want == got
    state: dict[tuple[int, str], bytes] = {}
    for number, messages in read_by_partition(settings, settings.changelog_topic).items():
        records = (((m.key() or b"").decode(), m.value()) for m in messages)
        state.update({(number, key): value for key, value in states_in(records).items()})
    profiles = {place: value for place, value in state.items() if place[1] != PARTITION_KEY}
    assert expected.state == profiles
    letters = committed_messages(settings.bootstrap, settings.dead_letter_topic)
    assert expected.dead_letters == Counter(origin_of(letter.headers()) for letter in letters)


@pytest.mark.integration
@pytest.mark.timeout(400)
def test_killed_workers_write_every_transition_once(chosen: dict[str, Any], tmp_path: Path) -> None:
    """Three workers, SIGKILL at random every few seconds: missing 0, extra 0, same order, same state, garbage once."""
    seed = int(os.environ.get("CHAOS_SEED", str(random.randrange(1 << 30))))
    print(f"seed {seed} (CHAOS_SEED={seed} repeats it)")
    settings = Settings.load(**chosen)
    total = fill(settings, seed)
    chance, began = random.Random(seed), time.monotonic()
    kills = [began + 4 + sum(chance.uniform(2, 5) for _ in range(n + 1)) for n in range(KILLS)]
    with Workers(chosen, tmp_path, count=3) as workers, Committed(settings, PARTITIONS) as committed:

        def kill_when_due() -> None:
            if kills and time.monotonic() >= kills[0]:
                kills.pop(0)
                workers.kill(chance.randrange(3))

        workers.run_until(lambda: not kills and committed.records() >= total, LIMIT_S, kill_when_due)
        assert workers.stop() == [0, 0, 0]
    print(f"{total} records, {KILLS} kills in {time.monotonic() - began:.0f} s")
    records = read_by_partition(settings, settings.input_topics[0])
    compare(settings, reference_run(wire(settings), records, time.time_ns() // 1_000_000))
