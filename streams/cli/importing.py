"""``streams import``: give an application that has not started yet the past of its customers."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple

import click
import msgspec

from streams.catalogue.events import load_vocabulary
from streams.cli.importing_view import summary_json, summary_text
from streams.codecs.customer_events import EventDecoder
from streams.codecs.times import read_time
from streams.errors import SettingsError
from streams.operations.event_mapping import load_mapping
from streams.operations.importing import PastImport
from streams.operations.past_events import FileFormat, PastEvents, RefusedRow
from streams.runtime.planning import input_specs, plan_of
from streams.segmentation.plans import Plan
from streams.segmentation.timeline import BEFORE_ALL, EpochMs
from streams.segmentation.vocabulary import Vocabulary
from streams.settings import Settings

EPILOGUE = """\b
Examples:
  streams import events.jsonl                                   check it; nothing is written
  streams import orders.csv --mapping orders.yaml --refused refused.jsonl
  STREAMS_BOOTSTRAP=kafka:9092 streams import events.jsonl --since 2025-01-01T00:00:00Z --yes
  streams import *.parquet --mapping events.yaml --complete --yes

\b
A mapping says what the columns of a table mean:
  events:
    - event: Order Completed
      when: {column: status, is: [paid, shipped]}
      id: "order-{order_id}"
      customer: customer_id
      time: {column: created, format: "%d.%m.%Y %H:%M", zone: Europe/Berlin}
      properties: {order_id: order_id, total: total, is_test: {column: test, as: boolean}}
"""


class Reach(NamedTuple):
    """What the operator says of the files: since when, and until when, nothing is missing."""

    since_ms: EpochMs | None
    until_ms: EpochMs | None


@click.command(epilog=EPILOGUE)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["jsonl", "csv", "parquet"]),
    help="Of the files. [default: by name]",
)
@click.option(
    "--mapping",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What the columns of CSV and Parquet mean.",
)
@click.option(
    "--since", metavar="TIME", help="From here on nothing is missing. [default: each input's first event]"
)
@click.option("--complete", is_flag=True, help="Nothing is missing: what was not seen did not happen.")
@click.option("--until", metavar="TIME", help="Up to here nothing is missing. [default: the newest event]")
@click.option(
    "--key", type=click.Choice(["customer", "shop/customer"]), default="customer", show_default=True,
    help="What producers key their records by.",
)  # fmt: skip
@click.option(
    "--read-on", type=click.Choice(["until", "beginning"]), default="until", show_default=True,
    help="Where workers read the inputs on: from --until's time, or from their beginning.",
)  # fmt: skip
@click.option(
    "--refused", type=click.Path(path_type=Path), metavar="FILE", help="Write what cannot be used here."
)
@click.option("--strict", is_flag=True, help="Write nothing if anything was refused.")
@click.option("--yes", is_flag=True, help="Write it; without this the files are only checked.")
@click.option("--json", "json_wanted", is_flag=True, help="The summary as one JSON object.")
@click.pass_context
def command(
    context: click.Context, files: tuple[Path, ...], file_format: FileFormat | None, mapping: Path | None,
    since: str | None, complete: bool, until: str | None, key: str, read_on: str, refused: Path | None,
    strict: bool, yes: bool, json_wanted: bool,
) -> None:  # fmt: skip
    """Load past events from FILES: JSON lines of the Segment spec, CSV or Parquet.

    An application that has never started gets the state that its workers would have, had they read the events: profiles,
    memberships, coverage, and the offsets to read on from, all or nothing. No transition is written, so nobody
    is flooded: consumers read the memberships, then follow. The events are held in memory. Settings are the workers' own.
    """
    settings = Settings.load(os.environ)
    vocabulary = load_vocabulary()
    plan = plan_of(settings, vocabulary)
    if since and complete:
        raise SettingsError("--since and --complete contradict each other", hint="give one of them")
    reach = Reach(BEFORE_ALL if complete else _instant("--since", since), _instant("--until", until))
    with ExitStack() as stack:
        events = _events(settings, vocabulary, plan, mapping, _opened(stack, refused))
        run = PastImport(
            plan,
            input_specs(settings, vocabulary),
            _partitions(settings) if yes else 1,
            shop_in_key=key == "shop/customer",
        )
        for file in files:
            run.collect(events.read(file, file_format))
    hindered = strict and bool(events.summary.refused)
    written = _made(settings, run, reach, from_beginning=read_on == "beginning", write=yes and not hindered)
    click.echo((summary_json if json_wanted else summary_text)(events.summary, run.summary, written))
    if hindered:
        context.exit(1)


def _events(
    settings: Settings, vocabulary: Vocabulary, plan: Plan, mapping: Path | None, sink: BinaryIO | None
) -> PastEvents:
    decoder = EventDecoder(
        vocabulary, max_clock_skew_ms=settings.max_clock_skew_ms, properties=plan.properties_read
    )

    def refuse(row: RefusedRow) -> None:
        if sink is not None:
            told = {"file": row.file, "line": row.line, "reason": row.reason, "detail": row.detail,
                    "raw": row.raw.decode("utf-8", "replace")}  # fmt: skip
            sink.write(msgspec.json.encode(told) + b"\n")

    return PastEvents(
        decoder.segment,
        now_ms=time.time_ns() // 1_000_000,
        mapping=None if mapping is None else load_mapping(mapping),
        refuse=refuse,
    )


def _partitions(settings: Settings) -> int:
    """Check that the application may be given a past; return the number of partitions."""
    from streams.operations.import_writing import refuse_a_started_application  # noqa: PLC0415 - loads the client
    from streams.runtime.hosting import client_options_from  # noqa: PLC0415
    from streams.runtime.topic_checks import check_topics  # noqa: PLC0415

    options = client_options_from(settings, "import")
    outputs = (settings.memberships_topic,) if settings.memberships else ()
    count = check_topics(
        options,
        outputs=outputs,
        create_changelog=settings.create_changelog,
        log=lambda said: click.echo(said, err=True),
    )
    refuse_a_started_application(options)
    return count


def _made(
    settings: Settings, run: PastImport, reach: Reach, *, from_beginning: bool, write: bool
) -> int | None:
    """Make the state, and write it if that is wanted; return how many records were written."""
    made = run.make(until_ms=reach.until_ms, since_ms=reach.since_ms, covered=settings.coverage == "since")
    partitions = list(made)
    until_ms = run.summary.until_ms
    if not write or until_ms is None:
        return None
    from streams.operations import import_writing  # noqa: PLC0415 - loads the client
    from streams.runtime.formats import Formats  # noqa: PLC0415
    from streams.runtime.hosting import client_options_from  # noqa: PLC0415

    options = client_options_from(settings, "import")
    offsets = import_writing.offsets_from(options, len(partitions), None if from_beginning else until_ms)
    return import_writing.write(
        options,
        partitions,
        offsets,
        Formats(settings, load_vocabulary()).encoder(),
        memberships=settings.memberships_topic if settings.memberships else None,
    )


def _instant(option: str, text: str | None) -> EpochMs | None:
    if text is None:
        return None
    try:
        return read_time(text)
    except ValueError as error:
        raise SettingsError(f"{option}: {error}", hint="write it like 2026-03-02T10:00:00Z") from None


def _opened(stack: ExitStack, file: Path | None) -> BinaryIO | None:
    if file is None:
        return None
    try:
        return stack.enter_context(file.open("wb"))
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}", hint="name a file that can be written") from None
