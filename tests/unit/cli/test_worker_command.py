"""``streams worker`` before it reads anything: settings, checks, mistakes."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from streams.cli.main import main
from streams.settings import KNOBS


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test set STREAMS_ variables that nobody else sees: --set writes them."""
    for knob in KNOBS:
        monkeypatch.setenv(knob.variable, "x")
        monkeypatch.delenv(knob.variable)


def worker(*arguments: str) -> Result:
    """Run ``streams worker`` with *arguments*."""
    return CliRunner().invoke(main, ("worker", *arguments))


def test_settings_lists_every_setting() -> None:
    """Each with its variable and its default."""
    result = worker("--settings")

    assert result.exit_code == 0
    assert all(knob.variable in result.stdout for knob in KNOBS)


def test_check_prints_settings_and_segments() -> None:
    """--check reads settings and definitions and stops."""
    result = worker("--check", "--set", "bootstrap=kafka:9092")

    assert result.exit_code == 0, result.output
    assert "bootstrap = kafka:9092" in result.stdout
    assert "checkout.abandon" in result.stdout


@pytest.mark.parametrize(
    ("assignment", "message"),
    [("clock", "is no NAME=VALUE"), ("clock=sundial", "clock"), ("clokc=event", "did you mean")],
)
def test_a_wrong_setting_stops_the_start(assignment: str, message: str) -> None:
    """It is told before anything is read, without a traceback."""
    result = worker("--check", "--set", assignment)

    assert result.exit_code not in (0, 1)
    assert message.casefold() in result.stderr.casefold()
