"""The schemas: documented to the last field, compatible with their past, and true to their examples."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, get_args

import fastavro
import pytest
from fastavro.utils import generate_many

from streams.catalogue.events import load_vocabulary
from streams.codecs.avro import event_codec, event_reader, output_codecs
from streams.codecs.customer_events import EventDecoder
from streams.codecs.dead_letters import dead_letter
from streams.codecs.schema_sources import MemorySchemas, bundled_schemas
from streams.codecs.transitions import (
    TransitionEncoder,
    memberships_from_json,
    memberships_json,
    transition_from_json,
    transition_json,
)
from streams.errors import RecordError, RecordReason

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "schemas"
RECORDS = ("customer_event", "segment_transition", "segment_membership")
NOW_MS = 1_772_458_800_000


def schema_of(file: Path) -> dict[str, Any]:
    """Return the schema in *file*."""
    schema: dict[str, Any] = json.loads(file.read_text())
    return schema


def named_parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every record and every field of a schema, at any depth."""
    if isinstance(schema, dict):
        if "name" in schema:
            yield schema
        for value in schema.values():
            yield from named_parts(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from named_parts(value)


def versions_of(record: str) -> list[Path]:
    """Return the frozen versions of *record*, the oldest first."""
    return sorted((FOLDER / "history" / record).glob("*.avsc"), key=lambda file: int(file.stem))


def example(record: str, name: str) -> Any:
    """Return an example as parsed JSON."""
    return json.loads((FOLDER / "examples" / record / f"{name}.json").read_text())


def test_the_package_finds_the_folder() -> None:
    """In a checkout the package reads these very files."""
    assert bundled_schemas() == FOLDER


@pytest.mark.parametrize("record", RECORDS)
def test_every_field_says_what_it_means(record: str) -> None:
    """Every record has a doc, and every field a doc that ends with its unit."""
    parts = list(named_parts(schema_of(FOLDER / f"{record}.avsc")))

    assert len(parts) > 4
    for part in parts:
        assert re.match(r"[A-Z].+\.$", part["doc"]), part["name"]
        assert part.get("type") == "record" or " Unit: " in part["doc"], part["name"]


@pytest.mark.parametrize("record", RECORDS)
def test_history_ends_with_today(record: str) -> None:
    """Versions are numbered without a gap, and the newest is today's schema."""
    versions = versions_of(record)

    assert [file.stem for file in versions] == [str(number + 1) for number in range(len(versions))]
    assert schema_of(versions[-1]) == schema_of(FOLDER / f"{record}.avsc")


@pytest.mark.parametrize("version", [file for record in RECORDS for file in versions_of(record)], ids=str)
def test_today_reads_the_past(version: Path) -> None:
    """BACKWARD: what was written with any earlier version is read with today's schema."""
    writer = fastavro.parse_schema(schema_of(version))
    reader = fastavro.parse_schema(schema_of(FOLDER / f"{version.parent.name}.avsc"))

    for fields in generate_many(writer, 20):
        stream = BytesIO()
        fastavro.schemaless_writer(stream, writer, fields)
        stream.seek(0)
        read: Any = fastavro.schemaless_reader(stream, writer, reader)
        assert {
            field["name"] for field in schema_of(FOLDER / f"{version.parent.name}.avsc")["fields"]
        } == set(read)


@pytest.mark.parametrize(
    "file", sorted((FOLDER / "examples" / "segment_transition").iterdir()), ids=lambda f: f.stem
)
def test_examples_of_transitions_survive_in_both_formats(file: Path) -> None:
    """An example is exactly what we would write as JSON, and the same after a way through Avro."""
    value = json.dumps(json.loads(file.read_text()), separators=(",", ":"), ensure_ascii=False).encode()
    avro = TransitionEncoder("avro", avro=output_codecs(MemorySchemas(), transitions="t", memberships="m"))

    transition = transition_from_json(value)

    assert transition_json(transition) == value
    assert avro.read_transition(avro.transition(transition)) == transition


@pytest.mark.parametrize(
    "file", sorted((FOLDER / "examples" / "segment_membership").iterdir()), ids=lambda f: f.stem
)
def test_examples_of_memberships_survive_in_both_formats(file: Path) -> None:
    """An example is exactly what we would write as JSON, and the same after a way through Avro."""
    value = json.dumps(json.loads(file.read_text()), separators=(",", ":"), ensure_ascii=False).encode()
    avro = TransitionEncoder("avro", avro=output_codecs(MemorySchemas(), transitions="t", memberships="m"))

    changed = memberships_from_json(value)
    written = avro.memberships(changed)

    assert memberships_json(changed) == value
    assert written is not None
    assert avro.read_memberships(written) == changed


@pytest.mark.parametrize(
    "file", sorted((FOLDER / "examples" / "customer_event").iterdir()), ids=lambda f: f.stem
)
def test_examples_of_events_are_decoded(file: Path) -> None:
    """Every example, in the format that its name begins with, is accepted."""
    schemas = MemorySchemas()
    codec = event_codec(schemas, "customers.events")
    decoder = EventDecoder(load_vocabulary(), max_clock_skew_ms=0, avro=event_reader(schemas))
    fields = json.loads(file.read_text())

    if file.stem.startswith("avro_"):
        assert codec.read(codec.write(fields)) == fields
        decoder.avro(codec.write(fields), NOW_MS)
    elif file.stem.startswith("compact_"):
        decoder.compact(file.read_bytes(), NOW_MS)
    else:
        decoder.segment(file.read_bytes(), NOW_MS)


def test_json_and_avro_mean_the_same_event() -> None:
    """The order in the examples is one event, whichever format it comes in."""
    schemas = MemorySchemas()
    codec = event_codec(schemas, "customers.events")
    decoder = EventDecoder(load_vocabulary(), max_clock_skew_ms=0, avro=event_reader(schemas))
    in_json = json.dumps(example("customer_event", "segment_order_completed")).encode()
    in_avro = codec.write(example("customer_event", "avro_order_completed"))

    assert decoder.segment(in_json, NOW_MS) == decoder.avro(in_avro, NOW_MS)


class Garbage:
    """A consumed record that nobody understands."""

    def topic(self) -> str:
        """Name of its topic."""
        return "customers.events"

    def partition(self) -> int:
        """Number of its partition."""
        return 0

    def offset(self) -> int:
        """Place in its partition."""
        return 0

    def key(self) -> bytes | None:
        """Its key."""
        return None

    def value(self) -> bytes | None:
        """Its value."""
        return b"garbage"

    def timestamp(self) -> tuple[int, int]:
        """Kind of timestamp, and milliseconds."""
        return (1, NOW_MS)


def test_dead_letters_are_documented() -> None:
    """The README names every header and every reason; the example has the headers that are written."""
    readme = (FOLDER / "README.md").read_text()
    written = [name for name, _ in dead_letter(Garbage(), RecordError("undecodable", "no JSON")).headers]

    assert list(example("dead_letter", "too_far_ahead")["headers"]) == written
    assert [name for name in (*written, "intended_topic", "key_length") if f"`{name}`" not in readme] == []
    assert [reason for reason in get_args(RecordReason) if f"`{reason}`" not in readme] == []
