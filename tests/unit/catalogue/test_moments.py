"""Instants as scenarios write them."""

from __future__ import annotations

import pytest

from streams.catalogue.moments import START_MS, moment, written
from streams.catalogue.nodes import Node, read
from streams.errors import DefinitionError
from streams.testing.shop import instant


def node(text: str) -> Node:
    """Return *text* as a value of a file."""
    return read("a.yaml", f"at: {text}").mapping()["at"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10:30", "2026-03-02 10:30"),
        ("9:05", "2026-03-02 09:05"),
        ("10:30:05", "2026-03-02 10:30:05"),
        ("10:30:05.250", "2026-03-02 10:30:05.250"),
        ("+30m", "2026-03-02 10:30"),
        ("+1h30m", "2026-03-02 11:30"),
        ("'- 2d'", "2026-02-28 10:00"),
        ("10:30 + 1d", "2026-03-03 10:30"),
        ("10:30 + 1d - 1ms", "2026-03-03 10:29:59.999"),
        ("09:00+72h", "2026-03-05 09:00"),
        ("2026-03-05", "2026-03-05 00:00"),
        ("2026-03-05 09:00", "2026-03-05 09:00"),
        ("2026-03-05T09:00:00Z", "2026-03-05 09:00"),
        ("2026-03-05 09:00 + 1ms", "2026-03-05 09:00:00.001"),
        ("24:00", "2026-03-03 00:00"),
    ],
)
def test_an_instant(text: str, expected: str) -> None:
    """A date, a time of day, durations added or taken away; counted from the start."""
    assert instant(expected) == moment(node(text), START_MS)


@pytest.mark.parametrize(
    "text", ["soon", "10", "25:00", "10:60", "10:00:60", "2026-02-30", "'10:00 +'", "''", "10:00 1d", "+ 30"]
)
def test_no_instant(text: str) -> None:
    """What is no instant is refused at its place."""
    with pytest.raises(DefinitionError) as caught:
        moment(node(text), START_MS)

    assert (caught.value.line, caught.value.column) == (1, 5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-02 10:30", "10:30"),
        ("2026-03-02 10:30:00.001", "10:30:00.001"),
        ("2026-03-02 10:30:05", "10:30:05"),
        ("2026-03-04 10:30", "10:30 + 2d"),
        ("2026-03-01 10:30", "10:30 - 1d"),
    ],
)
def test_an_instant_is_written_as_it_is_read(text: str, expected: str) -> None:
    """The shortest form, which reads back to the same instant."""
    assert expected == written(instant(text), START_MS)
    assert instant(text) == moment(node(expected), START_MS)
