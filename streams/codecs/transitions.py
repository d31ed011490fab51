"""Effects of the core → output records: transitions and memberships, as JSON or Avro; and back again.

Names are those of `streams.segmentation.effects`, times without the suffix ``_ms``: RFC 3339 text in JSON,
timestamp-millis in Avro. In JSON every field is always there; what is not set is null. The same transition gives the
same bytes for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol

import msgspec
from msgspec import Raw

from streams.codecs.output_texts import MembershipsText, MembershipText, TransitionText
from streams.codecs.times import EARLIEST_MS, LATEST_MS, read_time, write_time
from streams.segmentation.effects import Clause, Membership, MembershipsChanged
from streams.segmentation.timeline import BEFORE_ALL, EpochMs
from streams.segmentation.transitions import Transition

OutputFormat = Literal["avro", "json"]


class RecordCodec(Protocol):
    """Writes and reads one kind of Avro record in the wire's framing (`streams.codecs.avro`)."""

    def write(self, fields: dict[str, Any]) -> bytes:
        """Return the framed bytes of *fields*."""

    def read(self, value: bytes) -> dict[str, Any]:
        """Return the fields; raises `RecordError` when *value* is none of this record's."""


class AvroOutputs(NamedTuple):
    """The Avro records of the two output topics."""

    transitions: RecordCodec
    memberships: RecordCodec


_encode = msgspec.json.Encoder().encode
_decode_transition = msgspec.json.Decoder(TransitionText).decode
_decode_memberships = msgspec.json.Decoder(MembershipsText).decode


def _optional(instant_ms: EpochMs | None) -> str | None:
    """Return the text of an instant; null for none, and for the two that lie before and after all time."""
    if instant_ms is None or not EARLIEST_MS <= instant_ms <= LATEST_MS:
        return None
    return write_time(instant_ms)


def transition_json(transition: Transition) -> bytes:
    """Return *transition* as one JSON object."""
    occurred_ms, emitted_ms = transition.occurred_at_ms, transition.emitted_at_ms
    watermark_ms, entered_ms = transition.watermark_ms, transition.entered_at_ms
    occurred = write_time(occurred_ms)
    emitted = occurred if emitted_ms == occurred_ms else write_time(emitted_ms)
    # Nearly always one of the two before: a text costs more than a comparison.
    watermark = emitted if watermark_ms == emitted_ms else _optional(watermark_ms)
    return _encode(
        TransitionText(
            transition.transition_id,
            transition.shop_id,
            transition.customer_id,
            transition.segment_id,
            transition.segment_version,
            transition.kind,
            transition.origin,
            occurred,
            emitted,
            watermark,
            transition.sequence,
            transition.cause,
            transition.retracts or None,
            None if entered_ms is None else _optional(entered_ms),
            _optional(transition.valid_until_ms),
            transition.clauses,
            {name: Raw(text.encode()) for name, text in transition.context.items()}
            if transition.context
            else {},
        )
    )


def backtest_line(transition: Transition) -> bytes:
    """Return *transition* as the line of a backtest's output: the object of the topic, without a line end."""
    return transition_json(transition)


def transition_from_json(value: bytes) -> Transition:
    """Return the transition that `transition_json` wrote; raises ValueError for anything else."""
    text = _decode_transition(value)
    return Transition(
        text.transition_id,
        text.shop_id,
        text.customer_id,
        text.segment_id,
        text.segment_version,
        text.kind,
        text.origin,
        read_time(text.occurred_at),
        read_time(text.emitted_at),
        BEFORE_ALL if text.watermark is None else read_time(text.watermark),
        text.sequence,
        text.cause,
        text.retracts or "",
        None if text.entered_at is None else read_time(text.entered_at),
        None if text.valid_until is None else read_time(text.valid_until),
        text.clauses,
        {name: bytes(raw).decode() for name, raw in text.context.items()},
    )


def memberships_json(changed: MembershipsChanged) -> bytes | None:
    """Return the memberships as one JSON object; None, the tombstone, when there are none."""
    if not changed.memberships:
        return None
    memberships = [
        MembershipText(one.segment_id, one.segment_version, write_time(one.since_ms))
        for one in changed.memberships
    ]
    return _encode(
        MembershipsText(changed.shop_id, changed.customer_id, memberships, write_time(changed.updated_at_ms))
    )


