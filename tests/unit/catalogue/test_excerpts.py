"""The place of an error is shown with its line and a caret."""

from __future__ import annotations

from streams.catalogue.excerpts import excerpt, pointed
from streams.errors import DefinitionError


def test_the_caret_stands_below_the_column() -> None:
    """Counted from 1, behind the line's number."""
    assert excerpt("a\nbcd\n", 2, 3) == ["    2 | bcd", "          ^"]


def test_a_long_line_is_cut_around_the_column() -> None:
    """What is shown holds the column, and the caret still stands below it."""
    line, caret = excerpt("x" * 500 + "Y" + "z" * 500, 1, 501)

    assert len(line) < 140
    assert line[caret.index("^")] == "Y"


def test_a_place_that_is_not_there_shows_nothing() -> None:
    """No line, no caret."""
    assert excerpt("a\n", 7, 1) == []


def test_an_error_is_pointed_at() -> None:
    """Place, level, message, line, caret, hint."""
    error = DefinitionError("wrong", hint="mend it", file="a.yaml", line=1, column=4)

    assert pointed(error, {"a.yaml": "x: y"}, level="warning") == (
        "a.yaml:1:4: warning: wrong\n    1 | x: y\n           ^\n  hint: mend it"
    )


def test_an_error_without_a_place_is_told_all_the_same() -> None:
    """Only level and message."""
    assert pointed(DefinitionError("wrong"), {}) == "error: wrong"
