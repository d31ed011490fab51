"""Runs the race: fills the topic, then one contestant after another, each in processes of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

import msgspec

from streams.bench.consumption import consume
from streams.bench.core_run import CoreRun, run_core
from streams.bench.latency import Latency, measure_latency
from streams.bench.measured import Measured
from streams.bench.race import EVENTS_TOPIC, Race
from streams.bench.race_topic import fill
from streams.bench.restoring import Restored, restore
from streams.bench.stock_faust import run_stock_faust
from streams.bench.usage import load
from streams.bench.workers import catch_up
from streams.errors import OperationError
from streams.testing.kafka import create_topics

CONTESTANTS: Final = {
    "consume": "read the topic, nothing else",
    "decode": "read it and decode every record",
    "core": "decode, rules, outputs, changelog in one process, no broker",
    "faust": "stock Faust, one table write, at least once",
    "ours": "the real worker, exactly once",
    "latency": "from produce to the transition read committed",
}
LATENCY_RATE: Final = 2_000
LATENCY_SECONDS: Final = 15.0
PEERS_COMMIT_INTERVAL_MS: Final = 1_000

P = ParamSpec("P")
T = TypeVar("T")
Say = Callable[[str], object]


class Results(msgspec.Struct):
    """Everything the race measured.

    Attributes:
        lines: the table, one line a contestant.
        core: what the core alone did, when it ran.
        restored: by run, what a restart costs.
    """

    race: Race
    lines: list[Measured] = []
    core: CoreRun | None = None
    latencies: list[Latency] = []
    restored: dict[str, Restored] = {}

    @property
    def right(self) -> bool:
        """Whether everybody wrote what the reference wrote."""
        return all(line.right for line in self.lines)


def run_race(race: Race, only: frozenset[str], profile: Path | None, say: Say) -> Results:
    """Run the contestants named in *only*.

    Args:
        race: which events, where.
        only: names of `CONTESTANTS`.
        profile: where to write a profile of the core; None: none is taken.
        say: called with what is done next, and how far it is.

    Raises:
        OperationError: a contestant could not be run to its end.
    """
    results = Results(race)
    if only & {"consume", "decode", "ours"}:
        say("fill the topic")
        create_topics(race.bootstrap, {EVENTS_TOPIC: race.partitions})
        told = _progress(say, "fill the topic", race.events)
        fill(race.bootstrap, EVENTS_TOPIC, race.partitions, race.stream(), told=told)
    for name in ("consume", "decode"):
        if name in only:
            say(CONTESTANTS[name])
            decoding = name == "decode"
            line = _apart(consume, race.bootstrap, EVENTS_TOPIC, race.partitions, decoding=decoding)
            results.lines.append(line)
    if only & {"core", "ours"}:
        say(f"{CONTESTANTS['core']}; its transitions are the reference")
        results.core = _apart(run_core, race, profile)
        results.lines.append(results.core.measured)
    if "faust" in only:
        say(CONTESTANTS["faust"])
        with _failing_alone(results, "faust"):
            results.lines.append(run_stock_faust(race))
    if "ours" in only:
        for count, processes in race.workers:
            run = f"ours-{count}" if processes == 1 else f"ours-{count}x{processes}"
            with _failing_alone(results, run):
                _run_ours(race, results, run, (count, processes), say)
    if "latency" in only:
        for interval_ms in sorted({100, PEERS_COMMIT_INTERVAL_MS}):
            say(f"latency at {LATENCY_RATE:,} events/s with commits every {interval_ms} ms")
            with _failing_alone(results, f"latency-{interval_ms}"):
                results.latencies.append(_latency(race, interval_ms))
    return results


def _latency(race: Race, interval_ms: int) -> Latency:
    return measure_latency(race, rate=LATENCY_RATE, seconds=LATENCY_SECONDS, commit_interval_ms=interval_ms)


@contextmanager
def _failing_alone(results: Results, name: str) -> Iterator[None]:
    """Turn a contestant's failure into its line of the table: the others still run, and the race ends as wrong."""
    try:
        yield
    except OperationError as error:
        results.lines.append(Measured(name, name, 0, 0.0, failed=str(error), load=load()))


def _run_ours(race: Race, results: Results, run: str, workers: tuple[int, int], say: Say) -> None:
    assert results.core is not None, "the reference comes first"
    count, processes = workers
    title = f"the real worker, exactly once, {count} of them, of {processes} process{'es' * (processes > 1)}"
    say(title)
    told = _progress(say, title, race.events)
    line, transcript = catch_up(race, run, count, lambda done, seconds: told(done), processes=processes)
    found = transcript.difference(results.core.reference)
    line.missing, line.extra, line.disordered = found.missing, found.extra, found.disordered
    results.lines.append(line)
    if workers == (1, 1):
        say("read the changelog back")
        results.restored[run] = _apart(restore, race, run)


def _progress(say: Say, title: str, total: int) -> Callable[[int], None]:
    """Return what says, at most at each tenth, how far *title* is."""
    tenths = 0

    def told(done: int) -> None:
        nonlocal tenths
        if done * 10 // total > tenths:
            tenths = done * 10 // total
            say(f"{title}: {done:,} of {total:,}")

    return told


def _apart(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do *work* in a fresh process, so that no contestant inherits another's memory or collector."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *args, **kwargs).result()
