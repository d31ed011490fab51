"""How the demo ended: the figures, for machines and for people."""

from __future__ import annotations

import os
import sys

import msgspec
from rich.console import Console
from rich.table import Table

from streams.demo.board import Board, TransitionSeen
from streams.demo.real_orders import PUBLISHED, RealOrders
from streams.demo.topics import MEMBERSHIPS_TOPIC, TRANSITIONS_TOPIC


class Outcome(msgspec.Struct, frozen=True):
    """What `--json` prints as its last line.

    Attributes:
        events: customer events that the engine has read and committed.
        seconds: from the moment the worker had its partitions until the last result was there.
        transitions: committed records of the transitions topic.
        kinds, origins: the same by kind and by origin.
        segments: members of every segment at the end of the replay.
        dead_letters: records that could not be used.
        real_orders: from the engine's own state.
        bootstrap, metrics: where to look further, as long as the demo runs.
    """

    events: int
    seconds: float
    events_per_s: float
    transitions: int
    kinds: dict[str, int]
    origins: dict[str, int]
    segments: dict[str, int]
    dead_letters: int
    real_orders: RealOrders
    bootstrap: str
    metrics: str

    def as_json(self) -> str:
        """Return it as one line."""
        return msgspec.json.encode(self).decode()


def print_outcome(console: Console, outcome: Outcome, board: Board) -> None:
    """Print the summary: speed, sizes, the published figures beside ours, one customer's story."""
    console.rule("[bold]The year is over")
    console.print(
        f"[bold]{outcome.events:,}[/] events in {outcome.seconds:.1f} s: "
        f"[bold green]{outcome.events_per_s:,.0f} events/s[/], exactly once; "
        f"{outcome.transitions:,} transitions; {outcome.dead_letters} dead letters"
    )
    console.print(_sizes(outcome, board))
    console.print(_published(outcome.real_orders))
    story = board.story()
    if story:
        console.print(f"\n[bold]One customer's story[/]: {story[0].customer_id}")
        for seen in story[-20:]:
            console.print(transition_line(seen), overflow="ellipsis", no_wrap=True)


def print_where_to_look(console: Console, outcome: Outcome, board: Board) -> None:
    """Print what one can do while Kafka and the worker still run."""
    story = board.story()
    customer_id = story[0].customer_id if story else "17850"
    python = min(sys.executable, os.path.relpath(sys.executable), key=len)
    look = f"{python} -m streams.demo.look {outcome.bootstrap}"
    console.print("\n[bold]Look further[/] [dim](Kafka and the worker run until Ctrl-C)[/]")
    console.print(
        f"  {look}", "[dim]# the transitions, as they were committed[/]", soft_wrap=True, highlight=False
    )
    console.print(
        f"  {look} --customer {customer_id}",
        "[dim]# one customer, with every reason[/]",
        soft_wrap=True,
        highlight=False,
    )
    console.print(
        f"  {look} --topic {MEMBERSHIPS_TOPIC}", "[dim]# who is where now[/]", soft_wrap=True, highlight=False
    )
    console.print(
        f"  curl {outcome.metrics}", "[dim]# what Prometheus sees[/]", soft_wrap=True, highlight=False
    )
    console.print(
        f"  [dim]any Kafka client: topic {TRANSITIONS_TOPIC} at {outcome.bootstrap}, read_committed[/]",
        soft_wrap=True,
    )


KIND_STYLES = {
    "entered": ("green", "→ entered  "),
    "exited": ("dim", "← exited   "),
    "retracted": ("red", "↺ retracted"),
    "arbitration_changed": ("yellow", "⇄ arbitrated"),
    "eligibility_changed": ("yellow", "◌ eligible "),
}


def transition_line(seen: TransitionSeen) -> str:
    """Return a transition as one line of rich text: when, what, where, why."""
    style, word = KIND_STYLES.get(seen.kind, ("", seen.kind))
    when = seen.occurred_at[:19].replace("T", " ")
    why = seen.reason.replace("[", r"\[")
    return (
        f"[dim]{when}[/]  [{style}]{word}[/]  [bold]{seen.segment_id:<28}[/] {seen.origin:<5}  [dim]{why}[/]"
    )


def _sizes(outcome: Outcome, board: Board) -> Table:
    table = Table(title="Segments at the end", title_justify="left", box=None, pad_edge=False)
    table.add_column("segment")
    table.add_column("members", justify="right")
    table.add_column("ever entered", justify="right")
    for segment_id, members in outcome.segments.items():
        table.add_row(segment_id, f"{members:,}", f"{board.entered[segment_id]:,}")
    return table


def _published(ours: RealOrders) -> Table:
    table = Table(
        title="\nThe real orders, from the engine's state", title_justify="left", box=None, pad_edge=False
    )
    for heading in ("", "engine", "published", "", "net of cancelled and refunded"):
        table.add_column(heading, justify="right" if heading else "left")
    for name in PUBLISHED.__struct_fields__:
        mine, theirs, left = getattr(ours, name), getattr(PUBLISHED, name), getattr(ours.net, name)
        mark = "[green]equal[/]" if mine == theirs else "[red]differs[/]"
        table.add_row(name.replace("_", " "), f"{mine:,}", f"{theirs:,}", mark, f"{left:,}")
    return table
