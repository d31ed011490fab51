"""``streams worker``: read customer events, write segment transitions."""

from __future__ import annotations

import logging.config
import os
import signal
import sys
from collections.abc import Sequence

import click

from streams.cli.processes import run_processes
from streams.errors import SettingsError
from streams.settings import KNOBS, PREFIX, Settings

logger = logging.getLogger(__name__)

EPILOGUE = """\b
Examples:
  STREAMS_BOOTSTRAP=kafka:9092 streams worker
  streams worker --set inputs="shop.orders=orders;shop.behaviour=behaviour,engagement:avro"
  streams worker --processes 4
  streams worker --set clock=event --set coverage=complete --check
"""


def _settings_help() -> str:
    lines = ["Settings (environment variable, default, meaning):", ""]
    for knob in KNOBS:
        default = knob.default
        if knob.name == "inputs":
            default = ";".join(f"{i.topic}={','.join(i.sources)}" for i in knob.default)
        lines += [f"  {knob.variable} [{default}]", f"      {knob.why}; {knob.range}"]
    lines += [
        f"  {PREFIX}KAFKA_<OPTION>",
        "      any option of librdkafka, e.g. STREAMS_KAFKA_SECURITY_PROTOCOL=SASL_SSL",
    ]
    return "\n".join(lines)


def take_assignments(assignments: Sequence[str]) -> None:
    """Put settings given as NAME=VALUE into the environment, where they win.

    Raises:
        SettingsError: one is not of that form.
    """
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise SettingsError(
                f"--set {assignment} is no NAME=VALUE", hint="write it like --set clock=event"
            )
        os.environ[PREFIX + name.strip().upper()] = value


@click.command(epilog=EPILOGUE)
@click.option(
    "--set", "assignments", multiple=True, metavar="NAME=VALUE", help="A setting; wins over the environment."
)
@click.option("--check", is_flag=True, help="Check settings and definitions, print them, and stop.")
@click.option(
    "--settings", "list_settings", is_flag=True, help="List every setting with its default, and stop."
)
@click.option(
    "--processes", type=click.IntRange(1, 64), help="Processes to use as many cores: --set processes=N."
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warn", "error"]),
    help="What is logged: --set log_level=...",
)
def command(
    assignments: Sequence[str], check: bool, list_settings: bool, processes: int | None, log_level: str | None
) -> None:
    """Read customer events from Kafka, decide segments, write transitions, exactly once.

    Everything is set by environment variables (STREAMS_...) or --set; --settings lists them. The same application
    runs as `faust -A streams.worker worker`.
    """
    if list_settings:
        click.echo(_settings_help())
        return
    take_assignments(assignments)
    if processes is not None:
        os.environ[f"{PREFIX}PROCESSES"] = str(processes)
    if log_level is not None:
        os.environ[f"{PREFIX}LOG_LEVEL"] = log_level
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until Faust's own: nothing is open yet
    settings = Settings.load(os.environ)  # wrong settings are told before Faust is loaded
    if check:
        from streams.runtime.application import wire  # noqa: PLC0415 - only this path needs it

        wiring = wire(settings)
        for name, value in settings.public().items():
            click.echo(f"{name} = {value}")
        segments = [member.segment_id for machine in wiring.plan.machines for member in machine.members]
        click.echo(f"segments = {', '.join(segments)}")
        return
    if settings.processes > 1:
        sys.exit(_several(settings))
    from streams.worker import app  # noqa: PLC0415 - loads Faust and reads the environment

    quiet = ["--quiet"] if settings.log_format == "json" else []  # no banner among the lines
    sys.argv = ["streams", *quiet, "worker", "--without-web", "--loglevel", settings.log_level]
    app.main()


def _several(settings: Settings) -> int:
    """Run the worker in several processes; return the status to exit with."""
    from streams.runtime.logs import log_config  # noqa: PLC0415 - only this path needs it

    logging.config.dictConfig(log_config(settings))
    command = [sys.executable, "-m", "streams", "worker"]
    return run_processes(command, os.environ, settings.processes, say=logger.error)
