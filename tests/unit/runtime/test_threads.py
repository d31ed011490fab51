"""Daemon threads that take work from a queue."""

from __future__ import annotations

import threading

from streams.runtime.threads import DaemonThreads


def test_what_is_submitted_runs_in_order_and_close_waits_for_it() -> None:
    """One thread works off the queue; what was submitted before close still runs."""
    done: list[int] = []
    threads = DaemonThreads(1, "test")
    for number in range(5):
        threads.submit(lambda number=number: done.append(number))  # type: ignore[misc]
    threads.close(wait_s=5)

    assert done == [0, 1, 2, 3, 4]


def test_nobody_waits_for_them_at_the_end() -> None:
    """A call that never returns must not keep a stopped worker alive."""
    threads = DaemonThreads(2, "test")
    threads.submit(lambda: None)

    assert all(thread.daemon for thread in threads._threads)
    threads.close()


def test_several_work_at_the_same_time() -> None:
    """Partitions are restored in parallel."""
    threads = DaemonThreads(2, "test")
    meeting = threading.Barrier(3)

    def meet() -> None:
        meeting.wait(5)

    for _ in range(2):
        threads.submit(meet)

    meeting.wait(5)
    threads.close(wait_s=5)
