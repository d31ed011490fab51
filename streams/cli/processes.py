"""One worker of several processes: the same worker several times, under a parent that starts, watches and stops them.

Python runs one thread at a time, so a worker that is to use several cores is several processes. They are members of the
consumer group like any others; Kafka shares the partitions out among them. The parent does nothing but wait: a request
to stop goes on to all, and if one ends, whatever the reason, the others are stopped and the worker ends with its status.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType

from streams.broker.processes import Watchdog
from streams.cli.stopping import REQUESTS_TO_STOP
from streams.settings import PREFIX

STOP_WAIT_S = 40.0
"""Longer than a worker needs to drain and commit; then it is killed, and what it had not committed is read again."""

_POLL_S = 0.2


def environments(environment: Mapping[str, str], count: int) -> list[dict[str, str]]:
    """Return the environment of each of *count* processes: a name and a metrics port of its own, the rest the same."""
    name, port = environment.get(f"{PREFIX}INSTANCE_ID", ""), environment.get(f"{PREFIX}METRICS_PORT", "9464")
    found = []
    for number in range(count):
        own = {**environment, f"{PREFIX}PROCESSES": "1"}
        if name:
            own[f"{PREFIX}INSTANCE_ID"] = f"{name}-{number + 1}"
        if int(port):
            own[f"{PREFIX}METRICS_PORT"] = str(int(port) + number)
        found.append(own)
    return found


def run_processes(
    command: Sequence[str],
    environment: Mapping[str, str],
    count: int,
    *,
    say: Callable[[str], object],
    stop_wait_s: float = STOP_WAIT_S,
) -> int:
    """Run *command* in *count* processes until they end or a signal asks them to; return the status to exit with.

    Args:
        command: the worker's program and arguments.
        environment: of the worker; each process gets its own name and metrics port.
        count: how many.
        say: told what the parent does.
        stop_wait_s: how long the processes may take to stop.
    """
    asked: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    before = {request: signal.signal(request, ask) for request in REQUESTS_TO_STOP}
    processes: list[subprocess.Popen[bytes]] = []
    guard = Watchdog()  # if the parent is killed, it ends them
    try:
        processes.extend(_started(command, own, guard) for own in environments(environment, count))
        while not asked and all(process.poll() is None for process in processes):
            time.sleep(_POLL_S)
        ended = [process for process in processes if process.poll() is not None]
        if ended and not asked:
            say(f"process {ended[0].pid} ended with status {ended[0].returncode}: stopping the others")
        return _stopped(processes, stop_wait_s, first=ended[0] if ended and not asked else None)
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
            guard.forget(process.pid)
        guard.close()
        for request, handler in before.items():
            signal.signal(request, handler)


def _stopped(
    processes: Sequence[subprocess.Popen[bytes]], wait_s: float, *, first: subprocess.Popen[bytes] | None
) -> int:
    """Stop all; return the status of the *first* that ended by itself, else the worst of all."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    until = time.monotonic() + wait_s
    for process in processes:
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    statuses = [first.returncode] if first is not None else [process.returncode for process in processes]
    # A negative status is a signal; for the shell it is 128 and the signal's number.
    status = max((128 - status if status < 0 else status) for status in statuses)
    return status if first is None or status else 1  # a worker never ends by itself with success


def _started(
    command: Sequence[str], environment: Mapping[str, str], guard: Watchdog
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(  # noqa: S603 - our own program
        command,
        env=environment,
        process_group=0,  # the terminal's Ctrl-C is for the parent, which then stops them in order
    )
    guard.pipe.write(f"+{process.pid}\n".encode())
    return process
