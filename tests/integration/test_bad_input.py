"""Bad input on a real broker: each record in the dead-letter topic once, with its reason; the rest unaffected."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Message, Producer

from streams.codecs.avro import event_codec, output_codecs
from streams.codecs.schema_sources import FileSchemas, bundled_schemas
from streams.codecs.transitions import TransitionEncoder
from streams.demo.kafka_side import committed_messages
from streams.segmentation.timeline import DAY_MS, rfc3339
from streams.settings import Settings
from streams.testing.kafka import create_topics
from streams.testing.workers import Committed, Workers

LARGE = 20 * 1024 * 1024


def message(**fields: object) -> bytes:
    """Return a message of the Segment spec, complete but for what *fields* say (None removes)."""
    now = rfc3339(time.time_ns() // 1_000_000 - 60_000)
    whole = {
        "messageId": "m", "type": "track", "event": "Order Completed", "userId": "u", "timestamp": now,
        "properties": {"order_id": "o", "total": "10.00"},
    } | fields  # fmt: skip
    return msgspec.json.encode({name: value for name, value in whole.items() if value is not None})


def bad_json() -> dict[str, bytes]:
    """Return reason → a JSON record that is refused for it."""
    year_ahead = rfc3339(time.time_ns() // 1_000_000 + 365 * DAY_MS)
    return {
        "undecodable": b"\x00\xff garbage",
        "missing_event_id": message(messageId=None),
        "missing_customer": message(userId=None),
        "missing_timestamp": message(timestamp=None),
        "missing_event_type": message(event=None),
        "invalid_timestamp": message(timestamp="yesterday"),
        "invalid_property": message(
            messageId="m-amount", properties={"order_id": "x", "total": "ten pounds"}
        ),
        "too_far_ahead": message(timestamp=year_ahead),
        "unknown_event": message(event="Order Compleated"),
        "too_large": message(properties={"note": "x" * LARGE}),
    }


def bad_avro(good: bytes) -> dict[str, bytes]:
    """Return reason → an Avro record that is refused for it, made from a *good* one."""
    return {"truncated": good[: len(good) // 2], "unknown_schema": good[:1] + b"\x7f\xff\xff\xff" + good[5:]}


@pytest.mark.integration
@pytest.mark.timeout(180)
def test_bad_records_become_dead_letters(
    kafka: str, topic_name: Callable[[str], str], tmp_path: Path
) -> None:
    """S3, S18, S19: garbage, broken Avro, missing ids, a year ahead, 20 MB: once each, with its reason."""
    name = topic_name("bad")
    inputs = [f"{name}.json", f"{name}.avro"]
    create_topics(kafka, dict.fromkeys(inputs, 1), config={"max.message.bytes": str(LARGE * 2)})
    create_topics(kafka, {f"{name}.{kind}": 1 for kind in ("transitions", "memberships", "dead-letter")})
    chosen: dict[str, Any] = {
        "application_id": name, "bootstrap": kafka, "inputs": f"{inputs[0]}=orders:json;{inputs[1]}=behaviour:avro",
        "transitions_topic": f"{name}.transitions", "memberships_topic": f"{name}.memberships",
        "dead_letter_topic": f"{name}.dead-letter", "metrics_port": "0", "coverage": "complete",
    }  # fmt: skip
    settings = Settings.load(**chosen)
    codec = event_codec(FileSchemas(bundled_schemas()), inputs[1])
    viewed = codec.write({
        "event_id": "a1", "event": "Product Viewed", "user_id": "u", "anonymous_id": None, "shop_id": "default",
        "timestamp": time.time_ns() // 1_000_000 - 1_000, "properties": {"product_id": "p1"},
    })  # fmt: skip
    refused = {**bad_json(), **bad_avro(viewed)}
    producer = Producer({"bootstrap.servers": kafka, "message.max.bytes": LARGE * 2})
    for value in (
        message(messageId="good-1"),
        *bad_json().values(),
        message(messageId="good-2", userId="other"),
    ):
        producer.produce(inputs[0], value, b"u", headers={"trace": b"t"})
    for value in (viewed, *bad_avro(viewed).values()):
        producer.produce(inputs[1], value, b"u")
    producer.flush()

    total = len(bad_json()) + 2 + 3
    wanted = {("u", "buyer.first_time"), ("other", "buyer.first_time")}
    with Workers(chosen, tmp_path) as workers, Committed(settings, 1) as committed:
        workers.run_until(lambda: committed.records() >= total and wanted <= entered(settings), 90)
        assert workers.stop() == [0]

    letters = list(committed_messages(kafka, settings.dead_letter_topic))
    headers = [said_in(letter) for letter in letters]
    assert sorted(refused) == sorted(header["reason"] for header in headers)
    for letter, header in zip(letters, headers, strict=True):
        value = letter.value() or b""
        if header["reason"] == "too_large":
            assert (len(value), header["truncated"]) == (900_000, "true")
            assert int(header["length"]) > LARGE
        elif header["reason"] not in {"missing_timestamp", "too_far_ahead"}:
            assert hashlib.sha256(value).hexdigest() == header["sha256"]
        assert header["origin_topic"] in inputs


def said_in(letter: Message) -> dict[str, str]:
    """Return the headers of a dead letter as text."""
    headers: Any = letter.headers() or []
    return {key: value.decode() for key, value in headers}


def entered(settings: Settings) -> set[tuple[str, str]]:
    """Return the (customer, segment) pairs that were entered, read from the Avro transitions."""
    codecs = output_codecs(
        FileSchemas(bundled_schemas()),
        transitions=settings.transitions_topic,
        memberships=settings.memberships_topic,
    )
    read = TransitionEncoder("avro", avro=codecs).read_transition
    messages = committed_messages(settings.bootstrap, settings.transitions_topic)
    return {(t.customer_id, t.segment_id) for t in (read(m.value() or b"") for m in messages)}
