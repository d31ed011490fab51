"""Named points at which a worker dies, or freezes, when a test asks for it; nothing of it runs otherwise.

`STREAMS_FAILPOINT=offsets.after@5` kills the process (SIGKILL) when it comes to that point for the fifth time, and
`STREAMS_FAILPOINT=offsets.after@5:stop` freezes it (SIGSTOP), so that it comes back as a zombie. The points of the
transaction are in a producer handle of their own, chosen when a producer is opened: a worker without the variable has
the plain handle and passes no point. The others lie where a worker comes once per rebalance or restore.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from streams.errors import SettingsError
from streams.runtime.client_options import ClientOptions
from streams.runtime.observing import TopicPartition
from streams.runtime.ports import OutputRecord
from streams.runtime.producer_handle import ProducerHandle

VARIABLE = "STREAMS_FAILPOINT"
POINTS = (
    "open.after", "begin.before", "begin.after", "produce.before", "produce.after", "offsets.before",
    "offsets.after", "commit.during", "commit.after", "abort.before", "abort.after", "revoke", "restore.before",
    "restore.after",
)  # fmt: skip
"""In the order of a worker's life; `offsets.before` comes after the changelog is written."""

DURING_S = 0.002
"""So long after the request to commit is on its way the worker dies: some die before the broker has it, some after."""

_FORM = re.compile(r"([a-z.]+)(?:@(\d+))?(?::(kill|stop))?")


class Failpoint:
    """One armed point.

    Attributes:
        name: which.
    """

    def __init__(self, text: str, *, strike: Callable[[signal.Signals], None] | None = None) -> None:
        """Read ``point``, ``point@count`` or ``point@count:stop``.

        Args:
            text: the variable's value.
            strike: instead of sending the signal to this process.

        Raises:
            SettingsError: there is no such point.
        """
        match = _FORM.fullmatch(text.strip())
        if match is None or match[1] not in POINTS:
            raise SettingsError(
                f"{VARIABLE}: there is no point {text!r}",
                hint=f"one of {', '.join(POINTS)}, with @count and :kill or :stop",
            )
        self.name = match[1]
        self._left = int(match[2] or 1)
        self._signal = signal.SIGSTOP if match[3] == "stop" else signal.SIGKILL
        self._strike = strike or (lambda number: os.kill(os.getpid(), number))

    def reach(self, name: str, *, after_s: float = 0.0) -> None:
        """Come to the point *name*; strike when it is ours and its time, *after_s* seconds from now."""
        if name != self.name:
            return
        self._left -= 1
        if self._left != 0:
            return
        if after_s > 0:
            timer = threading.Timer(after_s, self._strike, (self._signal,))
            timer.daemon = True
            timer.start()
        else:
            self._strike(self._signal)


class FailingHandle(ProducerHandle):
    """A producer handle with the points of a transaction."""

    def __init__(self, options: ClientOptions, point: Failpoint, *, producer: Any = None) -> None:
        """Make the handle.

        Args:
            options: what it is made from.
            point: the armed one.
            producer: instead of a real one.
        """
        super().__init__(options, producer=producer)
        self._point = point

    def open(self) -> None:
        """Open, then come to `open.after`."""
        super().open()
        self._point.reach("open.after")

    def begin(self) -> None:
        """Come to `begin.before`, begin, come to `begin.after`."""
        self._point.reach("begin.before")
        super().begin()
        self._point.reach("begin.after")

    def produce(self, records: Iterable[OutputRecord]) -> int:
        """Come to `produce.before`, produce, come to `produce.after`."""
        self._point.reach("produce.before")
        count = super().produce(records)
        self._point.reach("produce.after")
        return count

    def commit(self, offsets: Mapping[TopicPartition, int], stamp: str, group: Any) -> None:
        """Commit, and come to `commit.after`; the points between are in `_transactional`."""
        super().commit(offsets, stamp, group)
        self._point.reach("commit.after")

    def abort(self) -> None:
        """Come to `abort.before`, abort, come to `abort.after`."""
        self._point.reach("abort.before")
        super().abort()
        self._point.reach("abort.after")

    def _transactional(self, doing: str, function: Callable[..., Any], *arguments: Any) -> None:
        if doing == "sending offsets":
            self._point.reach("offsets.before")
        if doing == "committing":
            self._point.reach("offsets.after")
            self._point.reach("commit.during", after_s=DURING_S)
        super()._transactional(doing, function, *arguments)


def _armed(environ: Mapping[str, str]) -> Failpoint | None:
    text = environ.get(VARIABLE, "")
    return Failpoint(text) if text else None


_point = _armed(os.environ)


def reach(name: str) -> None:
    """Come to a point outside the producer; does nothing in a worker without the variable."""
    if _point is not None:
        _point.reach(name)


def producer_handle(options: ClientOptions) -> ProducerHandle:
    """Make the producer handle of a worker: with points if one is armed, else the plain one."""
    return ProducerHandle(options) if _point is None else FailingHandle(options, _point)
