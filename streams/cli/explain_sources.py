"""Where `streams explain` finds a customer's state: a file of events that is run anew, or an application's changelog."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple

import click

from streams.backtest import Backtest, Decode
from streams.catalogue.compiler import compile_catalogue
from streams.catalogue.events import load_vocabulary
from streams.catalogue.explaining import Explainer
from streams.catalogue.library import source_of_events
from streams.codecs.customer_events import EventDecoder
from streams.errors import OperationError, RecordError, SettingsError
from streams.runtime.definition_files import load_catalogue
from streams.segmentation.partition import Partition
from streams.segmentation.stimuli import EventObserved, WatermarkAdvanced
from streams.segmentation.timeline import MINUTE_MS, EpochMs
from streams.settings import Settings, parse_duration_ms


class FileOptions(NamedTuple):
    """How a file of events is read: as `streams backtest` reads it."""

    name: str
    input_format: str
    folder: str | None
    out_of_orderness: str
    until_ms: EpochMs | None
    now_ms: EpochMs | None
    hindsight: bool = False


class Source(NamedTuple):
    """Where the customer's state was found.

    Attributes:
        partition: the engine that holds it.
        explainer: explains its plan.
        words: where, for people.
        as_of_ms: the past instant that a file was run up to; None: its end is the present.
        came_later: events of the customer from before that instant which the file has only after it.
    """

    partition: Partition
    explainer: Explainer
    words: str
    as_of_ms: EpochMs | None = None
    came_later: int = 0


# ---- a file of events -----------------------------------------------------------------------------------------------


def from_file(file: FileOptions, key: str = "", at_ms: EpochMs | None = None) -> Source:
    """Run the definitions over the file, up to *at_ms* if it goes so far: that, or its end, is the present.

    Args:
        file: the file and how it is read.
        key: ``shop/customer``: whose later events are counted, and with hindsight applied.
        at_ms: where to stop, before the first line that is newer.
    """
    try:
        disorder_ms = parse_duration_ms(file.out_of_orderness)
    except ValueError as error:
        raise SettingsError(f"--out-of-orderness: {error}") from None
    vocabulary = load_vocabulary()
    catalogue, sources = load_catalogue(file.folder, vocabulary), source_of_events(vocabulary)
    plan = compile_catalogue(catalogue, sources)
    decoder = EventDecoder(vocabulary, max_clock_skew_ms=5 * MINUTE_MS, properties=plan.properties_read)
    decode = decoder.of("compact" if file.input_format == "compact" else "segment")
    now_ms = time.time_ns() // 1_000_000 if file.now_ms is None else file.now_ms
    known = decode if at_ms is None else _up_to(decode, at_ms)
    run = Backtest(plan, known, now_ms=now_ms, out_of_orderness_ms=disorder_ms)
    reached = at_ms is not None and file.until_ms is not None and at_ms <= file.until_ms
    later: list[EventObserved] = []
    with ExitStack() as stack:
        lines = iter(_opened(stack, file.name))
        try:
            for _ in run.run(lines, at_ms if reached else file.until_ms):
                pass  # what it emits is told by `streams backtest`
        except _Newer:
            assert at_ms is not None, "nothing is newer than no instant"
            reached = True
            run.partition.advance(0, at_ms - disorder_ms)
            later = [event for event in _older(lines, decode, now_ms) if event.event_time_ms <= at_ms]
    later = [event for event in later if f"{event.shop_id}/{event.customer_id}" == key]
    for event in later if file.hindsight else ():
        run.partition.observe(event)
    refused = sum(run.summary.refused.values())
    if refused:
        click.echo(
            f"{refused:,} lines could not be used; `streams backtest --dead-letters` says why", err=True
        )
    name = "standard input" if file.name == "-" else Path(file.name).name
    return Source(
        run.partition, Explainer(catalogue, sources, plan), name, at_ms if reached else None, len(later)
    )


class _Newer(Exception):
    """A line is newer than the instant asked about."""


def _up_to(decode: Decode, at_ms: EpochMs) -> Decode:
    """Return *decode* for what is not newer than *at_ms*; the first that is raises `_Newer`."""

    def decoded(line: bytes, reference_ms: EpochMs) -> EventObserved | WatermarkAdvanced:
        stimulus = decode(line, reference_ms)
        came_to = stimulus.event_time_ms if isinstance(stimulus, EventObserved) else stimulus.watermark_ms
        if came_to > at_ms:
            raise _Newer
        return stimulus

    return decoded


def _older(lines: Iterator[bytes], decode: Decode, now_ms: EpochMs) -> Iterator[EventObserved]:
    """Yield the events of the rest of a file; what cannot be used is left out."""
    for line in lines:
        try:
            stimulus = decode(line.strip(), now_ms)
        except RecordError:
            continue
        if isinstance(stimulus, EventObserved):
            yield stimulus


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


def from_changelog(settings: Settings, key: str, number: int | None) -> Source:
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
