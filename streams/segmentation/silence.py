"""Which segments are silent, because their windows reach back before anything was watched, and until when (S10)."""

from __future__ import annotations

from streams.segmentation.plans import Coverage, Plan
from streams.segmentation.timeline import BEFORE_ALL, NEVER, EpochMs


def silent_segments(plan: Plan, coverage: Coverage, now_ms: EpochMs) -> dict[str, EpochMs]:
    """Return segment id → until when evidence from before the coverage could decide it otherwise.

    Until then the segment stays as it is for every customer of whom nothing seen decides it. `NEVER`: it looks back for
    ever, or one of its sources has not been seen yet.
    """
    since = dict(zip(plan.sources, coverage, strict=True))
    found = {}
    for machine in plan.machines:
        for member in machine.members:
            ends = [
                NEVER if NEVER in (since[source], reach_ms) else since[source] + reach_ms
                for source, reach_ms in member.reaches.items()
                if since[source] > BEFORE_ALL  # else all of it is known
            ]
            until = max(ends, default=now_ms)
            if until > now_ms:
                found[member.segment_id] = until
    return found
