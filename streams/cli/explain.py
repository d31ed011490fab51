"""``streams explain``: why a customer is in a segment, or not."""

from __future__ import annotations

import os
import sys

import click
from rich.console import Console

from streams.catalogue.nodes import nearest
from streams.catalogue.standing import explain, present
from streams.cli.explain_sources import FileOptions, Source, from_changelog, from_file
from streams.cli.explain_view import Report, as_json, as_rich, as_text
from streams.codecs.times import read_time, write_time
from streams.errors import DefinitionError, OperationError, SettingsError
from streams.segmentation.timeline import EpochMs
from streams.settings import Settings

EPILOGUE = """\b
Examples:
  streams explain u1 --events events.jsonl
  streams explain u1 checkout.abandon --events events.jsonl --until 2026-03-02T11:00:00Z
  streams explain u1 --events events.jsonl --at 2026-03-02T10:45:00Z
  streams explain u1 checkout.abandon --events events.jsonl --json | jq .segments[0].tree
  STREAMS_BOOTSTRAP=kafka:9092 streams explain u1
  streams explain u1 --application shop-segments --bootstrap kafka:9092
"""


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
    "--at",
    metavar="TIME",
    help="As it stood at this instant; beyond the data: the clauses if nothing happens until then.",
)
@click.option(
    "--hindsight", is_flag=True, help="Of a file, with --at: count what came later and is from before TIME."
)
@click.option(
    "--now", metavar="TIME", help="Of the file: what 'too far ahead' is measured from [default: the clock]."
)
@click.option("--all", "whole", is_flag=True, help="Print the tree of every segment.")
@click.option("--json", "json_wanted", is_flag=True, help="The same as one JSON object.")
def command(
    customer: str, segment_id: str | None, events: str | None, input_format: str, until: str | None,
    out_of_orderness: str, folder: str | None, application: str | None, bootstrap: str | None,
    number: int | None, shop: str, at: str | None, hindsight: bool, now: str | None, whole: bool,
    json_wanted: bool,
) -> None:  # fmt: skip
    """Say why CUSTOMER is in SEGMENT or not (without SEGMENT: in each): clause by clause, with the events behind them.

    The state comes from a file of events (--events), or from the changelog topic of a worker's application: the
    settings are the worker's own (STREAMS_...). Without SEGMENT, those that it is not in are told in one line each.

    With --at and a file, its lines are run up to that instant, and the answer is as it stood then. An application keeps
    its state, not its history: there the last entry and exit answer, before them the events that its journals keep, and
    how far back those go is said; late events are known by now.
    """
    at_ms, until_ms, now_ms = _instant("--at", at), _instant("--until", until), _instant("--now", now)
    key = f"{shop}/{customer}"
    if events is not None:
        if application or bootstrap or number is not None:
            raise SettingsError("--events and an application are two sources", hint="name one of them")
        if hindsight and at_ms is None:
            raise SettingsError("--hindsight needs --at", hint="at the end of the file everything has come")
        file = FileOptions(events, input_format, folder, out_of_orderness, until_ms, now_ms, hindsight)
        source = from_file(file, key, at_ms)
    else:
        if until_ms is not None:
            raise SettingsError("--until needs --events", hint="--at looks ahead of an application's state")
        if hindsight:
            raise SettingsError("--hindsight needs --events", hint="an application knows late events by now")
        given = {"application_id": application, "bootstrap": bootstrap, "catalogue_dir": folder}
        settings = Settings.load(os.environ, **{name: value for name, value in given.items() if value})
        source = from_changelog(settings, key, number)
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
    partition, explainer, words = source.partition, source.explainer, source.words
    if segment_id is not None and segment_id not in explainer.segment_ids:
        raise DefinitionError(
            f"there is no segment {segment_id!r}", hint=nearest(segment_id, explainer.segment_ids)
        )
    shop, _, customer = key.partition("/")
    profile = partition.find(key)
    if profile is None:
        by = "" if source.as_of_ms is None else f" by {write_time(source.as_of_ms)}"
        raise OperationError(
            f"{words} knows no customer {customer!r} of the shop {shop!r}{by}",
            hint="no event of this customer that a definition reads was seen; --shop names another shop",
        )
    as_of_ms = present(partition, profile) if source.as_of_ms is None else source.as_of_ms
    wanted = explainer.segment_ids if segment_id is None else (segment_id,)
    instant = as_of_ms if at_ms is None else at_ms
    explanations = [explain(explainer, partition, profile, name, instant) for name in wanted]
    return Report(customer, shop, words, as_of_ms, explanations, whole, source.came_later)
