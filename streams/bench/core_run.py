"""The core alone: decode, rules, outputs, changelog in one process, no broker. Its transitions are the reference.

The engine here is the worker's own, fed with the same records per partition in the same order, by one thread: whatever a
worker writes beside or beyond it is wrong. The job's oracle runs over the same events for the totals that are published.
"""

from __future__ import annotations

import cProfile
import gc
import os
import time
from collections import Counter
from pathlib import Path

import msgspec

from streams.bench.generator import BenchEvent
from streams.bench.job_oracle import JobPartition
from streams.bench.measured import Measured
from streams.bench.race import EVENTS_TOPIC, Race
from streams.bench.race_topic import partition_of
from streams.bench.transcript import Transcript
from streams.bench.usage import load, usage_of
from streams.runtime.application import wire
from streams.runtime.processor import Wiring
from streams.segmentation.partition import Partition
from streams.segmentation.stimuli import EventObserved
from streams.settings import Settings

BATCH = 1_000
COMMIT_EVERY = 50_000
"""Events between two commits of the core alone: about what a fast worker reads in a second, a peer's interval."""

PARTS = ("decode", "rules", "outputs", "changelog")
Totals = Counter[tuple[str, str]]


class CoreRun(msgspec.Struct):
    """What the core alone did.

    Attributes:
        measured: its line in the table.
        reference: its transitions.
        parts_us: part of the work → CPU microseconds per event.
        changelog_bytes: of all changelog records that were made; `changelog_records` how many.
        job: (segment, kind) → how many the engines' own job writes.
    """

    measured: Measured
    reference: Transcript
    parts_us: dict[str, float]
    changelog_bytes: int
    changelog_records: int
    job: Totals


class _Core:
    """The engine over all partitions, its time taken part by part."""

    def __init__(self, wiring: Wiring, partitions: int) -> None:
        self.partitions = [Partition(wiring.plan, wiring.inputs, wiring.options) for _ in range(partitions)]
        self.decode = wiring.decoders[EVENTS_TOPIC]
        self.encode = wiring.encoder.transition
        self.spent_s = dict.fromkeys(PARTS, 0.0)
        self.records = self.bytes = 0
        self.reference = Transcript()

    def batch(self, number: int, values: list[bytes], now_ms: int) -> None:
        """Work on one batch of partition *number*."""
        clock, spent, partition = time.process_time, self.spent_s, self.partitions[number]
        at_0 = clock()
        stimuli = [self.decode(value, now_ms) for value in values]
        at_1 = clock()
        for stimulus in stimuli:
            assert isinstance(stimulus, EventObserved), "the race has no heartbeats"
            partition.observe(stimulus)
        at_2 = clock()
        written = [self.encode(transition) for transition in partition.take_effects()]
        at_3 = clock()
        spent["decode"] += at_1 - at_0
        spent["rules"] += at_2 - at_1
        spent["outputs"] += at_3 - at_2
        for value in written:
            self.reference.take(value)

    def commit(self) -> None:
        """Make the changelog records of every partition, and commit."""
        begun = time.process_time()
        for partition in self.partitions:
            for _, value in partition.flush():
                self.records += 1
                self.bytes += len(value or b"")
            partition.commit()
        self.spent_s["changelog"] += time.process_time() - begun


def run_core(race: Race, profile: Path | None) -> CoreRun:
    """Run the core and the job's oracle over the whole stream; made to run in a process of its own.

    Args:
        race: which events and definitions.
        profile: where to write a profile for `pstats`; None: none is taken, and none slows the run.
    """
    core = _Core(wire(Settings.load(race.settings("core"))), race.partitions)
    oracles = [JobPartition() for _ in range(race.partitions)]
    job: Totals = Counter()
    waiting: list[list[bytes]] = [[] for _ in range(race.partitions)]
    encode, now_ms = msgspec.json.Encoder().encode, time.time_ns() // 1_000_000
    profiler = cProfile.Profile() if profile is not None else None
    gc.collect()
    gc.freeze()
    gc.disable()  # as the worker has it: it collects between commits, when nothing waits

    def work(number: int) -> None:
        values, waiting[number] = waiting[number], []
        if profiler is None:
            core.batch(number, values, now_ms)
        else:
            profiler.runcall(core.batch, number, values, now_ms)

    for count, event in enumerate(race.stream(), 1):
        number = partition_of(event.customer_id, race.partitions)
        _count(job, oracles[number], event)
        waiting[number].append(encode(event))
        if len(waiting[number]) == BATCH:
            work(number)
        if count % COMMIT_EVERY == 0:
            core.commit()
    for number in range(race.partitions):
        work(number)
    core.commit()
    if profiler is not None and profile is not None:
        profiler.dump_stats(profile)
    return _result(race, core, job)


def _count(job: Totals, oracle: JobPartition, event: BenchEvent) -> None:
    for transition in oracle.observe(event):
        job[transition.segment, transition.kind] += 1


def _result(race: Race, core: _Core, job: Totals) -> CoreRun:
    spent_s = sum(core.spent_s.values())
    measured = Measured(
        name="core",
        title="the core alone, no broker",
        events=race.events,
        events_per_s=race.events / spent_s,
        cpu_s_per_million=spent_s / race.events * 1e6,
        rss_peak_mb=usage_of([os.getpid()]).rss_peak_mb,
        transitions=len(core.reference),
        load=load(),
        notes=["memory holds the reference and the job's oracle too"],
    )
    parts_us = {part: seconds / race.events * 1e6 for part, seconds in core.spent_s.items()}
    return CoreRun(measured, core.reference, parts_us, core.bytes, core.records, job)
