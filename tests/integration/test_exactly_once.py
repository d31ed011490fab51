"""Exactly once on a real broker: three workers, killed at random, write what one undisturbed thread would have written."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from streams.bench.generator import generated
from streams.demo.kafka_side import committed_messages
from streams.runtime.application import wire
from streams.segmentation.partition import PARTITION_KEY
from streams.settings import Settings
from streams.testing.kafka import create_topics
from streams.testing.reference import Reference, identity, origin_of, reference_run

EVENTS = int(os.environ.get("CHAOS_EVENTS", "60000"))
KILLS = int(os.environ.get("CHAOS_KILLS", "5"))
CUSTOMERS = 5_000
PARTITIONS = 4
LIMIT_S = 150.0


class Workers:
    """Worker processes that are started again when they are killed."""

    def __init__(self, count: int, environment: dict[str, str], folder: Path) -> None:
        """Start *count* workers with stable instance ids."""
        self._environment, self._folder = environment, folder
        self.processes = [self._start(number) for number in range(count)]

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        log = (self._folder / f"worker-{number}.log").open("ab")
        environment = {**self._environment, "STREAMS_INSTANCE_ID": f"chaos-{number}"}
        command = [sys.executable, "-m", "streams", "worker", "--log-level", "warn"]
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def kill(self, number: int) -> None:
        """Kill one with SIGKILL and start it again."""
        self.processes[number].send_signal(signal.SIGKILL)
        self.processes[number].wait()
        self.processes[number] = self._start(number)

    def check(self) -> None:
        """Fail when a worker ended by itself."""
        for number, process in enumerate(self.processes):
            log = self._folder / f"worker-{number}.log"
            assert process.poll() is None, f"worker {number} ended: {log.read_text()[-2000:]}"

    def stop(self) -> list[int]:
        """End them with SIGTERM; return their exit codes."""
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        return [process.wait(30) for process in self.processes]


@pytest.fixture
def settings(kafka: str, topic_name: Callable[[str], str]) -> Settings:
    """The settings of a fresh application with its topics created."""
    name = topic_name("chaos")
    topics = {f"{name}.{kind}": PARTITIONS for kind in ("events", "transitions", "memberships", "dead-letter")}
    create_topics(kafka, topics)
    return Settings.load(
        application_id=name, bootstrap=kafka, inputs=f"{name}.events=*:compact",
        transitions_topic=f"{name}.transitions", memberships_topic=f"{name}.memberships",
        dead_letter_topic=f"{name}.dead-letter", output_format="json", clock="event", coverage="complete",
        out_of_orderness_ms=0, metrics_port=0,
    )  # fmt: skip


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the environment in which a worker has *settings*."""
    own = {
        f"STREAMS_{name.upper()}": str(getattr(settings, name))
        for name in (
            "application_id", "bootstrap", "transitions_topic", "memberships_topic", "dead_letter_topic",
            "output_format", "clock", "coverage", "out_of_orderness_ms", "metrics_port",
        )
    }  # fmt: skip
    own["STREAMS_INPUTS"] = f"{settings.input_topics[0]}=*:compact"
    others = {name: value for name, value in os.environ.items() if not name.startswith("STREAMS_")}
    return others | own


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


@contextlib.contextmanager
def group_offsets(settings: Settings) -> Iterator[Callable[[], int]]:
    """Give a function that returns how many input records the application has committed."""
    consumer = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": settings.application_id})
    places = [TopicPartition(settings.input_topics[0], number) for number in range(PARTITIONS)]
    try:
        yield lambda: sum(max(0, place.offset) for place in consumer.committed(places, 10))
    finally:
        consumer.close()


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
    want = {key: [identity(transition) for transition in found] for key, found in expected.transitions.items()}
    missing = Counter(x for found in want.values() for x in found) - Counter(x for f in got.values() for x in f)
    extra = Counter(x for found in got.values() for x in found) - Counter(x for f in want.values() for x in f)

    assert (0, 0) == (missing.total(), extra.total())
    assert want == got
    state: dict[tuple[int, str], bytes] = {}
    for number, messages in read_by_partition(settings, settings.changelog_topic).items():
        state.update({(number, (m.key() or b"").decode()): m.value() or b"" for m in messages})
    profiles = {place: value for place, value in state.items() if place[1] != PARTITION_KEY}
    assert expected.state == profiles


@pytest.mark.integration
@pytest.mark.timeout(400)
def test_killed_workers_write_every_transition_once(settings: Settings, tmp_path: Path) -> None:
    """Three workers, SIGKILL at random every few seconds: missing 0, extra 0, same order, same state, garbage once."""
    seed = int(os.environ.get("CHAOS_SEED", str(random.randrange(1 << 30))))
    print(f"seed {seed} (CHAOS_SEED={seed} repeats it)")
    total = fill(settings, seed)
    chance, kills, began = random.Random(seed), 0, time.monotonic()
    workers = Workers(3, environment_of(settings), tmp_path)
    try:
        with group_offsets(settings) as committed:
            next_kill = began + chance.uniform(5, 8)
            while (done := committed()) < total or kills < KILLS:
                workers.check()
                if time.monotonic() >= next_kill and kills < KILLS:
                    workers.kill(chance.randrange(3))
                    kills += 1
                    next_kill = time.monotonic() + chance.uniform(2, 5)
                assert time.monotonic() - began < LIMIT_S, f"only {done} of {total} after {LIMIT_S} s"
                time.sleep(0.1)
        assert [0, 0, 0] == workers.stop()
    finally:
        for process in workers.processes:
            process.kill()
            process.wait()
    print(f"{total} records, {kills} kills in {time.monotonic() - began:.0f} s")
    records = read_by_partition(settings, settings.input_topics[0])
    expected = reference_run(wire(settings), records, time.time_ns() // 1_000_000)
    compare(settings, expected)
    letters: Counter[tuple[str, ...]] = Counter()
    for message in committed_messages(settings.bootstrap, settings.dead_letter_topic):
        letters[origin_of(message.headers() or [])] += 1
    assert expected.dead_letters == letters
