"""``streams explain`` from the outside: plain text, JSON, another instant, mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from streams.catalogue.compiler import compile_catalogue
from streams.catalogue.events import load_vocabulary
from streams.catalogue.library import builtin_catalogue, source_of_events
from streams.catalogue.standing import explain, present
from streams.cli.explain_sources import FileOptions, from_file
from streams.cli.explain_view import Report, as_json, as_rich, as_text
from streams.cli.main import main


def message(event: str, number: int, customer: str, at: str, **properties: Any) -> str:
    """Return one line of a file of events."""
    return json.dumps(
        {
            "type": "track",
            "event": event,
            "messageId": f"m{number}",
            "userId": customer,
            "timestamp": f"2026-03-02T{at}Z",
            "properties": properties,
        }
    )


@pytest.fixture
def events(tmp_path: Path) -> str:
    """A file in which u1 left a checkout and u2 bought."""
    file = tmp_path / "events.jsonl"
    lines = [
        message("Checkout Started", 1, "u1", "10:00:00"),
        message("Order Completed", 2, "u2", "10:40:00", order_id="o1", total="20"),
    ]
    file.write_text("\n".join(lines) + "\n")
    return str(file)


def streams(events: str, *arguments: str) -> Result:
    """Run ``streams explain`` over *events*."""
    return CliRunner().invoke(
        main, ["explain", *arguments, "--events", events, "--now", "2026-03-03T00:00:00Z"]
    )


def test_a_pending_entry_in_plain_text(events: str) -> None:
    """Status, what it waits for, and each clause with its truth in the first column."""
    lines = streams(events, "u1", "checkout.abandon").stdout.splitlines()
    started = "Checkout Started 2026-03-02T10:00:00Z (40m ago)"

    assert lines == [
        "customer u1, as of 2026-03-02T10:40:00Z (events.jsonl)",
        "",
        "checkout.abandon (version 1): PENDING since 2026-03-02T10:00:00Z (40m ago)",
        "  the entry is due 2026-03-02T10:30:00Z (10m ago)",
        "  it waits for behaviour, orders (file) to reach 2026-03-02T10:45:00Z; now at 2026-03-02T10:40:00Z",
        "  true     all of  -- false from 2026-03-02T12:00:00Z (in 1h 20m)",
        f"  true       did Checkout Started within 2h  -- {started}; false from 2026-03-02T12:00:00Z (in 1h 20m)",
        f"  true       did not Order Completed since Checkout Started  -- no Order Completed; {started}",
        "  true       exclusion: not in post_purchase.24h",
    ]


def test_until_moves_the_file_on(events: str) -> None:
    """At the end of the grace the entry is emitted."""
    result = streams(events, "u1", "checkout.abandon", "--until", "2026-03-02T10:45:00Z")

    assert "checkout.abandon (version 1): MEMBER since 2026-03-02T10:30:00Z (15m ago)" in result.stdout


def test_without_a_segment_the_others_are_told_in_a_line(events: str) -> None:
    """Trees of what the customer is in, one line with the reason for each other; --all: trees of all."""
    short, whole = streams(events, "u2").stdout, streams(events, "u2", "--all").stdout

    assert "post_purchase.24h (version 1): MEMBER since 2026-03-02T10:40:00Z (now)" in short
    assert "\nnot in:\n" in short
    assert "  buyer.repeat                  false: did orders at least 2 times" in short
    assert "buyer.repeat (version 1): NOT A MEMBER" in whole
    assert "not in:" not in whole


def test_json_has_the_same(events: str) -> None:
    """Every segment, with its tree, its evidence and when time changes it."""
    told = json.loads(streams(events, "u1", "--json").stdout)
    found = {one["segment"]: one for one in told["segments"]}
    one = found["checkout.abandon"]
    clause = one["tree"]["parts"][0]

    assert (told["customer"], told["shop"], told["as_of"]) == ("u1", "default", "2026-03-02T10:40:00.000Z")
    assert (one["status"], one["since"], one["due"]) == (
        "pending",
        "2026-03-02T10:00:00.000Z",
        "2026-03-02T10:30:00.000Z",
    )
    assert one["waits_for"][0]["sources"] == ["behaviour", "orders"]
    assert (clause["truth"], clause["becomes"], clause["changes_at"]) == (
        "true",
        "false",
        "2026-03-02T12:00:00.000Z",
    )
    assert clause["evidence"][0]["times"] == ["2026-03-02T10:00:00.000Z"]
    assert len(found) == len(builtin_catalogue(load_vocabulary()).segments)


def test_an_instant_to_come(events: str) -> None:
    """--at beyond the data: the clauses then, if nothing happens; where the customer stands is said of the data's end."""
    ahead = streams(events, "u1", "checkout.abandon", "--at", "2026-03-02T13:00:00Z").stdout

    assert "  if nothing happens until 2026-03-02T13:00:00Z:\n  false    all of" in ahead
    assert "the last 2026-03-02T10:00:00Z (3h ago)" in ahead


