"""JSON records of customer events: what comes out, and why what cannot be used is refused (S3, S18)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.codecs.customer_events import NESTING_MAX, EventDecoder, InputFormat
from streams.errors import RecordError
from streams.segmentation.stimuli import EventObserved, WatermarkAdvanced
from streams.segmentation.vocabulary import Vocabulary

NOW_MS = 1_772_458_631_250
NOW = "2026-03-02T13:37:11.250Z"
SKEW_MS = 300_000


@pytest.fixture(scope="module")
def decoder(vocabulary: Vocabulary) -> EventDecoder:
    """A decoder with the usual clock skew of five minutes."""
    return EventDecoder(vocabulary, max_clock_skew_ms=SKEW_MS)


def segment(**fields: Any) -> bytes:
    """Return a complete message of the Segment spec with *fields* changed; None leaves one out."""
    message = {
        "messageId": "m-1", "type": "track", "event": "Order Completed", "userId": "c-1", "timestamp": NOW,
        "properties": {"order_id": "o-1", "total": "19.99"},
    } | fields  # fmt: skip
    return json.dumps({name: value for name, value in message.items() if value is not None}).encode()


def compact(**fields: Any) -> bytes:
    """Return a complete compact message with *fields* changed; None leaves one out."""
    message = {
        "event_id": "m-1", "type": "Order Completed", "occurred_at": NOW_MS, "customer_id": "c-1",
        "properties": {"order_id": "o-1", "total": "19.99"},
    } | fields  # fmt: skip
    return json.dumps({name: value for name, value in message.items() if value is not None}).encode()


EXPECTED = EventObserved(
    "Order Completed", NOW_MS, "m-1", "default", "c-1", "orders", {"order_id": "o-1", "total": "19.99"}
)


@pytest.mark.parametrize(("input_format", "value"), [("segment", segment()), ("compact", compact())])
def test_a_complete_message(decoder: EventDecoder, input_format: InputFormat, value: bytes) -> None:
    """S18: names, ids, time, source and default shop come out; money stays as it was written."""
    assert decoder.of(input_format)(value, NOW_MS) == EXPECTED


def refused(
    decoder: EventDecoder, value: bytes | None, input_format: InputFormat = "segment"
) -> tuple[str, str]:
    """Return reason and message of the refusal of *value*."""
    with pytest.raises(RecordError) as error:
        decoder.of(input_format)(value, NOW_MS)
    return error.value.reason, error.value.message


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"messageId": None}, "missing_event_id"),
        ({"messageId": ""}, "missing_event_id"),
        ({"messageId": "  "}, "missing_event_id"),
        ({"messageId": {"id": 1}}, "missing_event_id"),
        ({"messageId": True}, "missing_event_id"),
        ({"messageId": 1.5}, "missing_event_id"),
        ({"userId": None}, "missing_customer"),
        ({"userId": ""}, "missing_customer"),
        ({"userId": " \t"}, "missing_customer"),
        ({"userId": ["c"]}, "missing_customer"),
        ({"anonymousId": {}}, "missing_customer"),
        ({"event": None}, "missing_event_type"),
        ({"event": " "}, "missing_event_type"),
        ({"event": 7}, "missing_event_type"),
        ({"type": []}, "missing_event_type"),
        ({"event": "Order Compleated"}, "unknown_event"),
        ({"type": "telegram"}, "unknown_event"),
        ({"timestamp": None}, "missing_timestamp"),
        ({"timestamp": ""}, "missing_timestamp"),
        ({"timestamp": "yesterday"}, "invalid_timestamp"),
        ({"timestamp": "2026-03-02T13:37:11.250"}, "invalid_timestamp"),
        ({"timestamp": NOW_MS}, "invalid_timestamp"),
        ({"timestamp": "0001-01-01T00:00:00Z"}, "invalid_timestamp"),
        ({"timestamp": "2027-03-02T13:37:11.250Z"}, "too_far_ahead"),
        ({"properties": "none"}, "invalid_property"),
        ({"properties": [1]}, "invalid_property"),
        ({"shop_id": "a/b"}, "invalid_property"),
        ({"shop_id": ""}, "invalid_property"),
        ({"shop_id": {}}, "invalid_property"),
        ({"userId": "c" * 513}, "too_large"),
        ({"messageId": "m" * 513}, "too_large"),
    ],
)
def test_what_a_segment_message_lacks(decoder: EventDecoder, fields: dict[str, Any], reason: str) -> None:
    """Each missing or wrong field of the envelope has its own reason."""
    assert reason == refused(decoder, segment(**fields))[0]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"event_id": None}, "missing_event_id"),
        ({"customer_id": None}, "missing_customer"),
        ({"customer_id": False}, "missing_customer"),
        ({"type": None}, "missing_event_type"),
        ({"type": "Order Compleated"}, "unknown_event"),
        ({"occurred_at": None}, "missing_timestamp"),
        ({"occurred_at": NOW}, "invalid_timestamp"),
        ({"occurred_at": 1.5}, "invalid_timestamp"),
        ({"occurred_at": -1}, "invalid_timestamp"),
        ({"occurred_at": 10**30}, "too_far_ahead"),
        ({"properties": 7}, "invalid_property"),
    ],
)
def test_what_a_compact_message_lacks(decoder: EventDecoder, fields: dict[str, Any], reason: str) -> None:
    """The compact form is held to the same rules."""
    assert reason == refused(decoder, compact(**fields), "compact")[0]


@pytest.mark.parametrize(
    "value", [b"", b"garbage", b"\x00\xff", b"null", b"[]", b'"text"', b'{"type":', b'{"type":"\xff"}', None]
)
@pytest.mark.parametrize("input_format", ["segment", "compact"])
def test_what_is_no_message(decoder: EventDecoder, value: bytes | None, input_format: InputFormat) -> None:
    """Bytes that are no JSON object, and records without a value, are undecodable."""
    assert refused(decoder, value, input_format)[0] == "undecodable"


@pytest.mark.parametrize("ahead_ms", [SKEW_MS - 1, SKEW_MS])
def test_the_last_that_is_not_too_far_ahead(decoder: EventDecoder, ahead_ms: int) -> None:
    """S3: an event may be ahead of its reference by the clock skew."""
    observed = decoder.compact(compact(occurred_at=NOW_MS + ahead_ms), NOW_MS)

    assert isinstance(observed, EventObserved)
    assert observed.event_time_ms == NOW_MS + ahead_ms


def test_the_first_that_is_too_far_ahead(decoder: EventDecoder) -> None:
    """S3: one millisecond more than the clock skew is too far ahead, and the message says by how much."""
    reason, message = refused(decoder, compact(occurred_at=NOW_MS + SKEW_MS + 1), "compact")

    assert reason == "too_far_ahead"
    assert "300001 ms ahead" in message


def test_1970_is_the_earliest(decoder: EventDecoder) -> None:
    """A time before 1970 is no time of a customer's event; 1970 itself is."""
    assert refused(decoder, compact(occurred_at=-1), "compact")[0] == "invalid_timestamp"
    first = decoder.compact(compact(occurred_at=0), NOW_MS)
    assert isinstance(first, EventObserved)
    assert first.event_time_ms == 0


