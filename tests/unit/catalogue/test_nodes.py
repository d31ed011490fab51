"""YAML with places: values, and errors that name file, line and column."""

from __future__ import annotations

import pytest

from streams.catalogue.nodes import SIZE_MAX, Node, nearest, read
from streams.errors import DefinitionError


def value(text: str) -> Node:
    """Return the node behind the key ``a`` of one line of YAML."""
    return read("f.yaml", f"a: {text}").mapping()["a"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("250ms", 250),
        ("30m", 1_800_000),
        ("1h30m", 5_400_000),
        ("90d", 7_776_000_000),
        ("1w", 604_800_000),
        ("0s", 0),
    ],
)
def test_durations(text: str, expected: int) -> None:
    """A duration is written in whole units; days have 24 hours."""
    assert expected == value(text).duration()


@pytest.mark.parametrize(
    "text", ["30", "m", "1x", "-5m", "1.5h", "5 m", "''", "40000d", "9" * 5000 + "d", "[1]"]
)
def test_what_is_no_duration(text: str) -> None:
    """Anything else is refused at its place, and so is more than a hundred years."""
    with pytest.raises(DefinitionError) as refused:
        value(text).duration()

    assert (refused.value.file, refused.value.line, refused.value.column) == ("f.yaml", 1, 4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", 5),
        ("'5'", "5"),
        ("1.5", 1.5),
        ("true", True),
        ("'true'", "true"),
        ("~", None),
        ("abc", "abc"),
        ("2026-03-02", "2026-03-02"),
        ("2026-99-99", "2026-99-99"),
    ],
)
def test_scalars(text: str, expected: object) -> None:
    """Text, numbers, flags and nothing are read as YAML reads them; dates stay text."""
    assert expected == value(text).scalar()


@pytest.mark.parametrize(
    "text", [".inf", ".nan", "!!int abc", "!!float x", "!!bool perhaps", "1" * 5000, "[1]"]
)
def test_what_is_no_plain_value(text: str) -> None:
    """What cannot be a value of a definition is refused, never an internal error."""
    with pytest.raises(DefinitionError):
        value(text).scalar()


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "true", "x", "10000000000"])
def test_what_is_no_whole_number(text: str) -> None:
    """A count is a whole number within bounds; a flag is none."""
    with pytest.raises(DefinitionError, match="whole number"):
        value(text).whole(1)


def test_unknown_key_names_the_nearest() -> None:
    """The error stands at the key, and says what was probably meant."""
    with pytest.raises(DefinitionError) as refused:
        read("f.yaml", "a: 1\n  \nwihtin: 2h").mapping(("a", "within", "ago"))

    assert str(refused.value) == "f.yaml:3:1: unknown key 'wihtin'\n  hint: did you mean 'within'?"


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("a: 1\na: 2", 2, 1, "'a' is said twice"),
        ("a: [1\nb: 2", 2, 2, "not YAML"),
        ("a: &x 1\nb: *x", 2, 4, "aliases are not read"),
        ("", 1, 1, "the file is empty"),
        ("# nothing", 1, 1, "the file is empty"),
        ("- 1", 1, 1, "expected a mapping, found a list"),
        ("? [a]\n: b", 1, 3, "expected text, found a list"),
        ("\x00", 1, 1, "not YAML"),
        ("[" * 100_000, 1, 101, "nested deeper"),
        ("a" * (SIZE_MAX + 1), 1, 1, "longer than"),
    ],
)
def test_unreadable_files(text: str, line: int, column: int, message: str) -> None:
    """Whatever is wrong with a file, the error names file, line and column."""
    with pytest.raises(DefinitionError, match=message) as refused:
        read("f.yaml", text).mapping()

    if message:
        assert ("f.yaml", line, column) == (refused.value.file, refused.value.line, refused.value.column)


def test_nearest_looks_past_upper_and_lower_case() -> None:
    """A word spelled in another case is near; without any near word, the known ones are listed."""
    assert nearest("order COMPLETED", ["Order Completed", "Cart Viewed"]) == "did you mean 'Order Completed'?"
    assert nearest("zzz", ["b", "a"]) == "known are: a, b"
    assert nearest("x", []) == ""
