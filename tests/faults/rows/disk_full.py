"""A full disk: the broker's log lies on a small file system that fills up, the broker dies, room is made, it comes back."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streams.broker import KafkaCluster
from streams.testing.hashing_cluster import HashingCluster
from tests.faults.feeding import feed, sent, wait_for
from tests.faults.outcome import Outcome
from tests.faults.stage import NotHere, Stage

MOUNT_MB = 160
DEATH_WAIT_S = 90.0
ROUNDS = 2


def run(seed: int, stage: Stage) -> Outcome:
    """Fill the disk under load until the broker ends, make room, start it: the workers go on by themselves."""
    stage.root_only("mounts a small file system")
    deaths = 0
    with (
        small_disk(stage.folder() / "disk") as disk,
        stage.cluster(data_dir=disk / "kafka") as kafka,
        HashingCluster(kafka.bootstrap, stage.folder(), seed=seed) as cluster,
    ):
        cluster.send(5_000)
        cluster.start(0)
        cluster.wait_until_ready(0)
        for _ in range(ROUNDS):
            deaths += _fill_until_it_dies(disk, kafka, cluster, stage)
            feed(cluster, 3.0)
        ended = cluster.exit_code(0)
        cluster.wait_until_done(120)
        codes = cluster.stop_all()
        outcome = Outcome(
            sent(cluster),
            cluster.verdict(),
            f"the broker died {deaths} times of a full disk of {MOUNT_MB} MB",
        )
    outcome.must(deaths, "the broker survived the full disk")
    outcome.must(ended is None, f"the worker ended with {ended}")
    outcome.must(codes == [0], f"exit codes {codes}")
    return outcome


def _fill_until_it_dies(disk: Path, kafka: KafkaCluster, cluster: HashingCluster, stage: Stage) -> bool:
    """Return whether the broker ended."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        try:
            while True:
                file.write(bytes(65_536))
                file.flush()
        except OSError:
            pass
    stage.say(f"the disk is full: {shutil.disk_usage(disk).free} bytes free")
    sending = threading.Thread(target=cluster.send, args=(40_000,), kwargs={"within_s": 200})
    sending.start()
    died = wait_for(lambda: 1 not in kafka.pids(), DEATH_WAIT_S)
    stage.say("the broker has ended" if died else "the broker goes on without room")
    ballast.unlink()
    if died:
        kafka.start(1)
    sending.join()
    return died


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A file system of `MOUNT_MB` in memory.

    Raises:
        NotHere: it cannot be mounted.
    """
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MOUNT_MB}m", "tmpfs", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotHere(f"mounting a tmpfs: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=False)
