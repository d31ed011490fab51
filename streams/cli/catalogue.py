"""``streams catalogue``: check definitions, list them, show what they compile to."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from streams.catalogue.compiler import compile_catalogue
from streams.catalogue.events import load_vocabulary
from streams.catalogue.library import source_of_events
from streams.catalogue.nodes import nearest
from streams.cli.catalogue_check import check
from streams.cli.catalogue_scenarios import test
from streams.cli.catalogue_schema import schema
from streams.errors import DefinitionError
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
    """Check, list and show segment definitions.

    \b
    Examples:
      streams catalogue check --catalogue segments/
      streams catalogue list
      streams catalogue show checkout.abandon --code
    """


command.add_command(check)
command.add_command(schema)
command.add_command(test)


@command.command(name="list")
@folder_option
def list_(folder: str | None) -> None:
    """List the segments with what they wait for."""
    catalogue, plan = _loaded(folder)
    table = Table("segment", "version", "label", "group", "dwell", "grace", "waits for")
    gates = {m.segment_id: plan.gates[machine.gate] for machine in plan.machines for m in machine.members}
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


@command.command()
@click.argument("segment_id", required=False)
@folder_option
@click.option("--code", is_flag=True, help="Print the generated Python.")
def show(segment_id: str | None, folder: str | None, code: bool) -> None:
    """Show one definition, or with --code what it (or, without an id, everything) compiles to."""
    catalogue, plan = _loaded(folder)
    segments = {segment.segment_id: segment for segment in catalogue.segments}
    if segment_id is not None and segment_id not in segments:
        raise DefinitionError(f"there is no segment {segment_id!r}", hint=nearest(segment_id, segments))
    if code:
        click.echo(plan.source if segment_id is None else _functions_of(plan, segment_id))
        return
    for segment in [segments[segment_id]] if segment_id is not None else catalogue.segments:
        click.echo(f"{segment.segment_id} v{segment.version}: {segment.label}")
        if segment.description:
            click.echo(f"  {segment.description}")
        why = next(
            m.why for machine in plan.machines for m in machine.members if m.segment_id == segment.segment_id
        )
        empty = plan.profile_type()
        for clause in why(empty, 0, 0, (0,) * len(plan.sources)):
            click.echo(f"  - {clause.text}")


def _functions_of(plan: Plan, segment_id: str) -> str:
    """Return the generated functions of one segment."""
    why = next(m.why for machine in plan.machines for m in machine.members if m.segment_id == segment_id)
    name = why.__name__.removeprefix("why_")
    functions = plan.source.split("\n\n\ndef ")[1:]
    wanted = [f for f in functions if f.split("(")[0].split("_", 1)[-1] == name]
    return "\n\n\n".join(f"def {function}" for function in wanted)
