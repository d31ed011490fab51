"""A worker of several processes: names and ports of their own, one end for all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from streams.cli.processes import environments, run_processes

_WAITS = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: exit(0)); time.sleep(30)"
_SECOND_FAILS = (
    "import os, signal, time; signal.signal(signal.SIGTERM, lambda *_: exit(0)); "
    "exit(3) if os.environ['STREAMS_INSTANCE_ID'] == 'w-2' else time.sleep(30)"
)


def test_each_process_has_a_name_and_a_port_of_its_own() -> None:
    """The rest is the same, and none of them splits up again."""
    first, second = environments({"STREAMS_INSTANCE_ID": "w", "STREAMS_METRICS_PORT": "9000", "A": "1"}, 2)
    assert (first["STREAMS_INSTANCE_ID"], second["STREAMS_INSTANCE_ID"]) == ("w-1", "w-2")
    assert (first["STREAMS_METRICS_PORT"], second["STREAMS_METRICS_PORT"]) == ("9000", "9001")
    assert first["STREAMS_PROCESSES"] == second["STREAMS_PROCESSES"] == first["A"] == "1"


def test_without_name_and_metrics_nothing_is_invented() -> None:
    """Workers without a name find a free one by themselves, and port 0 means no metrics."""
    for own in environments({"STREAMS_METRICS_PORT": "0"}, 2):
        assert own["STREAMS_METRICS_PORT"] == "0"
        assert "STREAMS_INSTANCE_ID" not in own


def test_if_one_ends_all_end_with_its_status() -> None:
    """The others are stopped in order, and the parent says which one it was."""
    said: list[str] = []
    environment = {**os.environ, "STREAMS_INSTANCE_ID": "w"}
    started = time.monotonic()
    status = run_processes([sys.executable, "-c", _SECOND_FAILS], environment, 3, say=said.append)
    assert status == 3
    assert time.monotonic() - started < 25
    assert "ended with status 3" in said[0]


@pytest.mark.parametrize("request_to_stop", [signal.SIGTERM, signal.SIGINT])
def test_a_request_to_stop_goes_to_all(request_to_stop: signal.Signals, tmp_path: Path) -> None:
    """The parent ends with status 0 when all have ended in order."""
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(f"""
            import os, sys
            from streams.cli.processes import run_processes
            print("up", flush=True)
            sys.exit(run_processes([sys.executable, "-c", {_WAITS!r}], os.environ, 2, say=print))
        """)
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        time.sleep(1.5)  # both children are up, and hear the request
        parent.send_signal(request_to_stop)
        assert parent.wait(20) == 0


def test_nothing_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    """Even kill -9 leaves no process behind."""
    script = tmp_path / "parent.py"
    note = "import os; print(os.getpid(), flush=True); " + _WAITS
    script.write_text(
        textwrap.dedent(f"""
            import os, sys
            from streams.cli.processes import run_processes
            sys.exit(run_processes([sys.executable, "-c", {note!r}], os.environ, 2, say=print))
        """)
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        children = [int(parent.stdout.readline()) for _ in range(2)]
        time.sleep(0.5)
        parent.kill()
        parent.wait()
        until = time.monotonic() + 10
        while any(_runs(child) for child in children) and time.monotonic() < until:
            time.sleep(0.1)
        assert not any(_runs(child) for child in children)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
