"""Where segment definitions are read from."""

from __future__ import annotations

from pathlib import Path

from streams.runtime.definition_files import catalogue_texts, scenario_texts

TEXT = "segments: []\n"


def test_a_folder_mounted_from_a_config_map_is_read_once(tmp_path: Path) -> None:
    """Kubernetes puts each file into a hidden folder and links it: it is one file, not two."""
    hidden = tmp_path / "..2026_03_02_10_00_00.123456789"
    hidden.mkdir()
    (hidden / "own.yaml").write_text(TEXT)
    (tmp_path / "..data").symlink_to(hidden.name)
    (tmp_path / "own.yaml").symlink_to("..data/own.yaml")
    own = [name for name in catalogue_texts(str(tmp_path)) if name.endswith("own.yaml")]
    assert own == [str(tmp_path / "own.yaml")]


def test_folders_below_are_read_and_scenarios_told_apart(tmp_path: Path) -> None:
    """Definitions may lie in folders; what lies in a folder named scenarios is none."""
    for name in ("a.yaml", "journey/b.yml", "journey/scenarios/c.yaml", ".hidden/d.yaml"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(TEXT)
    definitions = {Path(name).name for name in catalogue_texts(str(tmp_path))}
    assert {"a.yaml", "b.yml"} <= definitions
    assert not definitions & {"c.yaml", "d.yaml"}
    assert [Path(name).name for name in scenario_texts(str(tmp_path))] == ["c.yaml"]
