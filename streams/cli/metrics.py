"""``streams metrics``: what a worker measures, for people and for Grafana."""

from __future__ import annotations

import click

from streams.metrics.dashboard import dashboard_json
from streams.metrics.reference import reference


@click.group()
def command() -> None:
    """Print the reference of all metrics, or the Grafana dashboard that shows them.

    \b
    Examples:
      streams metrics docs > deploy/METRICS.md
      streams metrics dashboard > deploy/grafana/dashboards/segment-streams.json
    """


@command.command()
def docs() -> None:
    """Print every metric with its kind, unit, labels and meaning, as Markdown."""
    click.echo(reference(), nl=False)


@command.command()
def dashboard() -> None:
    """Print the Grafana dashboard, as JSON."""
    click.echo(dashboard_json(), nl=False)
