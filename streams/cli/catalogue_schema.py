"""``streams catalogue schema``: the JSON Schema of the language, for editors."""

from __future__ import annotations

import json

import click

from streams.catalogue.events import load_vocabulary
from streams.catalogue.schema import definition_schema, names_of, scenario_schema
from streams.runtime.definition_files import load_catalogue

EPILOGUE = """\b
Examples:
  streams catalogue schema --catalogue segments/ > segments/definitions.schema.json
  streams catalogue schema --catalogue segments/ --scenarios > segments/scenarios/scenarios.schema.json
\b
An editor with the YAML language server completes and underlines when a file begins with
  # yaml-language-server: $schema=definitions.schema.json
"""


@click.command(name="schema", epilog=EPILOGUE)
@click.option(
    "--catalogue",
    "folder",
    metavar="DIR",
    help="Offer the names of this folder too; default: the built-in ones.",
)
@click.option("--scenarios", is_flag=True, help="Of files of scenarios, not of definitions.")
def schema(folder: str | None, scenarios: bool) -> None:
    """Print the JSON Schema of definitions: keys, values, and the names of events, facts, segments and groups."""
    vocabulary = load_vocabulary()
    names = names_of(load_catalogue(folder, vocabulary), vocabulary)
    found = scenario_schema(names) if scenarios else definition_schema(names)
    click.echo(json.dumps(found, indent=2))
