"""Latency: from the moment an event is handed to the producer until the transition it causes is read committed."""

from __future__ import annotations

import time

import msgspec
from confluent_kafka import OFFSET_END, Consumer, TopicPartition

from streams.bench.generator import BenchEvent, generated
from streams.bench.race import Race, dead_letters_topic, transitions_topic
from streams.bench.race_topic import partition_of, racing_producer
from streams.bench.usage import load
from streams.bench.workers import Commits, running_workers
from streams.errors import OperationError
from streams.testing.kafka import create_topics

WARM_S = 6.0
_READY_S = 60.0


class Latency(msgspec.Struct):
    """What was measured at one rate and commit interval; times in milliseconds.

    Attributes:
        rate: events per second that were produced.
        transitions: how many transitions caused by an event were seen.
        load: the machine's load average at the end.
    """

    rate: int
    commit_interval_ms: int
    transitions: int
    p50_ms: float
    p99_ms: float
    load: float


class _Cause(msgspec.Struct):
    cause: str


def measure_latency(race: Race, *, rate: int, seconds: float, commit_interval_ms: int) -> Latency:
    """Produce *rate* events a second for *seconds* beyond a warm-up, and time the transitions they cause.

    Raises:
        OperationError: the worker did not start, or wrote nothing.
    """
    run = f"latency-{commit_interval_ms}"
    topic = f"bench.{run}.events"
    create_topics(
        race.bootstrap,
        {topic: race.partitions, transitions_topic(run): race.partitions, dead_letters_topic(run): 1},
    )
    settings = race.settings(run, topic=topic, commit_interval_ms=commit_interval_ms)
    events = list(generated(int(rate * (seconds + WARM_S)), seed=race.seed))
    commits = Commits(race.bootstrap, settings["STREAMS_APPLICATION_ID"], topic, race.partitions)
    timing = _Timing(race, topic, transitions_topic(run))
    try:
        with running_workers(settings, 1, race.folder) as workers:
            first, rest = events[: race.partitions * 50], events[race.partitions * 50 :]
            timing.produce(first)  # the worker is ready once these are committed
            deadline = time.perf_counter() + _READY_S
            while commits.total() < len(first):
                workers.check()
                if time.perf_counter() > deadline:
                    raise OperationError(f"the worker was not ready after {_READY_S:.0f} s")
                time.sleep(0.05)
            found = timing.run(rest, rate)
    finally:
        commits.close()
        timing.close()
    if not found:
        raise OperationError("no transition came back")
    found.sort()
    return Latency(rate, commit_interval_ms, len(found), _at(found, 0.5), _at(found, 0.99), load())


def _at(ascending: list[float], share: float) -> float:
    return ascending[min(len(ascending) - 1, int(len(ascending) * share))] * 1_000


class _Timing:
    """Produces on time, reads what comes, and remembers when what was handed over."""

    def __init__(self, race: Race, topic: str, outputs: str) -> None:
        self._topic, self._partitions = topic, race.partitions
        self._producer = racing_producer(race.bootstrap, linger_ms=1)
        self._consumer = Consumer(
            {
                "log_level": 2,
                "bootstrap.servers": race.bootstrap,
                "group.id": "bench-latency",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
            }
        )
        self._consumer.assign([TopicPartition(outputs, n, OFFSET_END) for n in range(race.partitions)])
        self._handed_s: dict[str, float] = {}
        self._encode = msgspec.json.Encoder().encode
        self._cause = msgspec.json.Decoder(_Cause).decode

    def produce(self, events: list[BenchEvent]) -> None:
        """Hand *events* over at once."""
        for event in events:
            place = partition_of(event.customer_id, self._partitions)
            self._producer.produce(
                self._topic, self._encode(event), event.customer_id, place, timestamp=event.occurred_at
            )
        self._producer.poll(0)

    def run(self, events: list[BenchEvent], rate: int) -> list[float]:
        """Produce *events* at *rate* a second; return the seconds of each transition, the warm-up left out."""
        found: list[float] = []
        began, done, quiet_s = time.perf_counter(), 0, 0.0
        while done < len(events) or quiet_s < 3:
            now = time.perf_counter()
            due = min(len(events), int((now - began) * rate))
            if due > done:
                for event in events[done:due]:
                    self._handed_s.setdefault(event.event_id, now)
                self.produce(events[done:due])
                done = due
            records = self._consumer.consume(500, 0.001)
            now = time.perf_counter()
            for record in records:
                handed_s = self._handed_s.get(self._cause(record.value() or b"").cause)
                if record.error() is None and handed_s is not None and handed_s - began > WARM_S:
                    found.append(now - handed_s)
            quiet_s = 0.0 if done < len(events) else now - began - len(events) / rate
        return found

    def close(self) -> None:
        """Let go of the connections."""
        self._producer.flush(5)
        self._consumer.close()
