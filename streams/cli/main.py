"""The command `streams`: a table of commands, loaded when one is called, and one place that prints errors.

A command module defines one click command named `command`. It must not be imported to print `streams --help`:
the worker's module brings Faust with it, and help should come at once.
"""

from __future__ import annotations

from importlib import import_module, metadata
from typing import NamedTuple

import click

from streams.errors import DefinitionError, SettingsError, StreamsError


class CommandEntry(NamedTuple):
    """Where a command lives (``module:attribute``) and what it does, in one line."""

    target: str
    summary: str


COMMANDS: dict[str, CommandEntry] = {
    "demo": CommandEntry(
        "streams.cli.demo:command", "Replay a real shop's year through embedded Kafka; segments live."
    ),
    "feed": CommandEntry("streams.cli.feed:command", "Write the demo's year into a Kafka that runs already."),
    "worker": CommandEntry("streams.cli.worker:command", "Read customer events, write segment transitions."),
    "backtest": CommandEntry(
        "streams.cli.backtest:command", "Run the segments over a file of events, in simulated time."
    ),
    "explain": CommandEntry("streams.cli.explain:command", "Say why a customer is in a segment, or not."),
    "catalogue": CommandEntry("streams.cli.catalogue:command", "Check and show segment definitions."),
    "import": CommandEntry(
        "streams.cli.importing:command", "Give an application that has not started the past of its customers."
    ),
    "status": CommandEntry("streams.cli.status:command", "Say where a running application stands."),
    "topics": CommandEntry(
        "streams.cli.topics:command", "Plan, check and create the topics, and the rights they need."
    ),
    "schemas": CommandEntry("streams.cli.schemas:command", "Check the Avro schemas, and register them."),
    "compile": CommandEntry(
        "streams.cli.compile:command", "Compile the hot path and the worker's plan to C: the same, faster."
    ),
    "metrics": CommandEntry(
        "streams.cli.metrics:command", "Print the reference of all metrics; the dashboard."
    ),
    "bench": CommandEntry(
        "streams.cli.bench:command", "Race the worker against baselines, and check what it wrote."
    ),
    "broker": CommandEntry("streams.cli.broker:command", "Run a real Apache Kafka on this machine."),
}
"""Every command, in the order of ``streams --help``."""


def exit_code(error: StreamsError) -> int:
    """Return 2 where the author of a definition or setting must act, else 1."""
    return 2 if isinstance(error, DefinitionError | SettingsError) else 1


class LazyCommands(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command *cmd_name*, or None when there is none of that name.

        Raises:
            TypeError: the module's attribute is not a click command; our own defect.
        """
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module_name, _, attribute = entry.target.partition(":")
        command = getattr(import_module(module_name), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.target} is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; an error of ours is printed with its hint instead of a traceback."""
        try:
            return super().invoke(ctx)
        except StreamsError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(exit_code(error))


@click.command(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(metadata.version("segment-streams"), prog_name="streams")
def main() -> None:
    """Customer segments from Kafka events: exact in event time, exactly once, with the reason.

    \b
    Examples:
      streams demo                              a real shop's year, live in this terminal
      streams backtest --events events.jsonl    what would have been emitted
      streams worker                            the same against your Kafka (settings: STREAMS_*)
    """
