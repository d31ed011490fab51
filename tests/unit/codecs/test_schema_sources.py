"""Schemas from files and memory, and the ids that are derived from them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams.codecs.schema_sources import (
    FileSchemas,
    MemorySchemas,
    Schema,
    bundled_schema,
    bundled_schemas,
    derived_id,
)
from streams.errors import OperationError, RecordError

IDS = {"customer_event": 20546262, "segment_transition": 595919760, "segment_membership": 1967381737}

CHEESE: Schema = {
    "type": "record", "name": "Cheese", "doc": "A cheese.",
    "fields": [{"name": "name", "type": "string", "doc": "Its name."}],
}  # fmt: skip


def test_an_id_is_that_of_the_meaning() -> None:
    """Docs, white space and the order of keys do not change an id; fields, defaults and logical types do."""
    reworded = json.loads(json.dumps(CHEESE, indent=4).replace("A cheese.", "Milk, aged."))
    reordered = dict(reversed(CHEESE.items()))
    changed = {**CHEESE, "fields": [{"name": "name", "type": "string", "default": ""}]}

    assert derived_id(CHEESE) == derived_id(reworded) == derived_id(reordered)
    assert derived_id(changed) != derived_id(CHEESE)
    assert 0 <= derived_id(CHEESE) < 2**31


def test_the_ids_of_the_shipped_schemas() -> None:
    """The ids are on the wire: they change only with a new version of a schema."""
    assert {name: derived_id(bundled_schema(name)) for name in IDS} == IDS


def test_files_are_known_by_their_ids(tmp_path: Path) -> None:
    """All *.avsc files of a folder and the folders below are known; others are not read."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "1.avsc").write_text(json.dumps(CHEESE))
    (tmp_path / "notes.txt").write_text("no schema")
    schemas = FileSchemas(tmp_path)

    assert schemas.schema(derived_id(CHEESE)) == CHEESE
    assert schemas.register("cheese-value", CHEESE) == derived_id(CHEESE)


def test_the_bundled_folder_has_its_history() -> None:
    """The schemas of this version and all earlier ones are found from the package."""
    schemas = FileSchemas(bundled_schemas())

    for name in IDS:
        assert schemas.schema(derived_id(bundled_schema(name)))["name"] == bundled_schema(name)["name"]


def test_an_id_that_nobody_has(tmp_path: Path) -> None:
    """An unknown id is the record's fault."""
    (tmp_path / "cheese.avsc").write_text(json.dumps(CHEESE))

    for schemas in (FileSchemas(tmp_path), MemorySchemas()):
        with pytest.raises(RecordError) as refused:
            schemas.schema(4711)
        assert refused.value.reason == "unknown_schema"


@pytest.mark.parametrize("text", ["{", "[]", '"string"'])
def test_a_file_that_is_no_schema(tmp_path: Path, text: str) -> None:
    """A wrong file stops the start and is named."""
    (tmp_path / "wrong.avsc").write_text(text)

    with pytest.raises(OperationError, match=r"wrong\.avsc"):
        FileSchemas(tmp_path)


def test_a_folder_without_schemas(tmp_path: Path) -> None:
    """An empty folder is a wrong setting, not an empty registry."""
    with pytest.raises(OperationError, match=r"no \*\.avsc file"):
        FileSchemas(tmp_path)


def test_two_schemas_with_one_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """When two schemas come to the same id, the start says so instead of mixing them up."""
    monkeypatch.setattr("streams.codecs.schema_sources.derived_id", lambda schema: 7)
    schemas = MemorySchemas([CHEESE])

    with pytest.raises(OperationError, match="derived id 7"):
        schemas.register("other", {**CHEESE, "name": "Bread"})
