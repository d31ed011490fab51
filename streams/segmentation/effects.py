"""What the core wants done: values that the shell carries out.

Each effect is complete: the shell encodes and writes it, and decides nothing.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from streams.segmentation.timeline import EpochMs

Kind = Literal["entered", "exited", "retracted", "arbitration_changed", "eligibility_changed"]
"""The first three change a membership; the others say that it stands otherwise now (`streams/decisions/0010`)."""

MOVES: frozenset[Kind] = frozenset({"entered", "exited", "retracted"})
"""The kinds that change a membership."""

Origin = Literal["event", "timer", "late", "catchup", "consent"]


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


class Arbitration(msgspec.Struct, gc=False, frozen=True):
    """Where a membership stands in its arbitrated group: of all members one is active, that of the lowest rank."""

    group: str
    rank: int
    active: bool
    shadowed_by: str | None


class Stance(msgspec.Struct, gc=False, frozen=True):
    """What stands beside a membership and never changes it (SEMANTICS S12).

    Attributes:
        eligible_channels: where its segment may speak to the customer now.
        suppressions: the segments that silence it while they hold.
        arbitration: None outside an arbitrated group.
        arm: ``holdout`` or ``treatment``; empty where the definition holds nobody out.
    """

    eligible_channels: tuple[str, ...] = ()
    suppressions: tuple[str, ...] = ()
    arbitration: Arbitration | None = None
    arm: str = ""


class Membership(msgspec.Struct, gc=False, frozen=True):
    """One current membership of a customer: which segment, which version of it, since when, and how it stands.

    Attributes:
        active: no other member of its arbitrated group comes before it.
        shadowed_by: the one that does.
        eligible_channels, suppressions, arm: as in a `Stance`; None, () and empty where nothing stands beside the segment.
    """

    segment_id: str
    segment_version: int
    since_ms: EpochMs
    active: bool = True
    shadowed_by: str | None = None
    eligible_channels: tuple[str, ...] | None = None
    suppressions: tuple[str, ...] = ()
    arm: str = ""


def membership_of(segment_id: str, version: int, since_ms: EpochMs, stance: Stance | None) -> Membership:
    """Return the membership that stands like *stance*."""
    if stance is None:
        return Membership(segment_id, version, since_ms)
    channels, suppressions, arbitration = stance.eligible_channels, stance.suppressions, stance.arbitration
    active, shadow = (True, None) if arbitration is None else (arbitration.active, arbitration.shadowed_by)
    return Membership(segment_id, version, since_ms, active, shadow, channels, suppressions, stance.arm)


class MembershipsChanged(msgspec.Struct, gc=False):
    """All current memberships of one customer, after a change; empty when none is left."""

    shop_id: str
    customer_id: str
    memberships: list[Membership]
    updated_at_ms: EpochMs
