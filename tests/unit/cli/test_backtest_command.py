"""``streams backtest`` from the outside: files, standard input and output, JSON, dead letters, mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli.main import main

EVENTS = [
    {
        "type": "track",
        "event": "Checkout Started",
        "messageId": "m1",
        "userId": "u1",
        "timestamp": "2026-03-02T10:00:00Z",
    },
    {
        "type": "track",
        "event": "Product Viewed",
        "messageId": "m2",
        "userId": "u1",
        "timestamp": "2026-03-02T13:00:00Z",
    },
]
ARGUMENTS = ("backtest", "--now", "2026-03-03T00:00:00Z")


def told(*events: dict[str, Any] | str) -> str:
    """Return *events* as the text of a file."""
    return "".join((event if isinstance(event, str) else json.dumps(event)) + "\n" for event in events)


def streams(*arguments: str, stdin: str = "") -> Result:
    """Run ``streams`` with *arguments*."""
    return CliRunner().invoke(main, arguments, input=stdin)


def test_json_transitions_on_standard_output() -> None:
    """--json without --transitions: one object a line on stdout, the summary on stderr."""
    result = streams(*ARGUMENTS, "--events", "-", "--json", stdin=told(*EVENTS))
    out = [json.loads(text) for text in result.stdout.splitlines()]

    assert result.exit_code == 0
    assert [(t["kind"], t["occurred_at"]) for t in out] == [
        ("entered", "2026-03-02T10:30:00.000Z"),
        ("exited", "2026-03-02T12:00:00.000Z"),
    ]
    assert "checkout.abandon" in result.stderr


def test_transitions_to_a_file_and_the_summary_as_json(tmp_path: Path) -> None:
    """--transitions FILE --json: the file has the lines, stdout one object, the same bytes each time."""
    events, out = tmp_path / "events.jsonl", tmp_path / "out.jsonl"
    events.write_text(told(*EVENTS))
    results = []
    for _ in range(2):
        result = streams(*ARGUMENTS, "--events", str(events), "--transitions", str(out), "--json")
        results.append(out.read_bytes())
    summary = json.loads(result.stdout)

    assert results[0] == results[1]
    assert len(results[0].splitlines()) == 2
    assert (summary["lines"], summary["events"], summary["transitions"]) == (2, 2, 2)
    assert summary["segments"]["checkout.abandon"] == 0


def test_readable_transitions() -> None:
    """Without --json a person reads them."""
    result = streams(*ARGUMENTS, "--events", "-", stdin=told(*EVENTS))

    assert "2026-03-02T10:30:00.000Z  entered" in result.stdout
    assert "now =" not in result.stderr


def test_the_clock_is_printed_when_it_is_used() -> None:
    """S3: without --now the clock at the start is the reference, and said."""
    result = streams("backtest", "--events", "-", stdin=told(*EVENTS))

    assert "now = " in result.stderr


def test_until_moves_time_on() -> None:
    """--until lets what is due by then come out."""
    result = streams(
        *ARGUMENTS, "--events", "-", "--until", "2026-03-02T10:45:00Z", "--json", stdin=told(EVENTS[0])
    )

    assert [json.loads(text)["kind"] for text in result.stdout.splitlines()] == ["entered"]


def test_dead_letters_are_kept_with_their_reason(tmp_path: Path) -> None:
    """--dead-letters: line, reason, detail and the raw line."""
    letters = tmp_path / "refused.jsonl"
    result = streams(
        *ARGUMENTS,
        "--events",
        "-",
        "--dead-letters",
        str(letters),
        stdin=told(EVENTS[0], "garbage", EVENTS[1]),
    )
    (letter,) = (json.loads(text) for text in letters.read_text().splitlines())

    assert result.exit_code == 0
    assert (letter["line"], letter["reason"], letter["raw"]) == (2, "undecodable", "garbage")
    assert "1 undecodable" in result.stderr


def test_a_folder_of_definitions(tmp_path: Path) -> None:
    """--catalogue: the folder's segments instead of the built-in ones; shared facts are known."""
    (tmp_path / "mine.yaml").write_text(
        "segments:\n  - {id: my.viewers, label: V, when: {did: Product Viewed}}\n"
    )
    result = streams(*ARGUMENTS, "--events", "-", "--catalogue", str(tmp_path), "--json", stdin=told(*EVENTS))

    assert [json.loads(text)["segment_id"] for text in result.stdout.splitlines()] == ["my.viewers"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--events", "no/such/file"), "no/such/file"),
        (("--events", "-", "--until", "soon"), "--until"),
        (("--events", "-", "--now", "soon"), "--now"),
        (("--events", "-", "--out-of-orderness", "long"), "--out-of-orderness"),
        (("--events", "-", "--catalogue", "no/such/folder"), "no/such/folder"),
    ],
)
def test_mistakes_are_told_without_a_traceback(arguments: tuple[str, ...], message: str) -> None:
    """What the operator has to mend is one line with a hint and an exit code of its own."""
    result = streams("backtest", *arguments)

    assert result.exit_code not in (0, 1)
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_mistake_in_a_definition_names_its_place(tmp_path: Path) -> None:
    """File, line, column and the nearest word."""
    (tmp_path / "mine.yaml").write_text("segments:\n  - {id: a, label: V, when: {did: Product Vewed}}\n")
    result = streams(*ARGUMENTS, "--events", "-", "--catalogue", str(tmp_path))

    assert f"{tmp_path}/mine.yaml:2:" in result.stderr
    assert "did you mean 'Product Viewed'" in result.stderr


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    """A definition file in another encoding is a mistake at a place, not a crash."""
    (tmp_path / "mine.yaml").write_bytes(b"segments: \xff\xfe")
    result = streams(*ARGUMENTS, "--events", "-", "--catalogue", str(tmp_path))

    assert "mine.yaml:1:11: not UTF-8" in result.stderr
    assert result.exit_code not in (0, 1)