def memberships_from_json(value: bytes) -> MembershipsChanged:
    """Return the memberships that `memberships_json` wrote; raises ValueError for anything else."""
    text = _decode_memberships(value)
    memberships = [
        Membership(one.segment_id, one.segment_version, read_time(one.since)) for one in text.memberships
    ]
    return MembershipsChanged(text.shop_id, text.customer_id, memberships, read_time(text.updated_at))


def _transition_fields(transition: Transition) -> dict[str, Any]:
    """Return the fields of `schemas/segment_transition.avsc`."""
    known = EARLIEST_MS <= transition.watermark_ms <= LATEST_MS
    until_ms = transition.valid_until_ms
    return {
        "transition_id": transition.transition_id,
        "shop_id": transition.shop_id,
        "customer_id": transition.customer_id,
        "segment_id": transition.segment_id,
        "segment_version": transition.segment_version,
        "kind": transition.kind,
        "origin": transition.origin,
        "occurred_at": transition.occurred_at_ms,
        "emitted_at": transition.emitted_at_ms,
        "watermark": transition.watermark_ms if known else None,
        "sequence": transition.sequence,
        "cause": transition.cause,
        "retracts": transition.retracts or None,
        "entered_at": transition.entered_at_ms,
        "valid_until": until_ms if until_ms is not None and until_ms <= LATEST_MS else None,
        "clauses": [{"text": one.text, "truth": one.truth, "value": one.value} for one in transition.clauses],
        "context": transition.context,
    }


def _transition_from_fields(fields: dict[str, Any]) -> Transition:
    return Transition(
        fields["transition_id"],
        fields["shop_id"],
        fields["customer_id"],
        fields["segment_id"],
        fields["segment_version"],
        fields["kind"],
        fields["origin"],
        fields["occurred_at"],
        fields["emitted_at"],
        BEFORE_ALL if fields["watermark"] is None else fields["watermark"],
        fields["sequence"],
        fields["cause"],
        fields["retracts"] or "",
        fields["entered_at"],
        fields["valid_until"],
        [Clause(one["text"], one["truth"], one["value"]) for one in fields["clauses"]],
        fields["context"],
    )


def _memberships_fields(changed: MembershipsChanged) -> dict[str, Any]:
    """Return the fields of `schemas/segment_membership.avsc`."""
    return {
        "shop_id": changed.shop_id,
        "customer_id": changed.customer_id,
        "memberships": [
            {"segment_id": one.segment_id, "segment_version": one.segment_version, "since": one.since_ms}
            for one in changed.memberships
        ],
        "updated_at": changed.updated_at_ms,
    }


def _memberships_from_fields(fields: dict[str, Any]) -> MembershipsChanged:
    return MembershipsChanged(
        fields["shop_id"],
        fields["customer_id"],
        [
            Membership(one["segment_id"], one["segment_version"], one["since"])
            for one in fields["memberships"]
        ],
        fields["updated_at"],
    )


class TransitionEncoder:
    """Encodes the two output records in one format, and decodes them again.

    Attributes:
        transition: `Transition` → record value.
        memberships: `MembershipsChanged` → record value; None, the tombstone, when no membership is left.
        read_transition, read_memberships: the way back, for those who consume our topics.
    """

    transition: Callable[[Transition], bytes]
    memberships: Callable[[MembershipsChanged], bytes | None]
    read_transition: Callable[[bytes], Transition]
    read_memberships: Callable[[bytes], MembershipsChanged]

    def __init__(self, output_format: OutputFormat = "json", *, avro: AvroOutputs | None = None) -> None:
        """Take the format; raises ValueError when it is Avro and *avro* is missing."""
        if output_format == "json":
            self.transition, self.read_transition = transition_json, transition_from_json
            self.memberships, self.read_memberships = memberships_json, memberships_from_json
        elif avro is not None:
            transitions, memberships = avro.transitions, avro.memberships
            self.transition = lambda one: transitions.write(_transition_fields(one))
            self.read_transition = lambda value: _transition_from_fields(transitions.read(value))
            self.memberships = lambda one: (
                memberships.write(_memberships_fields(one)) if one.memberships else None
            )
            self.read_memberships = lambda value: _memberships_from_fields(memberships.read(value))
        else:
            raise ValueError(f"cannot encode the output format {output_format!r}")
