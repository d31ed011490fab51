"""``streams catalogue check``: everything that can be said about definitions, at once."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from streams.catalogue.events import load_vocabulary
from streams.catalogue.excerpts import pointed
from streams.catalogue.findings import LEVELS, Finding, Findings, find
from streams.catalogue.nodes import nearest
from streams.errors import SettingsError
from streams.runtime.definition_files import catalogue_texts, scenario_texts
from streams.segmentation.timeline import DurationMs, duration_text
from streams.segmentation.vocabulary import Vocabulary
from streams.settings import parse_duration_ms

EPILOGUE = """\b
Examples:
  streams catalogue check                                        the built-in definitions
  streams catalogue check --catalogue segments/ --strict         as a gate in CI: warnings fail too
  streams catalogue check --retention orders=90d --journals      against what the log keeps; what profiles cost
  streams catalogue check --catalogue segments/ --json           for editors and scripts
"""


@click.command(name="check", epilog=EPILOGUE)
@click.option(
    "--catalogue", "folder", metavar="DIR", help="Folder of definitions; default: the built-in ones."
)
@click.option("--strict", is_flag=True, help="Exit code 1 for warnings too.")
@click.option(
    "--notes", is_flag=True, help="Show notes too: overlaps in partition groups, journals without end."
)
@click.option(
    "--journals", is_flag=True, help="Show every journal with its retention and estimated bytes a customer."
)
@click.option(
    "--retention",
    multiple=True,
    metavar="NAME=DURATION",
    help="How long the log keeps a source or an event type.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_context
def check(
    context: click.Context, folder: str | None, strict: bool, notes: bool, journals: bool,
    retention: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Find every mistake in the definitions, and what is probably not meant: with file, line, column and a hint.

    Errors: what cannot be read or run, such as unknown words, events, segments and circles, in definitions and in the
    scenarios beside them (`streams catalogue test` runs those). Warnings: unknown
    properties and traits, segments without a way in or out, members of a group that never win, holes and dead ends in a
    partition group, labels against the convention, abandonment that excludes nobody, windows longer than the log's
    retention, journals that grow for ever, a grace that nothing waits for, a dwell longer than its window, ranks without
    a group, segments that suppress each other or mean the same, more than 12 segments. Exit code 1: there are errors.
    """
    vocabulary = load_vocabulary()
    kept_ms = dict(_retention(text, vocabulary) for text in retention)
    texts, scenarios = catalogue_texts(folder), scenario_texts(folder)
    findings = find(texts, vocabulary, kept_ms, scenarios)
    if as_json:
        click.echo(json.dumps(_report(findings), indent=2))
    else:
        _print(findings, texts | scenarios, notes=notes)
        if journals and findings.costs:
            _print_journals(findings)
    if findings.of("error") or (strict and findings.of("warning")):
        context.exit(1)


def _retention(text: str, vocabulary: Vocabulary) -> tuple[str, DurationMs]:
    name, _, duration = text.partition("=")
    known = [*vocabulary.sources, *vocabulary.event_types]
    if name not in known:
        raise SettingsError(f"--retention: unknown source or event {name!r}", hint=nearest(name, known))
    try:
        return name, parse_duration_ms(duration)
    except ValueError as error:
        raise SettingsError(f"--retention {name}: {error}", hint="write it like orders=90d") from None


def _print(findings: Findings, texts: dict[str, str], *, notes: bool) -> None:
    colours = {"error": "red", "warning": "yellow", "note": "blue"}
    for finding in findings.all:
        if notes or finding.level != "note":
            first, _, rest = pointed(finding.problem, texts, level=finding.level).partition("\n")
            click.secho(first, fg=colours[finding.level])
            if rest:
                click.echo(rest)
    counts = [_count(len(findings.of(level)), level) for level in LEVELS]
    catalogue = findings.catalogue
    read = f"{_count(len(catalogue.segments), 'segment')}, {_count(len(catalogue.facts), 'fact')}"
    if findings.costs:
        total = sum(cost.size_bytes for cost in findings.costs)
        read += f", {len(findings.costs)} journals of about {total:,} bytes a customer"
    verdict = "all good" if not findings.of("error") and not findings.of("warning") else ", ".join(counts)
    hidden = findings.of("note") and not notes
    click.echo(f"{read}: {verdict}" + (f" (--notes shows {counts[2]})" if hidden else ""))


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _print_journals(findings: Findings) -> None:
    table = Table("journal", "events", "kept", "entries", "bytes a customer")
    for cost in sorted(findings.costs, key=lambda cost: -cost.size_bytes):
        journal = cost.journal
        kept = "for ever" if journal.retention_ms is None else duration_text(journal.retention_ms)
        table.add_row(
            journal.name, ", ".join(journal.events), kept, f"{cost.entries:,.0f}", f"{cost.size_bytes:,}"
        )
    Console(highlight=False).print(table)
    click.echo("Estimated from assumed events a month, not measured; see streams/catalogue/advice.py.")


def _report(findings: Findings) -> dict[str, Any]:
    return {
        "errors": len(findings.of("error")),
        "warnings": len(findings.of("warning")),
        "notes": len(findings.of("note")),
        "findings": [_plain(finding) for finding in findings.all],
        "journals": [
            {
                "journal": cost.journal.name,
                "retention_ms": cost.journal.retention_ms,
                "entries": round(cost.entries, 1),
                "bytes": cost.size_bytes,
            }
            for cost in findings.costs
        ],
    }


def _plain(finding: Finding) -> dict[str, Any]:
    problem = finding.problem
    return {
        "level": finding.level,
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "message": problem.message,
        "hint": problem.hint,
    }
