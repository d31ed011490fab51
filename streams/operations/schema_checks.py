"""Whether the schemas fit: with their own past, with what a registry holds, with what a producer wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, Protocol

import fastavro
from fastavro.utils import generate_many

from streams.codecs.schema_sources import Schema, bundled_schema, bundled_schemas
from streams.errors import RecordError, SettingsError
from streams.settings import Settings

RECORDS = ("customer_event", "segment_transition", "segment_membership")
MODES = ("BACKWARD", "BACKWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE")
"""Compatibility modes under which a reader with the new schema reads everything that was written before."""

SAMPLES = 20
Standing = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Subject:
    """One subject of the registry: ``<topic>-value``.

    Attributes:
        topic: whose values it describes.
        record: our schema of them: customer_event, segment_transition or segment_membership.
        written: we write it; else producers do, and we read.
    """

    topic: str
    record: str
    written: bool

    @property
    def name(self) -> str:
        """Its name, as all clients of Confluent's registry derive it by default."""
        return f"{self.topic}-value"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check said.

    Attributes:
        subject: what was checked.
        standing: error: records could not be read, or a start would stop.
        said: a sentence.
        what_to_do: empty where nothing is to be done.
    """

    subject: str
    standing: Standing
    said: str
    what_to_do: str = ""


class Registry(Protocol):
    """The part of a registry that checks need (`streams.codecs.registry`)."""

    def latest(self, subject: str) -> Schema | None:
        """Return the newest schema of *subject*, None when it has none."""

    def accepts(self, subject: str, schema: Schema) -> bool:
        """Say whether *schema* may follow."""

    def mode(self, subject: str) -> str:
        """Return the compatibility mode of *subject*, empty when it has none."""


def subjects(settings: Settings) -> tuple[Subject, ...]:
    """Return the subjects of an application: of its outputs, if they are Avro, and of its Avro inputs."""
    found = [
        Subject(one.topic, "customer_event", written=False) for one in settings.inputs if one.format == "avro"
    ]
    if settings.output_format == "avro":
        found.append(Subject(settings.transitions_topic, "segment_transition", written=True))
        if settings.memberships:
            found.append(Subject(settings.memberships_topic, "segment_membership", written=True))
    return tuple(found)


def why_unreadable(written: Schema, ours: Schema) -> str:
    """Return why records of the schema *written* cannot be read with *ours*; empty when they can.

    It is tried: records that fastavro makes up for the one are read with the other.
    """
    try:
        writer, reader = fastavro.parse_schema(written), fastavro.parse_schema(ours)
        for record in generate_many(writer, SAMPLES):
            stream = BytesIO()
            fastavro.schemaless_writer(stream, writer, record)
            stream.seek(0)
            fastavro.schemaless_reader(stream, writer, reader)
    except Exception as error:  # noqa: BLE001 - fastavro raises many kinds for schemas that do not fit
        return f"{type(error).__name__}: {str(error)[:160]}"
    return ""


def history_findings(folder: Path | None = None) -> Iterator[Finding]:
    """Check that today's schemas read every version of ``schemas/history``, and that the newest of them is today's.

    Args:
        folder: where the schemas lie; None: those that belong to this version.
    """
    place = folder or bundled_schemas()
    for record in RECORDS:
        today = read_schema(place / f"{record}.avsc")
        versions = sorted((place / "history" / record).glob("*.avsc"), key=lambda file: int(file.stem))
        if not versions or read_schema(versions[-1]) != today:
            yield Finding(record, "error", "today's schema is not the newest of its history",
                          f"copy it to history/{record}/{len(versions) + 1}.avsc")  # fmt: skip
        broken = [(file.stem, why) for file in versions if (why := why_unreadable(read_schema(file), today))]
        for version, why in broken:
            yield Finding(record, "error", f"today's schema does not read version {version}: {why}",
                          "give new fields a default, and rename none: schemas/README.md")  # fmt: skip
        if not broken:
            yield Finding(record, "ok", f"reads all {len(versions)} versions of its history")


def registry_findings(registry: Registry, wanted: tuple[Subject, ...]) -> Iterator[Finding]:
    """Check *wanted* against a registry; raises `OperationError` when it cannot be asked."""
    for subject in wanted:
        try:
            latest = registry.latest(subject.name)
        except RecordError as error:
            yield Finding(subject.name, "error", error.message, "its topic needs Avro records")
            continue
        ours = bundled_schema(subject.record)
        if latest is None:
            yield _absent(subject)
        elif subject.written:
            yield from _written(registry, subject, latest, ours)
        else:
            why = why_unreadable(latest, ours)
            said = (
                f"what producers write cannot be read: {why}" if why else "what producers write can be read"
            )
            what = (
                "give the producer a schema with the required fields of schemas/customer_event.avsc"
                if why
                else ""
            )
            yield Finding(subject.name, "error" if why else "ok", said, what)


def _absent(subject: Subject) -> Finding:
    if subject.written:
        said, what = "is not registered yet", "streams schemas register; a worker does it at its start too"
    else:
        said, what = (
            "no producer has registered a schema yet",
            "streams schemas register --inputs registers ours",
        )
    return Finding(subject.name, "warning", said, what)


def _written(registry: Registry, subject: Subject, latest: Schema, ours: Schema) -> Iterator[Finding]:
    mode = registry.mode(subject.name)
    if mode not in MODES:
        yield Finding(subject.name, "warning", f"its compatibility mode is {mode or 'not set'}",
                      "streams schemas register sets it; a worker does it at its start too")  # fmt: skip
    if latest == ours:
        yield Finding(subject.name, "ok", "is registered as it is written")
    elif registry.accepts(subject.name, ours):
        yield Finding(subject.name, "ok", "its next version will be ours: streams schemas register")
    else:
        yield Finding(subject.name, "error", "the registry would refuse ours: a worker would not start",
                      "a newer version of this software, or another writer, registered the last version")  # fmt: skip


def read_schema(file: Path) -> Schema:
    """Return the Avro schema in *file*; raises `SettingsError` when there is none."""
    try:
        schema: Any = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}", hint="name a file with an Avro schema") from None
    except ValueError as error:
        raise SettingsError(f"{file} is no JSON: {error}", hint="name a file with an Avro schema") from None
    if not isinstance(schema, dict):
        raise SettingsError(f"{file} is no Avro record", hint="name a file with the schema of a record")
    return schema
