"""The limits of the transport's cycle: every wait, size and count that bounds it, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from streams.errors import SettingsError

OnPoison = Literal["dead_letter", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the cycle; times in milliseconds.

    Attributes:
        commit_interval_ms: longest time a transaction stays open when near the log's end.
        catchup_interval_ms: the same when far behind: fewer, larger commits.
        catchup_lag: records behind, over all partitions, from which on "far behind" holds.
        tick_interval_ms: a quiet partition gets an empty batch this often.
        merge_wait_ms: a partition whose agent said `waiting` gets one this soon.
        patience_ms: longest time the agent may work on one batch.
        records_in_flight_max: records delivered and not yet finished.
        batch_records_max: records fetched at once, and so the size of a batch.
        held_records_max: records kept for one topic partition that takes none now; above it, fetching pauses.
        outputs_max: outputs of one transaction after which it is committed at once.
        attempts: failures of the same work, with growing pauses, before the guilty record is searched.
        backoff_ms, backoff_max_ms: the first and the longest pause after a failure.
        on_poison: what happens to a record that fails alone.
        fences_max, fence_window_ms: so many fences within the window mean a second process with our identity.
        renewals_max: replaced producers, or states given up, without a commit between them.
        isolation_wait_ms: how long the search for a guilty record waits for the agent to process a single one.
    """

    commit_interval_ms: int = 100
    catchup_interval_ms: int = 1_000
    catchup_lag: int = 50_000
    tick_interval_ms: int = 250
    merge_wait_ms: int = 50
    patience_ms: int = 5_000
    records_in_flight_max: int = 4_000
    batch_records_max: int = 1_000
    held_records_max: int = 5_000
    outputs_max: int = 50_000
    attempts: int = 5
    backoff_ms: int = 100
    backoff_max_ms: int = 10_000
    on_poison: OnPoison = "dead_letter"
    fences_max: int = 5
    fence_window_ms: int = 120_000
    renewals_max: int = 20
    isolation_wait_ms: int = 2_000

    def __post_init__(self) -> None:
        """Raise `SettingsError` when a limit contradicts another."""
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, int) and value <= 0:
                raise SettingsError(f"{name} must be positive, not {value}")
        if self.records_in_flight_max < self.batch_records_max:
            raise SettingsError(
                f"records_in_flight_max ({self.records_in_flight_max}) is less than batch_records_max"
                f" ({self.batch_records_max})",
                hint="a whole batch must fit in flight",
            )
