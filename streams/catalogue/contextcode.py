"""Generates what transitions carry of a customer's newest events: the `context` of a definition."""

from __future__ import annotations

from streams.catalogue.leafcode import LeafWriter
from streams.segmentation.definitions import ContextValue
from streams.segmentation.readings import Column


def write_context(conditions: LeafWriter, name: str, context: tuple[ContextValue, ...]) -> str:
    """Write ``context_NAME(p, seen)``, which returns name → JSON text; return its name, empty without *context*."""
    if not context:
        return ""
    function, write = f"context_{name}", conditions.write
    conditions.start(
        f"def {function}(p: CustomerProfile, seen: int) -> dict[str, str]:",
        '"""What a transition carries of the newest events."""',
    )
    write("found: dict[str, str] = {}")
    for one in context:
        _, k = conditions.entries(one.event, ())
        column = conditions.column(one.event, (), Column("json", one.property))
        write(f"x{k} = {column}[i{k} - 1] if i{k} else None")
        write(f"if x{k} is not None: found[{one.name!r}] = x{k}")
    write("return found")
    return function
