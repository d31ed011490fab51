"""Which schemas fit: the shipped ones with their past, a producer's with ours, ours with what a registry holds."""

from __future__ import annotations

import json
import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from streams.codecs.schema_sources import Schema, bundled_schema, bundled_schemas
from streams.errors import RecordError, SettingsError
from streams.operations.schema_checks import (
    Subject,
    history_findings,
    read_schema,
    registry_findings,
    subjects,
    why_unreadable,
)
from streams.settings import Settings

EVENT = bundled_schema("customer_event")
TRANSITION = bundled_schema("segment_transition")


def with_field(schema: Schema, **field: Any) -> Schema:
    """Return *schema* with one field more."""
    changed = deepcopy(schema)
    changed["fields"].append(field)
    return changed


def without_field(schema: Schema, name: str) -> Schema:
    """Return *schema* with one field less."""
    changed = deepcopy(schema)
    changed["fields"] = [field for field in changed["fields"] if field["name"] != name]
    return changed


class Held:
    """A registry that holds one schema; implements `Registry`."""

    def __init__(self, schema: Schema | None, *, mode: str = "BACKWARD", accepting: bool = True) -> None:
        self.schema, self.subject_mode, self.accepting = schema, mode, accepting

    def latest(self, subject: str) -> Schema | None:
        """Return it; without a name it is no Avro."""
        if self.schema == {}:
            raise RecordError("unknown_schema", "it is no Avro record")
        return self.schema

    def accepts(self, subject: str, schema: Schema) -> bool:
        """Say what was told."""
        return self.accepting

    def mode(self, subject: str) -> str:
        """Return it."""
        return self.subject_mode


def test_the_subjects_of_an_application() -> None:
    """TOPIC-value, of what is Avro only."""
    chosen = Settings.load({}, inputs="a=orders:avro;b=behaviour", transitions_topic="out")

    assert [(one.name, one.record, one.written) for one in subjects(chosen)] == [
        ("a-value", "customer_event", False), ("out-value", "segment_transition", True),
        ("segments.memberships-value", "segment_membership", True),
    ]  # fmt: skip
    assert subjects(Settings.load({}, output_format="json")) == ()


def test_the_shipped_schemas_read_their_past() -> None:
    """Every version of the history."""
    assert [one.standing for one in history_findings()] == ["ok", "ok", "ok"]


@pytest.mark.parametrize("freeze", [True, False], ids=["frozen", "not frozen"])
def test_a_change_that_breaks_readers_is_found(tmp_path: Path, freeze: bool) -> None:  # noqa: FBT001
    """A field without a default, and a schema that was not added to its history, are each told with what to do."""
    folder = tmp_path / "schemas"
    shutil.copytree(bundled_schemas(), folder)
    broken = json.dumps(with_field(EVENT, name="needed", type="string"))
    (folder / "customer_event.avsc").write_text(broken)
    if freeze:
        (folder / "history" / "customer_event" / "2.avsc").write_text(broken)
    errors = [one for one in history_findings(folder) if one.standing == "error"]

    assert ("copy it to history/customer_event/2.avsc" in [one.what_to_do for one in errors]) is not freeze
    assert any("does not read version 1" in one.said and "default" in one.what_to_do for one in errors)


@pytest.mark.parametrize(
    ("written", "fits"),
    [
        (EVENT, True),
        (with_field(EVENT, name="campaign", type=["null", "string"], default=None), True),
        (with_field(EVENT, name="campaign", type="string"), True),
        (without_field(EVENT, EVENT["fields"][0]["name"]), False),
        ({"type": "record", "name": "Other", "fields": []}, False),
        ({"type": "no such type"}, False),
    ],
    ids=["ours", "optional field more", "field more", "field less", "another record", "no schema"],
)
def test_a_producers_schema(written: Schema, fits: bool) -> None:  # noqa: FBT001
    """Fields that we do not know are passed over; a required one that is missing is not."""
    assert (why_unreadable(written, EVENT) == "") is fits


OUTPUT = (Subject("out", "segment_transition", written=True),)
INPUT = (Subject("in", "customer_event", written=False),)


@pytest.mark.parametrize(
    ("held", "standings", "words"),
    [
        (Held(None), ["warning"], "streams schemas register"),
        (Held(TRANSITION), ["ok"], "as it is written"),
        (Held(TRANSITION, mode="NONE"), ["warning", "ok"], "compatibility mode is NONE"),
        (Held(TRANSITION, mode=""), ["warning", "ok"], "not set"),
        (Held(EVENT), ["ok"], "next version"),
        (Held(EVENT, accepting=False), ["error"], "would not start"),
        (Held({}), ["error"], "no Avro"),
    ],
)
def test_an_output_against_a_registry(held: Held, standings: list[str], words: str) -> None:
    """What a worker's start would meet."""
    found = list(registry_findings(held, OUTPUT))

    assert [one.standing for one in found] == standings
    assert words in " ".join(f"{one.said} {one.what_to_do}" for one in found)


@pytest.mark.parametrize(
    ("held", "standing"), [(Held(None), "warning"), (Held(EVENT), "ok"), (Held(TRANSITION), "error")]
)
def test_an_input_against_a_registry(held: Held, standing: str) -> None:
    """Whether what producers registered last can be read."""
    assert [one.standing for one in registry_findings(held, INPUT)] == [standing]


@pytest.mark.parametrize(
    ("text", "words"), [(None, "No such file"), ("{", "is no JSON"), ('"string"', "is no Avro record")]
)
def test_a_file_that_holds_no_schema(tmp_path: Path, text: str | None, words: str) -> None:
    """The file is named, and what is wrong with it."""
    file = tmp_path / "x.avsc"
    if text is not None:
        file.write_text(text)

    with pytest.raises(SettingsError, match=words):
        read_schema(file)
