"""What a process takes, and what it says of itself, over time."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Sample(NamedTuple):
    """One look at a process.

    Attributes:
        at_s: monotonic seconds.
        rss_mb: resident memory.
        files: open file descriptors.
        threads: threads.
    """

    at_s: float
    rss_mb: float
    files: int
    threads: int


def sample(process: int) -> Sample:
    """Look at *process*."""
    status = Path(f"/proc/{process}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    files = len(list(Path(f"/proc/{process}/fd").iterdir()))
    return Sample(time.monotonic(), int(fields["VmRSS"].split()[0]) / 1_024, files, int(fields["Threads"]))


def slope_mb_per_hour(samples: Sequence[Sample]) -> float:
    """Return how fast the memory grows: the least-squares line through *samples*."""
    count = len(samples)
    mean_s, mean_mb = sum(s.at_s for s in samples) / count, sum(s.rss_mb for s in samples) / count
    spread = sum((s.at_s - mean_s) ** 2 for s in samples)
    together = sum((s.at_s - mean_s) * (s.rss_mb - mean_mb) for s in samples)
    return 3_600 * together / spread if spread else 0.0


def metric(port: int, name: str) -> float:
    """Return the sum of a metric over all its labels, as the worker at *port* shows it; 0 while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    except OSError:
        return 0.0
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE))
