"""``streams explain``: why a customer is in a segment, or not."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple

import click
from rich.console import Console

from streams.backtest import Backtest
from streams.catalogue.compiler import compile_catalogue
from streams.catalogue.events import load_vocabulary
from streams.catalogue.explaining import Explainer
from streams.catalogue.library import source_of_events
from streams.catalogue.nodes import nearest
from streams.catalogue.standing import explain, present
from streams.cli.explain_view import Report, as_json, as_rich, as_text
from streams.codecs.customer_events import EventDecoder
from streams.codecs.times import read_time
from streams.errors import DefinitionError, OperationError, SettingsError
from streams.runtime.definition_files import load_catalogue
from streams.segmentation.partition import Partition
from streams.segmentation.timeline import MINUTE_MS, EpochMs
from streams.settings import Settings, parse_duration_ms

EPILOGUE = """\b
Examples:
  streams explain u1 --events events.jsonl
  streams explain u1 checkout.abandon --events events.jsonl --until 2026-03-02T11:00:00Z
  streams explain u1 checkout.abandon --events events.jsonl --json | jq .segments[0].tree
  STREAMS_BOOTSTRAP=kafka:9092 streams explain u1
  streams explain u1 --application shop-segments --bootstrap kafka:9092
"""


class FileOptions(NamedTuple):
    """How a file of events is read: as `streams backtest` reads it."""

    name: str
    input_format: str
    folder: str | None
    out_of_orderness: str
    until_ms: EpochMs | None
    now_ms: EpochMs | None


class Source(NamedTuple):
    """Where the customer's state was found: the engine that holds it, what explains its plan, and words for people."""

    partition: Partition
    explainer: Explainer
    words: str


@click.command(epilog=EPILOGUE)
@click.argument("customer")
@click.argument("segment_id", required=False, metavar="[SEGMENT]")
@click.option(
    "--events", metavar="FILE|-", help="Explain from a file of events, as `streams backtest` reads it."
)
@click.option(
    "--format", "input_format", type=click.Choice(["segment", "compact"]), default="segment", show_default=True,
    help="Of the file.",
)  # fmt: skip
@click.option("--until", metavar="TIME", help="Of the file: move time on to this instant at its end.")
@click.option(
    "--out-of-orderness", default="0s", metavar="DURATION", help="Of the file: how late is not late."
)
@click.option(
    "--catalogue", "folder", metavar="DIR", help="Folder of definitions; default: the built-in catalogue."
)
@click.option("--application", metavar="ID", help="Explain from this application's changelog topic.")
@click.option("--bootstrap", metavar="HOST:PORT", help="The Kafka brokers of the application.")
@click.option(
    "--partition", "number", type=int, metavar="N", help="Where the customer is; default: murmur2 of its key."
)
@click.option("--shop", default="default", show_default=True, metavar="ID", help="The customer's shop.")
@click.option(
    "--at", metavar="TIME", help="Evaluate the clauses at this instant; default: as far as the data came."
)
@click.option(
    "--now", metavar="TIME", help="Of the file: what 'too far ahead' is measured from [default: the clock]."
)
@click.option("--all", "whole", is_flag=True, help="Print the tree of every segment.")
@click.option("--json", "json_wanted", is_flag=True, help="The same as one JSON object.")
def command(
    customer: str, segment_id: str | None, events: str | None, input_format: str, until: str | None,
    out_of_orderness: str, folder: str | None, application: str | None, bootstrap: str | None,
    number: int | None, shop: str, at: str | None, now: str | None, whole: bool, json_wanted: bool,
) -> None:  # fmt: skip
    """Say why CUSTOMER is in SEGMENT or not (without SEGMENT: in each): clause by clause, with the events behind them.

    The state comes from a file of events (--events), or from the changelog topic of a worker's application: the
    settings are the worker's own (STREAMS_...). Without SEGMENT, those that it is not in are told in one line each.
    """
    at_ms, until_ms, now_ms = _instant("--at", at), _instant("--until", until), _instant("--now", now)
    key = f"{shop}/{customer}"
    if events is not None:
        if application or bootstrap or number is not None:
            raise SettingsError("--events and an application are two sources", hint="name one of them")
        file = FileOptions(events, input_format, folder, out_of_orderness, until_ms, now_ms)
        source = _from_file(file)
    else:
        if until_ms is not None:
            raise SettingsError("--until needs --events", hint="--at looks ahead of an application's state")
        given = {"application_id": application, "bootstrap": bootstrap, "catalogue_dir": folder}
        settings = Settings.load(os.environ, **{name: value for name, value in given.items() if value})
        source = _from_changelog(settings, key, number)
    report = _report(source, key, segment_id, at_ms, whole=whole or segment_id is not None)
    if json_wanted:
        click.echo(as_json(report))
    elif sys.stdout.isatty():
        Console(highlight=False).print(as_rich(report))
    else:
        click.echo(as_text(report))


