"""Writes the table of what can be said: every segment that shops ask for, the definitions that say it, what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, NamedTuple

import yaml

from streams.catalogue.documents import sections
from streams.catalogue.library import builtin_texts, ready_texts


class Row(NamedTuple):
    """One segment, or several that differ in a value.

    Attributes:
        chapter: what it is about.
        segments: the ids of the definitions that say it.
        missing: what of it cannot be said, and why; empty: nothing.
        sketch: how that would read.
    """

    chapter: str
    name: str
    segments: tuple[str, ...] = ()
    missing: str = ""
    sketch: str = ""

    @property
    def how(self) -> str:
        """Whether it is said, said in part, or not yet sayable."""
        return "said" if not self.missing else "in part" if self.segments else "not yet"


def rows() -> list[Row]:
    """Return the rows of `rows.yaml`."""
    text = files("streams.catalogue").joinpath("rows.yaml").read_text(encoding="utf-8")
    chapters: Mapping[str, list[dict[str, Any]]] = yaml.safe_load(text)["chapters"]
    return [
        Row(
            chapter,
            row["row"],
            tuple(row.get("segments", ())),
            row.get("missing", ""),
            row.get("sketch", ""),
        )
        for chapter, several in chapters.items()
        for row in several
    ]


def places() -> dict[str, str]:
    """Return segment id → file, of the built-in and the ready-made definitions."""
    return {
        node.mapping()["id"].text(): file
        for file, text in (builtin_texts() | ready_texts()).items()
        for node in sections(file, text).segments
    }


def table() -> str:
    """Return the table as Markdown."""
    return "\n".join(_lines(rows(), places())) + "\n"


def _lines(known: list[Row], where: Mapping[str, str]) -> Iterator[str]:
    counts = {how: sum(row.how == how for row in known) for how in ("said", "in part", "not yet")}
    shown = {name for row in known for name in row.segments}
    yield "# What can be said"
    yield ""
    yield "Every segment that shops ask for, and the definitions that say it. Written by `streams catalogue rows` from"
    yield "[`rows.yaml`](rows.yaml); a test compares the two, and another tries the sketches: they still cannot be read."
    yield ""
    said = ", ".join(f"{count} {how}" for how, count in counts.items())
    yield f"{len(known)} rows: {said}; by {len(shown)} definitions."
    yield ""
    yield "- **said**: the definitions say all of it, with tested scenarios;"
    yield "- **in part**: they say what they can, and what is missing stands below the table;"
    yield "- **not yet**: there is only a sketch of how it would read."
    for chapter in dict.fromkeys(row.chapter for row in known):
        yield from ("", f"## {chapter}", "", "| row | how | definitions |", "|---|---|---|")
        for row in known:
            if row.chapter == chapter:
                said = ", ".join(f"[`{name}`]({where[name]})" for name in row.segments)
                yield f"| `{row.name}` | {row.how} | {said} |"
    yield from ("", "## What is missing", "")
    yield "The language lacks these; the sketches show what would be asked for."
    for row in known:
        if row.missing:
            yield from ("", f"**`{row.name}`** ({row.how}): {row.missing}.", "")
            yield from ("```yaml", f"when: {row.sketch}", "```")
