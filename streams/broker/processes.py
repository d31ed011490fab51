"""One Kafka node: a JVM of its own that can be started, stopped, killed, paused and asked what went wrong."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from streams.broker import watchdog
from streams.errors import OperationError

# The child registers itself with the watchdog (its standard output at first) before it becomes the JVM: there
# is no moment at which the program could die and leave a node that the watchdog has not heard of.
_REGISTER_THEN_BECOME = 'echo "+$$"; exec "$@" >&2'
_TAIL_BYTES = 4_000


class Watchdog:
    """Our end of the pipe to the process that ends the nodes when we are gone."""

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
        )
        assert self._process.stdin is not None
        self.pipe: IO[bytes] = self._process.stdin

    def forget(self, pid: int) -> None:
        """Tell it that *pid* is gone: the number may soon be another program's."""
        try:
            self.pipe.write(f"-{pid}\n".encode())
            self.pipe.flush()
        except BrokenPipeError:
            return  # it was killed; then there is nobody left to tell

    def close(self) -> None:
        """Close the pipe and wait until it has ended what was still registered."""
        try:
            self.pipe.close()
        except BrokenPipeError:
            pass
        self._process.wait()


class Node:
    """The process of one Kafka node."""

    def __init__(self, node_id: int, command: Sequence[str], log_file: Path) -> None:
        """Describe a node; nothing is started.

        Args:
            node_id: its number in the cluster, from 1.
            command: what to run, program first.
            log_file: where its output goes; appended to.
        """
        self.node_id = node_id
        self._command = list(command)
        self._log_file = log_file
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: Watchdog | None = None

    @property
    def pid(self) -> int | None:
        """The process id while the node runs (or is paused), else None."""
        return self._process.pid if self._process is not None and self.returncode is None else None

    @property
    def returncode(self) -> int | None:
        """The exit status once the process has ended; None before."""
        return None if self._process is None else self._process.poll()

    def start(self, guard: Watchdog) -> None:
        """Start the process under *guard*; does not wait until it answers.

        Raises:
            OperationError: the node runs already.
        """
        if self.pid is not None:
            raise OperationError(f"Node {self.node_id} runs already.", hint="Stop or kill it first.")
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _REGISTER_THEN_BECOME, "sh", *self._command],
                stdin=subprocess.DEVNULL,
                stdout=guard.pipe,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the program, which then stops its nodes in order
            )
        self._watchdog = guard

    def terminate(self) -> None:
        """Ask the process to end, as an operator would."""
        self._signal(signal.SIGCONT)  # a paused process would not hear it
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process at once and wait for it."""
        self._signal(signal.SIGKILL)
        self.wait(timeout_s=None)

    def pause(self) -> None:
        """Freeze the process: its connections stay open, nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen process go on."""
        self._signal(signal.SIGCONT)

    def wait(self, timeout_s: float | None) -> bool:
        """Wait until the process has ended; False when it has not within *timeout_s* seconds."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        if self._watchdog is not None:
            self._watchdog.forget(self._process.pid)
            self._watchdog = None
        return True

    def log_tail(self) -> str:
        """The last lines of the node's log."""
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