def _instant(option: str, text: str | None) -> EpochMs | None:
    if text is None:
        return None
    try:
        return read_time(text)
    except ValueError as error:
        raise SettingsError(f"{option}: {error}", hint="write it like 2026-03-02T10:00:00Z") from None


def _report(
    source: Source, key: str, segment_id: str | None, at_ms: EpochMs | None, *, whole: bool
) -> Report:
    partition, explainer, words = source
    if segment_id is not None and segment_id not in explainer.segment_ids:
        raise DefinitionError(
            f"there is no segment {segment_id!r}", hint=nearest(segment_id, explainer.segment_ids)
        )
    shop, _, customer = key.partition("/")
    profile = partition.find(key)
    if profile is None:
        raise OperationError(
            f"{words} knows no customer {customer!r} of the shop {shop!r}",
            hint="no event of this customer that a definition reads was seen; --shop names another shop",
        )
    as_of_ms = present(partition, profile)
    wanted = explainer.segment_ids if segment_id is None else (segment_id,)
    instant = as_of_ms if at_ms is None else at_ms
    explanations = [explain(explainer, partition, profile, name, instant) for name in wanted]
    return Report(customer, shop, words, as_of_ms, explanations, whole)


# ---- a file of events -----------------------------------------------------------------------------------------------


def _from_file(file: FileOptions) -> Source:
    """Run the definitions over the file; its end is the present."""
    try:
        disorder_ms = parse_duration_ms(file.out_of_orderness)
    except ValueError as error:
        raise SettingsError(f"--out-of-orderness: {error}") from None
    vocabulary = load_vocabulary()
    catalogue, sources = load_catalogue(file.folder, vocabulary), source_of_events(vocabulary)
    plan = compile_catalogue(catalogue, sources)
    decode = EventDecoder(vocabulary, max_clock_skew_ms=5 * MINUTE_MS, properties=plan.properties_read)
    run = Backtest(
        plan,
        decode.of("compact" if file.input_format == "compact" else "segment"),
        now_ms=time.time_ns() // 1_000_000 if file.now_ms is None else file.now_ms,
        out_of_orderness_ms=disorder_ms,
    )
    with ExitStack() as stack:
        for _ in run.run(_opened(stack, file.name), file.until_ms):
            pass  # what it emits is told by `streams backtest`
    refused = sum(run.summary.refused.values())
    if refused:
        click.echo(
            f"{refused:,} lines could not be used; `streams backtest --dead-letters` says why", err=True
        )
    name = "standard input" if file.name == "-" else Path(file.name).name
    return Source(run.partition, Explainer(catalogue, sources, plan), name)


def _opened(stack: ExitStack, name: str) -> BinaryIO:
    if name == "-":
        return sys.stdin.buffer
    try:
        return stack.enter_context(Path(name).open("rb"))
    except OSError as error:
        raise SettingsError(
            f"{name}: {error.strerror}", hint="name a file, or - for standard input"
        ) from None


# ---- the changelog of an application --------------------------------------------------------------------------------


def _from_changelog(settings: Settings, key: str, number: int | None) -> Source:
    """Read the customer's partition of the changelog; the settings say what the worker runs."""
    from streams.runtime.application import wire  # noqa: PLC0415 - loads Faust; a file needs none of it
    from streams.runtime.peeking import customer_state  # noqa: PLC0415 - and the Kafka client

    wiring = wire(settings)
    partition = Partition(wiring.plan, wiring.inputs, wiring.options)
    place, records = customer_state(settings, key, number)
    for name, value in records.items():
        partition.load(name, value)
    try:
        partition.ready()
    except OperationError as error:
        raise OperationError(
            f"{settings.changelog_topic} cannot be explained with these settings: {error.message}",
            hint="give the worker's own: its STREAMS_... variables (inputs, coverage, catalogue), or --catalogue DIR",
        ) from None
    vocabulary = load_vocabulary()
    explainer = Explainer(
        load_catalogue(settings.catalogue_dir, vocabulary),
        source_of_events(vocabulary),
        wiring.plan,
        covered=settings.coverage == "since",
    )
    return Source(partition, explainer, f"{settings.changelog_topic}, partition {place}")
