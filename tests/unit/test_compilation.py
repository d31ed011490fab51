"""The compiled package: made where there is a compiler, found again, and told about where there is none."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from streams import compilation
from streams.compilation import (
    CompilationError,
    compile_into,
    environment_with,
    fingerprint,
    hot_files,
    is_compiled,
    obstacle,
)

ROOT = Path(__file__).parents[2]
PLAN = '"""A plan of nobody\'s."""\n\nANSWER = 42\n'


def test_every_hot_module_exists() -> None:
    """What is compiled is there."""
    assert [path for path in hot_files() if not (ROOT / path).is_file()] == []


def test_a_plan_changes_the_fingerprint() -> None:
    """Whatever the result depends on is in it; the order of the plans is not."""
    assert fingerprint([]) != fingerprint(["plan_a"])
    assert fingerprint(["plan_a", "plan_b"]) == fingerprint(["plan_b", "plan_a"])


def test_without_a_compiler_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left lying about, and the reason names what is missing."""
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(CompilationError, match="no-such-compiler"):
        compile_into(tmp_path / "made", {})
    assert list(tmp_path.iterdir()) == []


def test_the_path_comes_first() -> None:
    """The compiled package wins over the installed one; what was on the path stays on it."""
    made = environment_with(Path("made"), {"PYTHONPATH": "other", "A": "b"})
    assert made == {"A": "b", "PYTHONPATH": f"made{os.pathsep}other", "PYTHONSAFEPATH": "1"}
    assert environment_with(Path("made"), {})["PYTHONPATH"] == "made"


@pytest.mark.timeout(300)
def test_a_package_and_its_plan_are_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder holds extension modules, the plan's too, and is known again until something changes.

    Where nothing can be compiled it says why instead, and everything else of this project works without.
    """
    monkeypatch.setattr(compilation, "HOT", {"segmentation": "timeline watermarks"})
    plans = {"plan_x": PLAN}
    folder = tmp_path / "made"
    if reason := obstacle():
        with pytest.raises(CompilationError, match=re.escape(reason)):
            compile_into(folder, plans)
        return
    compile_into(folder, plans)

    ask = (
        "import streams.segmentation.watermarks as w, streams_plans.plan_x as p, streams.codecs.schema_sources as s\n"
        "assert s.bundled_schemas().is_dir()\n"
        "print(w.__file__.endswith('.py'), p.__file__.endswith('.py'), p.ANSWER)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", ask],
        env=environment_with(folder, os.environ),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == ["False", "False", "42"]
    assert is_compiled(folder, plans)
    assert not is_compiled(folder, {**plans, "plan_y": PLAN})


def test_what_the_compiler_refuses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of its own words (or what is missing), and what was there before stays."""
    monkeypatch.setattr(compilation, "HOT", {"segmentation": "timeline"})
    folder = tmp_path / "made"
    folder.mkdir()
    with pytest.raises(CompilationError, match=re.escape(obstacle() or "plan_x")):
        compile_into(folder, {"plan_x": "NUMBER: int = 'text'\n"})
    assert [path.name for path in tmp_path.iterdir()] == ["made"]
