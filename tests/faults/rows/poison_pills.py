"""Poison pills: one record in a hundred is garbage, cut off, of an unknown event or without its ids; a worker is killed."""

from __future__ import annotations

import random
import time
from collections import Counter

import msgspec

from streams.bench.generator import BenchEvent
from streams.demo.kafka_side import committed_messages
from streams.testing.reference import origin_of
from tests.faults.application import Application, bench_events
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

EVENTS = 60_000
PILLS = ("undecodable", "truncated", "missing_customer", "missing_event_id", "unknown_event", "too_far_ahead")
LIMIT_S = 120.0


def run(seed: int, stage: Stage) -> Outcome:
    """Exactly the pills become dead letters, each once, with where it came from and why; the rest is unaffected."""
    chance = random.Random(seed)
    application = Application(stage)
    planted: Counter[str] = Counter()
    for event in bench_events(6_000 if stage.quick else EVENTS, seed):
        value = msgspec.json.encode(event)
        if chance.random() < 0.01:
            kind = chance.choice(PILLS)
            application.write(_pill(kind, event, value), event.customer_id)
            planted[kind if kind != "truncated" else "undecodable"] += 1
        application.write(value, event.customer_id)
    application.flush()
    with application.workers() as workers, application.committed() as committed:
        time.sleep(5.0)
        workers.kill(0)
        workers.run_until(lambda: committed.records() >= application.written, LIMIT_S)
        codes = workers.stop()
    outcome = Outcome(
        application.written, application.verdict(), f"{planted.total()} pills of {len(PILLS)} kinds"
    )
    said = Counter(
        origin_of(letter.headers())[3]
        for letter in committed_messages(
            application.settings.bootstrap, application.settings.dead_letter_topic
        )
    )
    outcome.must(said == planted, f"planted {dict(planted)}, found {dict(said)}")
    outcome.must(codes == [0], f"exit codes {codes}")
    return outcome


def _pill(kind: str, event: BenchEvent, value: bytes) -> bytes:
    """Return a record that cannot be used, for the reason *kind*."""
    fields = msgspec.to_builtins(event)
    if kind == "undecodable":
        return b"\x00\xff garbage " + event.event_id.encode()
    if kind == "truncated":
        return value[: len(value) // 2]
    if kind == "missing_customer":
        fields["customer_id"] = ""
    elif kind == "missing_event_id":
        fields["event_id"] = ""
    elif kind == "unknown_event":
        fields["type"] = "Order Compleated"
    else:
        fields["occurred_at"] = int(time.time() * 1_000) + 365 * 86_400_000  # noqa: TID251 - ahead of the real clock
    return msgspec.json.encode(fields)
