"""What generated code may call beyond its preamble, imported where it is used; and how it is executed."""

from __future__ import annotations

import linecache
import re
from typing import Any

from streams.catalogue.ahead import loaded_ahead
from streams.segmentation.journals import JournalSpec

MODULES = {
    "streams.segmentation.aggregates": ("average", "distinct", "greatest", "least", "share", "total"),
    "streams.segmentation.cadence": ("bucket_of", "by_value", "cadence", "hash_of", "in_looked_up"),
    "streams.segmentation.calendars": ("between_days", "customer_zone", "is_now", "local", "period"),
    "streams.segmentation.conditions": ("Filter",),
    "streams.segmentation.filters": (
        *("consent_state", "each", "each_of", "json_of", "newest_passes", "number_at", "number_of"),
    ),
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


def execute(source: str, plan_hash: str, specs: dict[str, JournalSpec]) -> dict[str, Any]:
    """Run the generated module and return its names; its lines show up in tracebacks and profiles.

    Where the same source was compiled ahead (`streams.catalogue.ahead`), that is loaded instead.
    """
    module = loaded_ahead(plan_hash)
    if module is None:
        file = f"<plan {plan_hash[:12]}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        module = {"__name__": f"plan_{plan_hash[:12]}"}
        exec(compile(source, file, "exec"), module)  # noqa: S102 - our own generator's output
    module["SPECS"].update(specs)
    return module
