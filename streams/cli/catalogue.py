"""``streams catalogue``: the tools around definitions; here the list, the others in modules of their own."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.table import Table

from streams.catalogue.compiler import compile_catalogue
from streams.catalogue.events import load_vocabulary
from streams.catalogue.library import source_of_events
from streams.catalogue.listing import listed
from streams.cli.catalogue_check import check
from streams.cli.catalogue_diff import diff
from streams.cli.catalogue_reference import reference
from streams.cli.catalogue_rows import rows
from streams.cli.catalogue_scenarios import test
from streams.cli.catalogue_schema import schema
from streams.cli.catalogue_show import show
from streams.runtime.definition_files import load_catalogue
from streams.segmentation.definitions import Catalogue
from streams.segmentation.plans import Plan
from streams.segmentation.timeline import duration_text

folder_option = click.option(
    "--catalogue", "folder", metavar="DIR", help="Folder of YAML files; default: the built-in catalogue."
)


def _loaded(folder: str | None) -> tuple[Catalogue, Plan]:
    vocabulary = load_vocabulary()
    catalogue = load_catalogue(folder, vocabulary)
    return catalogue, compile_catalogue(catalogue, source_of_events(vocabulary))


@click.group()
def command() -> None:
    """Check, test, compare, list and show segment definitions.

    \b
    Examples:
      streams catalogue check --catalogue segments/
      streams catalogue test --catalogue segments/
      streams catalogue diff before/ segments/
      streams catalogue list
      streams catalogue show checkout.abandon
      streams catalogue reference
      streams catalogue rows
      streams catalogue schema > definitions.schema.json
    """


command.add_command(check)
command.add_command(diff)
command.add_command(reference)
command.add_command(rows)
command.add_command(schema)
command.add_command(show)
command.add_command(test)


@command.command(name="list")
@folder_option
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object: segments and groups with all they say."
)
def list_(folder: str | None, as_json: bool) -> None:
    """List the segments with what they wait for."""
    catalogue, plan = _loaded(folder)
    gates = {m.segment_id: plan.gates[machine.gate] for machine in plan.machines for m in machine.members}
    if as_json:
        click.echo(json.dumps(listed(catalogue, gates), indent=2))
        return
    table = Table("segment", "version", "label", "group", "dwell", "grace", "waits for")
    for segment in catalogue.segments:
        table.add_row(
            segment.segment_id,
            str(segment.version),
            segment.label,
            segment.group or "",
            duration_text(segment.dwell_ms) if segment.dwell_ms else "",
            duration_text(segment.grace_ms) if segment.grace_ms else "",
            ", ".join(sorted(gates[segment.segment_id])),
        )
    Console().print(table)
