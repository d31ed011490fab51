"""``streams schemas``: whether the schemas fit, and putting them into a registry."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
import msgspec

from streams.codecs.schema_sources import bundled_schema
from streams.errors import SettingsError
from streams.operations.schema_checks import (
    RECORDS,
    Finding,
    history_findings,
    read_schema,
    registry_findings,
    subjects,
    why_unreadable,
)
from streams.settings import PREFIX, Settings

EXAMPLES = """\b
Examples:
  streams schemas check
  STREAMS_SCHEMA_REGISTRY_URL=https://registry:8081 streams schemas register
"""
CHECK_EXAMPLES = """\b
Examples:
  streams schemas check
  STREAMS_SCHEMA_REGISTRY_URL=https://registry:8081 streams schemas check
  streams schemas check --writer shop-events.avsc
  streams schemas check --writer old.avsc --record segment_transition --json
"""
REGISTER_EXAMPLES = """\b
Examples:
  STREAMS_SCHEMA_REGISTRY_URL=https://registry:8081 streams schemas register
  STREAMS_INPUTS="shop.events=*:avro" streams schemas register --inputs
"""


@click.group(epilog=EXAMPLES)
def command() -> None:
    """Check the Avro schemas and register them. Subjects are named TOPIC-value; the registry is in the settings."""


@command.command("check", epilog=CHECK_EXAMPLES)
@click.option(
    "--writer",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Can what is written with this schema be read?",
)
@click.option(
    "--record",
    type=click.Choice(RECORDS),
    default=RECORDS[0],
    show_default=True,
    help="Of --writer: what it writes.",
)
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
@click.pass_context
def check(context: click.Context, writer: Path | None, record: str, as_json: bool) -> None:
    """Check the shipped schemas against their history and, where the settings name one, against a registry.

    The exit status is 1 when records could not be read, or a worker would not start.
    """
    if writer is not None:
        found = [_of_writer(writer, record)]
    else:
        settings = Settings.load(os.environ)
        found = list(history_findings())
        if settings.schema_registry_url:
            from streams.runtime.formats import open_registry  # noqa: PLC0415 - loads the client

            found += registry_findings(open_registry(settings), subjects(settings))
    if as_json:
        click.echo(msgspec.json.encode([asdict(one) for one in found]).decode())
    else:
        _tell(found)
    if any(one.standing == "error" for one in found):
        context.exit(1)


@command.command("register", epilog=REGISTER_EXAMPLES)
@click.option(
    "--inputs",
    is_flag=True,
    help="Our schema of events too, for the Avro inputs: producers that differ are refused.",
)
def register(inputs: bool) -> None:
    """Register the schemas of the outputs and set their compatibility mode; what is registered already stays.

    A worker does the same at its start; do it before, where workers may not write to the registry.
    """
    settings = Settings.load(os.environ)
    if not settings.schema_registry_url:
        raise SettingsError("no registry is set", hint=f"name it in {PREFIX}SCHEMA_REGISTRY_URL")
    wanted = [one for one in subjects(settings) if inputs or one.written]
    if not wanted:
        raise SettingsError(
            "nothing is written as Avro",
            hint=f"{PREFIX}OUTPUT_FORMAT=avro, or --inputs where inputs are Avro",
        )
    from streams.runtime.formats import open_registry  # noqa: PLC0415 - loads the client

    registry = open_registry(settings)
    for one in wanted:
        schema_id = registry.register(one.name, bundled_schema(one.record))
        click.echo(f"{one.name}  {one.record}  id {schema_id}  {registry.mode(one.name)}")


def _of_writer(file: Path, record: str) -> Finding:
    why = why_unreadable(read_schema(file), bundled_schema(record))
    if why:
        return Finding(
            str(file),
            "error",
            f"what it writes cannot be read: {why}",
            f"give it the fields of schemas/{record}.avsc",
        )
    return Finding(str(file), "ok", f"what it writes can be read as {record}")


def _tell(found: Sequence[Finding]) -> None:
    for one in found:
        click.echo(f"{one.standing:<8}{one.subject}: {one.said}")
        if one.what_to_do:
            click.echo(f"        {one.what_to_do}")
