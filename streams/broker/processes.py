"""Processes that end with this program: each can be started, stopped, killed, paused and asked what went wrong."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from streams.broker import watchdog
from streams.errors import OperationError

# The child registers itself with the watchdog (its standard output at first) before it becomes the program: there
# is no moment at which we could die and leave a process that the watchdog has not heard of.
_REGISTER_THEN_BECOME = 'echo "+$$"; exec "$@" >&2'
_TAIL_BYTES = 4_000


class Watchdog:
    """Our end of the pipe to the process that ends the others when we are gone."""

    def __init__(self, remove_at_end: Sequence[Path] = ()) -> None:
        """Start it.

        Args:
            remove_at_end: directories it removes when the pipe closes.
        """
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", watchdog.__file__, *map(str, remove_at_end)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            bufsize=0,
        )
        assert self._process.stdin is not None
        self.pipe: IO[bytes] = self._process.stdin

    def forget(self, pid: int) -> None:
        """Tell it that *pid* is gone: the number may soon be another program's."""
        if self.pipe.closed:
            return
        with contextlib.suppress(BrokenPipeError):  # it was killed; then there is nobody left to tell
            self.pipe.write(f"-{pid}\n".encode())

    def close(self) -> None:
        """Close the pipe and wait until it has ended what was still registered."""
        with contextlib.suppress(BrokenPipeError):
            self.pipe.close()
        self._process.wait()


class GuardedProcess:
    """A process under a watchdog; it may be started again once it has ended."""

    def __init__(self, name: str, command: Sequence[str], *, folder: Path, log_file: Path) -> None:
        """Describe a process; nothing is started.

        Args:
            name: what errors call it.
            command: what to run, program first.
            folder: the directory it works in.
            log_file: where its output goes; appended to.
        """
        self.name = name
        self._command = list(command)
        self._folder = folder
        self._log_file = log_file
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: Watchdog | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs (or is paused), else None."""
        return self._process.pid if self._process is not None and self.returncode is None else None

    @property
    def returncode(self) -> int | None:
        """The exit status once it has ended, negative for a signal; None before."""
        return None if self._process is None else self._process.poll()

    def start(self, guard: Watchdog) -> None:
        """Start it under *guard*; does not wait until it does its work.

        Raises:
            OperationError: it runs already.
        """
        if self.pid is not None:
            raise OperationError(f"{self.name} runs already.", hint="Stop or kill it first.")
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _REGISTER_THEN_BECOME, "sh", *self._command],
                stdin=subprocess.DEVNULL,
                stdout=guard.pipe,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the program, which then stops its processes in order
                cwd=self._folder,
            )
        self._guard = guard

    def terminate(self) -> None:
        """Ask it to end, as an operator would."""
        self._signal(signal.SIGCONT)  # a paused process would not hear it
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once and wait for that."""
        self._signal(signal.SIGKILL)
        self.wait(timeout_s=None)

    def pause(self) -> None:
        """Freeze it: its connections stay open, nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after a pause."""
        self._signal(signal.SIGCONT)

    def wait(self, timeout_s: float | None) -> bool:
        """Wait until it has ended; False when it has not within *timeout_s* seconds (None: however long)."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        guard, self._guard = self._guard, None  # two threads may wait for the same process
        if guard is not None:
            guard.forget(self._process.pid)
        return True

    def log_tail(self) -> str:
        """The last lines of its output."""
        try:
            with self._log_file.open("rb") as log:
                log.seek(0, 2)
                log.seek(max(0, log.tell() - _TAIL_BYTES))
                return log.read().decode("utf-8", errors="replace").strip()
        except OSError:
            return ""

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)  # does nothing once the process has been waited for
