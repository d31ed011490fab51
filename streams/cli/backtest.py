"""``streams backtest``: run the segments over a file of events."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import BinaryIO, NamedTuple, NoReturn

import click
import msgspec
from rich.console import Console
from rich.table import Table

from streams.backtest import Backtest, Refused
from streams.catalogue.compiler import compile_catalogue
from streams.catalogue.events import load_vocabulary
from streams.catalogue.library import source_of_events
from streams.catalogue.tallies import Tally
from streams.cli.backtest_summary import Run, show
from streams.codecs.customer_events import EventDecoder
from streams.codecs.times import read_time, write_time
from streams.codecs.transitions import backtest_line
from streams.errors import SettingsError
from streams.runtime.definition_files import load_catalogue
from streams.segmentation.definitions import Catalogue
from streams.segmentation.timeline import MINUTE_MS, DurationMs, EpochMs
from streams.segmentation.transitions import Transition
from streams.settings import parse_duration_ms

EPILOGUE = """\b
Examples:
  streams backtest --events events.jsonl
  streams backtest --events events.jsonl --until 2026-04-01T00:00:00Z --transitions out.jsonl
  cat events.jsonl | streams backtest --events - --out-of-orderness 5m --json
  streams backtest --events events.jsonl --catalogue segments/ --dead-letters refused.jsonl
  streams backtest --events events.jsonl --summary
  streams backtest --events events.jsonl --catalogue before/ --compare segments/ --json
"""


def _instant(option: str, text: str | None) -> EpochMs | None:
    if text is None:
        return None
    try:
        return read_time(text)
    except ValueError as error:
        raise SettingsError(f"{option}: {error}", hint="write it like 2026-03-02T10:00:00Z") from None


@click.command(epilog=EPILOGUE)
@click.option(
    "--events", required=True, metavar="FILE|-", help="One JSON object a line, in order of arrival."
)
@click.option(
    "--format", "input_format", type=click.Choice(["segment", "compact"]), default="segment", show_default=True,
    help="segment: the Segment spec; compact: event_id, type, occurred_at (ms), customer_id, properties.",
)  # fmt: skip
@click.option(
    "--catalogue", "folder", metavar="DIR", help="Folder of definitions; default: the built-in catalogue."
)
@click.option("--until", metavar="TIME", help="Move time on to this instant at the end (RFC 3339).")
@click.option(
    "--out-of-orderness", default="0s", show_default=True, metavar="DURATION", help="How late is not late."
)
@click.option(
    "--transitions", "out", metavar="FILE|-", help="Write the transitions here, one JSON object a line."
)
@click.option(
    "--dead-letters", metavar="FILE", help="Write the lines that cannot be used here, with the reason."
)
@click.option(
    "--now",
    metavar="TIME",
    help="What 'too far ahead' is measured from without receivedAt [default: the clock].",
)
@click.option(
    "--summary",
    "wanted",
    is_flag=True,
    help="Sizes, entries a day, flaps and overlaps on stdout, no transitions.",
)
@click.option(
    "--compare", "other", metavar="DIR", help="The summary of this folder's definitions too, and who differs."
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="JSON on stdout: the transitions, or with --transitions or --summary the summary.",
)
def command(
    events: str, input_format: str, folder: str | None, until: str | None, out_of_orderness: str,
    out: str | None, dead_letters: str | None, now: str | None, wanted: bool, other: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Run segments over a file of events in simulated time: the same evaluator as live, deterministic, no broker.

    Without --transitions the transitions go to stdout (readable, or with --json one object a line); the summary
    goes to stderr. With --transitions they go to that file, and the summary (with --json as one object) to stdout.

    --summary counts instead: members at the end and their share of all customers (beside the `size` that a definition
    expects), entries a day, flaps (entries less than a day after the same customer's exit) and overlaps.
    """
    until_ms, now_ms = _instant("--until", until), _instant("--now", now)
    try:
        disorder_ms = parse_duration_ms(out_of_orderness)
    except ValueError as error:
        raise SettingsError(f"--out-of-orderness: {error}") from None
    if wanted or other is not None:
        _check_summary(events, out, other)
    notes = Console(stderr=True, highlight=False)
    if now_ms is None:
        now_ms = time.time_ns() // 1_000_000  # the command's edge; printed, and settable by --now
        notes.print(f"now = {write_time(now_ms)} (--now sets it)")
    file = EventFile(events, input_format, until_ms, now_ms, disorder_ms)
    with ExitStack() as stack:
        refused = _opened(stack, dead_letters, "wb") if dead_letters else None
        sink = None if out is None else sys.stdout.buffer if out == "-" else _opened(stack, out, "wb")
        run, catalogue = _prepared(file, folder, refused)
        started = time.perf_counter()
        transitions = run.run(_with_progress(_lines(stack, events), notes), until_ms)
        if wanted or other is not None:
            runs = [_counted(folder, catalogue, run, _kept(transitions, sink))]
            if other is not None:
                second, catalogue = _prepared(file, other, None)
                transitions = second.run(_with_progress(_lines(stack, events), notes), until_ms)
                runs.append(_counted(other, catalogue, second, transitions))
            show(runs, as_json=as_json)
            return
        _write(transitions, sink, as_json=as_json)
        _summarise(
            run, time.perf_counter() - started, to_stdout=sink is not None and out != "-", as_json=as_json
        )


