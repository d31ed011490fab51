"""What the metrics cost for each event: the bench job through processors with and without telemetry, no broker.

By hand: ``.venv/bin/python tests/benchmarks/metrics_cost.py --events 100000``. It prints microseconds of CPU per event.

Two answers. The *difference* of whole runs, alternating, the best of each: right, and blurred by whatever else the machine
does. And the *inside*: CPU time taken where telemetry is called, once per batch and commit, plus the watch for late events
(one more call for each event that a definition reads), timed alone. Without a broker a step is all the work there is; a
worker spends more on each event, so that the share is less there.
"""

from __future__ import annotations

import argparse
import gc
import time
from pathlib import Path

import msgspec

from streams.bench.race import CATALOGUE, EVENTS_TOPIC, Race, in_checkout
from streams.bench.race_topic import partition_of
from streams.metrics.instruments import Instruments
from streams.runtime.application import wire
from streams.runtime.observing import CommitReport
from streams.runtime.ports import Batch, InputRecord
from streams.runtime.processor import PartitionProcessor, Report
from streams.runtime.telemetry import Telemetry
from streams.settings import Settings
from streams.testing.measured_shop import Record

BATCH = 1_000
COMMIT_EVERY = 50
"""Batches between two commits: about what a fast worker does in a second."""
COMMIT = CommitReport(duration_s=0.02, open_s=1.0, records=BATCH, outputs=BATCH, flushed=BATCH, partitions=1)


class Run:
    """One run of all batches, with telemetry or without.

    Attributes:
        whole_s: CPU seconds of everything.
        inside_s: of them, in telemetry's calls.
    """

    def __init__(self, settings: Settings, partitions: int, *, measured: bool) -> None:
        self.whole_s = self.inside_s = 0.0
        wiring = wire(settings)
        telemetry = Telemetry(Instruments(), plan_hash="p")
        self._telemetry = telemetry if measured else None
        self._counted = telemetry.counted
        if measured:
            wiring = wiring.counted_by(self._inside)
        self._processors = [PartitionProcessor(number, wiring) for number in range(partitions)]

    def _inside(self, processor: PartitionProcessor, report: Report) -> None:
        begun = time.process_time()
        self._counted(processor, report)
        self.inside_s += time.process_time() - begun

    def work(self, batches: list[tuple[int, list[InputRecord]]]) -> None:
        """Work on all *batches*, and commit now and then."""
        gc.collect()
        gc.disable()
        begun = time.process_time()
        for count, (number, records) in enumerate(batches, 1):
            self._step(number, records, count)
            if count % COMMIT_EVERY == 0:
                self._commit()
        self.whole_s = time.process_time() - begun
        gc.enable()

    def _step(self, number: int, records: list[InputRecord], count: int) -> None:
        batch = Batch()
        batch.partition, batch.records = number, {EVENTS_TOPIC: records}
        batch.caught_up_ms, batch.never_had_a_record, batch.quarantined = {}, frozenset(), {}
        batch.now_ms = time.time_ns() // 1_000_000
        batch.out, batch.offsets, batch.hold, batch.waiting = [], {}, frozenset(), False
        if self._telemetry is None:
            self._processors[number].handle(batch)
            return
        self._telemetry.timed(_handle)(batch, self._processors[number])

    def _commit(self) -> None:
        for processor in self._processors:
            for _ in processor.flush():
                pass
            processor.commit()
        if self._telemetry is not None:
            begun = time.process_time()
            self._telemetry.committed(COMMIT)
            self._telemetry.lagging({(EVENTS_TOPIC, number): 1 for number in range(len(self._processors))})
            self.inside_s += time.process_time() - begun


def _handle(batch: Batch, processor: PartitionProcessor) -> None:
    processor.handle(batch)


def batches_of(race: Race) -> list[tuple[int, list[InputRecord]]]:
    """Return the events as batches: partition number and records."""
    encode = msgspec.json.Encoder().encode
    waiting: list[list[InputRecord]] = [[] for _ in range(race.partitions)]
    found: list[tuple[int, list[InputRecord]]] = []
    for offset, event in enumerate(race.stream()):
        number = partition_of(event.customer_id, race.partitions)
        waiting[number].append(Record(EVENTS_TOPIC, encode(event), offset))
        if len(waiting[number]) == BATCH:
            found.append((number, waiting[number]))
            waiting[number] = []
    return found


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clock", choices=["event", "wall"], default="event")
    chosen = parser.parse_args()
    race = Race("nowhere:1", Path(), chosen.events, 7, 4, in_checkout(CATALOGUE), 1_000)
    settings = Settings.load(race.settings("cost") | {"STREAMS_CLOCK": chosen.clock})
    batches = batches_of(race)
    events = len(batches) * BATCH
    runs: dict[bool, list[Run]] = {False: [], True: []}
    for number in range(2 * chosen.rounds):
        measured = number % 4 in {1, 2}
        run = Run(settings, race.partitions, measured=measured)
        run.work(batches)
        runs[measured].append(run)
    bare_us, whole_us = (
        min(run.whole_s for run in runs[measured]) / events * 1e6 for measured in (False, True)
    )
    inside_us = min(run.inside_s for run in runs[True]) / events * 1e6
    print(f"{events:,} events in batches of {BATCH:,}, clock {chosen.clock}, best of {chosen.rounds}")
    print(f"without telemetry {bare_us:8.3f} us/event")
    print(f"with telemetry    {whole_us:8.3f} us/event: {(whole_us / bare_us - 1) * 100:+.2f} %")
    print(f"inside            {inside_us:8.3f} us/event: {inside_us / bare_us * 100:.2f} %")


if __name__ == "__main__":
    main()
