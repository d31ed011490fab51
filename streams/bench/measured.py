"""What one part of the race measured."""

from __future__ import annotations

import msgspec


class Measured(msgspec.Struct, omit_defaults=True):
    """One line of the race's table.

    Attributes:
        name: of the contestant, as `--only` takes it.
        title: of the contestant, for people.
        events: how many were read.
        events_per_s: from the first to the last of them; for workers from the first to the last commit.
        second_half_per_s: the same over the second half, when everything is warm.
        cpu_s_per_million: CPU seconds of all the contestant's processes per million events, its start included.
        second_half_cpu_s_per_million: the same over the second half.
        rss_peak_mb: greatest resident memory in megabytes.
        transitions: how many it wrote; None for contestants that write none.
        missing, extra, disordered: against the reference: transitions not written, written without reason, and
            customers whose transitions came in another order.
        dead_letters: records it refused; there is no reason for any.
        load: the machine's load average when it ended.
        failed: why it did not come to its end; empty when it did.
        notes: anything a reader should know.
    """

    name: str
    title: str
    events: int
    events_per_s: float
    second_half_per_s: float | None = None
    cpu_s_per_million: float | None = None
    second_half_cpu_s_per_million: float | None = None
    rss_peak_mb: float | None = None
    transitions: int | None = None
    missing: int = 0
    extra: int = 0
    disordered: int = 0
    dead_letters: int = 0
    load: float = 0.0
    failed: str = ""
    notes: list[str] = []

    @property
    def right(self) -> bool:
        """Whether it wrote what the reference wrote; what writes nothing cannot be wrong."""
        return not (self.failed or self.missing or self.extra or self.disordered or self.dead_letters)


class Sample(msgspec.Struct, frozen=True):
    """How far a contestant is at a moment: seconds on a steady clock, events done, CPU seconds used."""

    at_s: float
    events: int
    cpu_s: float


def rates(samples: list[Sample], total: int) -> tuple[float, float | None, float | None]:
    """Return events/s from the first sample with an event to the last, and events/s and CPU of the second half.

    Args:
        samples: in order of time; the last one has all events.
        total: how many events there are.
    """
    working = [sample for sample in samples if sample.events]
    if len(working) < 2:
        return 0.0, None, None
    first, last = working[0], working[-1]
    whole = (last.events - first.events) / (last.at_s - first.at_s)
    middle = next(sample for sample in working if sample.events >= total / 2)
    if middle.events == last.events:
        return whole, None, None
    done = last.events - middle.events
    return whole, done / (last.at_s - middle.at_s), (last.cpu_s - middle.cpu_s) / done * 1e6