@pytest.mark.parametrize(
    ("fields", "customer_id"),
    [
        ({"userId": "u", "anonymousId": "a"}, "u"),
        ({"userId": None, "anonymousId": "a"}, "a"),
        ({"userId": "", "anonymousId": "a"}, "a"),
        ({"userId": 12345}, "12345"),
        ({"userId": 12345.0}, "12345"),
        ({"userId": 2**70}, str(2**70)),
        ({"userId": " padded "}, " padded "),
        ({"userId": "c" * 512}, "c" * 512),
    ],
)
def test_whose_event_it_is(decoder: EventDecoder, fields: dict[str, Any], customer_id: str) -> None:
    """S18: userId, else anonymousId; numbers become text; text stays as it is."""
    observed = decoder.segment(segment(**fields), NOW_MS)

    assert isinstance(observed, EventObserved)
    assert customer_id == observed.customer_id


def test_numeric_ids_become_text(decoder: EventDecoder) -> None:
    """Event and shop ids that producers write as numbers are text too."""
    observed = decoder.segment(segment(messageId=17, shop_id=3), NOW_MS)

    assert isinstance(observed, EventObserved)
    assert (observed.event_id, observed.shop_id, observed.key) == ("17", "3", "3/c-1")


@pytest.mark.parametrize(
    ("fields", "name", "properties"),
    [
        ({"type": "page", "event": None, "name": "Home"}, "Page Viewed", {"name": "Home"}),
        ({"type": "screen", "event": None, "name": "Home"}, "Page Viewed", {"name": "Home"}),
        (
            {"type": "page", "event": None, "name": "x", "properties": {"name": "y"}},
            "Page Viewed",
            {"name": "y"},
        ),
        ({"type": "identify", "event": None, "traits": {"country": "DE"}}, "identify", {"country": "DE"}),
        (
            {"type": "identify", "traits": {"a": 1, "b": 2}, "properties": {"a": 0, "c": 3}},
            "identify",
            {"a": 1, "b": 2, "c": 3},
        ),
        ({"type": "alias", "event": None, "previousId": "a-1"}, "alias", {"previousId": "a-1"}),
        (
            {"type": "group", "event": None, "groupId": 5, "traits": {"name": "Acme"}},
            "group",
            {"groupId": 5, "name": "Acme"},
        ),
        ({"type": "Track"}, "Order Completed", {}),
        ({"type": None}, "Order Completed", {}),
    ],
)
def test_the_calls_of_the_spec(
    decoder: EventDecoder, fields: dict[str, Any], name: str, properties: dict[str, Any]
) -> None:
    """Calls other than track have their canonical event; what they carry outside of properties goes into them."""
    observed = decoder.segment(segment(**{"properties": None, **fields}), NOW_MS)

    assert isinstance(observed, EventObserved)
    assert (name, properties) == (observed.event_type, observed.properties)


