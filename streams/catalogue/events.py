"""Reads the event vocabulary: which events there are, their sources and other names, from YAML."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from streams.errors import DefinitionError
from streams.segmentation.vocabulary import HEARTBEAT, EventType, Vocabulary

SOURCES = ("behaviour", "orders", "engagement", "profile", "support", "fulfilment", "inventory")
"""The sources of time; a heartbeat alone belongs to none."""

KINDS = ("text", "texts", "number", "money", "flag", "time", "items")
"""What a property may be."""


def load_vocabulary(path: Traversable | None = None) -> Vocabulary:
    """Return the vocabulary that *path* holds; without one, the vocabulary that ships with the package.

    Args:
        path: a YAML file with the key ``events``: event name → source, aliases, properties. A `pathlib.Path` will do.

    Raises:
        DefinitionError: the file is no YAML, an event is incomplete or wrong, or one name means two events.
    """
    file = files("streams.catalogue").joinpath("builtin").joinpath("events.yaml") if path is None else path
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise DefinitionError(
            f"no YAML: {getattr(error, 'problem', error)}", file=file.name, line=where[0], column=where[1]
        ) from None
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, dict) or not events:
        raise DefinitionError("no events here", hint="write a key `events:` with event names", file=file.name)
    try:
        return Vocabulary(_event_type(name, entry, file.name) for name, entry in events.items())
    except ValueError as error:
        raise DefinitionError(str(error), hint="leave the ambiguous alias out", file=file.name) from None


def _event_type(name: Any, entry: Any, file: str) -> EventType:
    if not isinstance(name, str) or not isinstance(entry, dict):
        raise DefinitionError(f"event {name!r} is no mapping", hint="write `source:` below it", file=file)
    for key in entry:
        if key not in ("source", "aliases", "properties"):
            raise DefinitionError(
                f"event {name!r}: unknown key {key!r}", hint="one of source, aliases, properties", file=file
            )
    source = entry.get("source")
    if source not in SOURCES and not (name == HEARTBEAT and source == ""):
        raise DefinitionError(
            f"event {name!r}: unknown source {source!r}", hint=f"one of {', '.join(SOURCES)}", file=file
        )
    aliases = entry.get("aliases", [])
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        raise DefinitionError(f"event {name!r}: aliases must be a list of names", file=file)
    return EventType(name, source, tuple(aliases), _properties(name, entry.get("properties", {}), file))


def _properties(name: str, properties: Any, file: str) -> dict[str, str]:
    if not isinstance(properties, dict):
        raise DefinitionError(f"event {name!r}: properties must be a mapping of name to kind", file=file)
    for key, kind in properties.items():
        if not isinstance(key, str) or kind not in KINDS:
            raise DefinitionError(
                f"event {name!r}: property {key!r} has the unknown kind {kind!r}",
                hint=f"one of {', '.join(KINDS)}",
                file=file,
            )
    return dict(properties)
