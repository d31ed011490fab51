"""The reference of the language: as printed, complete, and proven: every example runs, every key matters in one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from click.testing import CliRunner

import streams.catalogue
from streams.catalogue.compiler import compile_catalogue
from streams.catalogue.constructs import Construct, Occurrence, known, occurrences
from streams.catalogue.documents import Document
from streams.catalogue.expressions import functions
from streams.catalogue.forms import Value
from streams.catalogue.grammar import FORMS
from streams.catalogue.library import builtin_texts, read_document
from streams.catalogue.listing import listed
from streams.catalogue.reference import WORDS, Example, chapters, reference
from streams.catalogue.rehearsal import Outcome, difference, rehearse
from streams.catalogue.scenarios import ScenarioReader
from streams.cli.main import main
from streams.errors import DefinitionError
from streams.segmentation.definitions import Catalogue
from streams.testing.shop import SOURCES, VOCABULARY

FOLDER = Path(streams.catalogue.__file__).parent
CHAPTERS = chapters()
EXAMPLES = [example for chapter in CHAPTERS for example in chapter.examples]
SHARED = builtin_texts(("facts.yaml",))

TOLD_ONLY = {
    ("segment", key)
    for key in (
        "version", "label", "description", "owner", "tests",
        "entity", "channels", "suppresses", "holdout", "actions", "size", "context",
    )
} | {("group", "description"), ("group", "owner")} | {
    (form, key) for form in ("holdout", "actions", "size") for key in FORMS[form]
}  # fmt: skip
"""(form, key) of what changes no transition of a scenario: it must show in what is read, or be missed by the reader."""


def read(definitions: str) -> tuple[Catalogue, Document]:
    """Return what an example defines, beside the shared facts."""
    return read_document({**SHARED, "example.yaml": definitions}, VOCABULARY)


@cache
def outcome(example: Example) -> Outcome:
    """Run the story of *example*."""
    catalogue = read(example.definitions)[0]
    ids = [segment.segment_id for segment in catalogue.segments]
    (scenario,) = ScenarioReader(ids, SOURCES).read("story.yaml", example.scenario).scenarios
    return rehearse(scenario, compile_catalogue(catalogue, SOURCES), SOURCES)


def said(definitions: str) -> Any:
    """Return everything that is listed of an example, what it carries, and its files of scenarios."""
    catalogue, document = read(definitions)
    gates = {segment.segment_id: frozenset[str]() for segment in catalogue.segments}
    contexts = [segment.context for segment in catalogue.segments]
    tests = {name: [node.text() for node in nodes] for name, nodes in document.tests.items()}
    return listed(catalogue, gates), contexts, tests


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.says)
def test_example(example: Example) -> None:
    """What the story expects comes, and nothing else of the segments that it names."""
    assert difference(outcome(example)) == []
    assert outcome(example).passed


def test_the_reference_is_current() -> None:
    """Changed the grammar or an example? streams catalogue reference > streams/catalogue/REFERENCE.md."""
    assert (FOLDER / "REFERENCE.md").read_text() == reference()
    assert CliRunner().invoke(main, ["catalogue", "reference"]).output == reference()


def test_every_form_has_its_place() -> None:
    """Each form of the grammar stands in one chapter, and each kind of value has its words."""
    named = [form for chapter in CHAPTERS for form in chapter.forms]

    assert sorted(named) == sorted(FORMS)
    assert set(WORDS) == set(get_args(Value))


def test_every_key_stands_in_the_text() -> None:
    """With what it means."""
    text = reference()

    assert [
        key for key, says in known() if f"| `{key}` |" not in text or says.replace("|", r"\|") not in text
    ] == []


def test_every_function_of_the_short_form_is_shown() -> None:
    """Each stands in an example, with every sign that it may have in the text."""
    shorts = " ".join(example.definitions for example in EXAMPLES if "if:" in example.definitions)

    assert [name for name in functions() if not re.search(rf"\b{name}\(", shorts)] == []
    for name, signs in functions().items():
        (line,) = re.findall(rf"^\| `{name}\(.*$", reference(), re.MULTILINE)
        assert all(f"`{sign}`" in line for sign in signs)


def without(definitions: str) -> Iterator[tuple[Occurrence, str]]:
    """Yield every key of an example's definitions, and the definitions without it."""
    for number, found in enumerate(occurrences(yaml.safe_load(definitions))):
        rest = yaml.safe_load(definitions)
        taken = next(islice(occurrences(rest), number, None))
        if taken.container.pop(taken.key, None) is not None:
            yield found, yaml.safe_dump(rest)


def bites(example: Example, found: Occurrence, rest: str) -> bool:
    """Return whether the example notices that the key is missing: by the reader, by its story, or by what is listed."""
    try:
        if (found.form, found.key) in TOLD_ONLY:
            return bool(said(rest) != said(example.definitions))
        return not outcome(example._replace(definitions=rest, about=example.segment)).passed
    except DefinitionError:
        return True


def test_every_key_matters_in_an_example() -> None:
    """Each construct of the grammar stands in an example that fails, or cannot be read, without it."""
    proven: set[Construct] = set()
    for example in EXAMPLES:
        for found, rest in without(example.definitions):
            if found.construct not in proven and bites(example, found, rest):
                proven.add(found.construct)

    assert known() - proven == set()
