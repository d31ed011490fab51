"""Dead letters (S19): the raw bytes, why, and where they came from."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

import pytest

from streams.codecs.dead_letters import DETAIL_BYTES_KEPT, KEY_BYTES_KEPT, dead_letter, oversized_output
from streams.errors import RecordError


class Consumed(NamedTuple):
    """A consumed record, as `confluent_kafka.Message` gives it."""

    a_value: bytes | None = b"garbage"
    a_key: bytes | None = b"c-1"
    time_ms: int = 1_772_458_631_250

    def topic(self) -> str:
        """Name of its topic."""
        return "customers.events"

    def partition(self) -> int:
        """Number of its partition."""
        return 3

    def offset(self) -> int:
        """Place in its partition."""
        return 184_467

    def key(self) -> bytes | None:
        """Its key."""
        return self.a_key

    def value(self) -> bytes | None:
        """Its value."""
        return self.a_value

    def timestamp(self) -> tuple[int, int]:
        """Kind of timestamp, and milliseconds."""
        return (1, self.time_ms)


ERROR = RecordError("undecodable", "no JSON text")


def test_a_dead_letter_says_why_and_where() -> None:
    """Key and value are the record's own; the headers hold reason, detail and origin."""
    key, value, headers = dead_letter(Consumed(), ERROR)

    assert (key, value) == (b"c-1", b"garbage")
    assert headers == [
        ("reason", b"undecodable"),
        ("detail", b"no JSON text"),
        ("origin_topic", b"customers.events"),
        ("origin_partition", b"3"),
        ("origin_offset", b"184467"),
        ("origin_timestamp", b"2026-03-02T13:37:11.250Z"),
        ("truncated", b"false"),
        ("length", b"7"),
        ("sha256", sha256(b"garbage").hexdigest().encode()),
    ]


@pytest.mark.parametrize(
    ("length", "truncated"), [(899_999, b"false"), (900_000, b"false"), (900_001, b"true")]
)
def test_a_long_value_is_cut_off(length: int, truncated: bytes) -> None:
    """At most 900 kB of the value are kept; length and hash are those of the whole."""
    raw = bytes(index % 251 for index in range(length))

    _, value, headers = dead_letter(Consumed(raw), ERROR)

    assert value == raw[:900_000]
    assert (truncated, str(length).encode()) == (dict(headers)["truncated"], dict(headers)["length"])
    assert sha256(raw).hexdigest().encode() == dict(headers)["sha256"]


def test_a_record_without_a_value_has_an_empty_one() -> None:
    """A dead letter is never a tombstone."""
    key, value, headers = dead_letter(Consumed(None, None), ERROR)

    assert (key, value) == (None, b"")
    assert dict(headers)["length"] == b"0"


@pytest.mark.parametrize("time_ms", [-1, 1 << 62])
def test_a_record_without_a_possible_time(time_ms: int) -> None:
    """A timestamp that is missing (-1), or that no calendar has, is left empty."""
    assert dict(dead_letter(Consumed(time_ms=time_ms), ERROR).headers)["origin_timestamp"] == b""


def test_a_long_key_is_cut_off() -> None:
    """A key that would take the record over the broker's limit is cut off, and its length told."""
    key, _, headers = dead_letter(Consumed(a_key=b"k" * 1_000_000), ERROR)

    assert key == b"k" * KEY_BYTES_KEPT
    assert dict(headers)["key_length"] == b"1000000"


@pytest.mark.parametrize("message", ["é" * 5_000, "lone \ud800 surrogate", "nul \x00"])
def test_any_detail_can_be_written(message: str) -> None:
    """The detail is UTF-8 of bounded length, whatever the record made the message contain."""
    detail = dict(dead_letter(Consumed(), RecordError("undecodable", message)).headers)["detail"]

    assert len(detail) <= DETAIL_BYTES_KEPT
    assert detail.decode()


def test_an_oversized_output_names_its_topic() -> None:
    """An outgoing record that is too large keeps its key, and says where it should have gone."""
    key, value, headers = oversized_output("segments.transitions", b"s/c", b"x" * 1_100_000)

    assert (key, len(value or b"")) == (b"s/c", 900_000)
    assert dict(headers)["reason"] == b"too_large"
    assert dict(headers)["intended_topic"] == b"segments.transitions"
    assert dict(headers)["length"] == b"1100000"
