"""Plans that were compiled to C ahead: the generated source is a module like any other, and mypyc compiles it with the core.

`streams compile` writes the source of the worker's plan into the package `streams_plans` and compiles it together with the
hot path (`streams.compilation`). The name of a module is the hash of its source: what does not fit exactly is not found.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

PACKAGE = "streams_plans"


def module_name(plan_hash: str) -> str:
    """Return the name of the module that holds the plan."""
    return f"plan_{plan_hash}"


def loaded_ahead(plan_hash: str) -> dict[str, Any] | None:
    """Return the names of the plan's module if it was compiled ahead, else None."""
    try:
        return vars(import_module(f"{PACKAGE}.{module_name(plan_hash)}"))
    except ModuleNotFoundError:
        return None
