"""Overload: producers at five times the capacity for a minute: memory stays bounded, the lag shows, latency comes back."""

from __future__ import annotations

import os
import time
from pathlib import Path

from streams.bench.generator import BenchEvent
from streams.broker.ports import free_ports
from streams.testing.workers import Committed
from tests.faults.application import Application, bench_events
from tests.faults.outcome import Outcome
from tests.faults.sampling import Sample, metric, sample
from tests.faults.stage import Stage

PROGRAM = (str(Path(__file__).parents[1] / "paced_worker.py"),)
PACE_US = 400
CAPACITY = 1_800
"""Records a second that a worker of this pace does, about."""

TIMES = 5
FOR_S = 60
DRAIN_S = 400.0
GROWTH_MB_MAX = 300
PROBES = 20
PROBE_S_MAX = 2.0


def run(seed: int, stage: Stage) -> Outcome:
    """Produce too fast, watch memory and lag, let it drain, and see how long a single event takes then."""
    os.environ["PACE_US"] = str(PACE_US)
    seconds = 4 if stage.quick else FOR_S
    port = free_ports(1)[0]
    application = Application(stage, metrics_port=str(port))
    events = bench_events(CAPACITY * TIMES * seconds + PROBES + 1_000, seed, customers=20_000)
    probes, rest = events[-PROBES:], events[:-PROBES]
    with application.workers(program=PROGRAM) as workers, application.committed() as committed:
        application.write_events(rest[:1_000])
        workers.run_until(lambda: committed.records() >= 1_000, 60)
        process = workers.processes[0].pid
        before = sample(process)
        samples, lag_shown = [before], 0.0
        for second in range(seconds):
            began_s = time.monotonic()
            first = 1_000 + second * CAPACITY * TIMES
            application.write_events(rest[first : first + CAPACITY * TIMES])
            samples.append(sample(process))
            lag_shown = max(lag_shown, metric(port, "streams_lag_records"))
            time.sleep(max(0.0, began_s + 1.0 - time.monotonic()))
        behind = application.written - committed.records()
        stage.say(f"{behind} behind, the metrics showed {lag_shown:.0f}, {samples[-1].rss_mb:.0f} MB")
        drain_s = _drain(application, committed, lambda: samples.append(sample(process)))
        slowest_s = _probe(application, committed, probes)
        codes = workers.stop()
    outcome = Outcome(application.written, application.verdict())
    growth_mb = max(s.rss_mb for s in samples) - before.rss_mb
    outcome.notes = (
        f"{TIMES} x {CAPACITY}/s for {seconds} s, {behind} behind at most, metrics said {lag_shown:.0f}, drained in"
        f" {drain_s:.0f} s, memory {_range(samples)} MB, then {slowest_s:.2f} s for one event at most"
    )
    outcome.must(lag_shown > behind / 2, "the metrics did not show the lag")
    outcome.must(growth_mb < GROWTH_MB_MAX, f"memory grew by {growth_mb:.0f} MB")
    outcome.must(slowest_s < PROBE_S_MAX, f"an event took {slowest_s:.1f} s afterwards")
    outcome.must(codes == [0], f"exit codes {codes}")
    return outcome


def _drain(application: Application, committed: Committed, watch: object) -> float:
    began_s = time.monotonic()
    while committed.records() < application.written:
        assert time.monotonic() < began_s + DRAIN_S, "the lag does not go away"
        watch()  # type: ignore[operator]
        time.sleep(1.0)
    return time.monotonic() - began_s


def _probe(application: Application, committed: Committed, probes: list[BenchEvent]) -> float:
    """Write events one at a time; return the longest time until one was committed."""
    slowest_s = 0.0
    for event in probes:
        began_s = time.monotonic()
        application.write_events([event])
        while committed.records() < application.written and time.monotonic() < began_s + 30:
            time.sleep(0.01)
        slowest_s = max(slowest_s, time.monotonic() - began_s)
    return slowest_s


def _range(samples: list[Sample]) -> str:
    sizes = [s.rss_mb for s in samples]
    return f"{min(sizes):.0f} to {max(sizes):.0f}"
