"""Documentation that cannot go stale: commands, settings and make targets are named where people look."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streams.cli.main import COMMANDS
from streams.metrics.inventory import INVENTORY
from streams.settings import KNOBS

ROOT = Path(__file__).parents[2]


def texts_of(name: str) -> list[str]:
    """Return the text of a document of the top level in a list, empty while there is no such document."""
    path = ROOT / name
    return [path.read_text()] if path.exists() else []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str) -> None:
    """The README names every command of the command line."""
    for readme in texts_of("README.md"):
        assert f"streams {command}" in readme


def test_every_setting_is_in_the_readme() -> None:
    """The README names every environment variable that is read as a setting."""
    for readme in texts_of("README.md"):
        assert [knob.variable for knob in KNOBS if knob.variable not in readme] == []


def test_every_metric_is_in_the_reference() -> None:
    """The README leads to the reference of metrics, which names every one."""
    assert "(deploy/METRICS.md)" in (ROOT / "README.md").read_text()
    reference = (ROOT / "deploy" / "METRICS.md").read_text()
    assert [metric.name for metric in INVENTORY if f"`{metric.name}`" not in reference] == []


@pytest.mark.parametrize("document", ["deploy/README.md", "deploy/METRICS.md"])
def test_operations_name_settings_that_exist(document: str) -> None:
    """The runbook sends nobody to a setting that is gone, at three in the morning."""
    named = set(re.findall(r"STREAMS_[A-Z_]+", (ROOT / document).read_text()))
    assert named <= {knob.variable for knob in KNOBS}


def test_the_first_commands_of_the_readme_exist() -> None:
    """Every `make` target that a document names is in the Makefile."""
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"help", "demo", "test", "lint", "bench"} <= targets
    for name in ("README.md", ".github/CONTRIBUTING.md", "tests/README.md"):
        for document in texts_of(name):
            named = set(re.findall(r"`make ([a-z0-9-]+)|^make ([a-z0-9-]+)", document, re.MULTILINE))
            assert {first or second for first, second in named} <= targets
