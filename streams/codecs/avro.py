"""Avro records in Confluent's framing: read with whatever schema wrote them, resolved to ours; written with ours.

Times stay integers: the logical type timestamp-millis is taken off before a schema is used, because a datetime for
each field would cost more than the rest of the record. Other logical types of foreign producers become plain values:
times RFC 3339 text, decimals decimal text.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from fastavro import parse_schema, schemaless_reader, schemaless_writer

from streams.codecs.avro_source import Unsupported, compiled_reader, compiled_writer
from streams.codecs.schema_sources import Schema, SchemaRegistry, SchemaSource, bundled_schema, derived_id
from streams.codecs.times import read_time, write_time
from streams.codecs.transitions import AvroOutputs
from streams.codecs.wire import HEADER_BYTES, header, schema_id_of
from streams.errors import RecordError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

T = TypeVar("T")


class _Writer(NamedTuple):
    """How records of one schema id are read: with which schema, resolved to which, converted afterwards or not."""

    schema: Any
    resolved_to: Any
    converted: bool


class RecordReader:
    """Reads the values of one kind of record, written with any schema that resolves to ours."""

    def __init__(self, source: SchemaSource, schema: Schema) -> None:
        """Take where writers' schemas come from, and our *schema*, an Avro record."""
        self._source = source
        self._own_id = derived_id(schema)
        self._plain = _without_millis(schema)
        self._parsed = parse_schema(self._plain)
        self._compiled = _compiled_or_none(compiled_reader, self._plain)
        self._times = tuple(field["name"] for field in schema["fields"] if _is_time(field["type"]))
        self._writers: dict[int, _Writer] = {}

    def read(self, value: bytes) -> dict[str, Any]:
        """Return the fields of a framed record; times in milliseconds.

        Raises:
            RecordError: no framing, a schema that nobody knows, or bytes that do not fit it: fewer, more or other.
            OperationError: the schema cannot be found out now.
        """
        schema_id = schema_id_of(value)
        writer = self._writers.get(schema_id) or self._prepare(schema_id)
        end = len(value)
        try:
            fields, end = self._read_body(value, writer)
            if writer.converted:
                fields = self._plain_record(fields)
        except EOFError:
            raise RecordError("truncated", f"the value ends within a record of schema {schema_id}") from None
        except Exception as error:  # noqa: BLE001 - fastavro raises many kinds for bytes that make no sense
            reason = type(error).__name__
            raise RecordError("undecodable", f"the bytes do not fit schema {schema_id}: {reason}") from None
        if end != len(value):
            raise RecordError(
                "undecodable", f"{len(value) - end} bytes follow the record of schema {schema_id}"
            )
        return fields

    def _read_body(self, value: bytes, writer: _Writer) -> tuple[dict[str, Any], int]:
        """Return the fields and where they end; raises EOFError when the value ends first."""
        if writer.resolved_to is None and self._compiled is not None:
            try:
                return self._compiled(value, HEADER_BYTES)
            except IndexError:
                raise EOFError from None
        stream = BytesIO(value) if writer.resolved_to is None else _Exact(value)
        stream.seek(HEADER_BYTES)
        try:
            return schemaless_reader(stream, writer.schema, writer.resolved_to), stream.tell()
        except IndexError:
            if stream.tell() >= len(value):
                raise EOFError from None
            raise

    def _prepare(self, schema_id: int) -> _Writer:
        schema = self._source.schema(schema_id)
        try:
            own = derived_id(schema) == self._own_id
            parsed = self._parsed if own else parse_schema(_without_millis(schema))
        except Exception as error:  # noqa: BLE001 - whatever a foreign schema makes the parser raise
            reason = type(error).__name__
            raise RecordError("unknown_schema", f"schema {schema_id} is no Avro schema: {reason}") from None
        writer = _Writer(parsed, None if own else self._parsed, _has_logical_type(_without_millis(schema)))
        self._writers[schema_id] = writer
        return writer

    def _plain_record(self, fields: dict[str, Any]) -> dict[str, Any]:
        plain: dict[str, Any] = _plain(fields)
        for name in self._times:
            if isinstance(plain[name], str):
                plain[name] = read_time(plain[name])
        return plain


class RecordCodec(RecordReader):
    """Writes one kind of record with our schema, and reads it."""

    def __init__(self, source: SchemaSource, schema: Schema, schema_id: int) -> None:
        """Take *schema* and the id that *source* knows it by."""
        super().__init__(source, schema)
        self._header = header(schema_id)
        self._compiled_write = _compiled_or_none(compiled_writer, self._plain)

    def write(self, fields: dict[str, Any]) -> bytes:
        """Return the framed record; times in milliseconds."""
        if self._compiled_write is not None:
            return self._header + self._compiled_write(fields)
        stream = BytesIO()
        stream.write(self._header)
        schemaless_writer(stream, self._parsed, fields)
        return stream.getvalue()


def event_reader(source: SchemaSource) -> RecordReader:
    """Return the reader of customer events, for `EventDecoder`."""
    return RecordReader(source, bundled_schema("customer_event"))


def event_codec(registry: SchemaRegistry, topic: str) -> RecordCodec:
    """Return the codec of customer events for producers to *topic*; raises `OperationError`."""
    return _registered(registry, topic, "customer_event")


def output_codecs(registry: SchemaRegistry, *, transitions: str, memberships: str) -> AvroOutputs:
    """Register the schemas of the output topics, and return their codecs.

    Args:
        registry: where; the subjects are ``<topic>-value``.
        transitions: name of the topic of transitions.
        memberships: name of the topic of memberships.

    Raises:
        OperationError: the registry cannot be reached, or refuses a schema.
    """
    return AvroOutputs(
        _registered(registry, transitions, "segment_transition"),
        _registered(registry, memberships, "segment_membership"),
    )


def _registered(registry: SchemaRegistry, topic: str, name: str) -> RecordCodec:
    schema = bundled_schema(name)
    return RecordCodec(registry, schema, registry.register(f"{topic}-value", schema))


def _compiled_or_none(compile_schema: Callable[[Any], T], schema: Any) -> T | None:
    try:
        return compile_schema(schema)
    except Unsupported:
        return None


class _Exact(BytesIO):
    """A stream that never gives less than it is asked for: skipped fields of a foreign schema end where they say."""

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        if size is not None and len(found) != size:
            raise EOFError
        return found


def _without_millis(schema: Any) -> Any:
    """Return *schema* without docs, and with plain integers where it says timestamp-millis."""
    if isinstance(schema, dict):
        if schema.get("logicalType") == "timestamp-millis":
            return schema["type"]
        return {key: _without_millis(value) for key, value in schema.items() if key != "doc"}
    if isinstance(schema, list):
        return [_without_millis(value) for value in schema]
    return schema


def _has_logical_type(schema: Any) -> bool:
    if isinstance(schema, dict):
        return "logicalType" in schema or any(_has_logical_type(value) for value in schema.values())
    return isinstance(schema, list) and any(_has_logical_type(value) for value in schema)


def _is_time(schema: Any) -> bool:
    branches = schema if isinstance(schema, list) else [schema]
    return any(isinstance(one, dict) and one.get("logicalType") == "timestamp-millis" for one in branches)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return write_time((value - _EPOCH) // _MILLISECOND) if value.tzinfo else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, bytes | bytearray):
        return value.hex()
    return value
