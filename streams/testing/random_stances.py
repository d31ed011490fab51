"""Random definitions that say what stands beside memberships: arbitrated groups, channels, suppressions, holdouts."""

from __future__ import annotations

import msgspec

from streams.segmentation.conditions import AgeRange, All, Condition, Consent, Last, Not, Performed
from streams.segmentation.definitions import (
    Catalogue,
    Channel,
    GroupDefinition,
    Holdout,
    SegmentDefinition,
)
from streams.testing.histories import History, random_catalogue, random_history
from streams.testing.random_conditions import FACTS, TICK_MS, Choose

VIEWED = Last("Product Viewed", AgeRange(0, 4 * TICK_MS))
WHENS: tuple[Condition, ...] = (
    VIEWED,
    Last("Product Viewed", AgeRange(2 * TICK_MS, 6 * TICK_MS)),
    Last("Product Added", AgeRange(0, 3 * TICK_MS)),
    All((VIEWED, Not(Performed("Order Completed", age=AgeRange(0, 2 * TICK_MS))))),
    Performed("orders", age=AgeRange(0, 5 * TICK_MS)),
    Last("Email Subscribed", AgeRange(0, 4 * TICK_MS)),
    Consent("email", "granted", None, grants=("Email Subscribed",), denials=("Email Unsubscribed",)),
)
"""Conditions that are true often and shortly, so that memberships meet."""

CHANNELS: tuple[tuple[Channel, ...], ...] = (("email",), ("sms", "email"), (), ("push",))
HOLDOUTS = (None, None, Holdout(500_000, "x"), Holdout(500_000, "y"), Holdout(0, "z"))


def accompanied(choose: Choose, catalogue: Catalogue) -> Catalogue:
    """Return *catalogue* with something to stand beside the memberships of its segments."""
    names = [segment.segment_id for segment in catalogue.segments]
    partition = {group.name for group in catalogue.groups}
    segments = []
    for segment in catalogue.segments:
        others = [*(name for name in names if name != segment.segment_id), "A", *sorted(partition)]
        alone = segment.group is None
        group = choose(("A", "A", "B", None)) if alone else segment.group
        segments.append(
            msgspec.structs.replace(
                segment,
                group=group,
                rank=choose((1, 2, 2, 3, 0)) if alone else segment.rank,
                channels=choose(CHANNELS),
                suppresses=choose(((), (), *((other,) for other in others))),
                holdout=choose(HOLDOUTS),
            )
        )
    groups = (*catalogue.groups, GroupDefinition("A", "arbitrated"), GroupDefinition("B", "arbitrated"))
    return msgspec.structs.replace(catalogue, groups=groups, segments=tuple(segments))


def meeting(choose: Choose) -> Catalogue:
    """Choose two to four segments that are true often and shortly."""
    return Catalogue(
        facts=FACTS,
        segments=tuple(
            SegmentDefinition(
                f"s{place}",
                place,
                f"s{place}",
                choose(WHENS),
                dwell_ms=choose((0, 0, 1)) * TICK_MS,
                grace_ms=choose((0, 0, 2)) * TICK_MS,
                gated=choose((True, True, False)),
                min_membership_ms=choose((0, 0, 3)) * TICK_MS,
            )
            for place in range(1, 1 + choose((2, 3, 4)))
        ),
    )


def history_with_stances(choose: Choose) -> History:
    """Choose definitions with something beside their memberships, and what happens to them."""
    catalogue = meeting(choose) if choose((True, True, False)) else random_catalogue(choose)
    return random_history(choose, accompanied(choose, catalogue))
