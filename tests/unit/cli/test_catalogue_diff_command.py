"""``streams catalogue diff`` from the outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli.main import main

SEGMENT = 'segments:\n  - {id: a.b, version: %d, label: "A, %s, x", when: {did: Cart Viewed, at_least: 2, within: %s}}\n'


def diff(*arguments: str) -> Result:
    """Run ``streams catalogue diff`` with *arguments*."""
    return CliRunner().invoke(main, ("catalogue", "diff", *arguments))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Return two folders of which the second looks back further, under the same version."""
    old, new = tmp_path / "old", tmp_path / "new"
    for folder, window in ((old, "9d"), (new, "12d")):
        folder.mkdir()
        (folder / "a.yaml").write_text(SEGMENT % (1, window, window))
    return old, new


def test_a_forgotten_version_fails(folders: tuple[Path, Path]) -> None:
    """Exit code 1, with place and hint, after what differs and what it costs."""
    old, new = folders
    result = diff(str(old), str(new))

    assert result.exit_code == 1
    assert "a.b (version 1): when\n    -when: did Cart Viewed at least 2 times within 9d" in result.stdout
    assert (
        "Cart Viewed is kept 19d instead of 16d: older events have to be read again (for a.b)"
        in result.stdout
    )
    assert "a worker needs a new STREAMS_APPLICATION_ID" in result.stdout
    assert "a.yaml:2:10: error: a.b means something else (when) and is still version 1" in result.stdout
    assert "hint: write 'version: 2'" in result.stdout


def test_with_a_version_all_is_well(folders: tuple[Path, Path]) -> None:
    """Exit code 0; the same as JSON."""
    old, new = folders
    (new / "a.yaml").write_text(SEGMENT % (2, "12d", "12d"))
    result = diff(str(old), str(new), "--json")
    found = json.loads(result.stdout)

    assert result.exit_code == 0
    assert (found["changed"][0]["old_version"], found["changed"][0]["new_version"]) == (1, 2)
    assert found["journals"][0]["needs_history"] is True
    assert found["reevaluated"] == {"a.b": "its meaning changed"}
    assert (found["same_state"], found["errors"]) == (False, [])


def test_the_built_in_definitions_differ_from_others(folders: tuple[Path, Path]) -> None:
    """The word builtin stands for them; against themselves there is no difference."""
    assert diff("builtin", "builtin").stdout == "no difference\n"
    assert "value.vip: its members leave" in diff("builtin", str(folders[1])).stdout


def test_unreadable_definitions(folders: tuple[Path, Path]) -> None:
    """Exit code 2, as everywhere where an author must act."""
    (folders[1] / "a.yaml").write_text("segments: [")

    assert diff(str(folders[0]), str(folders[1])).exit_code == 2
    assert diff(str(folders[0]), "nowhere").exit_code == 2
