"""The dashboard: as printed, one screen, made from the table of panels."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from streams.cli.main import main
from streams.metrics.dashboard import COLUMNS, dashboard, dashboard_json
from streams.metrics.panels import ROWS

FILE = Path(__file__).parents[3] / "deploy" / "grafana" / "dashboards" / "segment-streams.json"
SCREEN_HEIGHT = 36
"""Grafana's units of 30 pixels on a screen of 1080, with room for nothing else."""


def test_the_file_is_what_the_command_prints() -> None:
    """Whoever changes a panel prints the file anew: streams metrics dashboard > deploy/grafana/dashboards/….json."""
    assert FILE.read_text() == dashboard_json()
    assert CliRunner().invoke(main, ["metrics", "dashboard"]).output == dashboard_json()


def test_it_is_one_screen() -> None:
    """Nobody scrolls to see whether it is healthy: rows fill the width, and all of them the height at most."""
    panels = dashboard()["panels"]
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    widths: dict[int, int] = {}
    for panel in panels:
        place = panel["gridPos"]
        widths[place["y"]] = widths.get(place["y"], 0) + place["w"]

    assert bottom <= SCREEN_HEIGHT
    assert set(widths.values()) == {COLUMNS}


def test_the_first_question_is_answered_first() -> None:
    """Healthy, late, changed: in this order, and each with panels."""
    titles = [panel["title"] for panel in dashboard()["panels"] if panel["type"] == "row"]

    assert titles == [question for question, _ in ROWS] == ["Is it healthy?", "Is it late?", "What changed?"]


def test_limits_are_drawn_where_there_are_any() -> None:
    """Green below the first; one limit is red, of two the first is yellow."""
    found = json.loads(dashboard_json())["panels"]
    by_title = {(p["title"], p["type"]): p["fieldConfig"]["defaults"] for p in found if p["type"] != "row"}

    behind = by_title["Behind the clock", "stat"]["thresholds"]["steps"]
    assert [(step["color"], step["value"]) for step in behind] == [
        ("green", None),
        ("yellow", 60),
        ("red", 300),
    ]
    held = by_title["Gates held, by topic", "timeseries"]
    assert [step["color"] for step in held["thresholds"]["steps"]] == ["green", "red"]
    assert held["custom"]["thresholdsStyle"]["mode"] == "line"
    assert by_title["Lag", "timeseries"]["custom"]["thresholdsStyle"]["mode"] == "off"
