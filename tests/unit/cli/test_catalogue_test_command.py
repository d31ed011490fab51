"""``streams catalogue test`` and the rest of ``check`` from the outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli.main import main

DEFINITIONS = """\
segments:
  - id: a.viewed
    label: "Viewed, 1h, no more"
    when: {did: Cart Viewed, within: 1h}
"""
GOOD = """\
segment: a.viewed
scenarios:
  - name: In and out
    shows: [entry, exit_by_time]
    steps: [{at: 10:00, did: Cart Viewed}, {time passes until: 12:00}]
    expect: [{entered: a.viewed, at: 10:00}, {exited: a.viewed, at: 11:00}]
"""
BAD = GOOD.replace("11:00", "11:30").replace("In and out", "Out too late")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one definition and a scenario of it that passes."""
    (tmp_path / "a.yaml").write_text(DEFINITIONS)
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "good.yaml").write_text(GOOD)
    return tmp_path


def catalogue(*arguments: str | Path) -> Result:
    """Run ``streams catalogue`` with *arguments*."""
    return CliRunner().invoke(main, ("catalogue", *map(str, arguments)), env={"COLUMNS": "200"})


def test_the_built_in_scenarios_pass() -> None:
    """All of them, and nothing is lacking."""
    result = catalogue("test")

    assert result.exit_code == 0
    assert "0 failed" in result.stdout
    assert "note:" not in result.stdout


def test_one_folder_is_tested(folder: Path) -> None:
    """Its scenarios, and what kinds are not told."""
    result = catalogue("test", "--catalogue", folder)

    assert result.exit_code == 0
    assert "1 scenario of 1 segment: 1 passed, 0 failed" in result.stdout
    assert "note: a.viewed has no scenario of: exit_by_event, boundary, exclusion, late" in result.stdout


def test_a_failure_is_shown_and_ends_with_1(folder: Path) -> None:
    """With the place of the scenario and the difference."""
    (folder / "scenarios" / "bad.yaml").write_text(BAD)
    result = catalogue("test", "--catalogue", folder)

    assert result.exit_code == 1
    assert "FAILED  a.viewed: Out too late" in result.stdout
    assert "bad.yaml:3:5" in result.stdout
    assert (
        "    - 11:30 exited a.viewed\n    +                          11:00 exited a.viewed timer"
        in result.stdout
    )


def test_scenarios_are_chosen_by_segment_or_file(folder: Path) -> None:
    """A pattern of ids, or files; without notes then."""
    (folder / "scenarios" / "bad.yaml").write_text(BAD)

    assert catalogue("test", "a.*", "--catalogue", folder).exit_code == 1
    assert catalogue("test", folder / "scenarios" / "good.yaml", "--catalogue", folder).exit_code == 0
    assert catalogue("test", "value.vip", "--verbose").stdout.count("passed  value.vip: ") >= 6


def test_a_file_anywhere_is_run_when_it_is_named(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """By the command, or by the definition's own `tests`."""
    file = tmp_path_factory.mktemp("elsewhere") / "mine.yaml"
    file.write_text(BAD)
    named = catalogue("test", file, "--catalogue", folder)
    (folder / "a.yaml").write_text(f"{DEFINITIONS}    tests: {file}\n")
    told = catalogue("test", "--catalogue", folder)

    assert named.exit_code == 1
    assert told.exit_code == 1


def test_what_cannot_be_read_is_pointed_at(folder: Path) -> None:
    """A scenario, a definition or a named file that is wrong: place, caret, exit code 2."""
    (folder / "scenarios" / "bad.yaml").write_text(GOOD.replace("Cart Viewed", "Cart Veiwed"))
    scenario = catalogue("test", "--catalogue", folder)
    (folder / "a.yaml").write_text(f"{DEFINITIONS}    tests: nowhere.yaml\n")
    missing = catalogue("test", "--catalogue", folder)

    assert scenario.exit_code == missing.exit_code == 2
    assert "bad.yaml:5:30: error: unknown event 'Cart Veiwed'\n    5 | " in scenario.stderr
    assert "did you mean 'Cart Viewed'?" in scenario.stderr
    assert "nowhere.yaml is no file" in missing.stderr


@pytest.mark.parametrize("word", ["value.vipp", "nowhere.yaml"])
def test_what_is_not_there_cannot_be_chosen(word: str) -> None:
    """An unknown segment or file is a mistake of the caller."""
    assert catalogue("test", word).exit_code == 2


def test_the_report_is_json(folder: Path) -> None:
    """Counts, and per scenario its place and differences."""
    (folder / "scenarios" / "bad.yaml").write_text(BAD)
    report = json.loads(catalogue("test", "--catalogue", folder, "--json").stdout)
    failed = next(s for s in report["scenarios"] if not s["passed"])

    assert (report["passed"], report["failed"]) == (1, 1)
    assert report["lacking"] == {"a.viewed": ["exit_by_event", "boundary", "exclusion", "late"]}
    assert failed["differences"][0]["got"][1] == {
        "kind": "exited",
        "segment": "a.viewed",
        "at": "2026-03-02T11:00:00.000Z",
        "origin": "timer",
        "customer": "c",
    }


def test_scenarios_are_no_definitions(folder: Path) -> None:
    """Other commands do not trip over them."""
    assert catalogue("check", "--catalogue", folder).exit_code == 0
    assert catalogue("list", "--catalogue", folder).exit_code == 0


def test_check_reads_the_scenarios_too(folder: Path) -> None:
    """A scenario that cannot be read is an error of the catalogue."""
    (folder / "scenarios" / "bad.yaml").write_text(GOOD.replace("a.viewed", "a.veiwed"))
    result = catalogue("check", "--catalogue", folder)

    assert result.exit_code == 1
    assert (
        "scenarios/bad.yaml:1:10: error: unknown segment 'a.veiwed'\n    1 | segment: a.veiwed"
        in result.stdout
    )


def test_check_is_strict_when_asked(folder: Path) -> None:
    """Warnings fail with --strict, not without."""
    (folder / "a.yaml").write_text(DEFINITIONS.replace(", no more", ""))

    assert catalogue("check", "--catalogue", folder).exit_code == 0
    assert catalogue("check", "--catalogue", folder, "--strict").exit_code == 1


def test_check_reports_json(folder: Path) -> None:
    """Every finding with level, place, message and hint; journals with their estimate."""
    (folder / "a.yaml").write_text(DEFINITIONS.replace(", no more", ""))
    report = json.loads(catalogue("check", "--catalogue", folder, "--json").stdout)
    (finding,) = report["findings"]

    assert (report["errors"], report["warnings"], report["notes"]) == (0, 1, 0)
    assert (finding["level"], finding["line"], finding["column"]) == ("warning", 3, 12)
    assert report["journals"][0]["journal"] == "cart_viewed"


def test_check_compares_with_retention() -> None:
    """--retention by source or event; an unknown one is a mistake of the caller."""
    result = catalogue("check", "--retention", "orders=90d", "--notes", "--journals")

    assert result.exit_code == 0
    assert "looks back 270d at orders, but orders is kept for 90d" in result.stdout
    assert "note:" in result.stdout
    assert "bytes a customer" in result.stdout
    assert catalogue("check", "--retention", "order=90d").exit_code == 2
    assert catalogue("check", "--retention", "orders=long").exit_code == 2
