"""Rules, alerts and dashboards ask only for what a worker measures, and every alert says what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from streams.metrics.inventory import INVENTORY

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
RULE_FILES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))

OF_PROMETHEUS = {"up", "ALERTS"}
OF_TARGETS = {"application", "instance", "job", "le"}
OF_ALERTS = {"alertname", "alertstate"}
KEYWORDS = {
    "and",
    "or",
    "unless",
    "by",
    "without",
    "on",
    "ignoring",
    "offset",
    "bool",
    "group_left",
    "group_right",
}
CLAUSE = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
SELECTOR = re.compile(r"\{([^}]*)\}")
MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
NAME = re.compile(r"(?<![\w:.$])[A-Za-z_:][\w:]*(?![\w:]*\s*\()")


class Asked(NamedTuple):
    """An expression, and where it stands."""

    where: str
    expr: str


def rules() -> Iterator[dict[str, Any]]:
    """Yield every recording and alert rule."""
    for path in RULE_FILES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


def panels(path: Path) -> list[dict[str, Any]]:
    """Return the panels of a dashboard that show something."""
    return [panel for panel in json.loads(path.read_text())["panels"] if panel["type"] != "row"]


def expressions() -> list[Asked]:
    """Return every expression of rules, panels and annotations."""
    found = [Asked(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()]
    for path in DASHBOARDS:
        found += [Asked(p["title"], target["expr"]) for p in panels(path) for target in p["targets"]]
        marks = json.loads(path.read_text())["annotations"]["list"]
        found += [Asked(mark["name"], mark["expr"]) for mark in marks]
    return found


EXPRESSIONS = expressions()
RECORDED = {rule["record"] for rule in rules() if "record" in rule}
ALERTS = [rule for rule in rules() if "alert" in rule]


def series_of(name: str) -> set[str]:
    """Return the labels of the series called *name*; raises KeyError when a worker has none."""
    if name in RECORDED:
        level = name.partition(":")[0]
        return set(level.split("_"))
    if name in OF_PROMETHEUS:
        return OF_ALERTS if name == "ALERTS" else set()
    for metric in INVENTORY:
        parts = ("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",)
        if name in {metric.name + part for part in parts}:
            return set(metric.labels)
    raise KeyError(name)


def taken_apart(expr: str) -> tuple[set[str], set[str]]:
    """Return the names of the series and the labels that a PromQL expression uses."""
    bare = re.sub(r'"[^"]*"', "''", expr)
    labels = {name for found in SELECTOR.findall(bare) for name in MATCHER.findall(found)}
    labels |= {name.strip() for found in CLAUSE.findall(bare) for name in found.split(",") if name.strip()}
    bare = re.sub(r"\[[^\]]*\]", "", CLAUSE.sub("", SELECTOR.sub("", bare)))
    return set(NAME.findall(bare)) - KEYWORDS, labels


@pytest.mark.parametrize("asked", EXPRESSIONS, ids=lambda asked: asked.where)
def test_every_expression_asks_for_what_there_is(asked: Asked) -> None:
    """Series are metrics of the inventory or recorded by a rule of ours; labels are theirs, or the target's."""
    names, labels = taken_apart(asked.expr)

    assert names
    known = set().union(*(series_of(name) for name in names))
    assert labels <= known | OF_TARGETS


@pytest.mark.parametrize(
    "name", ["streams_lag_record", "streams_commit_seconds", "lag", "streams_info_total"]
)
def test_what_nobody_measures_is_found(name: str) -> None:
    """The check above bites: a wrong letter, a histogram without its part, another house's name."""
    names, _ = taken_apart(
        f'sum by (topic) (rate({name}{{application=~"a"}}[5m])) > 0 and on () up offset 7d'
    )

    assert names == {name, "up"}
    with pytest.raises(KeyError):
        series_of(name)


