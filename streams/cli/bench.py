"""`streams bench`: the race, against raw consumption and stock Faust, checked to the last record."""

from __future__ import annotations

import os
import pstats
import sys
import tempfile
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import click
from rich.console import Console

from streams.bench.generator import SEED
from streams.bench.race import CATALOGUE, Race, in_checkout
from streams.bench.report import as_json, print_results
from streams.bench.running import CONTESTANTS, run_race
from streams.broker import KafkaCluster
from streams.cli.compile import compiled_folder
from streams.cli.stopping import tidy_end
from streams.compilation import environment_with
from streams.errors import OperationError
from streams.runtime.application import wire
from streams.settings import Settings

PROFILED_LINES = 25
_COMPILED = "STREAMS_BENCH_COMPILED"
"""Set while the command runs on the compiled package."""
LOG_COLUMNS = 160
"""Where there is no terminal to say how wide it is."""


@click.command()
@click.option("--events", type=click.IntRange(1_000), default=1_000_000, show_default=True, help="How many.")
@click.option("--seed", type=int, default=SEED, show_default=True, help="Of the stream.")
@click.option("--partitions", type=click.IntRange(1, 512), default=4, show_default=True, help="Of the topic.")
@click.option(
    "--workers",
    multiple=True,
    type=click.IntRange(1, 16),
    default=(1,),
    show_default=True,
    help="How many of ours; more than once: a run for each.",
)
@click.option(
    "--processes",
    multiple=True,
    type=click.IntRange(1, 16),
    default=(1, 2),
    show_default=True,
    help="Processes of each of ours; more than once: a run for each.",
)
@click.option(
    "--catalogue",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the job's definitions. [default: tests/benchmarks/job]",
)
@click.option(
    "--commit-interval",
    type=click.IntRange(10, 60_000),
    default=1_000,
    show_default=True,
    help="Longest time between two commits, in milliseconds; the peers commit once a second.",
)
@click.option("--bootstrap", help="A running Kafka. [default: an embedded one]")
@click.option(
    "--compiled/--plain",
    default=True,
    show_default=True,
    help="Our hot path and the job's plan compiled to C, where there is a compiler.",
)
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures here too."
)
@click.option(
    "--profile", is_flag=True, help="Profile the core, which slows it, and print the hottest functions."
)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(list(CONTESTANTS)),
    help="Run these alone; `ours` brings `core`, its reference, along.",
)
def command(
    events: int,
    seed: int,
    partitions: int,
    workers: tuple[int, ...],
    processes: tuple[int, ...],
    catalogue: Path | None,
    commit_interval: int,
    bootstrap: str | None,
    compiled: bool,
    json_file: Path | None,
    profile: bool,
    only: tuple[str, ...],
) -> None:
    """Race the worker against raw consumption, decoding, and stock Faust with one table write.

    Fills a topic, runs everybody over it one after another, and prints events per second, CPU, memory and latency.
    The worker is the real one; its transitions are compared with a single-threaded run, record by record: a fast
    wrong run is printed as wrong and ends with status 1.

    \b
    Examples:
      streams bench                                   everything, a million events
      streams bench --events 100000 --only ours       the worker alone
      streams bench --only core --profile             where the core's time goes
    """
    progress = Console(stderr=True)
    definitions = catalogue.resolve() if catalogue is not None else in_checkout(CATALOGUE)
    if compiled:
        _go_on_compiled(definitions, progress)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="segment-streams-bench-")))
        needs_broker = set(only) != {"core"}
        cluster = stack.enter_context(KafkaCluster(heap_mb=1024)) if needs_broker and not bootstrap else None
        stack.enter_context(tidy_end())
        race = Race(
            bootstrap=bootstrap or (cluster.bootstrap if cluster is not None else ""),
            folder=folder,
            events=events,
            seed=seed,
            partitions=partitions,
            catalogue=definitions,
            commit_interval_ms=commit_interval,
            workers=tuple(product(workers, processes)),
        )
        pstats_file = folder / "core.pstats" if profile else None
        results = run_race(
            race,
            frozenset(only or CONTESTANTS),
            pstats_file,
            lambda text: progress.print(f"[dim]·[/] {text}", highlight=False),
        )
        console = Console()
        print_results(console if console.is_terminal else Console(width=LOG_COLUMNS), results)
        if json_file is not None:
            json_file.write_bytes(as_json(results))
        if pstats_file is not None:
            pstats.Stats(str(pstats_file)).sort_stats("tottime").print_stats(PROFILED_LINES)
    if not results.right:
        raise SystemExit(1)


def _go_on_compiled(definitions: Path, progress: Console) -> None:
    """Run this very command again on a package whose hot path, and the job's plan, are compiled; once."""
    if os.environ.pop(_COMPILED, ""):
        return
    race = Race("", Path(), 0, 0, 0, definitions, 1)
    plan = wire(Settings.load(race.settings("core"))).plan
    try:
        folder = compiled_folder(
            plan, None, say=lambda text: progress.print(f"[dim]·[/] {text}", highlight=False)
        )
    except OperationError as failure:
        progress.print(f"[dim]·[/] {failure}", highlight=False)
        return
    environment = environment_with(folder, {**os.environ, _COMPILED: "1"})
    os.execvpe(sys.executable, [sys.executable, "-m", "streams", *sys.argv[1:]], environment)  # noqa: S606
