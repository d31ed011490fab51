"""The Grafana dashboard as JSON, made from the table in `panels`.

Nothing in it belongs to one Grafana: data source and application are chosen on the page.
"""

from __future__ import annotations

import json
from typing import Any, Final

from streams.metrics.panels import ROWS, Panel, Query

UID: Final = "segment-streams"
SCHEMA_VERSION: Final = 39
"""Of Grafana 11; newer ones migrate it when they load it."""
COLUMNS: Final = 24

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard_json() -> str:
    """Return the dashboard as Grafana reads it, with a line's end at the end."""
    return json.dumps(dashboard(), indent=1) + "\n"


def dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    return {
        "uid": UID,
        "title": "Segment Streams",
        "description": "Is it healthy, is it late, what changed? Made by `streams metrics dashboard`.",
        "tags": ["segment-streams"],
        "timezone": "browser",
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_choice_of_source(), _choice_of_application()]},
        "annotations": {"list": [_changes()]},
        "panels": _placed(),
    }


def _placed() -> list[dict[str, Any]]:
    """Return all panels with their places: a line for each question, its rows below it, each over the whole width."""
    found: list[dict[str, Any]] = []
    top = 0
    for question, rows in ROWS:
        place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        found.append(
            {
                "id": len(found) + 1,
                "type": "row",
                "title": question,
                "collapsed": False,
                "gridPos": place,
                "panels": [],
            }
        )
        top += 1
        for row in rows:
            left, rest = 0, COLUMNS
            for position, panel in enumerate(row.panels):
                width = rest // (len(row.panels) - position)
                place = {"x": left, "y": top, "w": width, "h": row.height}
                found.append({"id": len(found) + 1, **_panel(panel), "gridPos": place})
                left, rest = left + width, rest - width
            top += row.height
    return found


def _panel(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "thresholds": _thresholds(panel)}
    if panel.shape == "timeseries":
        defaults["min"] = 0
        limits_shown = "line" if panel.limits else "off"
        defaults["custom"] = {
            "fillOpacity": 8,
            "showPoints": "never",
            "thresholdsStyle": {"mode": limits_shown},
        }
    else:
        defaults["color"] = {"mode": "thresholds"}
    return {
        "type": panel.shape,
        "title": panel.title,
        "description": panel.description,
        "datasource": _SOURCE,
        "targets": [_target(panel, place, query) for place, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _options(panel),
    }


def _target(panel: Panel, place: int, query: Query) -> dict[str, Any]:
    target = {
        "refId": "ABCDEFGH"[place],
        "datasource": _SOURCE,
        "expr": query.expr,
        "legendFormat": query.legend,
    }
    if panel.shape == "timeseries":
        return target | {"range": True}
    return target | {"instant": True, "format": "table" if panel.shape == "table" else "time_series"}


def _thresholds(panel: Panel) -> dict[str, Any]:
    colours = ("yellow", "red")[-len(panel.limits) :] if panel.limits else ()
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    steps += [{"color": colour, "value": limit} for colour, limit in zip(colours, panel.limits, strict=True)]
    return {"mode": "absolute", "steps": steps}


def _options(panel: Panel) -> dict[str, Any]:
    if panel.shape == "timeseries":
        return {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    if panel.shape == "table":
        return {"showHeader": True}
    shown = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    if panel.shape == "bargauge":
        return {"reduceOptions": shown, "orientation": "horizontal", "displayMode": "gradient"}
    return {"reduceOptions": shown, "colorMode": "background", "graphMode": "area", "textMode": "auto"}


def _choice_of_source() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "hide": 0,
    }


def _choice_of_application() -> dict[str, Any]:
    """All is anything, nothing too: the label is there only where a target carries it."""
    query = "label_values(streams_info, application)"
    return {
        "name": "application",
        "label": "Application",
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": "application"},
        "definition": query,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "refresh": 2,
        "sort": 1,
        "hide": 0,
    }


def _changes() -> dict[str, Any]:
    """Mark on every graph when a worker began to run other definitions or another version."""
    return {
        "name": "Other definitions or version",
        "datasource": _SOURCE,
        "enable": True,
        "iconColor": "blue",
        "expr": "count by (version, plan) (streams_info) unless count by (version, plan) (streams_info offset 5m)",
        "step": "60s",
        "titleFormat": "{{version}} {{plan}}",
    }
