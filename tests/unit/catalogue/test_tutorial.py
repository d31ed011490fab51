"""The tutorial is executed as it stands: its files are written, its commands run, their output compared."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

import streams.catalogue
from streams.cli.main import main

TUTORIAL = Path(streams.catalogue.__file__).parent / "TUTORIAL.md"


class Block(NamedTuple):
    """A fenced block of the tutorial: its language and what stands in it."""

    language: str
    text: str


def blocks() -> list[Block]:
    """Return the fenced blocks of the tutorial in order."""
    return [
        Block(*found)
        for found in re.findall(r"^```(\w+)\n(.*?)^```$", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)
    ]


def run(command: str) -> str:
    """Return what the *command* of the tutorial prints."""
    name, *arguments = shlex.split(command)
    assert name == "streams"
    return CliRunner().invoke(main, arguments, env={"COLUMNS": "120"}).output


def test_the_tutorial_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file is written where its first line says, each command prints what stands below it."""
    monkeypatch.chdir(tmp_path)
    commands = 0
    for block in blocks():
        if block.language == "yaml":
            file = Path(block.text.splitlines()[0].removeprefix("# "))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text)
        else:
            first, _, expected = block.text.partition("\n")
            commands += 1

            assert run(first.removeprefix("$ ")) == expected

    assert commands == 5


def test_every_block_is_a_file_or_a_command() -> None:
    """No block is left out: YAML names its file, a console begins with its command."""
    for block in blocks():
        begin = {"yaml": "# segments/", "console": "$ streams "}[block.language]

        assert block.text.startswith(begin)
