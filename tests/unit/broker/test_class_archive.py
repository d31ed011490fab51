"""Making the class archive, with a script in place of Java."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.broker.class_archive import ClassArchive
from streams.broker.java import Java
from streams.broker.processes import Watchdog

PATIENCE_S = 5.0

# Finds the two file names among its options and copies the class list into the archive.
DUMP = """#!/bin/sh
for option in "$@"; do
  case $option in
    -XX:SharedClassListFile=*) list=${option#*=} ;;
    -XX:SharedArchiveFile=*) archive=${option#*=} ;;
  esac
done
"""


@pytest.fixture
def guard() -> Iterator[Watchdog]:
    """A watchdog, closed at the end."""
    watchdog = Watchdog()
    yield watchdog
    watchdog.close()


def archive_with(folder: Path, last_lines: str, *, classpath: str = "a.jar") -> ClassArchive:
    """Return the archive of a Java whose dump ends with *last_lines*."""
    program = folder / "java"
    program.write_text(DUMP + last_lines)
    program.chmod(0o755)
    return ClassArchive(folder, Java(program, 21, "version 21"), classpath, ["-Xmx1m"])


def listed(folder: Path) -> Path:
    """Write a class list that a JVM is still writing: the last line is cut."""
    class_list = folder / "loaded.txt"
    class_list.write_text("java/lang/Object\nkafka/Kafka\nkafka/Ha")
    return class_list


def options_after_a_while(archive: ClassArchive) -> list[str]:
    """Return the options once there are any, or none when patience ends."""
    deadline = time.monotonic() + PATIENCE_S
    while not archive.options() and time.monotonic() < deadline:
        time.sleep(0.01)
    return archive.options()


def test_an_archive_is_made_of_the_complete_lines(tmp_path: Path, guard: Watchdog) -> None:
    """The first start records; then the archive appears, made of whole lines, and later starts use it."""
    archive = archive_with(tmp_path, 'cp "$list" "$archive"')
    assert archive.options() == []
    assert archive.recording_options(tmp_path / "l") == [f"-XX:DumpLoadedClassList={tmp_path / 'l'}"]
    archive.make_in_background(listed(tmp_path), guard, after_s=0)
    use, sharing = options_after_a_while(archive)
    assert sharing == "-Xshare:auto"
    assert Path(use.partition("=")[2]).read_text() == "java/lang/Object\nkafka/Kafka\n"
    assert archive.recording_options(tmp_path / "l") == []
    archive.stop()


def test_a_dump_that_fails_leaves_no_archive(tmp_path: Path, guard: Watchdog) -> None:
    """Without an archive Kafka starts as well, only slower: a failure is left at that."""
    archive = archive_with(tmp_path, 'echo half > "$archive"; touch "$archive.done"; exit 1')
    archive.make_in_background(listed(tmp_path), guard, after_s=0)
    deadline = time.monotonic() + PATIENCE_S
    while not list(tmp_path.glob("*.done")) and time.monotonic() < deadline:
        time.sleep(0.01)
    archive.stop()
    assert archive.options() == []
    assert list(tmp_path.glob("*.partial")) == []


def test_a_program_that_ends_early_does_not_wait_for_the_archive(tmp_path: Path, guard: Watchdog) -> None:
    """Stopped before its time or in the middle, nothing is made, and stopping takes no time."""
    waiting = archive_with(tmp_path, 'cp "$list" "$archive"')
    waiting.make_in_background(listed(tmp_path), guard, after_s=60)
    dumping = archive_with(tmp_path, 'echo half > "$archive"; exec sleep 60', classpath="b.jar")
    dumping.make_in_background(listed(tmp_path), guard, after_s=0)
    while not list(tmp_path.glob("*.partial")):
        time.sleep(0.01)
    before = time.monotonic()
    waiting.stop()
    dumping.stop()
    assert time.monotonic() - before < PATIENCE_S
    assert waiting.options() == dumping.options() == []


def test_another_java_or_class_path_has_another_archive(tmp_path: Path, guard: Watchdog) -> None:
    """An archive fits one class path only; a different one starts without."""
    made = archive_with(tmp_path, 'cp "$list" "$archive"')
    made.make_in_background(listed(tmp_path), guard, after_s=0)
    assert options_after_a_while(made)
    made.stop()
    assert archive_with(tmp_path, 'cp "$list" "$archive"', classpath="other.jar").options() == []
