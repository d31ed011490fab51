"""The generated code says its types: mypyc compiles it as it is, with every construct that a definition uses."""

from __future__ import annotations

from pathlib import Path

import mypy.api
import pytest

from streams.catalogue.compiler import compile_catalogue
from streams.catalogue.library import read_catalogue
from streams.testing.shop import SOURCES, VOCABULARY

CATALOGUE = Path(__file__).parents[3] / "streams" / "catalogue"
OPTIONS = ("--config-file=", "--ignore-missing-imports", "--no-error-summary")


@pytest.mark.parametrize("covered", [False, True])
def test_the_code_of_every_shipped_definition_is_well_typed(tmp_path: Path, *, covered: bool) -> None:
    """Built-in and ready-made definitions together use every construct; one wrong type, and nothing is compiled."""
    texts = {
        f"{folder}_{path.name}": path.read_text()
        for folder in ("builtin", "ready")
        for path in sorted((CATALOGUE / folder).glob("*.yaml"))
        if path.name != "events.yaml"
    }
    plan = compile_catalogue(
        read_catalogue(texts, VOCABULARY), SOURCES, covered=covered, one_watermark=covered
    )
    source = tmp_path / "plan.py"
    source.write_text(plan.source)

    said, refused, status = mypy.api.run([*OPTIONS, f"--cache-dir={tmp_path / 'cache'}", str(source)])

    assert (said, refused, status) == ("", "", 0)
