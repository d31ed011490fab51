"""How a partition is run, and what it reads: values from the settings that the core is given."""

from __future__ import annotations

import msgspec

from streams.segmentation.timeline import DurationMs


class InputSpec(msgspec.Struct, frozen=True):
    """One input topic: the sources it carries and how far out of order its events may come.

    Attributes:
        name: the topic; only for people and metrics.
        sources: sources carried; empty means all.
        out_of_orderness_ms: the watermark stays this far behind the highest event time.
    """

    name: str
    sources: frozenset[str] = frozenset()
    out_of_orderness_ms: DurationMs = 0


class Options(msgspec.Struct, frozen=True):
    """How a partition is run.

    Attributes:
        wall: live: idle inputs follow the wall clock, late timers are `catchup`; False for replays.
        catchup_after_ms: a timer that fires later than this after its gate could have opened is `catchup` (S9).
        coverage_since: sources are known only from the first record read on (S10); False: everything is known.
        explain: transitions carry their clauses.
    """

    wall: bool = False
    catchup_after_ms: DurationMs = 60_000
    coverage_since: bool = False
    explain: bool = True


DEFAULTS = Options()
"""A replay in which everything is known."""
