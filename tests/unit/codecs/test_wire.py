"""Confluent's framing."""

from __future__ import annotations

import pytest

from streams.codecs.wire import header, schema_id_of
from streams.errors import RecordError


@pytest.mark.parametrize("schema_id", [0, 1, 258, 2**31 - 1, 2**32 - 1])
def test_an_id_survives(schema_id: int) -> None:
    """The id that is written is the id that is read, whatever follows."""
    assert schema_id == schema_id_of(header(schema_id) + b"body")


def test_the_layout() -> None:
    """A zero byte, then the id with its highest byte first."""
    assert header(0x01020304) == b"\x00\x01\x02\x03\x04"


@pytest.mark.parametrize(
    ("value", "reason"),
    [(b"", "truncated"), (b"\x00", "truncated"), (b"\x00\x00\x00\x01", "truncated"), (b"{", "undecodable")],
)
def test_what_is_not_framed(value: bytes, reason: str) -> None:
    """Too few bytes are truncated; another first byte is another format."""
    with pytest.raises(RecordError) as refused:
        schema_id_of(value)

    assert reason == refused.value.reason
