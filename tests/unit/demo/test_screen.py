"""The demo's face."""

from __future__ import annotations

from io import StringIO

import msgspec
from rich.console import Console

from streams.demo.board import Board, TransitionSeen
from streams.demo.kafka_side import Progress
from streams.demo.outcome import Outcome, print_outcome, print_where_to_look, transition_line
from streams.demo.real_orders import PUBLISHED, OrderFigures, RealOrders
from streams.demo.screen import LiveScreen, Picture, PlainScreen, screen_for

ENTERED = TransitionSeen("17850", "checkout.abandon", "entered", "timer", "2011-01-01T10:30:00.000Z", "timer")


def picture(seconds: float) -> Picture:
    """Return a moment of a replay with one transition."""
    board = Board()
    board.take([msgspec.json.encode(ENTERED)])
    return Picture(
        board, Progress(50_000, 200_000), 31_234.5, seconds, "127.0.0.1:1234", "http://127.0.0.1:1/metrics"
    )


def outcome() -> Outcome:
    """Return an outcome with the published figures."""
    net = OrderFigures(4_300, 1_500, 2_800, 18_384, 8_500_000.5)
    known = RealOrders(**msgspec.structs.asdict(PUBLISHED), net=net)
    return Outcome(
        events=209_563,
        seconds=7.0,
        events_per_s=29_940.0,
        transitions=1,
        kinds={"entered": 1},
        origins={"timer": 1},
        segments={"checkout.abandon": 1},
        dead_letters=0,
        real_orders=known,
        bootstrap="127.0.0.1:1234",
        metrics="http://127.0.0.1:1/metrics",
    )


def test_the_live_picture_shows_speed_lag_sizes_and_reasons() -> None:
    """One look says how fast, how far, how large the segments are and what happened last."""
    page = StringIO()
    screen = LiveScreen(Console(file=page, force_terminal=True, width=120, height=40))
    screen.step("Starting")
    screen.show(picture(1.0))
    screen.close()
    for shown in ("31,234", "events/s", "150,000", "checkout.abandon", "entered", "127.0.0.1:1234"):
        assert shown in page.getvalue()


def test_plain_lines_come_every_other_second() -> None:
    """A log is not flooded: one line in two seconds."""
    page = StringIO()
    screen = PlainScreen(Console(file=page, width=200))
    for seconds in (0.0, 0.5, 1.9, 2.0, 2.1):
        screen.show(picture(seconds))
    assert page.getvalue().count("events/s") == 2


def test_only_a_terminal_gets_a_live_picture() -> None:
    """What is piped gets lines."""
    assert isinstance(screen_for(Console(file=StringIO())), PlainScreen)
    assert isinstance(screen_for(Console(file=StringIO(), force_terminal=True)), LiveScreen)


def test_a_line_says_when_what_where_and_why() -> None:
    """A transition's line is complete, and brackets in reasons do not become style."""
    console = Console(file=(page := StringIO()), width=200)
    console.print(transition_line(msgspec.structs.replace(ENTERED, cause="[red]x")))
    assert "2011-01-01 10:30:00" in page.getvalue()
    assert "entered" in page.getvalue()
    assert "checkout.abandon" in page.getvalue()
    assert "[red]x" in page.getvalue()


def test_the_summary_sets_our_figures_beside_the_published_ones() -> None:
    """The end shows speed, sizes, and whether the engine's figures are the published ones."""
    console = Console(file=(page := StringIO()), width=160)
    print_outcome(console, outcome(), picture(1.0).board)
    assert page.getvalue().count("equal") == 5
    assert "differs" not in page.getvalue()
    assert "8,911,407.904" in page.getvalue()


def test_the_summary_says_how_to_look_further() -> None:
    """Commands that can be pasted: the topics, one customer, the metrics."""
    console = Console(file=(page := StringIO()), width=160)
    print_where_to_look(console, outcome(), picture(1.0).board)
    assert "streams.demo.look 127.0.0.1:1234 --customer" in page.getvalue()
    assert "curl http://127.0.0.1:1/metrics" in page.getvalue()


def test_the_json_has_what_machines_were_promised() -> None:
    """The last line's keys are a contract."""
    said = msgspec.json.decode(outcome().as_json())
    assert {"events", "seconds", "events_per_s", "transitions", "segments", "real_orders"} <= set(said)
    assert {"buyers", "one_time", "repeat", "orders", "revenue"} <= set(said["real_orders"])
    assert said["real_orders"]["revenue"] == 8_911_407.904