class EventFile(NamedTuple):
    """A file of events and how it is read."""

    name: str
    input_format: str
    until_ms: EpochMs | None
    now_ms: EpochMs
    disorder_ms: DurationMs


def _check_summary(events: str, out: str | None, other: str | None) -> None:
    if out == "-":
        raise SettingsError("--summary goes to stdout already", hint="write the transitions to a file")
    if other is not None and events == "-":
        raise SettingsError("--compare reads the events twice", hint="write standard input to a file first")


def _prepared(file: EventFile, folder: str | None, refused: BinaryIO | None) -> tuple[Backtest, Catalogue]:
    """Return a run of the definitions in *folder* (None: the built-in ones), and what they are."""
    vocabulary = load_vocabulary()
    catalogue = load_catalogue(folder, vocabulary)
    plan = compile_catalogue(catalogue, source_of_events(vocabulary))
    decode = EventDecoder(vocabulary, max_clock_skew_ms=5 * MINUTE_MS, properties=plan.properties_read)

    def refuse(line: Refused) -> None:
        if refused is not None:
            refused.write(msgspec.json.encode({"line": line.line, "reason": line.reason, "detail": line.detail,
                                               "raw": line.raw.decode("utf-8", "replace")}) + b"\n")  # fmt: skip

    run = Backtest(
        plan,
        decode.of("compact" if file.input_format == "compact" else "segment"),
        now_ms=file.now_ms,
        out_of_orderness_ms=file.disorder_ms,
        refuse=refuse,
    )
    return run, catalogue


def _counted(
    folder: str | None, catalogue: Catalogue, run: Backtest, transitions: Iterator[Transition]
) -> Run:
    """Run to the end and count."""
    tally = Tally(segment.segment_id for segment in catalogue.segments)
    for transition in transitions:
        tally.take(transition)
    begin_ms, end_ms = run.summary.first_ms or 0, run.time_ms or 0
    tally.finish(end_ms)
    customers = len(run.partition.live) + len(run.partition.resting)
    refused = sum(run.summary.refused.values())
    return Run(
        folder or "builtin", catalogue, tally, begin_ms, end_ms, run.summary.events, customers, refused
    )


def _kept(transitions: Iterator[Transition], sink: BinaryIO | None) -> Iterator[Transition]:
    """Yield *transitions*, writing each to *sink* if there is one."""
    for transition in transitions:
        if sink is not None:
            sink.write(backtest_line(transition) + b"\n")
        yield transition


def _lines(stack: ExitStack, events: str) -> BinaryIO:
    return _opened(stack, events, "rb") if events != "-" else sys.stdin.buffer


def _opened(stack: ExitStack, name: str, mode: str) -> BinaryIO:
    try:
        return stack.enter_context(open(name, mode))  # type: ignore[return-value]  # noqa: PTH123
    except OSError as error:
        _refuse_file(name, error)


def _refuse_file(name: str, error: OSError) -> NoReturn:
    raise SettingsError(f"{name}: {error.strerror}", hint="name a file, or - for standard input") from None


def _with_progress(lines: BinaryIO, notes: Console) -> Iterator[bytes]:
    """Yield *lines*, saying how far it is every 200,000 lines where a person looks."""
    for number, line in enumerate(lines, 1):
        if number % 200_000 == 0 and notes.is_terminal:
            notes.print(f"{number:,} lines", end="\r")
        yield line


def _write(transitions: Iterator[Transition], sink: BinaryIO | None, *, as_json: bool) -> None:
    out = sink or sys.stdout.buffer
    for transition in transitions:
        if sink is not None or as_json:
            out.write(backtest_line(transition) + b"\n")
        else:
            by = transition.cause if transition.origin != "timer" else ""
            click.echo(
                f"{write_time(transition.occurred_at_ms)}  {transition.kind:<9}  {transition.segment_id:<28}"
                f"  {transition.customer_id}  {transition.origin}  {by}"
            )
    out.flush()


def _summarise(run: Backtest, seconds: float, *, to_stdout: bool, as_json: bool) -> None:
    """Print lines, events, refusals, and per segment its transitions and members."""
    summary, members = run.summary, run.members()
    if as_json and to_stdout:
        click.echo(msgspec.json.encode({
            "lines": summary.lines, "events": summary.events, "seconds": round(seconds, 3),
            "transitions": sum(summary.transitions.values()), "refused": dict(summary.refused),
            "segments": dict(members), **run.partition.counts,
        }).decode())  # fmt: skip
        return
    console = Console(stderr=not to_stdout, highlight=False)
    table = Table("segment", "entered", "exited", "retracted", "members")
    for segment_id, count in members.items():
        kinds = (summary.transitions[segment_id, kind] for kind in ("entered", "exited", "retracted"))
        table.add_row(segment_id, *(f"{kind:,}" for kind in kinds), f"{count:,}")
    console.print(table)
    rate = summary.events / seconds if seconds else 0
    console.print(f"{summary.events:,} events of {summary.lines:,} lines in {seconds:.2f} s ({rate:,.0f}/s)")
    for reason, count in summary.refused.items():
        console.print(f"refused: {count:,} {reason} (--dead-letters FILE keeps them)")
