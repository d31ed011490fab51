"""Schema evolution in mid-stream: Avro records of three writers' schemas, and of one that nobody knows."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import msgspec

from streams.bench.generator import BenchEvent
from streams.codecs.avro import RecordCodec
from streams.codecs.schema_sources import FileSchemas, bundled_schema, bundled_schemas, derived_id
from streams.testing.reference import Reference
from tests.faults.application import Application, bench_events
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

EVENTS = 30_000
LIMIT_S = 120.0


class CompactRecord:
    """The same event as another format writes it, at the place where the Avro record lies."""

    def __init__(self, origin: Any, value: bytes) -> None:
        self._origin, self._value = origin, value

    def value(self) -> bytes:
        """Return the JSON."""
        return self._value

    def __getattr__(self, name: str) -> Any:
        """Be the original in everything else."""
        return getattr(self._origin, name)


def run(seed: int, stage: Stage) -> Outcome:
    """Old and new schemas mixed, a restart in between: the same transitions as from one format that never changed."""
    chance = random.Random(seed)
    folder = _schemas(stage.folder())
    application = Application(stage, form="avro", schema_dir=str(folder))
    codecs = [_codec(folder, name) for name in ("old", "current", "new")]
    plain: dict[bytes, bytes] = {}
    events = bench_events(3_000 if stage.quick else EVENTS, seed)
    unknown = 0
    for number, event in enumerate(events):
        newest = 1 + number * 3 // len(
            events
        )  # the old writer first, then the current one too, then all three
        value = chance.choice(codecs[:newest]).write(_fields(event))
        plain[value] = msgspec.json.encode(event)
        application.write(value, event.customer_id)
        if chance.random() < 0.002:
            application.write(value[:1] + b"\x7f\xff\xff\xfe" + value[5:], event.customer_id)
            unknown += 1
    application.flush()
    with application.workers() as workers, application.committed() as committed:
        workers.run_until(lambda: committed.records() >= application.written // 3, LIMIT_S)
        workers.kill(0)
        workers.run_until(lambda: committed.records() >= application.written, LIMIT_S)
        codes = workers.stop()
    outcome = Outcome(application.written, application.verdict(_expected(application, plain)))
    outcome.notes = f"3 writers' schemas, {unknown} records of an unknown one"
    outcome.must(codes == [0], f"exit codes {codes}")
    return outcome


def _expected(application: Application, plain: dict[bytes, bytes]) -> Reference:
    """Run the same events as compact JSON; what has no known schema stays garbage there too."""
    records = {
        number: [CompactRecord(message, plain.get(message.value() or b"", b"?")) for message in messages]
        for number, messages in application.input().items()
    }
    topic = application.settings.input_topics[0]
    expected = application.reference(records, inputs=f"{topic}=*:compact")
    letters = {(*place[:3], "unknown_schema"): count for place, count in expected.dead_letters.items()}
    expected.dead_letters.clear()
    expected.dead_letters.update(letters)
    return expected


def _schemas(folder: Path) -> Path:
    """Write the shipped schemas and two other writers' of customer events."""
    for shipped in bundled_schemas().glob("*.avsc"):
        (folder / shipped.name).write_text(shipped.read_text())
    current = bundled_schema("customer_event")
    by_name = {field["name"]: field for field in current["fields"]}
    old = [
        by_name[name] for name in ("event_id", "event", "timestamp", "user_id", "properties")
    ]  # fewer fields
    new = [  # another order, a field more, the optional id become a plain string
        {"name": "channel", "type": "string", "default": "web"},
        *[by_name[name] for name in ("properties", "shop_id", "timestamp", "event", "event_id")],
        {"name": "user_id", "type": "string"},
        by_name["anonymous_id"],
    ]
    for name, fields in (("old", old), ("current", current["fields"]), ("new", new)):
        (folder / f"writer_{name}.avsc").write_text(json.dumps({**current, "fields": fields}))
    return folder


def _codec(folder: Path, name: str) -> RecordCodec:
    schema = json.loads((folder / f"writer_{name}.avsc").read_text())
    return RecordCodec(FileSchemas(folder), schema, derived_id(schema))


def _fields(event: BenchEvent) -> dict[str, Any]:
    return {
        "event_id": event.event_id, "event": event.type, "timestamp": event.occurred_at,
        "user_id": event.customer_id, "anonymous_id": None, "shop_id": "default", "channel": "app",
        "properties": msgspec.to_builtins(event.properties),
    }  # fmt: skip
