"""The race's outcome: tables for people, one JSON object for machines."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from os import cpu_count
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from streams.bench.core_run import CoreRun
from streams.bench.measured import Measured
from streams.bench.running import Results
from streams.segmentation import partition

EXITS_DO_NOT_WAIT = (
    "exits by time wait for no grace here (S5): what happens within 15 min of one is a new entry, "
    "and those of the input's last 15 min are written"
)
REASONS = dict.fromkeys(
    ("cart_abandon", "checkout_abandon", "browse_intent", "post_purchase"), EXITS_DO_NOT_WAIT
)
"""Segment → why our totals may differ from the job's; a difference of any other segment is to be looked into."""

COMPILED = not partition.__file__.endswith(".py")
"""Whether the engine measured is the one that `make compile` builds."""

UNEXPLAINED = "no reason is known: look into it"


def print_results(console: Console, results: Results) -> None:
    """Print everything that was measured."""
    _print_lines(console, results.lines)
    if results.core is not None:
        _print_parts(console, results.core)
        _print_difference(console, results.core)
    for latency in results.latencies:
        console.print(
            f"latency at {latency.rate:,} events/s, commits every {latency.commit_interval_ms:,} ms: "
            f"p50 {latency.p50_ms:.0f} ms, p99 {latency.p99_ms:.0f} ms "
            f"({latency.transitions:,} transitions, load {latency.load:.1f})",
            highlight=False,
        )
    for run, restored in results.restored.items():
        console.print(
            f"restore of {run}: {restored.profiles:,} profiles from {restored.records:,} changelog records in "
            f"{restored.seconds:.1f} s ({restored.profiles / restored.seconds:,.0f} profiles/s); "
            f"{restored.profile_bytes / max(1, restored.profiles):.0f} bytes per profile",
            highlight=False,
        )


def _print_lines(console: Console, lines: list[Measured]) -> None:
    title = f"the race, our hot path {'compiled' if COMPILED else 'in plain Python'}"
    table = Table(title=title, title_justify="left")
    for head in (
        "", "events/s", "2nd half", "CPU-s/M", "2nd half", "peak MB", "transitions", "against the reference", "load",
    ):  # fmt: skip
        table.add_column(head, justify="left" if head in {"", "against the reference"} else "right")
    for line in lines:
        table.add_row(
            line.title,
            f"{line.events_per_s:,.0f}",
            _number(line.second_half_per_s),
            _number(line.cpu_s_per_million, 1),
            _number(line.second_half_cpu_s_per_million, 1),
            _number(line.rss_peak_mb),
            _number(line.transitions),
            verdict(line),
            f"{line.load:.1f}",
        )
    console.print(table)
    for line in lines:
        for note in line.notes:
            console.print(f"  {line.title}: {note}", highlight=False)


def verdict(line: Measured) -> str:
    """Return in words whether *line* wrote what it had to."""
    if line.failed:
        return f"FAILED: {line.failed}"
    if line.transitions is None:
        return "writes none"
    if line.name == "core":
        return "is it"
    if line.right:
        return "equal"
    return (
        f"WRONG: {line.missing:,} missing, {line.extra:,} extra, {line.disordered:,} customers in another order, "
        f"{line.dead_letters:,} dead letters"
    )


def _number(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _print_parts(console: Console, core: CoreRun) -> None:
    table = Table(title="where the core's time goes", title_justify="left")
    table.add_column("part")
    table.add_column("µs/event", justify="right")
    for part, spent_us in core.parts_us.items():
        table.add_row(part, f"{spent_us:.2f}")
    table.add_row("all", f"{sum(core.parts_us.values()):.2f}")
    console.print(table)


def differences(core: CoreRun) -> Iterator[tuple[str, str, int, int]]:
    """Yield segment, kind, how many the engines' job writes, how many we write; only where they differ."""
    ours = core.reference.totals
    for segment, kind in sorted(core.job.keys() | ours.keys()):
        theirs = core.job[segment, kind]
        if theirs != ours[segment, kind]:
            yield segment, kind, theirs, ours[segment, kind]


def _print_difference(console: Console, core: CoreRun) -> None:
    table = Table(title="totals that differ from the engines' job, on purpose", title_justify="left")
    for head in ("segment", "kind", "the job", "ours", "difference", "why"):
        table.add_column(head, justify="right" if head in {"the job", "ours", "difference"} else "left")
    for segment, kind, theirs, ours in differences(core):
        why = (
            "late evidence takes the entry back (S13)"
            if kind == "retracted"
            else REASONS.get(segment, UNEXPLAINED)
        )
        table.add_row(segment, kind, f"{theirs:,}", f"{ours:,}", f"{ours - theirs:+,}", why)
    console.print(table)


def as_json(results: Results) -> bytes:
    """Return everything as one JSON object; `right` says whether every run wrote what it had to."""
    core = results.core
    content: dict[str, Any] = {
        "right": results.right,
        "events": results.race.events,
        "seed": results.race.seed,
        "partitions": results.race.partitions,
        "commit_interval_ms": results.race.commit_interval_ms,
        "machine": {
            "system": platform.platform(),
            "python": platform.python_version(),
            "cpus": cpu_count(),
            "compiled": COMPILED,
        },
        "contestants": [{**msgspec.to_builtins(line), "right": line.right} for line in results.lines],
        "latency": msgspec.to_builtins(results.latencies),
        "restore": msgspec.to_builtins(results.restored),
    }
    if core is not None:
        content["parts_us"] = core.parts_us
        content["changelog"] = {"records": core.changelog_records, "bytes": core.changelog_bytes}
        content["totals"] = {f"{s} {k}": n for (s, k), n in sorted(core.reference.totals.items())}
        content["totals_of_the_job"] = {f"{s} {k}": n for (s, k), n in sorted(core.job.items())}
    return msgspec.json.format(msgspec.json.encode(content), indent=2)
