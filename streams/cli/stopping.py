"""Ctrl-C, and the other ways of asking a long-running command to end: heard while it works, ignored while it tidies up."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

REQUESTS_TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def hear_requests_to_stop() -> None:
    """Let every request to stop interrupt what is being done, as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    for request in REQUESTS_TO_STOP:
        signal.signal(request, interrupt)


def ignore_requests_to_stop() -> None:
    """Let nothing interrupt the tidying up: it is bounded in time, and half of it helps nobody."""
    for request in REQUESTS_TO_STOP:
        signal.signal(request, signal.SIG_IGN)


@contextmanager
def tidy_end() -> Iterator[None]:
    """Hear requests to stop inside; once it is left, by whatever way, ignore them.

    Put it innermost, so that what encloses it can end in peace.
    """
    hear_requests_to_stop()
    try:
        yield
    finally:
        ignore_requests_to_stop()
