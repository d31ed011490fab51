"""What generated code may call beyond its preamble: imported where it is used, so that a small plan stays small."""

from __future__ import annotations

import re

MODULES = {
    "streams.segmentation.aggregates": ("average", "distinct", "greatest", "least", "share", "total"),
    "streams.segmentation.cadence": ("bucket_of", "by_value", "cadence", "hash_of", "in_looked_up"),
    "streams.segmentation.calendars": ("between_days", "customer_zone", "is_now", "local", "period"),
    "streams.segmentation.conditions": ("Filter",),
    "streams.segmentation.filters": (
        *("consent_state", "each", "each_of", "newest_passes", "number_at", "number_of"),
    ),
    "streams.segmentation.profiles": ("DoorState",),
    "streams.segmentation.sequences": (
        *("StepEntries", "chain_in_range", "chains", "first_of", "periods_hit", "resumed"),
    ),
}

_BEHIND = "from streams.segmentation.truth import WORDS\n"


def with_imports(source: str) -> str:
    """Return *source* with the imports of what it calls, behind those of the preamble."""
    words = set(re.findall(r"[A-Za-z_]\w*", source))
    lines = ""
    for module, names in MODULES.items():
        used = [name for name in names if name in words]
        if used:
            lines += f"from {module} import {', '.join(used)}\n"
    return source.replace(_BEHIND, _BEHIND + lines, 1)
