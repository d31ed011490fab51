"""What a restart costs: the changelog of a run read back into the engine."""

from __future__ import annotations

import time

import msgspec

from streams.bench.race import Race, changelog_topic
from streams.bench.race_topic import everything
from streams.runtime.application import wire
from streams.segmentation.partition import Partition
from streams.settings import Settings


class Restored(msgspec.Struct):
    """What was read: records, bytes of their values, distinct profiles, their bytes at rest, seconds from first to ready."""

    records: int
    record_bytes: int
    profiles: int
    profile_bytes: int
    seconds: float


def restore(race: Race, run: str) -> Restored:
    """Read the changelog of *run* to its end, load every record, arm all timers; made for a process of its own."""
    wiring = wire(Settings.load(race.settings(run)))
    partitions = [Partition(wiring.plan, wiring.inputs, wiring.options) for _ in range(race.partitions)]
    records = size = 0
    began = time.perf_counter()
    for batch in everything(race.bootstrap, changelog_topic(run), race.partitions):
        for record in batch:
            key, value = record.key() or b"", record.value()
            records += 1
            size += len(value or b"")
            partitions[record.partition() or 0].load(key.decode(), value)
    for partition in partitions:
        partition.ready()
    seconds = time.perf_counter() - began
    rest = [value for partition in partitions for _, value in partition.committed()]
    return Restored(records, size, len(rest), sum(map(len, rest)), seconds)
