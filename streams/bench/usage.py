"""What a process and everything it started have used: CPU seconds and memory, from /proc; and how busy the machine is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from streams.errors import OperationError

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
_GONE = (FileNotFoundError, ProcessLookupError)


class Usage(msgspec.Struct, frozen=True):
    """CPU seconds of all threads, user and system; the greatest resident memory so far in megabytes."""

    cpu_s: float = 0.0
    rss_peak_mb: float = 0.0


def usage_of(pids: Iterable[int]) -> Usage:
    """Return what the processes *pids* and all their descendants have used, added up.

    A process that has ended counts no more, unless its parent in the tree waited for it.

    Raises:
        OperationError: this system has no /proc.
    """
    if not _PROC.joinpath("self", "stat").exists():
        raise OperationError(
            "CPU and memory are read from /proc, which is not here.", hint="Run the race on Linux."
        )
    cpu_s = rss_mb = 0.0
    for pid in {member for root in pids for member in _tree(root)}:
        with suppress(*_GONE):
            fields = _PROC.joinpath(str(pid), "stat").read_text().rpartition(")")[2].split()
            cpu_s += sum(map(int, fields[11:15])) / _TICKS_PER_S  # utime, stime, cutime, cstime
            rss_mb += _peak_mb(pid)
    return Usage(cpu_s, rss_mb)


def _tree(pid: int) -> Iterator[int]:
    yield pid
    with suppress(*_GONE):
        for task in _PROC.joinpath(str(pid), "task").iterdir():
            with suppress(*_GONE):
                for child in task.joinpath("children").read_text().split():
                    yield from _tree(int(child))


def _peak_mb(pid: int) -> float:
    for line in _PROC.joinpath(str(pid), "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def load() -> float:
    """Return the machine's load average over the last minute, in processes that run or want to."""
    return os.getloadavg()[0]
