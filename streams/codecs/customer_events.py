"""Records of customer events → stimuli: Segment-spec JSON, compact JSON, and Avro.

Whatever bytes come in, either a stimulus comes out or a `RecordError` with its reason; nothing else is raised for the
content of a record. Nesting and size are bounded. Money stays as the producer wrote it, unknown properties are kept,
and whole numbers beyond 64 bits become text, because no state format could hold them as numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Annotated, Any, Final, Literal, Protocol, TypedDict

import msgspec

from streams.codecs.envelopes import Envelope, EnvelopeRules, Id, event_time
from streams.errors import RecordError, RecordReason
from streams.segmentation.stimuli import EventObserved, WatermarkAdvanced
from streams.segmentation.timeline import DurationMs, EpochMs
from streams.segmentation.vocabulary import Vocabulary

InputFormat = Literal["segment", "compact", "avro"]
Stimulus = EventObserved | WatermarkAdvanced
Decode = Callable[[bytes | None, EpochMs], Stimulus]
"""Record value, reference time (S3) → stimulus; raises `RecordError`."""

NESTING_MAX: Final = 8
"""Levels below a property; an order's items with their category paths need three."""

VALUE_BYTES_MAX: Final = 1_048_576
"""Largest record value that is decoded, in bytes."""

_INT64 = 1 << 63
_Whole = Annotated[int, msgspec.Meta(ge=-_INT64, le=_INT64 - 1)]


def _nested(levels: int) -> Any:
    value: Any = str | _Whole | float | bool | None
    for _ in range(levels):
        value = str | _Whole | float | bool | None | list[value] | dict[str, value]
    return value


_BOUNDED: Any = dict[str, _nested(NESTING_MAX)] | None  # type: ignore[misc]
_UNBOUNDED = dict[str, Any] | None


_HEARTBEAT = ("source", "watermark")


def _only(names: Collection[str]) -> Any:
    """Return the type of properties of which only *names*, and what a heartbeat says, are kept."""
    value = _nested(NESTING_MAX)
    make: Any = TypedDict  # by another name: its fields are known only here, which no checker has to follow
    return make("Properties", dict.fromkeys({*names, *_HEARTBEAT}, value), total=False) | None


def _segment_struct(properties: Any) -> type[msgspec.Struct]:
    fields = {
        "messageId": Id, "type": str | None, "event": str | None, "userId": Id, "anonymousId": Id,
        "timestamp": str | None, "properties": properties, "traits": properties, "shop_id": Id, "previousId": Id,
        "groupId": Id, "name": str | None,
    }  # fmt: skip
    return msgspec.defstruct(
        "SegmentMessage", [(name, kind, None) for name, kind in fields.items()], gc=False
    )


def _compact_struct(properties: Any) -> type[msgspec.Struct]:
    fields = {
        "event_id": Id, "type": str | None, "occurred_at": int | None, "customer_id": Id, "properties": properties,
        "shop_id": Id,
    }  # fmt: skip
    return msgspec.defstruct(
        "CompactMessage", [(name, kind, None) for name, kind in fields.items()], gc=False
    )


_SPEC_CALLS = {
    "page": "Page Viewed",
    "screen": "Page Viewed",
    "identify": "identify",
    "alias": "alias",
    "group": "group",
}
_REASONS: dict[str, RecordReason] = {
    "messageId": "missing_event_id", "event_id": "missing_event_id", "type": "missing_event_type",
    "event": "missing_event_type", "userId": "missing_customer", "anonymousId": "missing_customer",
    "customer_id": "missing_customer", "timestamp": "invalid_timestamp", "occurred_at": "invalid_timestamp",
    "properties": "invalid_property", "traits": "invalid_property", "shop_id": "invalid_property",
    "previousId": "invalid_property", "groupId": "invalid_property", "name": "invalid_property",
}  # fmt: skip
_FIELD = re.compile(r" - at `\$\.(\w+)")


class AvroReader(Protocol):
    """Reads an Avro record into the fields of `schemas/customer_event.avsc` (`streams.codecs.avro`)."""

    def read(self, value: bytes) -> dict[str, Any]:
        """Return the fields, times in milliseconds; raises `RecordError`."""


