"""What the oracle tells: transitions as values of its own."""

from __future__ import annotations

from dataclasses import dataclass

from streams.segmentation.effects import Kind, Origin, Stance
from streams.segmentation.timeline import EpochMs


@dataclass(frozen=True)
class OracleTransition:
    """One transition as the oracle expects it.

    Attributes:
        customer: the profile's key, ``shop_id/customer_id``.
        version: of the segment's definition.
        occurred_at_ms: event time at which it became true.
        cause: the event id that caused it, or ``timer``.
        sequence: counts the transitions of this customer and segment, from 1.
        retracts: segment and sequence of the entry that a retraction takes back.
        entered_at_ms: for exits and retractions, since when the membership was; for changes of how it stands, is.
        stance: how the membership stands from then on; None where nothing stands beside the segment.
    """

    customer: str
    segment_id: str
    version: int
    kind: Kind
    origin: Origin
    occurred_at_ms: EpochMs
    cause: str
    sequence: int
    retracts: tuple[str, int] | None = None
    entered_at_ms: EpochMs | None = None
    stance: Stance | None = None
