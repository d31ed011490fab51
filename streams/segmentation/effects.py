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
