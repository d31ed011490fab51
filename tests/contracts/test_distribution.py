"""What is installed is what is in the checkout: the list of packages in `pyproject.toml` is complete."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
STAYS_HERE = {"streams.decisions"}
"""Folders that are for readers of the source only."""


def test_every_package_is_listed() -> None:
    """Every folder that holds code or files that code reads is in the wheel, the schemas and their history too."""
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {
        ".".join(file.parent.relative_to(ROOT).parts)
        for file in (ROOT / "streams").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    } - STAYS_HERE
    schemas = {
        ".".join(("streams", *file.parent.relative_to(ROOT).parts))
        for file in (ROOT / "schemas").rglob("*.avsc")
    }

    assert setuptools["package-dir"] == {"streams.schemas": "schemas"}
    assert sorted(folders | schemas) == sorted(setuptools["packages"])
