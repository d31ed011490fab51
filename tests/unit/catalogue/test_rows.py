"""The table of what can be said: as printed, complete, and right about what cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

import streams.catalogue
from streams.catalogue.library import builtin_texts, ready_texts
from streams.catalogue.rows import Row, places, rows, table
from streams.cli.main import main
from streams.errors import DefinitionError
from streams.testing.shop import catalogue_of

FOLDER = Path(streams.catalogue.__file__).parent
ROWS = rows()


def test_the_table_is_what_the_command_prints() -> None:
    """Whoever changes a definition or a row prints the table anew: streams catalogue rows > streams/catalogue/ROWS.md."""
    assert (FOLDER / "ROWS.md").read_text() == table()
    assert CliRunner().invoke(main, ["catalogue", "rows"]).output == table()


def test_every_definition_stands_in_a_row_and_every_row_names_definitions_that_exist() -> None:
    """Nothing is shipped that nobody asked for, and nothing is claimed that is not there."""
    named = {name for row in ROWS for name in row.segments}

    assert named == set(places())
    assert all((FOLDER / file).is_file() for file in places().values())


def test_every_row_says_how_or_why_not() -> None:
    """A row has definitions, or says what is missing, with a sketch; names are not given twice."""
    names = [row.name for row in ROWS]

    assert len(set(names)) == len(names)
    assert all(row.segments or row.missing for row in ROWS)
    assert [row.name for row in ROWS if bool(row.missing) != bool(row.sketch)] == []


def test_most_is_said() -> None:
    """The language says nearly everything; what it says in part or not yet stays the exception."""
    said = sum(row.how == "said" for row in ROWS)

    assert said >= len(ROWS) * 3 // 4


@pytest.mark.parametrize("row", [row for row in ROWS if row.sketch], ids=lambda row: row.name)
def test_what_cannot_be_said_cannot_be_read(row: Row) -> None:
    """A sketch that can be read is no sketch any more: say it, and take it off the list of what is missing."""
    texts = (builtin_texts() | ready_texts()).values()
    facts = {name: fact for text in texts for name, fact in yaml.safe_load(text).get("facts", {}).items()}
    wanted = {"id": "a.b", "label": "L", "when": yaml.safe_load(row.sketch)}
    vip = {"id": "value.vip", "label": "V", "when": {"did": "orders"}}

    with pytest.raises(DefinitionError):
        catalogue_of(yaml.safe_dump({"facts": facts, "segments": [vip, wanted]}))
