"""What is on the wire today, byte for byte: a change here is a change for every consumer."""

from __future__ import annotations

from streams.codecs.avro import event_codec, output_codecs
from streams.codecs.schema_sources import MemorySchemas
from streams.codecs.transitions import TransitionEncoder
from streams.segmentation.effects import Clause, Membership, MembershipsChanged
from streams.segmentation.transitions import Transition

TRANSITION = Transition(
    "6f1c0d4a9b7e4c55a1d3f0b2c4e6a812", "berlin", "c-1001", "cart.abandon", 1, "entered", "timer",
    1_772_460_431_250, 1_772_461_331_300, 1_772_461_331_250, 1, "timer", valid_until_ms=1_772_545_031_250,
    clauses=[Clause("did Product Added within 24h", "true", "2026-03-02T13:37:11.250Z")],
    context={"cart_id": '"c-77"', "items": '[{"product_id":"p-1"}]'},
)  # fmt: skip
MEMBERSHIPS = MembershipsChanged(
    "berlin", "c-1001", [Membership("buyer.first_time", 1, 1_772_458_631_250)], 1_772_458_632_000
)
EVENT = {
    "event_id": "m-1", "event": "Product Viewed", "timestamp": 1_772_458_631_250, "user_id": None,
    "anonymous_id": "a-1", "shop_id": "berlin", "properties": {"product_id": "p-1", "price": "29.90", "quantity": 2},
}  # fmt: skip


def avro() -> TransitionEncoder:
    """Return the encoder of Avro with derived ids."""
    return TransitionEncoder("avro", avro=output_codecs(MemorySchemas(), transitions="t", memberships="m"))


def test_a_transition_in_json() -> None:
    """The JSON of a transition, field by field."""
    assert TransitionEncoder().transition(TRANSITION) == (
        b'{"transition_id":"6f1c0d4a9b7e4c55a1d3f0b2c4e6a812","shop_id":"berlin","customer_id":"c-1001",'
        b'"segment_id":"cart.abandon","segment_version":1,"kind":"entered","origin":"timer",'
        b'"occurred_at":"2026-03-02T14:07:11.250Z","emitted_at":"2026-03-02T14:22:11.300Z",'
        b'"watermark":"2026-03-02T14:22:11.250Z","sequence":1,"cause":"timer","retracts":null,"entered_at":null,'
        b'"valid_until":"2026-03-03T13:37:11.250Z","clauses":[{"text":"did Product Added within 24h",'
        b'"truth":"true","value":"2026-03-02T13:37:11.250Z"}],"context":{"cart_id":"c-77","items":[{"product_id":"p-1"}]}}'
    )


def test_memberships_in_json() -> None:
    """The JSON of a customer's memberships."""
    assert TransitionEncoder().memberships(MEMBERSHIPS) == (
        b'{"shop_id":"berlin","customer_id":"c-1001","memberships":[{"segment_id":"buyer.first_time",'
        b'"segment_version":1,"since":"2026-03-02T13:37:11.250Z"}],"updated_at":"2026-03-02T13:37:12.000Z"}'
    )


def test_a_transition_in_avro() -> None:
    """The Avro of a transition: framing, derived id and body."""
    assert avro().transition(TRANSITION).hex() == TRANSITION_HEX


def test_memberships_in_avro() -> None:
    """The Avro of a customer's memberships."""
    assert (avro().memberships(MEMBERSHIPS) or b"").hex() == MEMBERSHIPS_HEX


def test_an_event_in_avro() -> None:
    """The Avro of an event."""
    assert event_codec(MemorySchemas(), "t").write(EVENT).hex() == EVENT_HEX


TRANSITION_HEX = (
    "006d6453f04036663163306434613962376534633535613164336630623263346536613831320c6265726c69"
    "6e0c632d3130303118636172742e6162616e646f6e020e656e74657265640a74696d6572a4defeed9567c8cd"
    "ecee956702e4ccecee9567020a74696d6572000002a4f1d5be966702386469642050726f6475637420416464"
    "65642077697468696e20323468087472756530323032362d30332d30325431333a33373a31312e3235305a00"
    "040e636172745f69640c22632d3737220a6974656d732c5b7b2270726f647563745f6964223a22702d31227d"
    "5d00"
)
MEMBERSHIPS_HEX = (
    "0049c2dfdc0c6265726c696e0c632d31303031022062757965722e66697273745f74696d6502a481a3ec956700808da3ec9567"
)
EVENT_HEX = (
    "00013982d6066d2d311c50726f6475637420566965776564a481a3ec9567000206612d310c6265726c696e0614"
    "70726f647563745f69640806702d310a7072696365080a32392e3930107175616e74697479040400"
)
