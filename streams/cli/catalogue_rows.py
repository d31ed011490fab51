"""``streams catalogue rows``: what can be said, as a table."""

from __future__ import annotations

import click

from streams.catalogue.rows import table

EPILOGUE = """\b
Examples:
  streams catalogue rows
  streams catalogue rows > streams/catalogue/ROWS.md
"""


@click.command(name="rows", epilog=EPILOGUE)
def rows() -> None:
    """Print every segment that shops ask for, which definition says it, and what cannot be said yet; as Markdown."""
    click.echo(table(), nl=False)
