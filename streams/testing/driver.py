"""Runs definitions without a broker, in simulated time: what a test, a scenario or a backtest drives.

`SegmentationTestDriver` is the whole engine over one partition; only Kafka is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streams.catalogue.compiler import compile_catalogue
from streams.segmentation.definitions import Catalogue
from streams.segmentation.effects import Membership
from streams.segmentation.options import DEFAULTS, InputSpec, Options
from streams.segmentation.partition import Partition
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import DurationMs, EpochMs
from streams.segmentation.transitions import Transition


class SegmentationTestDriver:
    """One partition of customers under a manual clock.

    Attributes:
        transitions: everything emitted so far, in order.
        partition: the engine, for looking inside.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        sources: Mapping[str, str],
        out_of_orderness_ms: DurationMs | Mapping[str, DurationMs] = 0,
        shared_watermark: bool = True,
        options: Options = DEFAULTS,
    ) -> None:
        """Compile *catalogue* and start empty.

        Args:
            catalogue: what to run.
            sources: event type → source.
            out_of_orderness_ms: for all, or per source.
            shared_watermark: one watermark for all sources, as in a file; False: one per source.
            options: how the partition runs.
        """
        plan = compile_catalogue(
            catalogue, sources, covered=options.coverage_since, one_watermark=shared_watermark
        )
        names = tuple(dict.fromkeys(sources.values()))

        def disorder(source: str) -> DurationMs:
            return (
                out_of_orderness_ms
                if isinstance(out_of_orderness_ms, int)
                else out_of_orderness_ms.get(source, 0)
            )

        if shared_watermark:
            inputs: Sequence[InputSpec] = [
                InputSpec("all", frozenset(), max(map(disorder, names), default=0))
            ]
        else:
            inputs = [InputSpec(name, frozenset({name}), disorder(name)) for name in names]
        self._positions = {name: 0 if shared_watermark else i for i, name in enumerate(names)}
        self._sources = dict(sources)
        self.partition = Partition(plan, tuple(inputs), options)
        self.transitions: list[Transition] = []

    def observe(self, event: EventObserved) -> list[Transition]:
        """Take *event*; return what it brought about."""
        self.partition.observe(event, self._positions[event.source])
        return self._taken()

    def profile(self, customer_id: str = "c") -> Any:
        """Return the profile of *customer_id*, who was touched since the last restart; its fields are the plan's."""
        return self.partition.live[f"default/{customer_id}"]

    def happen(
        self, event_type: str, at: EpochMs, customer_id: str = "c", event_id: str = "", **properties: Any
    ) -> list[Transition]:
        """Let *customer_id* do *event_type* at *at*; an empty *event_id* is made from the others."""
        source = self._sources[event_type]
        name = event_id or f"{event_type}@{at}#{len(self.transitions)}"
        return self.observe(EventObserved(event_type, at, name, "default", customer_id, source, properties))

    def advance(self, source: str | None, watermark_ms: EpochMs) -> list[Transition]:
        """Raise the watermark of *source* (None: of all); return what that brought about."""
        positions = set(self._positions.values()) if source is None else {self._positions[source]}
        for position in sorted(positions):
            self.partition.advance(position, watermark_ms)
        return self._taken()

    def memberships(self) -> dict[str, dict[str, EpochMs]]:
        """Return customer id → segment id → since, for every customer with a membership."""
        found = {}
        for key in [*self.partition.resting, *self.partition.live]:
            current: list[Membership] = self.partition.memberships(key)
            if current:
                found[key.partition("/")[2]] = {m.segment_id: m.since_ms for m in current}
        return found

    def commit(self) -> dict[str, bytes]:
        """Commit what happened so far; return what the changelog holds then: key → value."""
        self.partition.flush()
        self.partition.commit()
        return self.partition.changelog()

    def restart(self) -> None:
        """Commit, and go on from what the changelog would restore: a crash between two commits."""
        old = self.partition
        changelog = self.commit()
        self.partition = Partition(old.plan, old.watermarks.specs, old.options)
        for key, value in changelog.items():
            self.partition.load(key, value)
        self.partition.ready()

    def _taken(self) -> list[Transition]:
        taken = self.partition.take_effects()
        self.transitions += taken
        return taken