@pytest.fixture
def abandoned(tmp_path: Path) -> str:
    """A file in which u1 left a checkout, and an order from before the entry came late, after others' events."""
    file = tmp_path / "abandoned.jsonl"
    lines = [
        message("Checkout Started", 1, "u1", "10:00:00"),
        message("Product Viewed", 2, "u2", "11:00:00"),
        message("Product Viewed", 3, "u2", "11:30:00"),
        message("Order Completed", 4, "u1", "10:20:00", order_id="o1", total="20"),
    ]
    file.write_text("\n".join(lines) + "\n")
    return str(file)


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("10:00:00Z", "PENDING since 2026-03-02T10:00:00Z (now)"),
        ("10:29:59.999Z", "PENDING since 2026-03-02T10:00:00Z (29m 59s ago)"),
        ("10:44:59.999Z", "PENDING since 2026-03-02T10:00:00Z (44m 59s ago)"),
        ("10:45:00Z", "MEMBER since 2026-03-02T10:30:00Z (15m ago)"),
        ("11:29:59Z", "MEMBER since 2026-03-02T10:30:00Z (59m 59s ago)"),
    ],
)
def test_as_it_stood(abandoned: str, at: str, words: str) -> None:
    """--at in a file: its lines are run up to that instant; what came later is counted, and not looked at."""
    told = streams(abandoned, "u1", "checkout.abandon", "--at", f"2026-03-02T{at}").stdout

    assert f"checkout.abandon (version 1): {words}" in told
    assert ("1 event of this customer from before then came later" in told) == (at >= "10:20")


def test_with_hindsight(abandoned: str) -> None:
    """--hindsight: the late order is known, and there was nothing to be told."""
    told = streams(abandoned, "u1", "checkout.abandon", "--at", "2026-03-02T11:00:00Z", "--hindsight").stdout

    assert "checkout.abandon (version 1): NOT A MEMBER" in told
    assert "false      did not Order Completed since Checkout Started" in told


def test_nobody_was_known_before_the_first_event(abandoned: str) -> None:
    """A customer of whom nothing had come is told as one."""
    result = streams(abandoned, "u1", "--at", "2026-03-02T09:00:00Z")

    assert result.exit_code == 1
    assert "knows no customer 'u1' of the shop 'default' by 2026-03-02T09:00:00.000Z" in result.stderr


def test_until_does_not_go_beyond_at(events: str) -> None:
    """With both, the file is moved on to the earlier one."""
    told = streams(
        events, "u1", "checkout.abandon", "--until", "2026-03-02T13:00:00Z", "--at", "2026-03-02T11:00:00Z"
    ).stdout

    assert "as of 2026-03-02T11:00:00Z" in told
    assert "MEMBER since 2026-03-02T10:30:00Z (30m ago)" in told


def test_json_of_the_past_of_a_file(abandoned: str) -> None:
    """The same as values: where it stood, and how much came later."""
    told = json.loads(
        streams(abandoned, "u1", "checkout.abandon", "--at", "2026-03-02T11:00:00Z", "--json").stdout
    )

    assert (told["as_of"], told["came_later"]) == ("2026-03-02T11:00:00.000Z", 1)
    assert (told["segments"][0]["status"], told["segments"][0]["past"]) == ("member", None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("u1", "checkout.abandn"), "did you mean 'checkout.abandon'?"),
        (("u9",), "knows no customer 'u9' of the shop 'default'"),
        (("u1", "--shop", "other"), "of the shop 'other'"),
        (("u1", "--at", "noon"), "write it like"),
        (("u1", "--partition", "1"), "two sources"),
        (("u1", "--out-of-orderness", "soon"), "--out-of-orderness"),
        (("u1", "--hindsight"), "--hindsight needs --at"),
    ],
)
def test_mistakes_are_sentences(events: str, arguments: tuple[str, ...], words: str) -> None:
    """What is wrong and what to do, without a traceback."""
    result = streams(events, *arguments)

    assert result.exit_code in {1, 2}
    assert words in result.stderr
    assert not isinstance(result.exception, AssertionError)


def test_a_missing_file() -> None:
    """A file that cannot be opened is told by name."""
    result = streams("/nowhere/events.jsonl", "u1")

    assert result.exit_code == 2
    assert "/nowhere/events.jsonl" in result.stderr


def test_lines_that_cannot_be_used_are_counted(events: str) -> None:
    """On standard error; the rest is explained."""
    with Path(events).open("a") as file:
        file.write("no json\n")
    result = streams(events, "u1", "checkout.abandon")

    assert "1 lines could not be used" in result.stderr
    assert "PENDING" in result.stdout


def test_until_belongs_to_a_file() -> None:
    """Without --events it is refused."""
    result = CliRunner().invoke(main, ["explain", "u1", "--until", "2026-03-02T10:45:00Z"])

    assert result.exit_code == 2
    assert "--until needs --events" in result.stderr


