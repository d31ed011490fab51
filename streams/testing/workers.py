"""Real workers as processes, for tests on a real broker: started with settings, killed, stopped, watched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.settings import PREFIX, Settings

PROGRAM = ("-m", "streams", "worker")
"""What Python runs as a worker."""

START_S = 6.0
"""Time in which a worker has loaded and answers to signals, on a busy machine too."""


def environment_of(settings: Mapping[str, object]) -> dict[str, str]:
    """Return the environment in which a worker has *settings* (names as in `Settings`) and no others."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return others | {f"{PREFIX}{name.upper()}": str(value) for name, value in settings.items()}


class Workers:
    """Worker processes of one application; a context manager that leaves none behind."""

    def __init__(
        self,
        settings: Mapping[str, object],
        folder: Path,
        count: int = 1,
        *,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        """Start *count* workers with stable instance ids; their logs go to *folder*.

        Args:
            settings: names as in `Settings`.
            folder: where the logs go, and where they run.
            count: how many.
            program: what Python runs, instead of the worker itself: a script that does something to it first.
        """
        self._environment, self._folder, self._program = environment_of(settings), folder, program
        self._started_s = 0.0
        self.processes = [self._start(number) for number in range(count)]

    def __enter__(self) -> Self:
        """Return the running workers."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill what still runs."""
        for process in self.processes:
            process.kill()
            process.wait()

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        self._started_s = time.monotonic()
        environment = {**self._environment, "STREAMS_INSTANCE_ID": f"worker-{number}"}
        command = [sys.executable, *self._program, "--log-level", "warn"]
        with self._log(number).open("ab") as log:
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=self._folder)

    def _log(self, number: int) -> Path:
        return self._folder / f"worker-{number}.log"

    def kill(self, number: int) -> None:
        """Kill one with SIGKILL and start it again."""
        self.processes[number].kill()
        self.processes[number].wait()
        self.processes[number] = self._start(number)

    def check(self) -> None:
        """Assert that no worker has ended by itself; its log is told."""
        for number, process in enumerate(self.processes):
            assert process.poll() is None, f"worker {number} ended: {self._log(number).read_text()[-3000:]}"

    def stop(self) -> list[int]:
        """End them with SIGTERM; return their exit codes.

        A process that has only begun to load dies of SIGTERM like any other, so the youngest is given time to start.
        """
        time.sleep(max(0.0, self._started_s + START_S - time.monotonic()))
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        return [process.wait(30) for process in self.processes]

    def run_until(
        self, done: Callable[[], bool], limit_s: float, each: Callable[[], None] | None = None
    ) -> None:
        """Wait until *done*, calling *each* in between; fail after *limit_s* seconds or when a worker ends."""
        deadline = time.monotonic() + limit_s
        while not done():
            self.check()
            if each is not None:
                each()
            assert time.monotonic() < deadline, f"not done after {limit_s} s"
            time.sleep(0.1)


class Committed:
    """How far an application has committed its inputs; a context manager."""

    def __init__(self, settings: Settings, partitions: int) -> None:
        """Watch the group of *settings* on its input topics with *partitions* partitions each."""
        self._consumer = Consumer(
            {"bootstrap.servers": settings.bootstrap, "group.id": settings.application_id}
        )
        self._places = [
            TopicPartition(topic, number) for topic in settings.input_topics for number in range(partitions)
        ]

    def __enter__(self) -> Self:
        """Return the open watch."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._consumer.close()

    def records(self) -> int:
        """Return how many input records are committed in all; 0 while the brokers do not say."""
        try:
            return sum(max(0, place.offset) for place in self._consumer.committed(self._places, 10))
        except KafkaException:
            return 0  # no coordinator yet, or it moves: whoever waits for the number has a limit of his own
