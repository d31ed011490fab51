"""When Python's cycle collector runs: at quiet times, not in the middle of a batch.

A million live objects make every full collection a stall of seconds. Profiles hold no cycles, so reference counting
frees them; what the restore built is frozen out of the collector's sight, and the rest is collected now and then.
"""

from __future__ import annotations

import gc

QUIET_INTERVAL_MS = 60_000
LONGEST_INTERVAL_MS = 900_000


class CollectorPauses:
    """Takes the collector over from `start` to `stop`."""

    def __init__(self) -> None:
        self._collected_ms = 0
        self._restored = 0

    def start(self, now_ms: int) -> None:
        """Collect once, then collect no more by itself."""
        gc.collect()
        gc.freeze()
        gc.disable()
        self._collected_ms = now_ms

    def stop(self) -> None:
        """Give the collector back as Python has it."""
        gc.unfreeze()
        gc.enable()

    def note(self, now_ms: int, *, quiet: bool, owned: int, restoring: int) -> None:
        """Collect if it is time; freeze what a finished restore has built.

        Args:
            now_ms: monotonic time.
            quiet: nothing is in flight.
            owned: partitions restored.
            restoring: partitions whose restore is under way.
        """
        if owned != self._restored and not restoring:
            self._restored = owned
            gc.freeze()
        age_ms = now_ms - self._collected_ms
        if age_ms >= LONGEST_INTERVAL_MS or (quiet and age_ms >= QUIET_INTERVAL_MS):
            gc.collect()
            gc.freeze()
            self._collected_ms = now_ms