class EventDecoder:
    """Decodes the values of input records.

    A decoder's methods have the signature `Decode`; take one by `of(format)` and call it for each record.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        max_clock_skew_ms: DurationMs,
        avro: AvroReader | None = None,
        properties: Collection[str] | None = None,
        value_bytes_max: int = VALUE_BYTES_MAX,
    ) -> None:
        """Make a decoder.

        Args:
            vocabulary: the events that are understood.
            max_clock_skew_ms: how far ahead of its reference an event may be.
            avro: reads Avro; needed for that format only.
            properties: the only properties that anybody will ask for; JSON is skimmed over the others, which is
                most of the work of decoding. None keeps all.
            value_bytes_max: a larger value is refused undecoded.
        """
        self._rules = EnvelopeRules(vocabulary, max_clock_skew_ms=max_clock_skew_ms)
        self._avro = avro
        self._bytes_max = value_bytes_max
        kept = _BOUNDED if properties is None else _only(properties)
        self._segment = msgspec.json.Decoder(_segment_struct(kept)).decode
        self._compact = msgspec.json.Decoder(_compact_struct(kept)).decode

    def of(self, input_format: InputFormat) -> Decode:
        """Return the method that decodes *input_format*; raises ValueError for an unknown one."""
        decoders: dict[str, Decode] = {"segment": self.segment, "compact": self.compact, "avro": self.avro}
        if input_format not in decoders or (input_format == "avro" and self._avro is None):
            raise ValueError(f"cannot decode the input format {input_format!r}")
        return decoders[input_format]

    def segment(self, value: bytes | None, reference_ms: EpochMs) -> Stimulus:
        """Decode a JSON message of the Segment spec (track, identify, page, screen, alias, group).

        Args:
            value: the record's value.
            reference_ms: the time that the event may be ahead of by the clock skew.

        Raises:
            RecordError: the value is no such message, something is missing, or its time is too far ahead.
        """
        try:
            if value is None or len(value) > self._bytes_max:
                raise self._unfit(value)
            raw: Any = self._segment(value)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raw = _decode_again(value, _segment_struct, error)
        properties = raw.properties
        if properties is None:
            properties = {}
        name = raw.event if raw.type == "track" else _spec_call(raw, properties)
        text = raw.timestamp
        return self._rules.stimulus(
            Envelope(raw.messageId, raw.userId or raw.anonymousId, raw.shop_id, properties),
            name,
            event_time(text) if text else None,
            reference_ms,
        )

    def compact(self, value: bytes | None, reference_ms: EpochMs) -> Stimulus:
        """Decode ``{"event_id", "type", "occurred_at" (epoch ms), "customer_id", "shop_id", "properties"}``.

        Args:
            value: the record's value.
            reference_ms: the time that the event may be ahead of by the clock skew.

        Raises:
            RecordError: the value is no such object, something is missing, or its time is too far ahead.
        """
        try:
            if value is None or len(value) > self._bytes_max:
                raise self._unfit(value)
            raw: Any = self._compact(value)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raw = _decode_again(value, _compact_struct, error)
        return self._rules.stimulus(
            Envelope(
                raw.event_id, raw.customer_id, raw.shop_id, {} if raw.properties is None else raw.properties
            ),
            raw.type,
            raw.occurred_at,
            reference_ms,
        )

    def avro(self, value: bytes | None, reference_ms: EpochMs) -> Stimulus:
        """Decode an Avro record of `schemas/customer_event.avsc`, or of a schema that resolves to it.

        Args:
            value: the record's value, in Confluent's framing.
            reference_ms: the time that the event may be ahead of by the clock skew.

        Raises:
            RecordError: the bytes do not fit their schema, something is missing, or its time is too far ahead.
            OperationError: the schema registry cannot be asked; the record itself may be fine.
        """
        if value is None or len(value) > self._bytes_max:
            raise self._unfit(value)
        assert self._avro is not None, "an Avro reader is needed to decode Avro"
        raw = self._avro.read(value)
        return self._rules.stimulus(
            Envelope(
                raw["event_id"],
                raw["user_id"] or raw["anonymous_id"],
                raw["shop_id"] or None,
                raw["properties"],
            ),
            raw["event"],
            raw["timestamp"],
            reference_ms,
        )

    def _unfit(self, value: bytes | None) -> RecordError:
        if value is None:
            return RecordError("undecodable", "the record has no value")
        return RecordError(
            "too_large", f"the value has {len(value)} bytes; at most {self._bytes_max} are decoded"
        )


def _spec_call(raw: Any, properties: dict[str, Any]) -> str | None:
    """Return the event that a message other than ``track`` stands for, and complete its properties in place."""
    call = (raw.type or "track").strip().lower()
    if call == "track":
        event: str | None = raw.event
        return event
    if call not in _SPEC_CALLS:
        raise RecordError("unknown_event", f"no message type is called {call[:80]!r}")
    if raw.traits:
        properties.update(raw.traits)
    for field in ("previousId", "groupId", "name"):
        value = getattr(raw, field)
        if value is not None:
            properties.setdefault(field, value)
    return _SPEC_CALLS[call]


def _decode_again(
    value: bytes | None, struct: Callable[[Any], type[msgspec.Struct]], error: Exception
) -> Any:
    """Return the message when only a number was too large for 64 bits; else raise what the refusal means."""
    if isinstance(error, msgspec.ValidationError):
        found = _FIELD.search(str(error))
        field = found.group(1) if found else ""
        if value is not None and field in ("properties", "traits") and "Expected `int` " in str(error):
            return _with_large_numbers(value, struct)
        raise RecordError(_REASONS.get(field, "undecodable"), str(error)[:300]) from None
    if isinstance(error, RecursionError):
        raise RecordError("undecodable", "nested too deeply") from None
    raise RecordError("undecodable", f"no JSON text: {error}"[:300]) from None


def _with_large_numbers(value: bytes, struct: Callable[[Any], type[msgspec.Struct]]) -> Any:
    try:
        raw: Any = msgspec.json.decode(value, type=struct(_UNBOUNDED))
        for name in ("properties", "traits"):
            if getattr(raw, name, None):
                setattr(raw, name, _without_large_numbers(getattr(raw, name), 0))
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise RecordError("invalid_property", str(error)[:300]) from None
    return raw


def _without_large_numbers(value: Any, level: int) -> Any:
    if level > NESTING_MAX:
        raise ValueError(f"nested deeper than {NESTING_MAX} levels")
    if isinstance(value, dict):
        return {name: _without_large_numbers(one, level + 1) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_large_numbers(one, level + 1) for one in value]
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        return str(value)
    return value