def test_every_metric_is_looked_at_or_explained() -> None:
    """What is measured is in a panel or a rule; the rest is listed here, with who needs it."""
    asked = {name for _, expr in EXPRESSIONS for name in taken_apart(expr)[0]}
    unasked = {m.name for m in INVENTORY if not {m.name, f"{m.name}_bucket"} & asked}

    assert unasked == {
        "streams_event_lateness_seconds",  # how to set out_of_orderness: the runbook asks for it
        "streams_gate_hold_duration_seconds",  # how long holds were: the runbook asks for it
        "streams_input_sources",  # joins sources to topics
        "streams_late_intervals_total",  # S14: nothing to act on
        "streams_records_quarantined_total",  # by topic; the alert asks for the dead letters of it
        "streams_restore_seconds",  # the runbook asks for it
        "streams_restored_records_total",  # throughput of restores: the runbook asks for it
        "streams_timers_fired_total",  # wake-ups, most of which change nothing
        "streams_transition_delay_seconds",  # until the decision; panels show the way to the consumer
        "streams_watermark_timestamp_seconds",  # absolute; panels show its distance from the clock
    }


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_every_panel_says_what_it_shows(path: Path) -> None:
    """A title, a sentence, a unit, a query that can be named, and a place that no other panel has."""
    cells: set[tuple[int, int]] = set()
    for panel in panels(path):
        assert panel["title"]
        assert re.fullmatch(r"[A-Z0-9].*\.", panel["description"])
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["targets"]
        place = panel["gridPos"]
        taken = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells
        assert place["x"] + place["w"] <= 24
        cells |= taken


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_grafana_can_read_it(path: Path) -> None:
    """Grafana's own library takes the file: every field has the type that it expects."""
    written = json.loads(path.read_text())
    read = Dashboard.from_json(written)

    assert read.uid == path.stem == written["uid"]
    assert read.panels is not None
    shown = [panel for panel in read.panels if isinstance(panel, Panel)]
    assert [panel.title for panel in shown if panel.type_val != "row"] == [p["title"] for p in panels(path)]
    assert len({panel.id_val for panel in shown}) == len(shown)


def test_the_provisioned_source_is_the_one_that_prometheus_is() -> None:
    """Grafana finds a data source and a folder of dashboards at its start."""
    provisioning = DEPLOY / "grafana" / "provisioning"
    sources = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())
    providers = yaml.safe_load((provisioning / "dashboards" / "segment-streams.yml").read_text())

    assert [source["type"] for source in sources["datasources"]] == ["prometheus"]
    assert [provider["type"] for provider in providers["providers"]] == ["file"]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_every_alert_has_a_heading_in_the_runbook(alert: dict[str, Any]) -> None:
    """Who is woken finds what it means, how to see it, and what to do, under the alert's own name."""
    name, annotations = alert["alert"], alert["annotations"]
    runbook = (DEPLOY / "README.md").read_text()
    chapter = re.search(rf"^### {name}\n(.*?)(?=^##|\Z)", runbook, re.MULTILINE | re.DOTALL)

    assert alert["labels"]["severity"] in {"page", "ticket", "review"}
    assert annotations["summary"]
    assert annotations["description"]
    assert annotations["runbook_url"] == f"deploy/README.md#{name.lower()}"
    assert chapter is not None
    assert [word for word in ("**Means.**", "**See.**", "**Do.**") if word not in chapter[1]] == []


def test_the_runbook_knows_no_alert_that_is_gone() -> None:
    """A heading that looks like an alert is one."""
    headings = re.findall(r"^### (Streams\w+)$", (DEPLOY / "README.md").read_text(), re.MULTILINE)

    assert sorted(headings) == sorted(alert["alert"] for alert in ALERTS)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_every_alert_is_tested_both_ways(alert: dict[str, Any]) -> None:
    """The files that promtool runs have a case in which it fires, and one in which it does not."""
    wanted = f'ALERTS{{alertname="{alert["alert"]}", alertstate="firing"}}'
    cases = [
        bool(case.get("exp_samples"))
        for path in sorted((DEPLOY / "prometheus" / "tests").glob("*.yml"))
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test.get("promql_expr_test", ())
        if case["expr"] == wanted
    ]

    assert {True, False} <= set(cases)


def test_alertmanager_knows_every_severity() -> None:
    """Each severity goes to a receiver that exists."""
    config = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text())
    receivers = {receiver["name"] for receiver in config["receivers"]}
    routes = [config["route"], *config["route"]["routes"]]

    assert {route["receiver"] for route in routes} == receivers == {"page", "ticket", "review"}
