"""``streams catalogue test``: run the scenarios of the definitions."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click

from streams.catalogue.compiler import compile_catalogue
from streams.catalogue.events import load_vocabulary
from streams.catalogue.excerpts import pointed
from streams.catalogue.library import read_document, source_of_events
from streams.catalogue.nodes import Node, nearest
from streams.catalogue.rehearsal import Outcome, difference, rehearse
from streams.catalogue.scenarios import Expected, ScenarioFile, ScenarioReader, lacking
from streams.errors import DefinitionError, SettingsError
from streams.runtime.definition_files import catalogue_texts, scenario_texts, text_of
from streams.segmentation.definitions import Catalogue
from streams.segmentation.timeline import rfc3339

EPILOGUE = """\b
Examples:
  streams catalogue test                              every scenario of the built-in definitions
  streams catalogue test --catalogue segments/        of your own
  streams catalogue test 'checkout.*' --verbose       of some segments, each by name
  streams catalogue test segments/scenarios/mine.yaml --catalogue segments/
"""


@click.command(name="test", epilog=EPILOGUE)
@click.argument("chosen", nargs=-1, metavar="[FILE|ID]...")
@click.option(
    "--catalogue", "folder", metavar="DIR", help="Folder of definitions; default: the built-in ones."
)
@click.option("--verbose", "-v", is_flag=True, help="Name every scenario, not only those that fail.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_context
def test(
    context: click.Context, chosen: tuple[str, ...], folder: str | None, verbose: bool, as_json: bool
) -> None:
    """Run scenarios in simulated time, with the evaluator that also runs live.

    A scenario lies in a folder `scenarios` beside the definitions, or where a definition's `tests` names it. Without
    FILE or ID all are run. Exit code 1: a scenario failed; 2: a definition or scenario cannot be read.
    """
    texts = catalogue_texts(folder)
    try:
        catalogue, files = _read(texts, folder, chosen)
    except DefinitionError as error:
        click.echo(pointed(error, texts), err=True)
        context.exit(2)
    sources = source_of_events(load_vocabulary())
    plan = compile_catalogue(catalogue, sources)
    outcomes = [rehearse(scenario, plan, sources) for file in files for scenario in file.scenarios]
    missing = {} if chosen else lacking(files, [s.segment_id for s in catalogue.segments])
    if as_json:
        click.echo(json.dumps(_report(outcomes, missing), indent=2))
    else:
        _print(outcomes, missing, verbose=verbose)
    if not all(outcome.passed for outcome in outcomes):
        context.exit(1)


def _read(
    texts: dict[str, str], folder: str | None, chosen: tuple[str, ...]
) -> tuple[Catalogue, list[ScenarioFile]]:
    """Return the catalogue and the scenario files that are chosen; their texts are added to *texts*."""
    vocabulary = load_vocabulary()
    catalogue, document = read_document(texts, vocabulary)
    wanted = scenario_texts(folder)
    for named in document.tests.values():
        for node in named:
            file = _named(node)
            wanted.setdefault(str(file), text_of(file))
    patterns = [word for word in chosen if not word.endswith((".yaml", ".yml"))]
    paths = [word for word in chosen if word.endswith((".yaml", ".yml"))]
    for path in paths:
        if not Path(path).is_file():
            raise SettingsError(f"{path} is no file", hint="name a file of scenarios, or a segment")
        wanted.setdefault(path, text_of(Path(path)))
    ids = [segment.segment_id for segment in catalogue.segments]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in ids):
            raise SettingsError(f"there is no segment {pattern!r}", hint=nearest(pattern, ids))
    texts.update(wanted)
    reader = ScenarioReader(ids, source_of_events(vocabulary))
    files = [reader.read(file, text) for file, text in wanted.items()]
    if not chosen:
        return catalogue, files
    return catalogue, [
        file
        for file in files
        if file.file in paths or any(fnmatchcase(file.segment_id, pattern) for pattern in patterns)
    ]


def _named(node: Node) -> Path:
    """Return the file that a definition's `tests` names, beside the definition's own."""
    file = Path(node.file).parent / node.text()
    if not file.is_file():
        raise node.error(f"{file} is no file", "name a file of scenarios, relative to this one")
    return file


def _print(outcomes: list[Outcome], missing: dict[str, Any], *, verbose: bool) -> None:
    for outcome in outcomes:
        scenario = outcome.scenario
        if not outcome.passed:
            click.secho(f"FAILED  {scenario.segment_id}: {scenario.name}", fg="red")
            file, line, column = scenario.place
            click.echo(f"  {file}:{line}:{column}")
            click.echo("\n".join(difference(outcome)))
        elif verbose:
            click.echo(f"passed  {scenario.segment_id}: {scenario.name}")
    for segment_id, kinds in missing.items():
        click.echo(f"note: {segment_id} has no scenario of: {', '.join(kinds)}")
    failed = sum(not outcome.passed for outcome in outcomes)
    segments = len({outcome.scenario.segment_id for outcome in outcomes})
    told = f"{_count(len(outcomes), 'scenario')} of {_count(segments, 'segment')}"
    click.echo(f"{told}: {len(outcomes) - failed} passed, {failed} failed")


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _report(outcomes: list[Outcome], missing: dict[str, Any]) -> dict[str, Any]:
    return {
        "passed": sum(outcome.passed for outcome in outcomes),
        "failed": sum(not outcome.passed for outcome in outcomes),
        "lacking": missing,
        "scenarios": [
            {
                "segment": outcome.scenario.segment_id,
                "name": outcome.scenario.name,
                **dict(zip(("file", "line", "column"), outcome.scenario.place, strict=True)),
                "shows": list(outcome.scenario.shows),
                "passed": outcome.passed,
                "untrue": list(outcome.untrue),
                "differences": [
                    {
                        "step": moment.says,
                        "expected": [_plain(t) for t in moment.expected],
                        "got": [_plain(t) for t in moment.got],
                    }
                    for moment in outcome.moments
                    if not moment.agrees
                ],
            }
            for outcome in outcomes
        ],
    }


def _plain(transition: Expected) -> dict[str, Any]:
    return {
        "kind": transition.kind,
        "segment": transition.segment_id,
        "at": rfc3339(transition.at_ms),
        "origin": transition.origin,
        "customer": transition.customer,
    }
