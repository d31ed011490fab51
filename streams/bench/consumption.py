"""The two baselines below any engine: reading the topic, and reading it and decoding every record."""

from __future__ import annotations

import os
import time

import msgspec

from streams.bench.generator import BenchEvent
from streams.bench.measured import Measured
from streams.bench.race_topic import everything
from streams.bench.usage import load, usage_of


def consume(bootstrap: str, topic: str, partitions: int, *, decoding: bool) -> Measured:
    """Read all of *topic*, decoding each value when asked; made to run in a process of its own."""
    decode = msgspec.json.Decoder(BenchEvent).decode
    before = usage_of([os.getpid()]).cpu_s
    count, first_s, last_s = 0, 0.0, 0.0
    for records in everything(bootstrap, topic, partitions):
        if not first_s and records:
            first_s = time.perf_counter()
        count += len(records)
        for record in records:
            value = record.value()
            if decoding:
                decode(value or b"")
        last_s = time.perf_counter()
    after = usage_of([os.getpid()])
    return Measured(
        name="decode" if decoding else "consume",
        title="consume + decode" if decoding else "raw consume",
        events=count,
        events_per_s=count / (last_s - first_s),
        cpu_s_per_million=(after.cpu_s - before) / count * 1e6,
        rss_peak_mb=after.rss_peak_mb,
        load=load(),
    )
