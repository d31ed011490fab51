"""`python -m streams.demo.look BOOTSTRAP`: read what the demo wrote, as any downstream system would."""

from __future__ import annotations

from contextlib import closing

import click
import msgspec
from rich.console import Console

from streams.demo.board import DECODER
from streams.demo.kafka_side import committed_reader, latest_by_key, values
from streams.demo.outcome import transition_line
from streams.demo.topics import MEMBERSHIPS_TOPIC, TRANSITIONS_TOPIC

QUIET_S = 3.0


class MembershipSeen(msgspec.Struct):
    """One membership of a `segment_membership` record."""

    segment_id: str
    since: str


class CustomerSeen(msgspec.Struct):
    """The part of a `segment_membership` record that is shown."""

    customer_id: str
    memberships: list[MembershipSeen] = []


@click.command()
@click.argument("bootstrap")
@click.option(
    "--topic",
    type=click.Choice([TRANSITIONS_TOPIC, MEMBERSHIPS_TOPIC]),
    default=TRANSITIONS_TOPIC,
    show_default=True,
    help="What to read.",
)
@click.option("--customer", help="Show this customer alone.")
def look(bootstrap: str, topic: str, customer: str | None) -> None:
    """Print what the demo at BOOTSTRAP has written: committed records only, one a line."""
    console = Console(highlight=False)
    whole_lines = customer is not None or not console.is_terminal
    if topic == MEMBERSHIPS_TOPIC:
        for value in latest_by_key(bootstrap, topic).values():
            seen = msgspec.json.decode(value, type=CustomerSeen)
            if customer in (None, seen.customer_id):
                places = (
                    ", ".join(f"{m.segment_id} since {m.since[:10]}" for m in seen.memberships) or "in none"
                )
                console.print(f"[bold]{seen.customer_id}[/]  {places}", soft_wrap=True)
        return
    with closing(committed_reader(bootstrap, topic)) as reader:
        while records := list(values(reader, QUIET_S)):
            for transition in map(DECODER.decode, records):
                if customer in (None, transition.customer_id):
                    line = transition_line(transition)
                    shown = line if customer else f"{transition.customer_id:>16}  {line}"
                    console.print(shown, soft_wrap=whole_lines, no_wrap=True, overflow="ellipsis")


if __name__ == "__main__":
    look(prog_name="python -m streams.demo.look")
