"""Transitions and memberships on the wire: complete, stable and the same when read back, in both formats."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.codecs.avro import output_codecs
from streams.codecs.schema_sources import MemorySchemas
from streams.codecs.transitions import (
    TransitionEncoder,
    backtest_line,
    memberships_from_json,
    transition_from_json,
)
from streams.segmentation.effects import Clause, Membership, MembershipsChanged
from streams.segmentation.timeline import BEFORE_ALL, NEVER
from streams.segmentation.transitions import Transition

ENTERED = Transition(
    "6f1c0d4a9b7e4c55a1d3f0b2c4e6a812", "berlin", "c-1", "cart.abandon", 1, "entered", "timer",
    1_772_460_431_250, 1_772_461_331_300, 1_772_461_331_250, 1, "timer", valid_until_ms=1_772_545_031_250,
    clauses=[Clause("did Product Added within 24h", "true", "2026-03-02T13:37:11.250Z"), Clause("no order", "true", "")],
    context={"cart_id": '"c-77"', "items": '[{"product_id":"p-1","price":9.9}]', "long": "null"},
)  # fmt: skip
RETRACTED = Transition(
    "00112233445566778899aabbccddeeff", "berlin", "c-1", "cart.abandon", 1, "retracted", "late",
    1_772_460_431_250, 1_772_461_331_300, BEFORE_ALL, 2, "order-1", ENTERED.transition_id, 1_772_460_431_250,
)  # fmt: skip
CHANGED = MembershipsChanged(
    "berlin",
    "c-1",
    [Membership("buyer.repeat", 2, 1_772_458_631_250), Membership("value.vip", 1, 0)],
    1_772_458_632_000,
)


@pytest.fixture(params=["json", "avro"])
def encoder(request: pytest.FixtureRequest) -> TransitionEncoder:
    """An encoder of each format."""
    codecs = output_codecs(MemorySchemas(), transitions="t", memberships="m")
    return TransitionEncoder(request.param, avro=codecs)


@pytest.mark.parametrize("transition", [ENTERED, RETRACTED], ids=["entered", "retracted"])
def test_a_transition_survives(encoder: TransitionEncoder, transition: Transition) -> None:
    """What is read is what was written, unset fields included."""
    assert transition == encoder.read_transition(encoder.transition(transition))


def test_memberships_survive(encoder: TransitionEncoder) -> None:
    """What is read is what was written."""
    value = encoder.memberships(CHANGED)

    assert value is not None
    assert encoder.read_memberships(value) == CHANGED


def test_no_membership_is_a_tombstone(encoder: TransitionEncoder) -> None:
    """When no membership is left, the compacted topic gets a null value."""
    assert encoder.memberships(MembershipsChanged("berlin", "c-1", [], 1)) is None


def test_text_of_any_kind(encoder: TransitionEncoder) -> None:
    """Ids may hold quotes, control characters and any script."""
    odd = ENTERED.replaced(customer_id='"\\\n\x00é日本', clauses=[Clause("{", "}", "€")])

    assert odd == encoder.read_transition(encoder.transition(odd))


@pytest.mark.parametrize("valid_until_ms", [None, NEVER])
def test_no_end_ahead(encoder: TransitionEncoder, valid_until_ms: int | None) -> None:
    """A membership that time alone does not end has no valid_until."""
    value = encoder.transition(ENTERED.replaced(valid_until_ms=valid_until_ms))

    assert encoder.read_transition(value).valid_until_ms is None


def test_what_was_written_before_there_was_a_context() -> None:
    """A transition without the field carries nothing."""
    value = backtest_line(RETRACTED).replace(b',"context":{}', b"")

    assert b"context" not in value
    assert transition_from_json(value) == RETRACTED


def test_the_line_of_a_backtest() -> None:
    """The line is one JSON object without line ends: fixed names in a fixed order, RFC 3339 times, null for unset."""
    line = backtest_line(RETRACTED)

    assert b"\n" not in line
    assert list(json.loads(line).items()) == [
        ("transition_id", "00112233445566778899aabbccddeeff"),
        ("shop_id", "berlin"),
        ("customer_id", "c-1"),
        ("segment_id", "cart.abandon"),
        ("segment_version", 1),
        ("kind", "retracted"),
        ("origin", "late"),
        ("occurred_at", "2026-03-02T14:07:11.250Z"),
        ("emitted_at", "2026-03-02T14:22:11.300Z"),
        ("watermark", None),
        ("sequence", 2),
        ("cause", "order-1"),
        ("retracts", "6f1c0d4a9b7e4c55a1d3f0b2c4e6a812"),
        ("entered_at", "2026-03-02T14:07:11.250Z"),
        ("valid_until", None),
        ("clauses", []),
        ("context", {}),
    ]


def test_both_formats_have_the_same_fields() -> None:
    """The names of the JSON object are the names of the Avro record, in the same order."""
    codecs = output_codecs(MemorySchemas(), transitions="t", memberships="m")
    written: dict[str, Any] = codecs.transitions.read(
        TransitionEncoder("avro", avro=codecs).transition(ENTERED)
    )

    assert list(written) == list(json.loads(TransitionEncoder().transition(ENTERED)))


@pytest.mark.parametrize("value", [b"", b"{}", b"\x00", b'{"transition_id": 1}'])
def test_what_is_no_output_record(value: bytes) -> None:
    """Reading anything else raises ValueError."""
    for read in (transition_from_json, memberships_from_json):
        with pytest.raises(ValueError, match=r".+"):
            read(value)


def test_avro_needs_its_schemas() -> None:
    """Avro without codecs is refused at once, not at the first record."""
    with pytest.raises(ValueError, match="avro"):
        TransitionEncoder("avro")
