"""Records that could not be used → records of the dead-letter topic (SEMANTICS S19).

The value is the record's own, cut off at 900 kB; the key is its own; the headers say why and where it came from.
`schemas/README.md` lists them. All header values are UTF-8 text.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final, NamedTuple, Protocol

from streams.codecs.times import EARLIEST_MS, LATEST_MS, write_time
from streams.errors import RecordError

VALUE_BYTES_KEPT: Final = 900_000
"""Bytes of the raw value that are kept: with key and headers it stays below the broker's usual limit of 1 MiB."""

KEY_BYTES_KEPT: Final = 32_000
"""Bytes of the key that are kept."""

DETAIL_BYTES_KEPT: Final = 2_000
"""Bytes of the explanation that are kept."""


class SourceRecord(Protocol):
    """The part of a consumed record that is read; a `confluent_kafka.Message` fits."""

    def topic(self) -> str:
        """Name of its topic."""

    def partition(self) -> int:
        """Number of its partition."""

    def offset(self) -> int:
        """Place in its partition."""

    def key(self) -> bytes | None:
        """Its key."""

    def value(self) -> bytes | None:
        """Its value; None for a tombstone."""

    def timestamp(self) -> tuple[int, int]:
        """Kind of timestamp, and milliseconds."""


class DeadLetter(NamedTuple):
    """A record for the dead-letter topic."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


def dead_letter(record: SourceRecord, error: RecordError) -> DeadLetter:
    """Return the dead letter of an input *record* that *error* refuses.

    A record without a value gets an empty one: null would be a tombstone to whoever compacts the topic.
    """
    timestamp_ms = record.timestamp()[1]
    known = EARLIEST_MS <= timestamp_ms <= LATEST_MS
    origin = {
        "origin_topic": record.topic(),
        "origin_partition": str(record.partition()),
        "origin_offset": str(record.offset()),
        "origin_timestamp": write_time(timestamp_ms) if known else "",
    }
    return _letter(error, record.key(), record.value() or b"", origin)


def oversized_output(topic: str, key: bytes | None, value: bytes) -> DeadLetter:
    """Return the dead letter of an outgoing record that is too large for *topic*."""
    error = RecordError("too_large", f"an outgoing record of {len(value)} bytes is more than the topic takes")
    return _letter(error, key, value, {"intended_topic": topic})


def _letter(error: RecordError, key: bytes | None, value: bytes, origin: dict[str, str]) -> DeadLetter:
    headers = {
        "reason": error.reason,
        "detail": error.message,
        **origin,
        "truncated": "true" if len(value) > VALUE_BYTES_KEPT else "false",
        "length": str(len(value)),
        "sha256": sha256(value).hexdigest(),
    }
    if key is not None and len(key) > KEY_BYTES_KEPT:
        headers["key_length"] = str(len(key))
        key = key[:KEY_BYTES_KEPT]
    encoded = [(name, _text(text)) for name, text in headers.items()]
    return DeadLetter(key, value[:VALUE_BYTES_KEPT], encoded)


def _text(text: str) -> bytes:
    """Return UTF-8, cut off between characters; a lone surrogate, which UTF-8 has no form for, becomes a '?'."""
    return text.encode(errors="replace")[:DETAIL_BYTES_KEPT].decode(errors="ignore").encode()
