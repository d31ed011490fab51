"""The worker, as its own process: started with the demo's settings, watched, and ended with the demo."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from streams.broker.processes import GuardedProcess, Watchdog
from streams.errors import OperationError

STOP_TIMEOUT_S = 15.0


class EngineProcess:
    """One `streams worker`. However the demo ends, the worker ends with it."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        """Describe the worker; nothing is started.

        Args:
            environment: its settings; settings of the demo's own environment do not reach it.
            folder: where it runs and writes `worker.log`.
        """
        self.log_file = folder / "worker.log"
        foreign = [f"--unset={name}" for name in os.environ if name.startswith("STREAMS_")]
        own = [f"{name}={value}" for name, value in environment.items()]
        own.append(f"TMPDIR={folder}")  # its lock files go when the folder goes
        command = ["env", *foreign, *own, sys.executable, "-m", "streams", "worker"]
        self._process = GuardedProcess("The worker", command, folder=folder, log_file=self.log_file)
        self._watchdog: Watchdog | None = None

    def start(self) -> None:
        """Start it; it joins its group by and by."""
        self._watchdog = Watchdog([self.log_file.parent])
        self._process.start(self._watchdog)

    def check(self) -> None:
        """See to it that it still runs.

        Raises:
            OperationError: it has ended; the message shows the end of its log.
        """
        if self._process.returncode is not None:
            raise OperationError(
                f"The worker ended with status {self._process.returncode}:\n{self._process.log_tail()}",
                hint="the lines above are the end of its log; the last one usually says what to do",
            )

    def stop(self) -> None:
        """Ask it to end, and end it when it has not after some seconds."""
        self._process.terminate()
        if not self._process.wait(STOP_TIMEOUT_S):
            self._process.kill()
        if self._watchdog is not None:
            self._watchdog.close()
            self._watchdog = None
