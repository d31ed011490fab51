"""Shows the place of an error: its line, and a caret below the column."""

from __future__ import annotations

from collections.abc import Mapping

from streams.errors import DefinitionError

WIDTH_MAX = 120
"""Longest piece of a line that is shown, in characters."""


def excerpt(text: str, line: int, column: int) -> list[str]:
    """Return line *line* of *text* and a caret below *column* (both from 1); nothing when there is no such line."""
    lines = text.splitlines()
    if not 1 <= line <= len(lines):
        return []
    whole = lines[line - 1]
    begin = max(0, column - WIDTH_MAX + 20)
    shown = whole[begin : begin + WIDTH_MAX].replace("\t", " ")
    number = f"{line:>5} | "
    return [f"{number}{shown}", " " * (len(number) + column - 1 - begin) + "^"]


def pointed(error: DefinitionError, texts: Mapping[str, str], *, level: str = "error") -> str:
    """Return *error* with its place, the line it stands in with a caret, and its hint.

    Args:
        error: what is wrong.
        texts: file -> text, where the line is looked up.
        level: ``error``, ``warning`` or ``note``.
    """
    where = f"{error.file}:{error.line}:{error.column}: " if error.file else ""
    lines = [f"{where}{level}: {error.message}"]
    lines += excerpt(texts.get(error.file, ""), error.line, error.column)
    if error.hint:
        lines.append(f"  hint: {error.hint}")
    return "\n".join(lines)
