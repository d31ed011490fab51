"""Avro records of customer events: written by us, by other schemas, cut off, or by nobody."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import fastavro
import pytest

from streams.codecs.avro import event_codec, event_reader
from streams.codecs.customer_events import EventDecoder
from streams.codecs.schema_sources import MemorySchemas, Schema, bundled_schema
from streams.codecs.wire import header
from streams.errors import OperationError, RecordError
from streams.segmentation.stimuli import EventObserved, WatermarkAdvanced
from streams.segmentation.vocabulary import Vocabulary

NOW_MS = 1_772_458_631_250
EVENT: dict[str, Any] = {
    "event_id": "m-1", "event": "orders/create", "timestamp": NOW_MS, "user_id": "c-1", "anonymous_id": None,
    "shop_id": "berlin",
    "properties": {
        "total": "59.80", "quantity": 2, "weight": 0.5, "is_test": False, "coupon": None, "tags": ["a", "b"],
        "products": [{"product_id": "p-1", "price": "29.90", "category_path": ["kitchen", "mugs"], "quantity": 2}],
        "context": {"locale": "de"},
    },
}  # fmt: skip


def written_with(schemas: MemorySchemas, schema: Schema, fields: dict[str, Any]) -> bytes:
    """Return *fields* as a producer with the schema *schema* writes them."""
    stream = BytesIO(header(schemas.register("x", schema)))
    stream.seek(0, 2)
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), fields)
    return stream.getvalue()


def decoder_for(vocabulary: Vocabulary, schemas: MemorySchemas) -> EventDecoder:
    """Return a decoder of Avro."""
    return EventDecoder(vocabulary, max_clock_skew_ms=300_000, avro=event_reader(schemas))


def test_an_event_survives(vocabulary: Vocabulary) -> None:
    """All kinds of properties come out as they were written; the rules of the envelope are the same as in JSON."""
    schemas = MemorySchemas()
    value = event_codec(schemas, "customers.events").write(EVENT)

    assert decoder_for(vocabulary, schemas).avro(value, NOW_MS) == EventObserved(
        "Order Completed", NOW_MS, "m-1", "berlin", "c-1", "orders", EVENT["properties"]
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"event_id": ""}, "missing_event_id"),
        ({"user_id": None}, "missing_customer"),
        ({"user_id": ""}, "missing_customer"),
        ({"event": ""}, "missing_event_type"),
        ({"event": "Nothing"}, "unknown_event"),
        ({"timestamp": -1}, "invalid_timestamp"),
        ({"timestamp": NOW_MS + 300_001}, "too_far_ahead"),
        ({"timestamp": 2**63 - 1}, "too_far_ahead"),
        ({"shop_id": "a/b"}, "invalid_property"),
    ],
)
def test_what_an_avro_event_lacks(vocabulary: Vocabulary, fields: dict[str, Any], reason: str) -> None:
    """Avro events are held to the rules of the envelope."""
    schemas = MemorySchemas()
    value = event_codec(schemas, "t").write(EVENT | fields)

    with pytest.raises(RecordError) as refused:
        decoder_for(vocabulary, schemas).avro(value, NOW_MS)

    assert reason == refused.value.reason


def test_every_truncation_is_called_so(vocabulary: Vocabulary) -> None:
    """A record that is cut off anywhere is `truncated`, and never half an event."""
    schemas = MemorySchemas()
    value = event_codec(schemas, "t").write(EVENT)
    decode = decoder_for(vocabulary, schemas).avro

    for length in range(len(value)):
        with pytest.raises(RecordError) as refused:
            decode(value[:length], NOW_MS)
        assert refused.value.reason == "truncated", length


@pytest.mark.parametrize("extra", [b"\x00", b"garbage" * 100])
def test_bytes_that_follow_are_refused(vocabulary: Vocabulary, extra: bytes) -> None:
    """A record followed by anything was not written with the schema that it names."""
    schemas = MemorySchemas()
    value = event_codec(schemas, "t").write(EVENT) + extra

    with pytest.raises(RecordError, match=f"{len(extra)} bytes follow") as refused:
        decoder_for(vocabulary, schemas).avro(value, NOW_MS)

    assert refused.value.reason == "undecodable"


@pytest.mark.parametrize("value", [None, b"{}", b"\x01\x00\x00\x00\x01"])
def test_what_is_not_framed(vocabulary: Vocabulary, value: bytes | None) -> None:
    """JSON on an Avro topic, and records without a value, are undecodable."""
    with pytest.raises(RecordError) as refused:
        decoder_for(vocabulary, MemorySchemas()).avro(value, NOW_MS)

    assert refused.value.reason == "undecodable"


def test_an_unknown_schema(vocabulary: Vocabulary) -> None:
    """A record of a schema that nobody knows is `unknown_schema`."""
    with pytest.raises(RecordError) as refused:
        decoder_for(vocabulary, MemorySchemas()).avro(b"\x00\x00\x00\x10\x67body", NOW_MS)

    assert refused.value.reason == "unknown_schema"


def test_a_registry_that_does_not_answer_is_not_the_records_fault(vocabulary: Vocabulary) -> None:
    """When the schema cannot be found out, the record waits: the error is the operator's."""

    class Unreachable:
        """A registry behind a broken line."""

        def schema(self, schema_id: int) -> Schema:
            """Fail."""
            raise OperationError(f"cannot ask for {schema_id}")

    decoder = EventDecoder(vocabulary, max_clock_skew_ms=0, avro=event_reader(Unreachable()))

    with pytest.raises(OperationError, match="cannot ask for 7"):
        decoder.avro(header(7), NOW_MS)


