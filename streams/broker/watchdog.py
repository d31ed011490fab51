"""Ends the nodes of an embedded cluster when the program that started them is gone.

Runs as a file of its own, in a process of its own, with nothing but the standard library. Its standard input is a
pipe whose other end the program holds; however the program ends (SIGKILL included), the operating system
closes that end, and the watchdog then kills every node still registered and removes the temporary files.

Lines it understands: `+PID` a node was started, `-PID` that node is gone.
Its arguments are the directories to remove at the end.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable

# A killed process is gone in milliseconds, but its id stays until its parent asks for its status, and the parent
# may be a container's first process, which never asks.
_PATIENCE_S = 2.0


def registered(lines: Iterable[str]) -> set[int]:
    """The process ids that *lines* leave registered, once they end."""
    pids: set[int] = set()
    for line in lines:
        sign, number = line[:1], line[1:].strip()
        if not number.isdecimal():
            continue  # whoever wrote it was killed in the middle
        if sign == "+":
            pids.add(int(number))
        else:
            pids.discard(int(number))
    return pids


def end(pids: Iterable[int]) -> None:
    """Kill *pids* and wait, within a bound, until they are gone."""
    remaining = set(pids)
    deadline = time.monotonic() + _PATIENCE_S
    while remaining and time.monotonic() < deadline:
        for pid in sorted(remaining):
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                remaining.discard(pid)
        time.sleep(0.02)


def main() -> None:
    """Wait for the pipe to close, then clean up."""
    # The program decides when its nodes end; a Ctrl-C meant for it must not take the watchdog first.
    for interruption in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(interruption, signal.SIG_IGN)
    end(registered(sys.stdin))
    for directory in sys.argv[1:]:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
