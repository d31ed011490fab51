"""``streams catalogue reference``: the language, every key of it."""

from __future__ import annotations

import click

from streams.catalogue.reference import reference as written

EPILOGUE = """\b
Examples:
  streams catalogue reference
  streams catalogue reference > streams/catalogue/REFERENCE.md
"""


@click.command(name="reference", epilog=EPILOGUE)
def reference() -> None:
    """Print the reference of the language: every construct with meaning, type, unit, default and examples; as Markdown."""
    click.echo(written(), nl=False)
