"""Code made for a schema: byte for byte what fastavro writes, value for value what it reads, and no trust in any byte."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from typing import Any

import fastavro
import pytest
from fastavro.utils import generate_many
from hypothesis import example, given
from hypothesis import strategies as st

from streams.codecs.avro_source import Reader, Unsupported, compiled_reader, compiled_writer
from streams.codecs.schema_sources import Schema, bundled_schema

EVERYTHING: Schema = {
    "type": "record",
    "name": "Everything",
    "fields": [
        {"name": "flag", "type": "boolean"},
        {"name": "small", "type": "int"},
        {"name": "large", "type": "long"},
        {"name": "real", "type": "double"},
        {"name": "text", "type": "string"},
        {"name": "none", "type": "null"},
        {"name": "maybe", "type": ["null", "string"]},
        {"name": "list", "type": {"type": "array", "items": ["null", "long"]}},
        {
            "name": "inner",
            "type": {"type": "record", "name": "In", "fields": [{"name": "a", "type": "string"}]},
        },
    ],
}
ANYTHING: Schema = {
    "type": "record",
    "name": "Anything",
    "fields": [
        {"name": "map", "type": {"type": "map", "values": ["null", "boolean", "long", "double", "string"]}},
        {"name": "nested", "type": {"type": "array", "items": {"type": "map", "values": "string"}}},
    ],
}
int64 = st.integers(-(2**63), 2**63 - 1)
everything = st.fixed_dictionaries(
    {
        "flag": st.booleans(),
        "small": st.integers(-(2**31), 2**31 - 1),
        "large": int64,
        "real": st.floats(allow_nan=False),
        "text": st.text(),
        "none": st.none(),
        "maybe": st.none() | st.text(),
        "list": st.lists(st.none() | int64),
        "inner": st.fixed_dictionaries({"a": st.text()}),
    }
)
anything = st.fixed_dictionaries(
    {
        "map": st.dictionaries(
            st.text(), st.none() | st.booleans() | int64 | st.floats(allow_nan=False) | st.text()
        ),
        "nested": st.lists(st.dictionaries(st.text(), st.text())),
    }
)


def written(schema: Schema, fields: Any) -> bytes:
    """Return what fastavro writes."""
    stream = BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), fields)
    return stream.getvalue()


@cache
def reader(name: str) -> Reader:
    """Return the reader of one of the two schemas."""
    return compiled_reader(EVERYTHING if name == "everything" else ANYTHING)


@given(everything)
@example(
    {"flag": True, "small": 0, "large": 8_191, "real": 0.0, "text": "", "none": None, "maybe": None, "list": [],
     "inner": {"a": "x" * 10_000}}
)  # fmt: skip
def test_everything_is_written_and_read(fields: dict[str, Any]) -> None:
    """The bytes are those of fastavro, and reading gives the values back."""
    body = compiled_writer(EVERYTHING)(fields)

    assert body == written(EVERYTHING, fields)
    assert reader("everything")(body, 0) == (fields, len(body))


@given(anything, st.binary(max_size=3))
def test_maps_and_unions_are_read(fields: dict[str, Any], before: bytes) -> None:
    """Values of any branch are read, wherever the body begins."""
    body = before + written(ANYTHING, fields)

    assert reader("anything")(body, len(before)) == (fields, len(body))


@pytest.mark.parametrize(
    "number", [0, -1, 63, 64, -64, -65, 8_191, 8_192, -8_192, -8_193, 2**31, 2**63 - 1, -(2**63)]
)
def test_numbers_of_every_length(number: int) -> None:
    """Every boundary between lengths is written as Avro says."""
    schema = {"type": "record", "name": "N", "fields": [{"name": "n", "type": "long"}]}

    assert compiled_writer(schema)({"n": number}) == written(schema, {"n": number})
    assert compiled_reader(schema)(written(schema, {"n": number}), 0)[0] == {"n": number}


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
def test_numbers_beyond_64_bits_are_not_written(number: int) -> None:
    """A number that Avro cannot hold is refused, not cut off."""
    with pytest.raises(ValueError, match="64 bits"):
        compiled_writer({"type": "record", "name": "N", "fields": [{"name": "n", "type": "long"}]})(
            {"n": number}
        )


@pytest.mark.parametrize("name", ["customer_event", "segment_transition", "segment_membership"])
def test_our_own_schemas_are_compiled(name: str) -> None:
    """The readers of all our records, and the writers of those that the worker writes, are made for them."""
    schema = fastavro.parse_schema(bundled_schema(name))
    plain: Any = bundled_schema(name)
    read = compiled_reader(without_logical_types(plain))

    for fields in generate_many(without_logical_types(schema), 20):
        body = written(without_logical_types(plain), fields)
        parsed = fastavro.parse_schema(without_logical_types(plain))
        assert read(body, 0) == (fastavro.schemaless_reader(BytesIO(body), parsed, None), len(body))
        if name != "customer_event":
            assert compiled_writer(without_logical_types(plain))(fields) == body


def without_logical_types(schema: Any) -> Any:
    """Return the schema with plain integers for times."""
    if isinstance(schema, dict):
        return (
            schema["type"]
            if "logicalType" in schema
            else {k: without_logical_types(v) for k, v in schema.items()}
        )
    return [without_logical_types(one) for one in schema] if isinstance(schema, list) else schema


@given(st.binary(max_size=200))
@example(b"\xff" * 200)
@example(b"\x01" * 50)
@example(b"\xff" * 9 + b"\x01" + b"\x00" * 50)
@example(b"\xfe" * 9 + b"\x01" + b"\x00" * 50)
def test_any_bytes(body: bytes) -> None:
    """Garbage ends in one of three exceptions, quickly; what is read is what fastavro reads."""
    try:
        value, end = reader("anything")(body, 0)
    except (EOFError, IndexError, ValueError):
        return
    stream = BytesIO(body)
    assert repr(value) == repr(fastavro.schemaless_reader(stream, fastavro.parse_schema(ANYTHING), None))
    assert end == stream.tell()


def test_a_count_that_lies() -> None:
    """A count of items far beyond the bytes that are left is refused at once."""
    body = b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"

    with pytest.raises(EOFError):
        reader("anything")(body, 0)


@pytest.mark.parametrize(
    "kind",
    [
        {"type": "enum", "name": "E", "symbols": ["A"]},
        {"type": "fixed", "name": "F", "size": 4},
        "bytes",
        "float",
        "Everything",
        {"type": "array", "items": "null"},
    ],
)
def test_what_is_not_known_is_left_to_others(kind: Any) -> None:
    """A schema that needs more is refused when it is compiled, not when a record comes."""
    schema = {"type": "record", "name": "R", "fields": [{"name": "x", "type": kind}]}

    with pytest.raises(Unsupported):
        compiled_reader(schema)


@pytest.mark.parametrize("value", [{}, {"a": "1"}, {"": "", "é": "x" * 100, "b": "\0"}])
def test_a_map_is_written(value: dict[str, str]) -> None:
    """A map is one block of keys and values, as fastavro writes and reads it."""
    schema = {
        "type": "record",
        "name": "R",
        "fields": [{"name": "x", "type": {"type": "map", "values": "string"}}],
    }
    stream = BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), {"x": value})

    written = compiled_writer(schema)({"x": value})

    assert written == stream.getvalue()
    assert compiled_reader(schema)(written, 0) == ({"x": value}, len(written))


@pytest.mark.parametrize(
    "kind", [["null", "long", "string"], ["string", "null"], {"type": "map", "values": ["long", "string"]}]
)
def test_what_cannot_be_written_is_left_to_others(kind: Any) -> None:
    """Unions that need a choice are written by fastavro."""
    with pytest.raises(Unsupported):
        compiled_writer({"type": "record", "name": "R", "fields": [{"name": "x", "type": kind}]})
