"""The command line's table and its errors."""

from __future__ import annotations

from importlib import import_module

import click
import pytest
from click.testing import CliRunner

from streams.cli import main as cli
from streams.errors import DefinitionError, OperationError, SettingsError, StreamsError


def command_raising(error: StreamsError, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every name of the table a command that raises *error*."""

    @click.command
    def failing() -> None:
        raise error

    monkeypatch.setattr(cli.LazyCommands, "get_command", lambda _self, _ctx, _name: failing)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_of_the_table_exists_and_helps(name: str) -> None:
    """Each entry names a click command whose help has examples."""
    module_name, _, attribute = cli.COMMANDS[name].target.partition(":")
    assert isinstance(getattr(import_module(module_name), attribute), click.Command)
    result = CliRunner().invoke(cli.main, [name, "--help"])
    assert result.exit_code == 0
    assert "Examples:" in result.output


def test_help_lists_every_command() -> None:
    """The help names every command with its one line."""
    result = CliRunner().invoke(cli.main, ["--help"])
    assert result.exit_code == 0
    for name, entry in cli.COMMANDS.items():
        assert f"  {name} " in result.output
        assert entry.summary.split()[0] in result.output


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (
            DefinitionError(
                "no such event 'Ordr'", hint="did you mean Order?", file="a.yaml", line=3, column=7
            ),
            2,
        ),
        (SettingsError("the limit is not a number", hint="write 100ms"), 2),
        (OperationError("no broker answers", hint="start one: streams broker"), 1),
    ],
)
def test_an_error_of_ours_is_a_sentence_and_a_hint(
    error: StreamsError, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback: what is wrong, what to do, and an exit code that says who must act."""
    command_raising(error, monkeypatch)
    result = CliRunner().invoke(cli.main, ["worker"])
    assert result.exit_code == code
    assert result.stderr == f"error: {error}\n"
    assert f"hint: {error.hint}" in result.stderr


def test_a_defect_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """What we did not raise on purpose is not dressed up as somebody else's mistake."""

    @click.command
    def broken() -> None:
        raise AssertionError("a defect")

    monkeypatch.setattr(cli.LazyCommands, "get_command", lambda _self, _ctx, _name: broken)
    assert isinstance(CliRunner().invoke(cli.main, ["worker"]).exception, AssertionError)


def test_an_unknown_command_is_refused() -> None:
    """A name that is not in the table is an error of use."""
    result = CliRunner().invoke(cli.main, ["wroker"])
    assert result.exit_code == 2
    assert "No such command 'wroker'" in result.stderr
