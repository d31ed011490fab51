"""Prometheus and Alertmanager take the files as they are: their own tools check and test them, where installed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMETHEUS = DEPLOY / "prometheus"

Program = Callable[[str, str], str]


def files(folder: str) -> list[str]:
    """Return the YAML files of a folder of Prometheus's."""
    return [str(path) for path in sorted((PROMETHEUS / folder).glob("*.yml"))]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a tool; what it says is in the answer, and in the failure."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_prometheus_takes_the_rules(program: Program) -> None:
    """Every expression and every annotation's template can be read."""
    done = run(program("promtool", "prometheus"), "check", "rules", *files("rules"))

    assert done.stdout.count("SUCCESS") == len(files("rules"))


def test_prometheus_takes_the_configuration(program: Program) -> None:
    """The configuration is valid, and finds the rules."""
    done = run(program("promtool", "prometheus"), "check", "config", str(PROMETHEUS / "prometheus.yml"))

    assert f"{len(files('rules'))} rule files found" in done.stdout


def test_every_alert_fires_when_it_should_and_only_then(program: Program) -> None:
    """What `promtool test rules` simulates: up to eight days in a few seconds."""
    run(program("promtool", "prometheus"), "test", "rules", *files("tests"))


def test_alertmanager_takes_its_configuration(program: Program) -> None:
    """Routes, inhibitions and receivers are valid."""
    run(
        program("amtool", "prometheus-alertmanager"),
        "check-config",
        str(DEPLOY / "alertmanager" / "alertmanager.yml"),
    )


@pytest.mark.parametrize("severity", ["page", "ticket", "review"])
def test_alerts_go_to_whom_their_severity_says(program: Program, severity: str) -> None:
    """Alertmanager's own tool walks through the routes."""
    tool, routes = (
        program("amtool", "prometheus-alertmanager"),
        str(DEPLOY / "alertmanager" / "alertmanager.yml"),
    )
    done = run(tool, "config", "routes", "test", f"--config.file={routes}", f"severity={severity}")

    assert done.stdout.strip() == severity
