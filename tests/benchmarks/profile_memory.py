"""What a customer costs in memory: the engine alone, no broker, with the bench job's events spread over so many customers.

By hand: ``.venv/bin/python tests/benchmarks/profile_memory.py --customers 100000 --events-each 4``; with ``--builtin`` the
shipped catalogue instead of the job. It prints one line: bytes of a profile at rest (that is also its changelog record), and
bytes of this process for each customer, while all profiles are decoded, and in a new process that has restored them.
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from streams.bench.generator import generated
from streams.bench.race_topic import partition_of
from streams.runtime.application import wire
from streams.runtime.processor import Wiring
from streams.segmentation.partition import Partition
from streams.segmentation.residence import PARTITION_KEY
from streams.segmentation.stimuli import EventObserved
from streams.settings import Settings

JOB = Path(__file__).parent / "job"
TOPIC = "events"
PARTITIONS = 4
COMMIT_EVERY = 50_000


def wiring_of(*, builtin: bool) -> Wiring:
    """Return the wiring of a worker that replays one topic of compact events."""
    catalogue = {} if builtin else {"catalogue_dir": str(JOB)}
    return wire(
        Settings.load({}, inputs=f"{TOPIC}=*:compact", clock="event", coverage="complete", **catalogue)
    )


def resident_bytes() -> int:
    """Return the memory of this process that is in use now."""
    gc.collect()
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise OSError("this system has no /proc/self/status with VmRSS")


def lived(wiring: Wiring, customers: int, events_each: int) -> list[Partition]:
    """Let *customers* do *events_each* events each, on average, over a week; return the partitions."""
    partitions = [Partition(wiring.plan, wiring.inputs, wiring.options) for _ in range(PARTITIONS)]
    encode, decode = msgspec.json.Encoder().encode, wiring.decoders[TOPIC]
    now_ms = time.time_ns() // 1_000_000
    for count, event in enumerate(generated(customers * events_each, customers=customers), 1):
        stimulus = decode(encode(event), now_ms)
        assert isinstance(stimulus, EventObserved)
        partitions[partition_of(event.customer_id, PARTITIONS)].observe(stimulus)
        if count % COMMIT_EVERY == 0 or count == customers * events_each:
            for partition in partitions:
                partition.take_effects()
                list(partition.flush())
                partition.commit()
    return partitions


def restored_bytes(wiring: Wiring, file: Path) -> int:
    """Return what the profiles of *file* take in this process once they are restored and their timers armed."""
    before = resident_bytes()
    partitions = [Partition(wiring.plan, wiring.inputs, wiring.options) for _ in range(PARTITIONS)]
    with file.open("rb") as log:
        for partition in partitions:
            for _ in range(int.from_bytes(log.read(4))):
                key = log.read(int.from_bytes(log.read(4))).decode()
                partition.load(key, log.read(int.from_bytes(log.read(4))))
            partition.ready()
    return resident_bytes() - before


def write_changelog(partitions: list[Partition], file: Path) -> list[int]:
    """Write what the changelog holds of *partitions* to *file*; return the size of each profile."""
    sizes = []
    with file.open("wb") as log:
        for partition in partitions:
            held = partition.changelog()
            log.write(len(held).to_bytes(4))
            for key, value in held.items():
                name = key.encode()
                log.write(len(name).to_bytes(4) + name + len(value).to_bytes(4) + value)
                if key != PARTITION_KEY:
                    sizes.append(len(value))
    return sizes


def main() -> None:
    """Measure, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--events-each", type=int, default=4)
    parser.add_argument("--builtin", action="store_true", help="the shipped catalogue")
    parser.add_argument("--restore", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    wiring = wiring_of(builtin=chosen.builtin)
    if chosen.restore is not None:
        print(restored_bytes(wiring, chosen.restore))
        return
    before = resident_bytes()
    partitions = lived(wiring, chosen.customers, chosen.events_each)
    live = resident_bytes() - before
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "changelog"
        sizes = write_changelog(partitions, file)
        command = [sys.executable, *sys.argv, "--restore", str(file)]
        restored = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    count = len(sizes)
    print(
        f"{count:,} customers, {chosen.events_each} events each: {sum(sizes) / count:,.0f} bytes at rest, "
        f"{live / count:,.0f} of memory decoded, {restored / count:,.0f} restored; {before / 1e6:.0f} MB without any"
    )


if __name__ == "__main__":
    main()