LATER = ("backtest", "--now", "2026-03-10T00:00:00Z")


@pytest.fixture
def viewed(tmp_path: Path) -> str:
    """A file in which u1 looks twice within a day, u2 once; then a day passes."""
    times = (("u1", "02T10:00"), ("u1", "02T12:00"), ("u2", "02T12:00"), ("u3", "03T12:00"))
    lines = [
        EVENTS[1] | {"messageId": f"m{number}", "userId": customer, "timestamp": f"2026-03-{at}:00Z"}
        for number, (customer, at) in enumerate(times)
    ]
    file = tmp_path / "views.jsonl"
    file.write_text(told(*lines, "garbage"))
    return str(file)


def folder(path: Path, window: str) -> str:
    """Write a folder of definitions with a window of its own and return it."""
    path.mkdir()
    (path / "a.yaml").write_text(
        "segments:\n"
        f"  - {{id: looking, label: L, size: {{share: [40, 60]}}, when: {{did: Product Viewed, within: {window}}}}}\n"
        "  - {id: known, label: K, when: {did: Product Viewed}}\n"
    )
    return str(path)


def test_summary_as_json(viewed: str, tmp_path: Path) -> None:
    """--summary --json: sizes with their verdict, entries a day, flaps, overlaps, and what could not be used."""
    result = streams(
        *LATER, "--events", viewed, "--catalogue", folder(tmp_path / "a", "1h"), "--summary", "--json",
        "--until", "2026-03-04T12:00:00Z",
    )  # fmt: skip
    (found,) = json.loads(result.stdout)["catalogues"]
    looking = found["segments"]["looking"]

    assert (found["events"], found["customers"], found["refused"]) == (4, 3, 1)
    assert (found["from"], found["until"]) == ("2026-03-02T10:00:00.000Z", "2026-03-04T12:00:00.000Z")
    assert (looking["members"], looking["ever"], looking["entries"], looking["size"]) == (
        0,
        3,
        4,
        "too small",
    )
    assert looking["busiest_day"] == {"day": "2026-03-02", "entries": 3}
    assert (looking["flaps"], looking["flap_rate"]) == (1, 0.25)
    assert looking["entries_a_day"] == pytest.approx(4 / (50 / 24), abs=0.001)
    assert found["overlaps"] == {"ever": {"known": {"looking": 3}, "looking": {"known": 3}}, "at_end": {}}


def test_compare(viewed: str, tmp_path: Path) -> None:
    """--compare DIR: both over the same file, and who is a member under one of them only."""
    one, other = folder(tmp_path / "a", "1h"), folder(tmp_path / "b", "2d")
    arguments = (*LATER, "--events", viewed, "--catalogue", one, "--compare", other)
    found = json.loads(streams(*arguments, "--json").stdout)
    text = streams(*arguments).stdout

    assert found["comparison"]["looking"] == {"only_before": 0, "in_both": 1, "only_after": 2}
    assert found["comparison"]["known"] == {"only_before": 0, "in_both": 3, "only_after": 0}
    assert f"{one}: 4 events of 3 customers" in text
    assert "1 -> 3" in text


def test_the_summary_and_the_transitions(viewed: str, tmp_path: Path) -> None:
    """Both at once, the transitions to a file; not both to standard output, and no stdin twice."""
    out = tmp_path / "out.jsonl"
    result = streams(*LATER, "--events", viewed, "--summary", "--transitions", str(out))

    assert result.exit_code == 0
    assert "sizes and movement" in result.stdout
    assert [json.loads(text)["kind"] for text in out.read_text().splitlines()] == ["entered"]
    for arguments in (
        ("--events", viewed, "--transitions", "-", "--summary"),
        ("--events", "-", "--compare", "x"),
    ):
        assert streams(*LATER, *arguments).exit_code == 2
