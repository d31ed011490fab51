"""The real application on the stage: definitions, topics, input, workers, and the oracle at the end.

The oracle is the product's own processing without transport, transactions and faults (`streams.testing.reference`), so a
difference is the transport's. Whether the processing itself is right is what `tests/properties` ask.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Message, Producer

from streams.bench.generator import BenchEvent, generated
from streams.codecs.transitions import memberships_from_json
from streams.demo.kafka_side import committed_messages, latest_by_key
from streams.runtime.application import wire
from streams.segmentation.chunks import states_in
from streams.segmentation.residence import PARTITION_KEY
from streams.segmentation.transitions import Transition
from streams.settings import Settings
from streams.testing.kafka import create_topics, unique_name
from streams.testing.reference import Reference, identity, origin_of, reference_run
from streams.testing.verdicts import Verdict, differing, outputs_verdict
from streams.testing.workers import Committed, Workers
from tests.faults.stage import Stage

KINDS = ("events", "transitions", "memberships", "dead-letter")


class Application:
    """One application of the built-in definitions.

    Attributes:
        chosen: its settings as given.
        settings: as loaded.
        written: input records so far.
    """

    def __init__(
        self, stage: Stage, *, partitions: int = 4, form: str = "compact", **settings: object
    ) -> None:
        """Make the topics.

        Args:
            stage: where.
            partitions: of every topic.
            form: of the input's values.
            settings: by name, beside those that make it comparable.
        """
        name = unique_name("faults")
        self.partitions, self.folder = partitions, stage.folder()
        self.chosen: dict[str, Any] = {
            "application_id": name, "bootstrap": stage.bootstrap, "inputs": f"{name}.events=*:{form}",
            "transitions_topic": f"{name}.transitions", "memberships_topic": f"{name}.memberships",
            "dead_letter_topic": f"{name}.dead-letter", "output_format": "json", "clock": "event",
            "coverage": "complete", "out_of_orderness_ms": "0", "metrics_port": "0", **settings,
        }  # fmt: skip
        self.settings = Settings.load(**self.chosen)
        self.written = 0
        create_topics(stage.bootstrap, {f"{name}.{kind}": partitions for kind in KINDS})
        self._producer = Producer(
            {
                "bootstrap.servers": stage.bootstrap,
                "linger.ms": 20,
                "compression.type": "lz4",
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
            }
        )

    def write(self, value: bytes, key: str, partition: int = -1) -> None:
        """Write one input record; `flush` sees to it that it arrives."""
        while True:
            try:
                self._producer.produce(self.settings.input_topics[0], value, key, partition)
                break
            except BufferError:
                self._producer.poll(0.05)
        self.written += 1
        if self.written % 1_000 == 0:
            self._producer.poll(0)

    def write_events(self, events: Iterable[BenchEvent], partition: int = -1) -> None:
        """Write *events* and wait until the broker has them."""
        for event in events:
            self.write(msgspec.json.encode(event), event.customer_id, partition)
        self.flush()

    def flush(self) -> None:
        """Wait until the broker has everything."""
        assert self._producer.flush(120) == 0, "all input is sent"

    def workers(self, count: int = 1, **program: Any) -> Workers:
        """Start workers; a context manager."""
        return Workers(self.chosen, self.folder, count, **program)

    def committed(self) -> Committed:
        """Watch how far they are; a context manager."""
        return Committed(self.settings, self.partitions)

    def input(self) -> dict[int, list[Message]]:
        """Return all input records by partition."""
        return self._by_partition(self.settings.input_topics[0])

    def reference(self, records: Mapping[int, Iterable[Any]] | None = None, **changed: object) -> Reference:
        """Run *records* (the input, if left out) undisturbed, with settings *changed*."""
        wiring = wire(Settings.load(**{**self.chosen, **changed}))
        return reference_run(
            wiring, self.input() if records is None else records, time.time_ns() // 1_000_000
        )

    def transitions(self) -> dict[str, list[Transition]]:
        """Return what was written, by customer, in order."""
        read = wire(self.settings).encoder.read_transition
        found: dict[str, list[Transition]] = {}
        for messages in self._by_partition(self.settings.transitions_topic).values():
            for message in messages:
                found.setdefault((message.key() or b"").decode(), []).append(read(message.value() or b""))
        return found

    def verdict(self, expected: Reference | None = None) -> Verdict:
        """Compare everything that was written with *expected*, the reference run over the input."""
        expected = expected or self.reference()
        written = self.transitions()
        found = outputs_verdict(_identities(expected.transitions), _identities(written))
        state: dict[tuple[int, str], bytes] = {}
        for number, messages in self._by_partition(self.settings.changelog_topic).items():
            records = (((m.key() or b"").decode(), m.value()) for m in messages)
            state.update({(number, key): value for key, value in states_in(records).items()})
        profiles = {place: value for place, value in state.items() if place[1] != PARTITION_KEY}
        letters = Counter(
            origin_of(letter.headers())
            for letter in committed_messages(self.settings.bootstrap, self.settings.dead_letter_topic)
        )
        return found + Verdict(
            torn=differing(_members(written), self._memberships()),
            state=differing(expected.state, profiles),
            letters=(letters - expected.dead_letters).total() + (expected.dead_letters - letters).total(),
        )

    def _memberships(self) -> dict[str, frozenset[str]]:
        """Return the memberships topic: customer → segments; it must say what the transitions add up to."""
        latest = latest_by_key(self.settings.bootstrap, self.settings.memberships_topic)
        return {
            key.decode(): frozenset(m.segment_id for m in memberships_from_json(value).memberships)
            for key, value in latest.items()
        }

    def _by_partition(self, topic: str) -> dict[int, list[Message]]:
        found: dict[int, list[Message]] = {number: [] for number in range(self.partitions)}
        for message in committed_messages(self.settings.bootstrap, topic):
            found[message.partition() or 0].append(message)
        return found


def bench_events(count: int, seed: int, *, customers: int = 5_000) -> list[BenchEvent]:
    """Return the race's events: 5 in 100 late, 5 in 1,000 doubled."""
    return list(generated(count, customers=customers, seed=seed))


def log_of(folder: Path, number: int = 0) -> str:
    """Return what worker *number* printed."""
    return (folder / f"worker-{number}.log").read_text()


def _identities(transitions: Mapping[str, list[Transition]]) -> dict[str, list[tuple[object, ...]]]:
    return {key: [identity(transition) for transition in found] for key, found in transitions.items()}


def _members(transitions: Mapping[str, list[Transition]]) -> dict[str, frozenset[str]]:
    """Return customer → segments, as the transitions add up."""
    found = {}
    for key, those in transitions.items():
        inside: set[str] = set()
        for transition in those:
            if transition.kind == "entered":
                inside.add(transition.segment_id)
            else:
                inside.discard(transition.segment_id)
        if inside:
            found[key] = frozenset(inside)
    return found
