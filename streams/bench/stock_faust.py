"""Stock Faust in the race: its own consumer, its own table, one write per event, at least once."""

from __future__ import annotations

import sys
import time
from itertools import islice

import msgspec

from streams.bench.measured import Measured
from streams.bench.race import STOCK_FAUST_APP, Race, in_checkout
from streams.bench.race_topic import fill
from streams.bench.usage import Usage, load, usage_of
from streams.bench.workers import STOP_S, command_with
from streams.broker.processes import GuardedProcess, Watchdog
from streams.errors import OperationError
from streams.testing.kafka import create_topics

EVENTS = 20_000
"""It reads these alone: at a thousand events a second the whole topic would take a quarter of an hour."""

TOPIC = "bench.stock-faust"
READABLE = "none"
"""Compression: its client reads no lz4 without further packages."""

_PATIENCE_S = 240.0


class _Result(msgspec.Struct):
    seconds: float
    cpu_s: float


def run_stock_faust(race: Race) -> Measured:
    """Fill a topic of its own with the first events, run stock Faust over it, and end it.

    Raises:
        OperationError: it ended by itself, or took longer than four minutes.
    """
    events = min(EVENTS, race.events)
    create_topics(race.bootstrap, {TOPIC: race.partitions})
    fill(race.bootstrap, TOPIC, race.partitions, islice(race.stream(), events), compression=READABLE)
    result = race.folder / "stock-faust.json"
    environment = {
        "RACE_BOOTSTRAP": race.bootstrap,
        "RACE_TOPIC": TOPIC,
        "RACE_PARTITIONS": str(race.partitions),
        "RACE_EVENTS": str(events),
        "RACE_RESULT": str(result),
    }
    program = [
        sys.executable,
        str(in_checkout(STOCK_FAUST_APP)),
        "worker",
        "--without-web",
        "--loglevel",
        "warn",
    ]
    process = GuardedProcess(
        "Stock Faust",
        command_with(environment, *program),
        folder=race.folder,
        log_file=race.folder / "faust.log",
    )
    guard, usage, began = Watchdog(), Usage(), time.perf_counter()
    try:
        process.start(guard)
        while not result.exists():
            if process.pid is None or time.perf_counter() - began > _PATIENCE_S:
                raise OperationError(f"stock Faust did not finish:\n{process.log_tail()}")
            usage = usage_of([process.pid])
            time.sleep(0.2)
    finally:
        process.terminate()
        if not process.wait(STOP_S):
            process.kill()
        guard.close()
    found = msgspec.json.decode(result.read_bytes(), type=_Result)
    return Measured(
        name="faust",
        title="stock Faust, one table write, at least once",
        events=events,
        events_per_s=events / found.seconds,
        cpu_s_per_million=found.cpu_s / events * 1e6,
        rss_peak_mb=usage.rss_peak_mb,
        load=load(),
        notes=[f"measured over {events:,} events; it decides nothing"],
    )
