"""The output records as JSON objects. Apart from the code that fills them, which may be compiled: types are read here."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from streams.segmentation.effects import Arbitration, Clause, Kind, Origin


class TransitionText(msgspec.Struct, gc=False):
    """A transition in JSON; the order of the fields is the order in the text.

    The last four are left out where nothing stands beside the segment.
    """

    transition_id: str
    shop_id: str
    customer_id: str
    segment_id: str
    segment_version: int
    kind: Kind
    origin: Origin
    occurred_at: str
    emitted_at: str
    watermark: str | None
    sequence: int
    cause: str
    retracts: str | None
    entered_at: str | None
    valid_until: str | None
    clauses: list[Clause]
    context: dict[str, msgspec.Raw] = {}
    eligible_channels: tuple[str, ...] | UnsetType = UNSET
    suppressions: tuple[str, ...] | UnsetType = UNSET
    arbitration: Arbitration | UnsetType | None = UNSET
    arm: str | UnsetType | None = UNSET


class MembershipText(msgspec.Struct, gc=False):
    """One membership in JSON; what stands beside it is left out where nothing does."""

    segment_id: str
    segment_version: int
    since: str
    active: bool | UnsetType = UNSET
    shadowed_by: str | UnsetType | None = UNSET
    eligible_channels: tuple[str, ...] | UnsetType = UNSET
    suppressions: tuple[str, ...] | UnsetType = UNSET
    arm: str | UnsetType | None = UNSET


class MembershipsText(msgspec.Struct, gc=False):
    """All memberships of a customer in JSON."""

    shop_id: str
    customer_id: str
    memberships: list[MembershipText]
    updated_at: str