@pytest.mark.parametrize("event", ["orders/create", "placed order", "  ORDER COMPLETED "])
def test_other_names_of_an_event(decoder: EventDecoder, event: str) -> None:
    """An alias in any case is the canonical event."""
    assert decoder.segment(segment(event=event), NOW_MS) == EXPECTED


def test_unknown_fields_and_properties(decoder: EventDecoder) -> None:
    """Fields of the envelope that nobody reads are skipped; properties that nobody knows are kept."""
    kept = {"colour": "blue", "nested": {"a": [1, 2.5, None, True, {"b": "c"}]}, "ü": "ü"}
    value = segment(
        properties=kept, context={"ip": "203.0.113.7", "page": {"url": "/"}}, integrations={}, channel="web"
    )

    observed = decoder.segment(value, NOW_MS)

    assert isinstance(observed, EventObserved)
    assert kept == observed.properties


@pytest.mark.parametrize("levels", [NESTING_MAX, NESTING_MAX + 1])
def test_nesting_is_bounded(decoder: EventDecoder, levels: int) -> None:
    """Properties may nest eight levels and no more."""
    nested: Any = "leaf"
    for level in range(levels):
        nested = [nested] if level % 2 else {"in": nested}
    value = segment(properties={"deep": nested})

    if levels > NESTING_MAX:
        assert refused(decoder, value)[0] == "invalid_property"
    else:
        assert isinstance(decoder.segment(value, NOW_MS), EventObserved)


@pytest.mark.parametrize("place", ["properties", "context"])
def test_absurd_nesting_is_refused(decoder: EventDecoder, place: str) -> None:
    """A hundred thousand brackets are a refusal, not a crash, wherever they stand."""
    deep = b"[" * 100_000 + b"]" * 100_000
    value = segment()[:-1] + b', "' + place.encode() + b'": {"deep": ' + deep + b"}}"

    assert refused(decoder, value)[0] in {"undecodable", "invalid_property"}


@pytest.mark.parametrize(
    ("number", "kept"), [(2**63 - 1, 2**63 - 1), (2**63, str(2**63)), (-(2**63) - 1, str(-(2**63) - 1))]
)
def test_numbers_beyond_64_bits_become_text(decoder: EventDecoder, number: int, kept: object) -> None:
    """A whole number that no state format could hold is kept as text; smaller ones stay numbers."""
    value = segment(properties={"n": number, "items": [{"n": number}]}, traits={"n": number})

    observed = decoder.segment(value, NOW_MS)

    assert isinstance(observed, EventObserved)
    assert {"n": kept, "items": [{"n": kept}]} == observed.properties


def test_large_numbers_do_not_open_the_bounds(decoder: EventDecoder) -> None:
    """A number beyond 64 bits does not make the other bounds go away."""
    nested: Any = 2**64
    for _ in range(NESTING_MAX + 1):
        nested = [nested]

    assert refused(decoder, segment(properties={"deep": nested}))[0] == "invalid_property"


def test_the_size_is_bounded(vocabulary: Vocabulary) -> None:
    """A value larger than the bound is refused undecoded; one of exactly that size is not."""
    value = segment()
    exact = EventDecoder(vocabulary, max_clock_skew_ms=SKEW_MS, value_bytes_max=len(value))
    smaller = EventDecoder(vocabulary, max_clock_skew_ms=SKEW_MS, value_bytes_max=len(value) - 1)

    assert exact.segment(value, NOW_MS) == EXPECTED
    assert refused(smaller, value)[0] == "too_large"
    assert refused(smaller, b"x" * 20_000_000, "compact")[0] == "too_large"


def heartbeat(timestamp: str | None = NOW, **properties: Any) -> bytes:
    """Return a heartbeat: no ids, only a source and a watermark."""
    return segment(event="Heartbeat", messageId=None, userId=None, timestamp=timestamp, properties=properties)


