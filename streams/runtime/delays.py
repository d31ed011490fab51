"""How late things were: events behind their watermark, timers after they were due, transitions until they can be read.

All of it is summed up once per batch and commit. What is asked for each event is one comparison, of those that a handler
reads; nothing here keeps a key or a customer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter

from streams.metrics.instruments import Instruments
from streams.segmentation.effects import Transition
from streams.segmentation.partition import Partition
from streams.segmentation.plans import Handler, Profile
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import DurationMs, EpochMs

TIMED = frozenset({"timer", "catchup"})
"""Origins of what time alone brought about."""


Labels = tuple[str, str, str]
"""Segment, kind and origin of transitions."""

DelaysMs = Mapping[Labels, list[DurationMs]]
"""Of the transitions of one batch, from each one's instant to its decision."""

_LABELS = attrgetter("segment_id", "kind", "origin")


def delays_of(transitions: Iterable[Transition]) -> DelaysMs:
    """Return the delays of *transitions* by their labels. The only thing that is done for each of them."""
    found: defaultdict[Labels, list[DurationMs]] = defaultdict(list)
    for one in transitions:
        found[_LABELS(one)].append(one.emitted_at_ms - one.occurred_at_ms)
    return found


class Delays:
    """Measures delays into *instruments*.

    `watch` and `take` are called by whoever works on batches, `committed` and `aborted` by the transport, while nobody
    works on one.
    """

    def __init__(self, instruments: Instruments, wall_ms: Callable[[], int]) -> None:
        """Start with nothing measured.

        Args:
            instruments: where the numbers go.
            wall_ms: milliseconds since 1970.
        """
        self._instruments, self._wall_ms = instruments, wall_ms
        self._late_ms: dict[str, list[DurationMs]] = {}
        self._uncommitted: list[
            tuple[str, EpochMs, list[DurationMs]]
        ] = []  # origin, decided at, delays by then
        self._allowed_ms: Mapping[str, tuple[DurationMs, DurationMs]] = {}

    def watch(self, core: Partition) -> None:
        """Note from now on how late the late events of *core* are; once for each partition."""
        core.handlers = {name: self._noting(handler) for name, handler in core.handlers.items()}

    def take(self, core: Partition, delays_ms: DelaysMs) -> None:
        """Take the delays of a batch of *core*, and the late events that were watched meanwhile."""
        by_origin: defaultdict[str, list[DurationMs]] = defaultdict(list)
        of_timers: defaultdict[tuple[str, DurationMs], list[DurationMs]] = defaultdict(list)
        for (segment_id, kind, origin), some_ms in delays_ms.items():
            by_origin[origin] += some_ms
            if origin in TIMED:
                of_timers[origin, self._may_wait_ms(core, segment_id, kind)] += some_ms
        for origin, all_ms in by_origin.items():
            all_ms.sort()  # once: it is looked at again after the commit
            self._instruments.observe_ms("streams_transition_delay_seconds", all_ms, origin)
            if core.options.wall:
                self._uncommitted.append((origin, core.now_ms, all_ms))
        for (origin, allowed_ms), some_ms in of_timers.items():
            self._instruments.observe_ms(
                "streams_timer_lateness_seconds", some_ms, origin, shift_ms=-allowed_ms
            )
        if self._late_ms:
            late_ms, self._late_ms = self._late_ms, {}
            for source, ages_ms in late_ms.items():
                self._instruments.observe_ms("streams_event_lateness_seconds", ages_ms, source)

    def committed(self) -> None:
        """Take a commit: consumers can read from now on what was decided since the last one."""
        if self._uncommitted:
            waiting, self._uncommitted = self._uncommitted, []
            now_ms = self._wall_ms()
            for origin, decided_ms, delays_ms in waiting:
                self._instruments.observe_ms(
                    "streams_end_to_end_seconds", delays_ms, origin, shift_ms=now_ms - decided_ms
                )

    def aborted(self) -> None:
        """Take a rollback: what was decided since the last commit is decided again."""
        self._uncommitted = []

    def _may_wait_ms(self, core: Partition, segment_id: str, kind: str) -> DurationMs:
        """Return how long after its instant a transition by time alone could first be decided."""
        if not self._allowed_ms:  # the same for all partitions of a worker
            self._allowed_ms = _allowances_ms(core)
        return self._allowed_ms[segment_id][kind == "entered"]

    def _noting(self, handler: Handler) -> Handler:
        def noting(core: Partition, profile: Profile, key: str, event: EventObserved, late: bool) -> bool:  # noqa: FBT001 - a handler's form
            taken = handler(core, profile, key, event, late)
            if late and taken:
                age_ms = _watermark_of(core, event.source) - event.event_time_ms
                self._late_ms.setdefault(event.source, []).append(age_ms)
            return taken

        return noting


def _watermark_of(core: Partition, source: str) -> int:
    """Return the watermark of the input that carries *source*; of several, the furthest."""
    watermarks = core.watermarks
    return max(
        (
            watermark_ms
            for watermark_ms, spec in zip(watermarks.inputs, watermarks.specs, strict=True)
            if not spec.sources or source in spec.sources
        ),
        default=watermarks.newest,
    )


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
