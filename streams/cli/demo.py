"""`streams demo`: a real shop's year through a real Kafka, with live segments."""

from __future__ import annotations

import sys
import time

import click
from rich.console import Console

from streams.cli.stopping import tidy_end
from streams.demo.outcome import Outcome, print_outcome, print_where_to_look
from streams.demo.run import Demo, DemoOptions
from streams.demo.screen import PlainScreen, screen_for

INTERRUPTED = 130
CHECK_EVERY_S = 0.5
LOG_COLUMNS = 160
"""Where there is no terminal to say how wide it is."""


@click.command()
@click.option(
    "--browsing",
    type=click.IntRange(0, 1_000),
    default=10,
    show_default=True,
    help="Simulated events around each real order, on average. 0: the real shop alone.",
)
@click.option("--seed", type=int, default=7, show_default=True, help="Of everything simulated.")
@click.option(
    "--partitions",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="Of each of the demo's topics.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65_535),
    default=0,
    help="Where the worker serves its metrics, on 127.0.0.1. [default: a free port]",
)
@click.option("--exit-when-done", is_flag=True, help="End after the summary instead of waiting for Ctrl-C.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the summary as one JSON object, the last line of output."
)
def command(
    browsing: int,
    seed: int,
    partitions: int,
    metrics_port: int,
    exit_when_done: bool,
    as_json: bool,
) -> None:
    """Replay a real shop's year through a real Kafka and watch its customers' segments.

    Starts Apache Kafka on this machine, writes the orders and credit notes of a UK gift shop (Online Retail,
    UCI) together with simulated browsing around them, and runs the worker over them as fast as it goes. Ctrl-C ends
    it at any time and leaves nothing behind.

    \b
    Examples:
      streams demo                             watch, then look further until Ctrl-C
      streams demo --browsing 0                the real orders alone
      streams demo --browsing 50               a million events
      streams demo --exit-when-done --json     for machines: the last line is one JSON object
    """
    options = DemoOptions(browsing=browsing, seed=seed, partitions=partitions, metrics_port=metrics_port)
    told = Console(stderr=as_json)
    if not told.is_terminal:
        told = Console(stderr=as_json, width=LOG_COLUMNS)
    demo = Demo(options, PlainScreen(told) if as_json else screen_for(told))
    outcome: Outcome | None = None
    try:
        with demo, tidy_end():
            outcome = demo.run()
            if as_json:
                click.echo(outcome.as_json())
            else:
                print_outcome(told, outcome, demo.board)
            if not exit_when_done:
                print_where_to_look(told, outcome, demo.board)
                wait_for_ctrl_c(demo)
    except KeyboardInterrupt:
        told.print("Stopped; Kafka, the worker and their files are gone", style="dim")
        sys.exit(0 if outcome is not None else INTERRUPTED)


def wait_for_ctrl_c(demo: Demo) -> None:
    """Keep Kafka and the worker running until somebody asks for the end.

    Raises:
        OperationError: one of them ended by itself.
    """
    while True:
        time.sleep(CHECK_EVERY_S)
        demo.check()
