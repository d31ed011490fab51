"""``streams catalogue show``: one definition in words, as code or as a picture."""

from __future__ import annotations

import click

from streams.catalogue.compiler import compile_catalogue
from streams.catalogue.events import load_vocabulary
from streams.catalogue.library import source_of_events
from streams.catalogue.nodes import nearest
from streams.catalogue.telling import Setting, picture, tell
from streams.errors import DefinitionError, SettingsError
from streams.runtime.definition_files import load_catalogue
from streams.segmentation.plans import Plan

EPILOGUE = """\b
Examples:
  streams catalogue show checkout.abandon            in words
  streams catalogue show checkout.abandon --code     the Python that it compiles to
  streams catalogue show lifecycle.at_risk --graph   a Mermaid picture, for a page that draws them
  streams catalogue show --code                      the whole generated module
"""


@click.command(name="show", epilog=EPILOGUE)
@click.argument("segment_id", required=False, metavar="[ID]")
@click.option(
    "--catalogue", "folder", metavar="DIR", help="Folder of definitions; default: the built-in ones."
)
@click.option("--code", is_flag=True, help="Print the generated Python.")
@click.option("--graph", is_flag=True, help="Print a Mermaid picture of how customers move.")
def show(segment_id: str | None, folder: str | None, code: bool, graph: bool) -> None:
    """Show the definition ID (without ID: all): when a customer enters and leaves, what it waits for, its neighbours."""
    if code and graph:
        raise SettingsError("--code and --graph are two different views", hint="ask for one of them")
    vocabulary = load_vocabulary()
    catalogue = load_catalogue(folder, vocabulary)
    plan = compile_catalogue(catalogue, source_of_events(vocabulary))
    segments = {segment.segment_id: segment for segment in catalogue.segments}
    if segment_id is not None and segment_id not in segments:
        raise DefinitionError(f"there is no segment {segment_id!r}", hint=nearest(segment_id, segments))
    if code:
        click.echo(plan.source if segment_id is None else _functions_of(plan, segment_id))
        return
    gates = {m.segment_id: plan.gates[machine.gate] for machine in plan.machines for m in machine.members}
    told = []
    for segment in [segments[segment_id]] if segment_id is not None else catalogue.segments:
        setting = Setting(catalogue, tuple(sorted(gates[segment.segment_id])))
        told.append("\n".join((picture if graph else tell)(segment, setting)))
    click.echo("\n\n".join(told))


def _functions_of(plan: Plan, segment_id: str) -> str:
    """Return the generated functions of one segment."""
    why = next(m.why for machine in plan.machines for m in machine.members if m.segment_id == segment_id)
    name = why.__name__.removeprefix("why_")
    functions = plan.source.split("\n\n\ndef ")[1:]
    wanted = [f for f in functions if f.split("(")[0].split("_", 1)[-1] == name]
    return "\n\n\n".join(f"def {function}" for function in wanted)
