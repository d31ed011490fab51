"""A few daemon threads that take work from a queue.

concurrent.futures joins its threads when Python ends: a call of the client that waits for an absent broker would keep
a stopped worker alive for as long.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

_Work = Callable[[], None]


class DaemonThreads:
    """Runs what is submitted, in order, on up to *count* threads; nobody waits for them."""

    def __init__(self, count: int, name: str) -> None:
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True)
            for number in range(count)
        ]
        self._started = False

    def submit(self, work: _Work) -> None:
        """Run *work* soon; it must not raise."""
        if not self._started:
            self._started = True
            for thread in self._threads:
                thread.start()
        self._queue.put(work)

    def close(self, wait_s: float = 0.0) -> None:
        """Take no more than what was submitted; wait up to *wait_s* seconds for each thread."""
        for _ in self._threads:
            self._queue.put(None)
        if self._started and wait_s > 0:
            for thread in self._threads:
                thread.join(wait_s)

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            work()
