"""The JSON Schema says what the reader accepts: same keys, same values, for definitions and for scenarios."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
import yaml

import streams.catalogue
from streams.catalogue.forms import Key, Value
from streams.catalogue.grammar import CONDITIONS, FORMS
from streams.catalogue.library import builtin_scenarios, builtin_texts
from streams.catalogue.scenario_grammar import SCENARIO_FORMS
from streams.catalogue.scenarios import ScenarioReader
from streams.catalogue.schema import definition_schema, names_of, scenario_schema
from streams.errors import DefinitionError
from streams.testing.shop import SOURCES, VOCABULARY, builtin, catalogue_of

NAMES = names_of(builtin(), VOCABULARY)
DEFINITIONS = jsonschema.Draft202012Validator(definition_schema(NAMES))
SCENARIOS = jsonschema.Draft202012Validator(scenario_schema(NAMES))

EXAMPLES: dict[Value, str] = {
    "text": "A",
    "id": "a.b",
    "flag": "true",
    "true": "true",
    "whole": "2",
    "natural": "2",
    "number": "2.5",
    "limit": "2",
    "threshold": "25%",
    "duration": "2h",
    "rate": "3 per 30d",
    "context": "{cart: Product Added.cart_id}",
    "event": "Product Viewed",
    "amount": "Order Completed.total",
    "type": "Order Completed",
    "types": "[Order Completed]",
    "property": "order_id",
    "properties": "[total]",
    "filters": "{brand: {not: x}}",
    "scalar": "x",
    "scalars": "[x, 1]",
    "segment": "a.c",
    "segments": "[a.c]",
    "group": "LIFECYCLE",
    "gate": "none",
    "kind of group": "arbitrated",
    "condition": "{did: Product Viewed}",
    "conditions": "[{did: Product Viewed}]",
    "undoings": "[Order Cancelled, {event: Order Refunded, where: {is_full: true}}]",
    "ago": "{from: 1d, to: 2d}",
    "share": "{count: Product Viewed}",
    "files": "[a.yaml]",
    "sequence": "[Product Viewed, {event: Product Added, where: {brand: x}}]",
    "expression": "count(Product Viewed) >= 2",
    "due": "{from: 80%, to: 120%}",
    "percents": "[0, 10]",
    "tables": "{t: {default: 24h, coffee: 4h}}",
    "window": "2h",
    "period": "last month",
    "now": "{month: [jan, 7], hour: {from: 22, to: 6}}",
    "hours": "{from: 9, to: 17}",
    "step": "{event: Product Added}",
    "entity": "account",
    "channels": "[email, sms]",
    "neighbours": "[LIFECYCLE]",
    "part": "10%",
    "holdout": "{share: 0.1, salt: x}",
    "actions": "{retention: flow, support: call, review: queue}",
    "size": "{share: [3, 8], at_least: 150}",
}
"""A value for each thing that a key of a definition may hold."""


class PlainLoader(yaml.SafeLoader):
    """Reads YAML as editors do: only text, numbers, flags and nothing; no dates, no numbers to the base of 60."""


PlainLoader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in found
        if tag not in {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}
    ]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
PlainLoader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^-?[0-9]+$"), list("-0123456789"))
PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^-?[0-9]+\.[0-9]+$"), list("-0123456789")
)


def plain(text: str) -> Any:
    """Return what an editor sees of *text*."""
    return yaml.load(text, Loader=PlainLoader)


def accepted(text: str) -> bool:
    """Return whether the reader knows every key of *text*, whatever else it says."""
    try:
        catalogue_of(text)
    except DefinitionError as error:
        return "unknown key" not in error.message and "needs exactly one of all" not in error.message
    return True


def condition(head: str, extra: str = "") -> str:
    """Return a file whose only segment has a condition of *head*, with what must be in it and *extra*."""
    parts = [f"{key}: {EXAMPLES[entry.value]}" for key, entry in CONDITIONS[head].items() if entry.required]
    if extra:
        parts = [part for part in parts if part.partition(":")[0] != extra.partition(":")[0]] + [extra]
    return f"segments:\n  - id: a.b\n    label: L\n    when: {{{', '.join(parts)}}}\n"


def keys_of_conditions() -> list[tuple[str, str, Key]]:
    """Return head, key and its description for every key of every condition."""
    return [(head, key, entry) for head, form in CONDITIONS.items() for key, entry in form.items()]


@pytest.mark.parametrize("file", builtin_texts().items(), ids=lambda file: file[0])
def test_the_built_in_definitions_are_valid(file: tuple[str, str]) -> None:
    """What ships is what the schema describes."""
    assert [error.message for error in DEFINITIONS.iter_errors(plain(file[1]))] == []


@pytest.mark.parametrize("file", builtin_scenarios().items(), ids=lambda file: file[0])
def test_the_built_in_scenarios_are_valid(file: tuple[str, str]) -> None:
    """What ships is what the schema describes."""
    assert [error.message for error in SCENARIOS.iter_errors(plain(file[1]))] == []


def test_every_value_of_the_grammar_is_described() -> None:
    """No kind of value is missing from the schemas, and none from the examples of this test."""
    used = {entry.value for form in (*FORMS.values(), *SCENARIO_FORMS.values()) for entry in form.values()}
    described = {*definition_schema(NAMES)["$defs"], *scenario_schema(NAMES)["$defs"]}

    assert used == set(get_args(Value))
    assert {f"value-{value.replace(' ', '-')}" for value in used} <= described
    assert {entry.value for _, _, entry in keys_of_conditions()} <= set(EXAMPLES)


@pytest.mark.parametrize(("head", "key", "entry"), keys_of_conditions())
def test_reader_and_schema_know_the_same_keys_of_a_condition(head: str, key: str, entry: Key) -> None:
    """Each key with a value of its kind is known to both."""
    text = condition(head, f"{key}: {EXAMPLES[entry.value]}")

    assert accepted(text)
    assert DEFINITIONS.is_valid(plain(text))


@pytest.mark.parametrize("head", CONDITIONS)
def test_reader_and_schema_refuse_the_same_key(head: str) -> None:
    """A key that is not of this form is known to neither."""
    text = condition(head, "nonsense: 1")

    assert not accepted(text)
    assert not DEFINITIONS.is_valid(plain(text))


@pytest.mark.parametrize(("key", "entry"), FORMS["segment"].items())
def test_reader_and_schema_know_the_same_keys_of_a_segment(key: str, entry: Key) -> None:
    """Each key of a segment is known to both."""
    parts = {"id": "a.b", "label": "L", "when": "{did: Product Viewed}"} | {key: EXAMPLES[entry.value]}
    lines = "\n".join(f"    {name}: {value}" for name, value in parts.items())
    text = f"segments:\n  -\n{lines}\n"

    assert accepted(text)
    assert DEFINITIONS.is_valid(plain(text))


@pytest.mark.parametrize(("form", "place"), [("fact", "facts"), ("group", "groups")])
def test_reader_and_schema_know_the_same_keys_of_facts_and_groups(form: str, place: str) -> None:
    """All keys together are known to both; one more is not."""
    parts = ", ".join(f"{key}: {EXAMPLES[entry.value]}" for key, entry in FORMS[form].items())
    text, more = (f"{place}: {{mine: {{{parts}{end}}}}}\n" for end in ("", ", nonsense: 1"))

    assert accepted(text)
    assert DEFINITIONS.is_valid(plain(text))
    assert not accepted(more)
    assert not DEFINITIONS.is_valid(plain(more))


BAD = [
    "segments: [{id: a.b, label: L}]",
    "segments: [{label: L, when: {did: Product Viewed}}]",
    "segments: [{id: a.b, label: L, lable: L, when: {did: Product Viewed}}]",
    "segments: [{id: a b, label: L, when: {did: Product Viewed}}]",
    "segments: [{id: a.b, label: L, dwell: 3, when: {did: Product Viewed}}]",
    "segments: [{id: a.b, label: L, dwell: 3 days, when: {did: Product Viewed}}]",
    "segments: [{id: a.b, label: L, rank: 0, when: {did: Product Viewed}}]",
    "segments: [{id: a.b, label: L, gate: open, when: {did: Product Viewed}}]",
    "segments: [{id: a.b, label: L, entity: household, when: {did: Product Viewed}}]",
    "segments: [{id: a.b, label: L, channels: [emial], when: {did: Product Viewed}}]",
    "segments: [{id: a.b, label: L, holdout: {share: 0.6, salt: x}, when: {did: Product Viewed}}]",
    "segments: [{id: a.b, label: L, holdout: {share: 10%}, when: {did: Product Viewed}}]",
    "segments: [{id: a.b, label: L, actions: {retain: x}, when: {did: Product Viewed}}]",
    "segments: [{id: a.b, label: L, size: {share: [3]}, when: {did: Product Viewed}}]",
    "segments: [{id: a.b, label: L, hysteresis: x, when: {did: Product Viewed, at_least: 2}}]",
    "segments: [{id: a.b, label: L, when: {doid: Product Viewed}}]",
    "segments: [{id: a.b, label: L, when: {did: Product Viewed, wihtin: 2h}}]",
    "segments: [{id: a.b, label: L, when: {did: Product Viewed, in: a.b}}]",
    "segments: [{id: a.b, label: L, when: {did: Product Viewed, at_least: 0}}]",
    "segments: [{id: a.b, label: L, when: {did: Product Viewed, ago: {form: 2h}}}]",
    "segments: [{id: a.b, label: L, when: {did: Product Viewed, where: {a: {abvoe: 5}}}}]",
    "segments: [{id: a.b, label: L, when: {did: Product Viewed, where: {a: {above: x}}}}]",
    "segments: [{id: a.b, label: L, when: {did: Product Viewed, where: {a: [1]}}}]",
    "segments: [{id: a.b, label: L, when: {any: []}}]",
    "segments: [{id: a.b, label: L, when: {otherwise: false}}]",
    "segments: [{id: a.b, label: L, when: {count: Product Viewed, at_least: x}}]",
    "facts: {a: {events: Order Complted}}",
    "groups: {a: {kind: partitoin}}",
    "segmens: []",
]


@pytest.mark.parametrize("text", BAD)
def test_reader_and_schema_refuse_the_same_mistakes(text: str) -> None:
    """What an editor underlines is what the reader refuses."""
    assert not DEFINITIONS.is_valid(plain(text))
    with pytest.raises(DefinitionError):
        catalogue_of(text)


BAD_SCENARIOS = [
    "{segment: value.vip}",
    "{segment: value.vip, scenarios: [{name: A, steps: []}]}",
    "{segment: value.vip, scenarios: [{name: A, steps: [{at: 10:00}], expect: nothing}]}",
    "{segment: value.vip, scenarios: [{name: A, steps: [{did: Order Completed}], expect: nothing}]}",
    "{segment: value.vip, scenarios: [{name: A, steps: [{at: 10:00, did: Order Complted}], expect: nothing}]}",
    "{segment: value.vip, scenarios: [{name: A, steps: [{time passes: 10:00}], expect: nothing}]}",
    "{segment: value.vip, cannot: {late: no}, scenarios: []}",
    "{segment: value.vip, cannot: {lately: it has never been seen}, scenarios: []}",
]


@pytest.mark.parametrize("text", BAD_SCENARIOS)
def test_reader_and_schema_refuse_the_same_mistakes_in_scenarios(text: str) -> None:
    """What an editor underlines is what the reader refuses."""
    assert not SCENARIOS.is_valid(plain(text))
    with pytest.raises(DefinitionError):
        ScenarioReader(["value.vip"], SOURCES).read("a.yaml", text)


def test_the_reader_has_no_keys_of_its_own() -> None:
    """Every set of keys that the catalogue's readers accept comes from the grammar; none is written where it is read."""
    folder = Path(streams.catalogue.__file__).parent
    own = [
        f"{path.name}:{node.lineno}"
        for path in sorted(folder.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "mapping"
        and any(isinstance(argument, ast.Tuple | ast.List | ast.Set | ast.Constant) for argument in node.args)
    ]

    assert own == []
