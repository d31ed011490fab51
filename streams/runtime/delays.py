"""How late things were: events behind their watermark, timers after they were due, transitions until they can be read.

All of it is summed up once per batch and commit; nothing here keeps a key or a customer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import NamedTuple

from streams.metrics.instruments import Instruments
from streams.segmentation.effects import MOVES
from streams.segmentation.partition import Partition
from streams.segmentation.timeline import DurationMs, EpochMs
from streams.segmentation.transitions import Transition

TIMED = frozenset({"timer", "catchup"})
"""Origins of what time alone brought about."""


LOOKED_AT_MAX = 100
"""Transitions of a batch that are looked at; of more, evenly chosen ones stand for their neighbours."""


class _Decided(NamedTuple):
    """Transitions that are not committed: their origin, when they were decided, their delays by then, and their weight."""

    origin: str
    decided_ms: EpochMs
    delays_ms: list[DurationMs]
    weight: int


class Delays:
    """Measures delays into *instruments*.

    `take` is called by whoever works on batches, `committed` and `aborted` by the transport, while nobody
    works on one.
    """

    def __init__(self, instruments: Instruments, wall_ms: Callable[[], int]) -> None:
        """Start with nothing measured.

        Args:
            instruments: where the numbers go.
            wall_ms: milliseconds since 1970.
        """
        self._instruments, self._wall_ms = instruments, wall_ms
        self._uncommitted: list[_Decided] = []
        self._allowed_ms: Mapping[str, tuple[DurationMs, DurationMs]] = {}

    def take(self, core: Partition, transitions: list[Transition]) -> None:
        """Take the *transitions* of a batch of *core*, and its late events."""
        weight = 1 + max(0, len(transitions) - 1) // LOOKED_AT_MAX
        by_origin: defaultdict[str, list[DurationMs]] = defaultdict(list)
        lateness_ms: defaultdict[str, list[DurationMs]] = defaultdict(list)
        for one in transitions[::weight]:
            delay_ms = one.emitted_at_ms - one.occurred_at_ms
            by_origin[one.origin].append(delay_ms)
            if (
                one.origin in TIMED and one.kind in MOVES
            ):  # the others come with the one that brought them about
                lateness_ms[one.origin].append(delay_ms - self._may_wait_ms(core, one))
        observe_ms = self._instruments.observe_ms
        for origin, delays_ms in by_origin.items():
            observe_ms("streams_transition_delay_seconds", delays_ms, origin, weight=weight)
            if core.options.wall:
                self._uncommitted.append(_Decided(origin, core.now_ms, delays_ms, weight))
        for origin, some_ms in lateness_ms.items():
            observe_ms("streams_timer_lateness_seconds", some_ms, origin, weight=weight)
        late_ms: defaultdict[str, list[DurationMs]] = defaultdict(list)
        for source, age_ms in core.take_late():
            late_ms[source].append(age_ms)
        for source, ages_ms in late_ms.items():
            observe_ms("streams_event_lateness_seconds", ages_ms, source)

    def committed(self) -> None:
        """Take a commit: consumers can read from now on what was decided since the last one."""
        if self._uncommitted:
            waiting, self._uncommitted = self._uncommitted, []
            now_ms = self._wall_ms()
            for origin, decided_ms, delays_ms, weight in waiting:
                self._instruments.observe_ms(
                    "streams_end_to_end_seconds",
                    delays_ms,
                    origin,
                    shift_ms=now_ms - decided_ms,
                    weight=weight,
                )

    def aborted(self) -> None:
        """Take a rollback: what was decided since the last commit is decided again."""
        self._uncommitted = []

    def _may_wait_ms(self, core: Partition, transition: Transition) -> DurationMs:
        """Return how long after its instant *transition*, by time alone, could first be decided."""
        if not self._allowed_ms:  # the same for all partitions of a worker
            self._allowed_ms = _allowances_ms(core)
        return self._allowed_ms[transition.segment_id][transition.kind == "entered"]


def _allowances_ms(core: Partition) -> dict[str, tuple[DurationMs, DurationMs]]:
    """Return for each segment how long after its instant an exit, and an entry, by time alone may come (S5)."""
    found: dict[str, tuple[DurationMs, DurationMs]] = {}
    for machine in core.plan.machines:
        gate, specs = core.plan.gates[machine.gate], core.watermarks.specs
        carrying = [spec for spec in specs if not gate or not spec.sources or spec.sources & gate] or specs
        disorder_ms = max(spec.out_of_orderness_ms for spec in carrying)
        grace_ms = machine.grace_ms if machine.gated else 0
        for member in machine.members:
            found[member.segment_id] = disorder_ms, disorder_ms + grace_ms
    return found
