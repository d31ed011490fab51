"""How often the cycle may fall back before the worker stops, and how long it waits after each time."""

from __future__ import annotations

from collections import deque

from streams.errors import OperationError
from streams.runtime.limits import Limits


class Setbacks:
    """Counts what happened since the last commit.

    Attributes:
        resume_at_ms: monotonic time before which nothing is delivered.
    """

    def __init__(self, limits: Limits) -> None:
        self.resume_at_ms = 0
        self._limits = limits
        self._in_a_row = 0
        self._grave = 0
        self._fences_ms: deque[int] = deque(maxlen=limits.fences_max)

    def committed(self) -> None:
        """Begin anew: there is progress."""
        self._in_a_row = self._grave = 0

    def pause(self, now_ms: int) -> None:
        """Note a rollback that is no record's fault; from the second on, wait longer each time."""
        self._in_a_row += 1
        if self._in_a_row > 1:
            pause_ms = self._limits.backoff_ms * 2 ** min(self._in_a_row - 2, 20)
            self.resume_at_ms = now_ms + min(pause_ms, self._limits.backoff_max_ms)

    def count(self, message: str) -> None:
        """Note a grave setback: a stuck agent, a state given up, a producer replaced.

        Raises:
            OperationError: too many in a row without a commit.
        """
        self._grave += 1
        if self._grave > self._limits.renewals_max:
            raise OperationError(
                f"{self._grave} setbacks in a row without a commit; the last: {message}",
                hint="the worker stops rather than spin: look for the first cause in its log and the broker's",
            )

    def fenced(self, now_ms: int) -> None:
        """Note that another producer took our identity.

        Raises:
            OperationError: it happens so often that a second process must be using it.
        """
        self._fences_ms.append(now_ms)
        within_ms = now_ms - self._fences_ms[0]
        if len(self._fences_ms) == self._limits.fences_max and within_ms <= self._limits.fence_window_ms:
            raise OperationError(
                f"fenced {len(self._fences_ms)} times within {within_ms} ms:"
                " another process uses the same application id and instance id",
                hint="give every worker its own STREAMS_INSTANCE_ID",
            )
