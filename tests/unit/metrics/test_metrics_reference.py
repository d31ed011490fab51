"""The reference of metrics: as printed, complete, and with what a reader needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli.main import main
from streams.metrics.inventory import INVENTORY, LABELS, Metric
from streams.metrics.reference import reference

PAGE = Path(__file__).parents[3] / "deploy" / "METRICS.md"


def test_the_page_is_what_the_command_prints() -> None:
    """Whoever changes a metric prints the page anew: streams metrics docs > deploy/METRICS.md."""
    assert PAGE.read_text() == reference()
    assert CliRunner().invoke(main, ["metrics", "docs"]).output == reference()


@pytest.mark.parametrize("metric", INVENTORY, ids=lambda metric: metric.name)
def test_every_metric_has_one_line(metric: Metric) -> None:
    """Its name, kind, labels and meaning stand in one row of a table; a histogram's buckets too."""
    (line,) = [line for line in reference().splitlines() if line.startswith(f"| `{metric.name}` |")]

    assert metric.kind in line
    assert metric.meaning in line
    assert [label for label in metric.labels if f"`{label}`" not in line] == []
    assert bool(metric.buckets) == ("Buckets:" in line)


def test_every_label_is_explained() -> None:
    """No label is left to be guessed, and none is explained that nobody has."""
    assert {label for metric in INVENTORY for label in metric.labels} == set(LABELS)
