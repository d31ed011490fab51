"""Writes the grammar of definitions and of scenarios as JSON Schema, for editors.

It knows which keys a form has and what they may hold, and offers the names of events, facts, segments and groups. What
only makes sense together (one comparison, not two; no circle) says `streams catalogue check`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_args

from streams.catalogue.forms import Form, Value
from streams.catalogue.grammar import CONDITIONS, FORMS, PERIODS
from streams.catalogue.nodes import WHOLE_MAX
from streams.catalogue.scenario_grammar import SCENARIO_FORMS
from streams.catalogue.scenarios import SHOWN_KINDS
from streams.catalogue.segment_keys import CONTEXT_MAX
from streams.segmentation.definitions import Catalogue, Channel, Subject
from streams.segmentation.vocabulary import Vocabulary

DRAFT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


class Names(NamedTuple):
    """Names that an editor may offer; events are all there are, of the others a file may define its own."""

    events: tuple[str, ...]
    sources: tuple[str, ...]
    properties: tuple[str, ...]
    facts: tuple[str, ...]
    segments: tuple[str, ...]
    groups: tuple[str, ...]


def names_of(catalogue: Catalogue, vocabulary: Vocabulary) -> Names:
    """Return the names of *catalogue* and *vocabulary*, sorted."""
    return Names(
        events=tuple(sorted(vocabulary.event_types)),
        sources=vocabulary.sources,
        properties=tuple(sorted({name for e in vocabulary.event_types.values() for name in e.properties})),
        facts=tuple(sorted(fact.name for fact in catalogue.facts)),
        segments=tuple(sorted(segment.segment_id for segment in catalogue.segments)),
        groups=tuple(sorted(group.name for group in catalogue.groups)),
    )


def definition_schema(names: Names) -> Schema:
    """Return the JSON Schema of a file of definitions."""
    return _schema("Segment definitions", "file", FORMS, names)


def scenario_schema(names: Names) -> Schema:
    """Return the JSON Schema of a file of scenarios."""
    return _schema("Scenarios of a segment", "scenario file", SCENARIO_FORMS, names)


def _schema(title: str, top: str, forms: Mapping[str, Form], names: Names) -> Schema:
    defs: Schema = {_name(name): _form(form) for name, form in forms.items()}
    used = {entry.value for form in forms.values() for entry in form.values()}
    values = _values(names)
    if "condition" in used or "conditions" in used:
        defs["condition"] = {
            "anyOf": [_ref(f"condition {head}") for head in CONDITIONS]
            + [{"type": "array", "items": {"$ref": "#/$defs/condition"}}]
        }
        used.add("condition")
    defs |= {_name(f"value {value}"): values[value] for value in get_args(Value) if value in used}
    return {"$schema": DRAFT, "title": title, **_ref(top), "$defs": dict(sorted(defs.items()))}


def _name(name: str) -> str:
    return name.replace(" ", "-")


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{_name(name)}"}


def _form(form: Form) -> Schema:
    """Return one form: its keys, those that must be there, and no others."""
    return {
        "type": "object",
        "properties": {
            key: {"description": entry.says, **_ref(f"value {entry.value}")} for key, entry in form.items()
        },
        "required": [key for key, entry in form.items() if entry.required],
        "additionalProperties": False,
    }


def _one_or_several(item: Schema) -> Schema:
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}


def _offered(names: tuple[str, ...], otherwise: Schema | None = None) -> Schema:
    """Return text, with *names* for an editor to offer."""
    free = otherwise or {"type": "string"}
    return {"anyOf": [{"enum": list(names)}, free]} if names else free


def _values(names: Names) -> dict[Value, Schema]:
    """Return the schema of each thing that a key may hold."""
    scalar: Schema = {"type": ["string", "number", "boolean"]}
    event = _offered(tuple(sorted((*names.facts, *names.events))))
    event_type: Schema = {"enum": list(names.events)}
    property_name = _offered(names.properties)
    segment = _offered(names.segments)
    named: Callable[[str], Schema] = lambda form: {"type": "object", "additionalProperties": _ref(form)}  # noqa: E731
    duration: Schema = {
        "type": "string",
        "pattern": "^([0-9]{1,15}(ms|s|m|h|d|w))+$",
        "examples": ["30m", "72h", "90d"],
    }
    threshold: Schema = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^-?[0-9.]+\s*%?$"}]}
    values: dict[Value, Schema] = {
        "text": scalar,
        "id": {"type": ["string", "number"], "pattern": r"^[\w.]+$"},
        "flag": {"type": "boolean"},
        "true": {"const": True},
        "whole": {"type": "integer", "minimum": 0, "maximum": WHOLE_MAX},
        "natural": {"type": "integer", "minimum": 1, "maximum": WHOLE_MAX},
        "number": {"type": "number"},
        "threshold": threshold,
        "limit": {"anyOf": [*threshold["anyOf"], _ref("share")]},
        "duration": duration,
        "context": {"type": "object", "additionalProperties": event, "maxProperties": CONTEXT_MAX},
        "rate": {
            "type": "string",
            "pattern": r"^[0-9]{1,9}\s+per\s+([0-9]{1,15}(ms|s|m|h|d|w))+$",
            "examples": ["3 per 30d"],
        },
        "event": event,
        "amount": event,
        "type": event_type,
        "types": _one_or_several(event_type),
        "property": property_name,
        "properties": _one_or_several(property_name),
        "filters": {"type": "object", "additionalProperties": {"anyOf": [scalar, _ref("filter")]}},
        "scalar": scalar,
        "scalars": _one_or_several(scalar),
        "segment": segment,
        "segments": _one_or_several(segment),
        "group": _offered(names.groups),
        "gate": {"enum": ["sources", "none"]},
        "kind of group": {"enum": ["partition", "arbitrated"]},
        "condition": _ref("condition"),
        "conditions": {"type": "array", "items": _ref("condition"), "minItems": 1},
        "undoings": _one_or_several({"anyOf": [event_type, _ref("undoing")]}),
        "facts": named("fact"),
        "groups": named("group"),
        "definitions": _one_or_several(_ref("segment")),
        "ago": _ref("ago"),
        "share": _ref("share"),
        "files": _one_or_several({"type": "string"}),
    }
    return values | _pattern_values(event, duration) | _metadata_values(names) | _scenario_values(names)


def _pattern_values(event: Schema, duration: Schema) -> dict[Value, Schema]:
    """Return the schema of what patterns, the calendar and tables hold."""
    return {
        "expression": {"type": "string"},
        "due": _ref("due"),
        "percents": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        "tables": {"type": "object", "additionalProperties": {"type": "object"}},
        "window": {"anyOf": [duration, _ref("lookup")]},
        "period": {"anyOf": [{"enum": list(PERIODS)}, _ref("days")]},
        "now": _ref("now"),
        "hours": _ref("hours"),
        "step": {"anyOf": [event, _ref("step")]},
        "sequence": {"type": "array", "items": {"anyOf": [event, _ref("step")]}, "minItems": 1},
    }


def _metadata_values(names: Names) -> dict[Value, Schema]:
    """Return the schema of what accompanies a definition."""
    return {
        "entity": {"enum": list(get_args(Subject))},
        "channels": _one_or_several({"enum": list(get_args(Channel))}),
        "neighbours": _one_or_several(_offered((*names.groups, *names.segments))),
        "part": {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 0.5},
                {"type": "string", "pattern": r"^[0-9.]+\s*%$"},
            ]
        },
        "holdout": _ref("holdout"),
        "actions": _ref("actions"),
        "size": _ref("size"),
    }


def _scenario_values(names: Names) -> dict[Value, Schema]:
    """Return the schema of what only scenarios hold."""
    steps = [_ref(name) for name in SCENARIO_FORMS if name.startswith("step ")]
    expected = _one_or_several(_ref("expected"))
    return {
        "instant": {"type": "string", "examples": ["10:30", "+30m", "12:00 - 1ms", "2026-03-05 09:00"]},
        "event values": {"type": "object"},
        "source": {"enum": list(names.sources)},
        "watermarks": {"enum": ["shared", "by source"]},
        "origin": {"enum": ["event", "timer", "late", "consent"]},
        "segments or nothing": {"anyOf": [{"const": "nothing"}, _one_or_several(_offered(names.segments))]},
        "channels or nothing": _one_or_several({"enum": ["nothing", *get_args(Channel)]}),
        "arm": {"enum": ["holdout", "treatment"]},
        "shown kinds": _one_or_several({"enum": list(SHOWN_KINDS)}),
        "reasons": {
            "type": "object",
            "propertyNames": {"enum": list(SHOWN_KINDS)},
            "additionalProperties": {"type": "string", "minLength": 10},
        },
        "scenarios": _one_or_several(_ref("scenario")),
        "steps": _one_or_several({"anyOf": steps}),
        "expectations": {"anyOf": [{"const": "nothing"}, {"const": []}, expected]},
    }
