"""``streams import`` without a broker: what it says of files, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli.main import main

LINE = (
    '{"messageId": "%s", "type": "track", "event": "Order Completed", "userId": "u1",'
    ' "timestamp": "2026-03-02T10:00:00Z", "properties": {"order_id": "%s", "total": "5"}}\n'
)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody's settings play a part."""
    monkeypatch.setattr("os.environ", {"PATH": ""})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two orders, and a line that is none."""
    path = tmp_path / "past.jsonl"
    path.write_text(LINE % ("m1", "o1") + "{\n" + LINE % ("m2", "o2"))
    return path


def run(*arguments: object) -> Result:
    """Run ``streams import`` with *arguments*."""
    return CliRunner().invoke(main, ("import", *map(str, arguments)))


def test_files_are_only_checked(file: Path) -> None:
    """What is in them, what they would make, and that nothing is written."""
    shown = run(file, "--complete")

    assert shown.exit_code == 0, shown.output
    for words in (
        "3 rows, 2 events", "2  Order Completed", "1 refused: undecodable", "customers.events is covered since ever",
        "1 customers as of 2026-03-02T10:00:00.000Z", "nothing is written without --yes",
    ):  # fmt: skip
        assert words in shown.stdout, shown.stdout


def test_for_programs(file: Path) -> None:
    """The same as one JSON object."""
    told = json.loads(run(file, "--json", "--until", "2026-03-03T00:00:00Z").stdout)

    assert (told["rows"], told["events"], told["refused"]) == (3, {"Order Completed": 2}, {"undecodable": 1})
    assert (told["until"], told["since"]["customers.events"], told["written"]) == (
        "2026-03-03T00:00:00.000Z", "2026-03-02T10:00:00.000Z", None,
    )  # fmt: skip


def test_what_is_refused_is_kept(file: Path, tmp_path: Path) -> None:
    """With file, line, reason and the line itself; --strict makes it an error."""
    kept = tmp_path / "refused.jsonl"
    result = run(file, "--refused", kept, "--strict")

    assert result.exit_code == 1
    (row,) = [json.loads(line) for line in kept.read_text().splitlines()]
    assert (row["line"], row["reason"], row["raw"]) == (2, "undecodable", "{")


def test_files_without_events(tmp_path: Path) -> None:
    """It is said; it is no error."""
    empty = tmp_path / "empty.jsonl"
    empty.touch()

    assert "nothing to import" in run(empty).stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--since", "yesterday"), "--since"), (("--since", "2026-03-02T10:00:00Z", "--complete"), "contradict"),
        (("--mapping", "/none/such.yaml"), "No such file"), (("--refused", "/none/such/file"), "No such file"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(file: Path, arguments: tuple[str, ...], words: str) -> None:
    """A sentence and exit status 2, no traceback."""
    result = run(file, *arguments)

    assert result.exit_code == 2
    assert words in result.stderr
