"""Input while something happens."""

from __future__ import annotations

import time
from collections.abc import Callable

from streams.testing.hashing_cluster import HashingCluster


def feed(cluster: HashingCluster, for_s: float, *, records: int = 300, pause_s: float = 0.15) -> None:
    """Send *records* every *pause_s* seconds for *for_s* seconds."""
    feed_until(cluster, lambda: False, for_s, records=records, pause_s=pause_s)


def feed_until(
    cluster: HashingCluster,
    true: Callable[[], object],
    limit_s: float,
    *,
    records: int = 300,
    pause_s: float = 0.15,
) -> bool:
    """Send until *true()* or *limit_s* seconds are over; return whether it came true."""
    deadline = time.monotonic() + limit_s
    while not true():
        if time.monotonic() >= deadline:
            return False
        cluster.send(records)
        time.sleep(pause_s)
    return True


def wait_for(true: Callable[[], object], limit_s: float) -> bool:
    """Wait until *true()* or *limit_s* seconds are over; return whether it came true."""
    deadline = time.monotonic() + limit_s
    while not true():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.1)
    return True


def sent(cluster: HashingCluster) -> int:
    """Return how many records were sent."""
    return sum(map(len, cluster.sent.values()))
