"""``streams status``: where a running application stands, seen from outside."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress

import click
from rich.console import Console

from streams.cli.status_view import as_json, as_rich
from streams.settings import Settings

EPILOGUE = """\b
Examples:
  STREAMS_BOOTSTRAP=kafka:9092 streams status
  streams status --application shop-segments --bootstrap kafka:9092 --members
  streams status --watch 5
  streams status --json | jq '[.inputs[].lag] | add'
"""


@click.command(epilog=EPILOGUE)
@click.option(
    "--application", metavar="ID", help="The workers' application; default: STREAMS_APPLICATION_ID."
)
@click.option("--bootstrap", metavar="HOST:PORT", help="The Kafka brokers of the application.")
@click.option(
    "--catalogue", "folder", metavar="DIR", help="Folder of definitions; default: the workers' own."
)
@click.option(
    "--members", "whole", is_flag=True, help="Count the members of each segment: reads the whole changelog."
)
@click.option("--json", "json_wanted", is_flag=True, help="One JSON object; with --watch one a line.")
@click.option(
    "--watch", is_flag=False, flag_value=2.0, type=click.FloatRange(0.1), metavar="[SECONDS]",
    help="Say it again every so often, until Ctrl-C. [default: 2]",
)  # fmt: skip
def command(
    application: str | None, bootstrap: str | None, folder: str | None, whole: bool, json_wanted: bool,
    watch: float | None,
) -> None:  # fmt: skip
    """Say where a running application stands: lag, owners, watermarks, held gates, silent segments, sizes.

    It joins no group and changes nothing. The settings are the workers' own (STREAMS_...). The lag is that of the
    committed offsets; state is what the changelog holds.
    """
    from streams.operations.status import StatusReading  # noqa: PLC0415 - loads the Kafka client

    given = {"application_id": application, "bootstrap": bootstrap, "catalogue_dir": folder}
    settings = Settings.load(os.environ, **{name: value for name, value in given.items() if value})
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    with suppress(KeyboardInterrupt), StatusReading(settings, whole=whole) as reading:
        while True:
            now_ms = time.time_ns() // 1_000_000
            status = reading.read(now_ms)
            if json_wanted:
                click.echo(as_json(status, now_ms))
            else:
                if watch is not None:
                    console.clear()
                console.print(as_rich(status, now_ms))
            if watch is None:
                return
            time.sleep(watch)