def older_schema() -> Schema:
    """Return a producer's schema: no shop, no anonymous id, a field of its own, another order."""
    ours = {field["name"]: field for field in bundled_schema("customer_event")["fields"]}
    own = {"name": "debug", "type": ["null", "string"], "default": None}
    fields = [own, *(ours[name] for name in ("properties", "user_id", "timestamp", "event", "event_id"))]
    return {**bundled_schema("customer_event"), "fields": fields}


def test_another_version_of_the_schema(vocabulary: Vocabulary) -> None:
    """A producer with another version is understood: defaults fill what it lacks, what is its own is skipped."""
    schemas = MemorySchemas()
    fields = {name: EVENT[name] for name in ("properties", "user_id", "timestamp", "event", "event_id")}
    value = written_with(schemas, older_schema(), {"debug": "noise", **fields})
    decode = decoder_for(vocabulary, schemas).avro

    assert decode(value, NOW_MS) == EventObserved(
        "Order Completed", NOW_MS, "m-1", "default", "c-1", "orders", EVENT["properties"]
    )
    for length in range(len(value)):
        with pytest.raises(RecordError) as refused:
            decode(value[:length], NOW_MS)
        assert refused.value.reason == "truncated", length


def test_a_field_that_is_skipped_may_be_the_last(vocabulary: Vocabulary) -> None:
    """A record that ends within a field that we would skip is truncated all the same."""
    schemas = MemorySchemas()
    schema = bundled_schema("customer_event")
    schema = {**schema, "fields": [*schema["fields"], {"name": "debug", "type": "string"}]}
    value = written_with(schemas, schema, {**EVENT, "debug": "noise"})
    decode = decoder_for(vocabulary, schemas).avro

    assert isinstance(decode(value, NOW_MS), EventObserved)
    with pytest.raises(RecordError) as refused:
        decode(value[:-2], NOW_MS)
    assert refused.value.reason == "truncated"


def test_logical_types_of_others_become_plain_values(vocabulary: Vocabulary) -> None:
    """Microseconds become milliseconds, decimals and dates text, so that state and JSON can hold them."""
    schemas = MemorySchemas()
    values: list[Any] = [
        "string",
        {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2},
        {"type": "long", "logicalType": "timestamp-micros"},
        {"type": "int", "logicalType": "date"},
    ]
    fields: list[dict[str, Any]] = []
    for field in bundled_schema("customer_event")["fields"]:
        kinds = {
            "timestamp": {"type": "long", "logicalType": "timestamp-micros"},
            "properties": {"type": "map", "values": values},
        }
        fields.append({**field, "type": kinds.get(field["name"], field["type"])})
    schema = {**bundled_schema("customer_event"), "fields": fields}
    moment = datetime(2026, 3, 2, 13, 37, 11, 250_999, tzinfo=UTC)
    own = {"total": Decimal("59.80"), "born": date(1990, 1, 2), "processed_at": moment}
    value = written_with(schemas, schema, EVENT | {"timestamp": moment, "properties": own})

    observed = decoder_for(vocabulary, schemas).avro(value, NOW_MS)

    assert isinstance(observed, EventObserved)
    assert observed.event_time_ms == NOW_MS
    assert observed.properties == {
        "total": "59.80", "born": "1990-01-02", "processed_at": "2026-03-02T13:37:11.250Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    "schema", [{"type": "record", "name": "X", "fields": [{"name": "a", "type": "nothing"}]}, {}]
)
def test_a_registered_schema_that_is_no_avro(vocabulary: Vocabulary, schema: Schema) -> None:
    """A record whose schema is no valid Avro can be decoded by nobody."""
    schemas = MemorySchemas()

    with pytest.raises(RecordError) as refused:
        decoder_for(vocabulary, schemas).avro(header(schemas.register("x", schema)) + b"body", NOW_MS)

    assert refused.value.reason == "unknown_schema"


def test_a_record_of_another_kind(vocabulary: Vocabulary) -> None:
    """A record of a known schema that is no customer event does not resolve to one."""
    schemas = MemorySchemas()
    schema = {"type": "record", "name": "Cheese", "fields": [{"name": "name", "type": "string"}]}
    value = written_with(schemas, schema, {"name": "Comté"})

    with pytest.raises(RecordError) as refused:
        decoder_for(vocabulary, schemas).avro(value, NOW_MS)

    assert refused.value.reason == "undecodable"


def test_heartbeats_come_in_avro_too(vocabulary: Vocabulary) -> None:
    """A heartbeat needs a source and a time, no ids."""
    schemas = MemorySchemas()
    value = event_codec(schemas, "t").write(
        {
            "event_id": "",
            "event": "Heartbeat",
            "timestamp": NOW_MS,
            "properties": {"source": "orders", "watermark": 5},
        }
    )

    assert decoder_for(vocabulary, schemas).avro(value, NOW_MS) == WatermarkAdvanced("orders", 5)
