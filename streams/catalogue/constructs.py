"""Walks along the grammar through what a file says, and names every construct that it uses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from streams.catalogue.expressions import rewritten
from streams.catalogue.forms import Value
from streams.catalogue.grammar import CONDITIONS, FORMS
from streams.catalogue.nodes import read

Construct = tuple[str, str]
"""A key and what it says: the same key of several forms is one construct."""

FORM_OF: Mapping[Value, str] = {
    "undoings": "undoing",
    "sequence": "step",
    "step": "step",
    "limit": "share",
    "share": "share",
    "window": "lookup",
    "period": "days",
    "ago": "ago",
    "now": "now",
    "due": "due",
    "hours": "hours",
    "definitions": "segment",
    "holdout": "holdout",
    "actions": "actions",
    "size": "size",
}
"""What a key holds → the form of each part of it that is a mapping."""

_BY_NAME: Mapping[Value, str] = {"facts": "fact", "groups": "group", "filters": "filter"}
"""What a key holds → the form of each value under the names that it maps."""


def known() -> set[Construct]:
    """Return every construct of the grammar."""
    return {(name, key.says) for form in FORMS.values() for name, key in form.items()}


class Occurrence(NamedTuple):
    """A key as it stands in a file.

    Attributes:
        form: the name of the form that it is a key of.
        key: the key.
        container: the mapping that holds it, by reference.
    """

    form: str
    key: str
    container: dict[str, Any]

    @property
    def construct(self) -> Construct:
        """What it is in the grammar."""
        return self.key, FORMS[self.form][self.key].says


def used(value: dict[str, Any]) -> Iterator[Construct]:
    """Yield the constructs that *value*, the plain values of a file of definitions, uses."""
    return (found.construct for found in occurrences(value))


def occurrences(value: dict[str, Any], form: str = "file") -> Iterator[Occurrence]:
    """Yield every key in *value*, the plain values of a *form*, and below; those of short forms as rewritten."""
    for name, part in value.items():
        yield Occurrence(form, name, value)
        yield from _below(part, FORMS[form][name].value)


def _below(part: Any, holds: Value) -> Iterator[Occurrence]:
    """Yield the keys in what a key holds."""
    several = part if isinstance(part, list) else [part]
    if holds in {"condition", "conditions"}:
        for item in several:
            yield from _in_condition(item)
    elif holds == "expression":
        plain = rewritten(read("an expression", json.dumps(part)))
        yield from _in_condition(yaml.safe_load(yaml.serialize(plain.node)))
    elif holds in _BY_NAME:
        for item in part.values():
            yield from occurrences(item, _BY_NAME[holds]) if isinstance(item, dict) else ()
    elif holds in FORM_OF:
        for item in several:
            yield from occurrences(item, FORM_OF[holds]) if isinstance(item, dict) else ()


def _in_condition(value: Any) -> Iterator[Occurrence]:
    """Yield the keys of a condition; a list means all."""
    if isinstance(value, list):
        for item in value:
            yield from _in_condition(item)
        return
    heads = [name for name in value if name in CONDITIONS]
    head = next(name for name in heads if not any(name in CONDITIONS[o] for o in heads if o != name))
    yield from occurrences(value, f"condition {head}")
