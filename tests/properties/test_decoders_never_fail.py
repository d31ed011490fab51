"""Whatever bytes come in: a stimulus, or a `RecordError` with its reason; never another exception."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.catalogue.events import load_vocabulary
from streams.codecs.avro import event_codec, event_reader
from streams.codecs.customer_events import EventDecoder, InputFormat
from streams.codecs.schema_sources import MemorySchemas, bundled_schema, derived_id
from streams.codecs.wire import header
from streams.errors import RecordError, RecordReason
from streams.segmentation.stimuli import EventObserved, WatermarkAdvanced

NOW_MS = 1_772_458_631_250
FORMATS: tuple[InputFormat, ...] = ("segment", "compact", "avro")
REASONS = set(get_args(RecordReason))
FIELDS = (
    "messageId", "type", "event", "userId", "anonymousId", "timestamp", "properties", "traits", "shop_id", "previousId",
    "groupId", "name", "event_id", "occurred_at", "customer_id", "context", "source", "watermark",
)  # fmt: skip

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    | st.sampled_from(["track", "identify", "Heartbeat", "Order Completed", "orders", "2026-03-02T13:37:11.250Z"])
    | st.sampled_from([0, -1, NOW_MS, NOW_MS + 10**9, 2**63, 2**64, -(2**63) - 1, 10**40])
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(FIELDS), inner),
    max_leaves=20,
)
messages = st.dictionaries(st.sampled_from(FIELDS), values)


@cache
def decoder() -> EventDecoder:
    """Return a decoder of every format."""
    schemas = MemorySchemas([bundled_schema("customer_event")])
    return EventDecoder(load_vocabulary(), max_clock_skew_ms=300_000, avro=event_reader(schemas))


def judge(input_format: InputFormat, value: bytes | None) -> None:
    """Decode *value*: a stimulus that JSON and the log can hold, or a refusal with a known reason."""
    refused: RecordError | None = None
    try:
        stimulus = decoder().of(input_format)(value, NOW_MS)
    except RecordError as error:
        refused = error
    if refused is not None:
        assert refused.reason in REASONS
        assert refused.message
        return
    assert isinstance(stimulus, EventObserved | WatermarkAdvanced)
    if isinstance(stimulus, EventObserved):
        assert stimulus.event_id
        assert stimulus.customer_id
        assert 0 <= stimulus.event_time_ms <= NOW_MS + 300_000
        msgspec.msgpack.encode(stimulus.fields())
        msgspec.json.encode(stimulus.fields())


@pytest.mark.parametrize("input_format", FORMATS)
@given(value=st.binary())
@example(value=b"")
@example(value=b"\x00")
@example(value=b"[" * 100_000)
@example(value=b'{"a":' * 100_000)
@example(value=b'{"properties":' + b'{"a":' * 500 + b"1" + b"}" * 501)
@example(value=b'{"event_id":' + b"9" * 5_000 + b"}")
@example(value=b'{"messageId":' + b"9" * 5_000 + b"}")
def test_any_bytes(input_format: InputFormat, value: bytes) -> None:
    """Garbage is refused."""
    judge(input_format, value)


@pytest.mark.parametrize("input_format", ["segment", "compact"])
@given(message=messages)
def test_any_json(input_format: InputFormat, message: dict[str, Any]) -> None:
    """Fields of any type, at any depth, with NaN and lone surrogates as JSON's writers produce them."""
    judge(input_format, json.dumps(message).encode())
    judge(input_format, json.dumps(message, ensure_ascii=False).encode(errors="surrogatepass"))


@given(properties=st.dictionaries(st.text(), values), extra=messages)
def test_any_properties_of_a_good_message(properties: dict[str, Any], extra: dict[str, Any]) -> None:
    """A message that is complete but for its properties."""
    good = {"messageId": "m", "type": "track", "event": "Order Completed", "userId": "c"}
    judge(
        "segment",
        json.dumps({**extra, **good, "timestamp": "2026-03-02T13:37:11Z", "properties": properties}).encode(),
    )


@given(body=st.binary(max_size=300))
def test_any_avro_body(body: bytes) -> None:
    """Any bytes behind the framing of a known schema."""
    judge("avro", header(derived_id(bundled_schema("customer_event"))) + body)


@given(st.data())
def test_a_good_avro_record_with_flipped_bytes(data: st.DataObject) -> None:
    """A good record in which some bytes were changed, taken out or put in."""
    fields = {
        "event_id": "m-1", "event": "Order Completed", "timestamp": NOW_MS, "user_id": "c-1",
        "properties": {"total": "9.99", "products": [{"product_id": "p", "tags": ["a"]}], "n": 1, "x": 0.5, "y": None},
    }  # fmt: skip
    value = bytearray(event_codec(MemorySchemas(), "t").write(fields))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(value) - 1))
        value[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not value:
            break
    judge("avro", bytes(value))