def test_a_terminal_shows_trees(events: str) -> None:
    """The same words with branches."""
    source = from_file(FileOptions(events, "segment", None, "0s", None, 1_772_496_000_000))
    partition = source.partition
    profile = partition.live["default/u1"]
    now = present(partition, profile)
    names = ("checkout.abandon", "value.vip")
    told = [explain(source.explainer, partition, profile, name, now) for name in names]
    console = Console(record=True, width=120, file=None, quiet=False, force_terminal=False)
    with console.capture() as captured:
        console.print(as_rich(Report("u1", "default", "a file", now, told, whole=False)))
    text = captured.get()

    assert "└── true     all of" in text
    assert "├── true     did Checkout Started within 2h" in text
    assert "value.vip  false: did orders at least 5 times" in text


def test_the_plan_is_the_built_in_one(events: str) -> None:
    """What explains is what `streams backtest` runs: the same hash."""
    vocabulary = load_vocabulary()
    plan = compile_catalogue(builtin_catalogue(vocabulary), source_of_events(vocabulary))
    source = from_file(FileOptions(events, "segment", None, "0s", None, 1_772_496_000_000))

    assert source.partition.plan.plan_hash == plan.plan_hash


def looked_back(events: str, at_ms: int, *, whole: bool = True) -> str:
    """Return what is told of u1 at *at_ms* from the state at the end of the file, as of an application's."""
    source = from_file(FileOptions(events, "segment", None, "0s", None, 1_772_496_000_000))
    partition = source.partition
    profile = partition.live["default/u1"]
    names = ("checkout.abandon", "value.vip")
    told = [explain(source.explainer, partition, profile, name, at_ms) for name in names]
    report = Report("u1", "default", "an application", present(partition, profile), told, whole=whole)
    assert json.loads(as_json(report))["segments"][0]["past"]["status"] in as_text(report).lower()
    return as_text(report)


def test_an_application_looks_back(events: str) -> None:
    """What was then, how it is known, and what is now."""
    with Path(events).open("a") as file:
        file.write(message("Product Viewed", 3, "u1", "11:00:00") + "\n")
        file.write(message("Order Completed", 4, "u1", "11:10:00", order_id="o2", total="20") + "\n")
        file.write(message("Checkout Started", 5, "u1", "23:00:00") + "\n")
    told = looked_back(events, 1_772_449_200_000)

    assert (
        "checkout.abandon (version 1): WAS A MEMBER since 2026-03-02T10:30:00Z\n"
        "  at 2026-03-02T11:00:00Z, by the events that are kept, late ones included; now no member\n"
        "  true     all of" in told
    )
    assert "value.vip (version 1): WAS NO MEMBER" in told
    assert "\nwas not in:\n  value.vip" in looked_back(events, 1_772_449_200_000, whole=False)


def test_an_application_says_what_it_cannot_tell(events: str) -> None:
    """Beyond what the journals hold there is no answer, and that is said."""
    with Path(events).open("a") as file:
        for day, number in enumerate(range(10, 50), 3):
            line = message("Checkout Started", number, "u1", "12:00:00")
            file.write(line.replace("2026-03-02", f"2026-{3 + day // 31:02}-{1 + day % 31:02}") + "\n")
    source = from_file(FileOptions(events, "segment", None, "0s", None, 1_782_496_000_000))
    partition = source.partition
    profile = partition.live["default/u1"]
    one = explain(source.explainer, partition, profile, "checkout.abandon", 1_772_449_200_000)
    told = as_text(Report("u1", "default", "a file", present(partition, profile), [one], whole=True))

    assert "checkout.abandon (version 1): NOT KNOWN any more" in told
    assert "the last entry and exit are newer, and what was before is not kept" in told
    assert "they cannot be told" in told
    assert "did Checkout Started" not in told

    assert one.past is not None
    kept_ms = one.past.kept_back_to_ms
    later = explain(source.explainer, partition, profile, "checkout.abandon", kept_ms)
    told = as_text(Report("u1", "default", "a file", present(partition, profile), [later], whole=True))
    assert "what its clauses read is kept back to" in told
    assert "they cannot be told" not in told
    assert "did Checkout Started" in told


def test_it_says_how_a_membership_stands(tmp_path: Path) -> None:
    """S12: who shadows it, where it may speak, and which gate keeps the other channels shut; as text and as JSON."""
    file = tmp_path / "events.jsonl"
    lines = [
        message("Email Subscribed", 1, "u1", "09:00:00"),
        message("Checkout Started", 2, "u1", "10:00:00"),
        message("Product Added", 3, "u1", "10:05:00"),
    ]
    file.write_text("\n".join(lines) + "\n")

    told = streams(str(file), "u1", "cart.abandon", "--until", "2026-03-02T11:00:00Z").stdout.splitlines()
    assert told[3:6] == [
        "  shadowed by checkout.abandon in JOURNEY, rank 30",
        "  may speak by email",
        "  not by sms: consent is not known",
    ]

    whole = streams(str(file), "u1", "cart.abandon", "--until", "2026-03-02T11:00:00Z", "--json").stdout
    assert json.loads(whole)["segments"][0]["stance"] == {
        "eligible_channels": ["email"],
        "silent_channels": {"sms": "consent is not known"},
        "suppressions": [],
        "arbitration": {"group": "JOURNEY", "rank": 30, "active": False, "shadowed_by": "checkout.abandon"},
        "arm": None,
    }
