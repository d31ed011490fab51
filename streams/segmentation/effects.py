"""What the core wants done: values that the shell carries out.

Each effect is complete: the shell encodes and writes it, and decides nothing.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from streams.segmentation.timeline import EpochMs

Kind = Literal["entered", "exited", "retracted"]
Origin = Literal["event", "timer", "late", "catchup"]


class Clause(msgspec.Struct, gc=False, frozen=True):
    """One clause of the definition as it stood at the transition.

    Attributes:
        text: the clause in words, e.g. ``did Checkout Started within 2h``.
        truth: ``true``, ``false`` or ``unknown``.
        value: the evidence: a time (RFC 3339), a count or an amount, as text; empty when there is none.
    """

    text: str
    truth: str
    value: str


class Transition(msgspec.Struct, gc=False):
    """A customer entered or left a segment, or an entry proved never to have been true.

    Attributes:
        transition_id: 32 hex digits; the same input gives the same id for ever (SEMANTICS S17).
        kind: ``entered``, ``exited`` or ``retracted``.
        origin: what brought it about: ``event``, ``timer``, ``late`` or ``catchup``.
        occurred_at_ms: event time at which it became true.
        emitted_at_ms: clock of the run when it was decided (wall clock live, stream time in replays).
        watermark_ms: watermark of the segment's gate when it was decided.
        sequence: counts the transitions of this customer and segment, from 1.
        cause: the event id that caused it, or ``timer``.
        retracts: transition id of the entry that a retraction takes back, else empty.
        entered_at_ms: for exits and retractions, when the membership began; else None.
        valid_until_ms: next instant at which time alone may change it; None when there is none.
        clauses: the definition's clauses with their values at `occurred_at_ms`.
        context: what the definition asks for of the customer's newest events by then: name → JSON text.
    """

    transition_id: str
    shop_id: str
    customer_id: str
    segment_id: str
    segment_version: int
    kind: Kind
    origin: Origin
    occurred_at_ms: EpochMs
    emitted_at_ms: EpochMs
    watermark_ms: EpochMs
    sequence: int
    cause: str
    retracts: str = ""
    entered_at_ms: EpochMs | None = None
    valid_until_ms: EpochMs | None = None
    clauses: list[Clause] = []
    context: dict[str, str] = {}


class Membership(msgspec.Struct, gc=False, frozen=True):
    """One current membership of a customer: which segment, which version of it, since when."""

    segment_id: str
    segment_version: int
    since_ms: EpochMs


class MembershipsChanged(msgspec.Struct, gc=False):
    """All current memberships of one customer, after a change; empty when none is left."""

    shop_id: str
    customer_id: str
    memberships: list[Membership]
    updated_at_ms: EpochMs
