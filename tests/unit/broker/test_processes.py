"""Processes under a watchdog, with sleeping shells in place of Kafka nodes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.broker.processes import GuardedProcess, Watchdog
from streams.errors import OperationError

PATIENCE_S = 5.0

# What a program does that starts a process and is then killed: it says the process's id and waits for ever.
PROGRAM = """
import pathlib, sys, time
from streams.broker.processes import GuardedProcess, Watchdog

folder = pathlib.Path(sys.argv[1])
process = GuardedProcess("sleeper", ["sleep", "60"], folder=folder, log_file=folder / "log")
process.start(Watchdog(remove_at_end=[folder]))
print(process.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def guard() -> Iterator[Watchdog]:
    """A watchdog, closed at the end."""
    watchdog = Watchdog()
    yield watchdog
    watchdog.close()


@pytest.fixture
def sleeper(tmp_path: Path) -> GuardedProcess:
    """A process that would run for a minute; not started."""
    return GuardedProcess("sleeper", ["sleep", "60"], folder=tmp_path, log_file=tmp_path / "log")


def runs(pid: int) -> bool:
    """Return whether *pid* is a process that has not ended (a zombie has)."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return state.stdout.strip()[:1] not in {"", "Z"}


def within_patience(condition: Callable[[], bool]) -> bool:
    """Return whether *condition* comes true in time."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_it_runs_until_it_is_told_to_end(sleeper: GuardedProcess, guard: Watchdog) -> None:
    """It has an id while it runs; SIGTERM ends it, and says so in its status."""
    ids = [sleeper.pid]
    sleeper.start(guard)
    ids.append(sleeper.pid)
    assert not sleeper.wait(timeout_s=0)
    sleeper.terminate()
    assert sleeper.wait(PATIENCE_S)
    ids.append(sleeper.pid)
    assert [number is not None for number in ids] == [False, True, False]
    assert sleeper.returncode == -signal.SIGTERM


def test_a_running_process_is_not_started_again(sleeper: GuardedProcess, guard: Watchdog) -> None:
    """A second start is refused while it runs, and works once it was killed."""
    sleeper.start(guard)
    with pytest.raises(OperationError, match="sleeper runs already"):
        sleeper.start(guard)
    sleeper.kill()
    sleeper.start(guard)
    sleeper.kill()
    assert sleeper.returncode == -signal.SIGKILL


def test_a_paused_process_still_hears_the_end(sleeper: GuardedProcess, guard: Watchdog) -> None:
    """A frozen process is there but does nothing; asked to end, it is woken up for that."""
    sleeper.start(guard)
    sleeper.pause()
    sleeper.terminate()
    assert sleeper.wait(PATIENCE_S)


def test_its_output_is_kept_and_its_end_shown(tmp_path: Path, guard: Watchdog) -> None:
    """Both outputs go to the log; an error can show the last of it."""
    talker = GuardedProcess(
        "talker", ["sh", "-c", "echo out; echo err >&2; exit 3"], folder=tmp_path, log_file=tmp_path / "log"
    )
    assert talker.log_tail() == ""
    talker.start(guard)
    assert talker.wait(PATIENCE_S)
    assert talker.returncode == 3
    assert talker.log_tail() == "out\nerr"


def test_closing_the_watchdog_ends_what_still_runs(sleeper: GuardedProcess) -> None:
    """Whatever was not ended before is ended with the watchdog."""
    watchdog = Watchdog()
    sleeper.start(watchdog)
    watchdog.close()
    assert sleeper.wait(PATIENCE_S)
    assert sleeper.returncode == -signal.SIGKILL


def test_nothing_is_left_of_a_program_that_is_killed(tmp_path: Path) -> None:
    """SIGKILL gives a program no chance to clean up: its processes and temporary files go all the same."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, folder], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    pid = int(program.stdout.readline())
    assert runs(pid)
    os.kill(program.pid, signal.SIGKILL)
    program.wait()
    program.stdout.close()
    assert within_patience(lambda: not runs(pid))
    assert within_patience(lambda: not folder.exists())
