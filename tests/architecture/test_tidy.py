"""What keeps the tree easy to read: sizes, words, and nothing left lying about."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "streams").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60

VAGUE = {
    "manager",
    "managers",
    "helper",
    "helpers",
    "util",
    "utils",
    "data",
    "info",
    "misc",
    "common",
    "stuff",
}
OTHER_HOUSES = {"audience", "audiences", "cohort", "cohorts", "user", "users", "entity", "entities", "dlq"}

# Written in halves, so that this file does not find itself.
LEFT_LYING_ABOUT = re.compile(
    r"\b(TO"
    r"DO|FIX"
    r"ME|XX"
    r"X)\b|unittest.mo"
    r"ck|mark\.sk"
    r"ip|pytest\.sk"
    r"ip|\bxf"
    r"ail\b|NotImpl"
    r"ementedError"
)

MAY_SKIP = ROOT / "tests" / "conftest.py"
"""Its fixtures skip what needs a program that a fresh machine lacks; nothing else is skipped, and nowhere else."""

TEXT_SUFFIXES = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".avsc", ".cfg", ".sh", ""}


def relative(path: Path) -> str:
    """Return *path* as it is written in a message."""
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield every function of a module with the lines of its body, docstring not counted."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            yield node.name, (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def own_texts() -> Iterator[Path]:
    """Yield the text files of the project: no caches, environments, builds or version control."""
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        hidden = parts[0].startswith(".") and parts[0] not in {".ci", ".github", ".pre-commit-config.yaml"}
        built = parts[0] in {"build", "dist"} or any("cache" in p or p.endswith(".egg-info") for p in parts)
        if not hidden and not built and path.suffix in TEXT_SUFFIXES and path.is_file():
            yield path


def builtin_segment_ids() -> set[str]:
    """Return the ids of the segments that the package ships."""
    found: set[str] = set()
    for path in (ROOT / "streams" / "catalogue" / "builtin").glob("*.yaml"):
        found.update(
            re.findall(r"^\s*-?\s*id:\s*[\"']?([a-z0-9_]+\.[a-z0-9_.]+)", path.read_text(), re.MULTILINE)
        )
    return found


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=relative)
def test_a_module_can_be_read_in_one_sitting(path: Path) -> None:
    """No module is longer than 400 lines and no function body longer than 60."""
    length = path.read_text().count("\n")
    assert length <= MODULE_LINES_MAX
    assert [name for name, lines in functions(path) if lines > FUNCTION_LINES_MAX] == []


def test_a_module_is_named_by_what_it_holds() -> None:
    """No module's name is a vague word, or another house's word for one of ours."""
    vague = [relative(path) for path in SOURCES if set(path.stem.split("_")) & (VAGUE | OTHER_HOUSES)]
    assert vague == []


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=relative)
def test_nothing_is_left_lying_about(path: Path) -> None:
    """No to-do, no stub, no skipped test, no mock."""
    left = [line for line in path.read_text().splitlines() if LEFT_LYING_ABOUT.search(line)]
    assert [line for line in left if path != MAY_SKIP or "is not installed" not in line] == []


def test_no_segment_is_known_to_the_engine() -> None:
    """The core and the runtime name no segment of the built-in catalogue: segments are definitions, not code."""
    engine = [path for path in SOURCES if {"segmentation", "runtime"} & set(path.relative_to(ROOT).parts)]
    texts = {relative(path): path.read_text() for path in engine}
    assert texts
    known = [
        (path, found) for path, text in texts.items() for found in builtin_segment_ids() if found in text
    ]
    assert known == []


def test_no_path_of_one_machine_is_written_down() -> None:
    """No file names the checkout's or the developer's own folder."""
    own = [f"{place}/" for place in (ROOT, Path.home()) if len(place.parts) > 1]
    leaks = [relative(path) for path in own_texts() if any(place in path.read_text("utf-8") for place in own)]
    assert leaks == []


def test_test_files_have_names_of_their_own() -> None:
    """No two test files share a name, so that a failure says which one it is."""
    names = Counter(path.name for path in TESTS if path.name.startswith("test_"))
    assert [name for name, files in names.items() if files > 1] == []
