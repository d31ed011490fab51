"""Confluent's framing of a value: a zero byte, the schema's id in four bytes (big endian), then the body."""

from __future__ import annotations

import struct
from typing import Final

from streams.errors import RecordError

HEADER_BYTES: Final = 5
_HEADER = struct.Struct(">bI")


def schema_id_of(value: bytes) -> int:
    """Return the id of the schema that *value* was written with; its body begins at `HEADER_BYTES`.

    Raises:
        RecordError: *value* is too short for the framing (truncated), or not framed at all (undecodable).
    """
    if value[:1] != b"\x00":
        if not value:
            raise RecordError("truncated", "the value is empty")
        raise RecordError("undecodable", "the value does not begin with the zero byte of Confluent's framing")
    if len(value) < HEADER_BYTES:
        raise RecordError("truncated", f"the value ends within its {HEADER_BYTES} bytes of framing")
    schema_id: int = _HEADER.unpack_from(value)[1]
    return schema_id


def header(schema_id: int) -> bytes:
    """Return the five bytes that stand before a body of the schema *schema_id* (0 to 2^32 - 1)."""
    return _HEADER.pack(0, schema_id)
