"""``streams catalogue diff``: what another version of the definitions changes, and what has to be recomputed for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from streams.catalogue.changes import Change, Difference, compare
from streams.catalogue.compiler import compile_catalogue
from streams.catalogue.events import load_vocabulary
from streams.catalogue.excerpts import pointed
from streams.catalogue.journal_changes import JournalChange
from streams.catalogue.library import read_document, source_of_events
from streams.runtime.definition_files import catalogue_texts
from streams.segmentation.timeline import DurationMs, duration_text

BUILTIN = "builtin"

EPILOGUE = """\b
Examples:
  streams catalogue diff before/ segments/
  streams catalogue diff builtin segments/ --json
\b
In CI, against what is live:
  git worktree add /tmp/before origin/main
  streams catalogue diff /tmp/before/segments segments
"""


@click.command(name="diff", epilog=EPILOGUE)
@click.argument("old")
@click.argument("new")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_context
def diff(context: click.Context, old: str, new: str, as_json: bool) -> None:
    """Compare the definitions in the folder OLD with those in NEW: the word builtin stands for the built-in ones.

    What is added, removed, and changed in meaning; what has to be recomputed: segments whose members are found anew,
    journals that need events the old definitions did not keep. Exit code 1: a meaning changed and the version was not
    raised, or a version went back; 2: definitions cannot be read.
    """
    vocabulary = load_vocabulary()
    sources = source_of_events(vocabulary)
    texts = [catalogue_texts(None if folder == BUILTIN else folder) for folder in (old, new)]
    (before, _), (after, document) = (read_document(one, vocabulary) for one in texts)
    found = compare(before, after, document, sources)
    hashes = [compile_catalogue(catalogue, sources).plan_hash for catalogue in (before, after)]
    same_state = hashes[0] == hashes[1]
    if as_json:
        click.echo(json.dumps(_report(found, same_state=same_state), indent=2))
    else:
        click.echo("\n".join(_lines(found, same_state=same_state)))
        for mistake in found.mistakes:
            click.echo("\n" + pointed(mistake, texts[1]))
    if found.mistakes:
        context.exit(1)


def _lines(found: Difference, *, same_state: bool) -> Iterator[str]:
    if found.nothing:
        yield "no difference"
        return
    yield from _part("changed in meaning", (line for one in found.changed for line in _change_lines(one)))
    yield from _part("added", (_added(name, found) for name in found.added))
    yield from _part("removed", (f"{name}: its members leave" for name in found.removed))
    said = (f"{one.segment_id}{_versions(one)}: {', '.join(one.parts)}" for one in found.accompanied)
    yield from _part("said anew, no membership changes", said)
    yield from _part("found anew", (f"{name}: {why}" for name, why in found.reevaluated.items()))
    yield from _part("journals", map(_journal, found.journals))
    yield (
        "state: the same, a worker goes on"
        if same_state
        else "state: another plan; a worker needs a new STREAMS_APPLICATION_ID and reads its inputs from the beginning"
    )


def _part(title: str, lines: Iterator[str]) -> Iterator[str]:
    shown = [f"  {line}" for line in lines]
    if shown:
        yield from (f"{title}:", *shown)


def _change_lines(change: Change) -> Iterator[str]:
    yield f"{change.segment_id}{_versions(change)}: {', '.join(change.parts)}"
    yield from (f"  {line}" for line in change.lines)


def _versions(change: Change) -> str:
    if change.old_version == change.new_version:
        return f" (version {change.old_version})"
    return f" (version {change.old_version} -> {change.new_version})"


def _added(name: str, found: Difference) -> str:
    twin = found.renamed.get(name)
    return (
        name
        if twin is None
        else f"{name}: means what {twin} meant; its members enter again under the new name"
    )


def _journal(change: JournalChange) -> str:
    events, readers = " or ".join(change.events), ", ".join(change.readers)
    for_whom = f" (for {readers})" if readers else ""
    said = {
        "new": f"is new, kept {_kept(change.new_ms)}: its events have to be read again",
        "longer": f"is kept {_kept(change.new_ms)} instead of {_kept(change.old_ms)}: older events have to be read again",
        "more": "keeps more of each event: its events have to be read again",
        "shorter": f"is kept {_kept(change.new_ms)} instead of {_kept(change.old_ms)}",
        "less": "keeps less of each event",
        "dropped": "is no longer kept",
    }
    return f"{events or 'the customer by chance'} {said[change.kind]}{for_whom}"


def _kept(kept_ms: DurationMs | None) -> str:
    return "for ever" if kept_ms is None else duration_text(kept_ms)


def _report(found: Difference, *, same_state: bool) -> dict[str, Any]:
    return {
        "added": list(found.added),
        "removed": list(found.removed),
        "renamed": dict(found.renamed),
        "changed": [_plain(change) for change in found.changed],
        "accompanied": [_plain(change) for change in found.accompanied],
        "reevaluated": dict(found.reevaluated),
        "journals": [
            {
                "change": change.kind,
                "events": list(change.events),
                "old_retention_ms": change.old_ms,
                "new_retention_ms": change.new_ms,
                "needs_history": change.needs_history,
                "readers": list(change.readers),
            }
            for change in found.journals
        ],
        "same_state": same_state,
        "errors": [
            {
                "file": mistake.file,
                "line": mistake.line,
                "column": mistake.column,
                "message": mistake.message,
                "hint": mistake.hint,
            }
            for mistake in found.mistakes
        ],
    }


def _plain(change: Change) -> dict[str, Any]:
    return {
        "segment": change.segment_id,
        "old_version": change.old_version,
        "new_version": change.new_version,
        "parts": list(change.parts),
        "lines": list(change.lines),
    }