@pytest.mark.parametrize(
    ("value", "watermark_ms"),
    [
        (heartbeat(source="orders", watermark="2026-03-02T13:37:00.000Z"), NOW_MS - 11_250),
        (heartbeat(source="orders", watermark=NOW_MS - 1), NOW_MS - 1),
        (heartbeat(source="orders"), NOW_MS),
        (heartbeat(None, source="orders", watermark=NOW_MS, partition=3), NOW_MS),
        (heartbeat(source="orders", watermark=NOW_MS + SKEW_MS), NOW_MS + SKEW_MS),
    ],
)
def test_a_heartbeat_advances_the_source_that_it_names(
    decoder: EventDecoder, value: bytes, watermark_ms: int
) -> None:
    """A heartbeat needs no ids; its watermark is text or milliseconds, or else its timestamp."""
    assert decoder.segment(value, NOW_MS) == WatermarkAdvanced("orders", watermark_ms)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (heartbeat(watermark=NOW), "invalid_property"),
        (heartbeat(source="sales", watermark=NOW), "invalid_property"),
        (heartbeat(source=["orders"], watermark=NOW), "invalid_property"),
        (heartbeat(source="", watermark=NOW), "invalid_property"),
        (heartbeat(None, source="orders"), "missing_timestamp"),
        (heartbeat(source="orders", watermark="soon"), "invalid_timestamp"),
        (heartbeat(source="orders", watermark=True), "invalid_timestamp"),
        (heartbeat(source="orders", watermark=-1), "invalid_timestamp"),
        (heartbeat(source="orders", watermark=NOW_MS + SKEW_MS + 1), "too_far_ahead"),
        (heartbeat("2027-01-01T00:00:00Z", source="orders"), "too_far_ahead"),
    ],
)
def test_a_wrong_heartbeat_moves_nothing(decoder: EventDecoder, value: bytes, reason: str) -> None:
    """A heartbeat that names no source, or no possible time, is refused."""
    assert reason == refused(decoder, value)[0]


def test_a_compact_heartbeat(decoder: EventDecoder) -> None:
    """The compact form has heartbeats too."""
    value = compact(
        type="Source Watermark", event_id=None, customer_id=None, properties={"source": "behaviour"}
    )

    assert decoder.compact(value, NOW_MS) == WatermarkAdvanced("behaviour", NOW_MS)


def test_events_of_the_same_name_share_it(decoder: EventDecoder) -> None:
    """Names of events and sources are not copied for each event."""
    first, second = decoder.compact(compact(), NOW_MS), decoder.compact(compact(), NOW_MS)

    assert isinstance(first, EventObserved)
    assert isinstance(second, EventObserved)
    assert first.event_type is second.event_type
    assert first.source is second.source


@pytest.mark.parametrize("input_format", ["xml", "avro"])
def test_a_format_that_cannot_be_decoded(decoder: EventDecoder, input_format: Any) -> None:
    """An unknown format, and Avro without a reader of it, is refused when the decoder is asked for."""
    with pytest.raises(ValueError, match=input_format):
        decoder.of(input_format)


@pytest.mark.parametrize("input_format", ["segment", "compact"])
def test_only_what_is_asked_for_is_decoded(vocabulary: Vocabulary, input_format: InputFormat) -> None:
    """A decoder that is told what anybody reads skims over everything else, whatever it is."""
    decoder = EventDecoder(vocabulary, max_clock_skew_ms=SKEW_MS, properties=("total", "products"))
    properties = {"total": "9.99", "order_id": "o", "deep": [[[[[[[[[[1]]]]]]]]]], "n": 2**70}
    make = segment if input_format == "segment" else compact

    observed = decoder.of(input_format)(make(properties=properties), NOW_MS)

    assert isinstance(observed, EventObserved)
    assert observed.properties == {"total": "9.99"}


def test_a_heartbeat_is_understood_whatever_is_asked_for(vocabulary: Vocabulary) -> None:
    """What a heartbeat says is always read."""
    decoder = EventDecoder(vocabulary, max_clock_skew_ms=SKEW_MS, properties=())

    assert decoder.segment(heartbeat(source="orders"), NOW_MS) == WatermarkAdvanced("orders", NOW_MS)


def test_bounds_hold_for_what_is_asked_for(vocabulary: Vocabulary) -> None:
    """A property that is read is bounded in depth as ever."""
    decoder = EventDecoder(vocabulary, max_clock_skew_ms=SKEW_MS, properties=("deep",))
    nested: Any = 1
    for _ in range(NESTING_MAX + 1):
        nested = [nested]

    assert refused(decoder, segment(properties={"deep": nested}))[0] == "invalid_property"
