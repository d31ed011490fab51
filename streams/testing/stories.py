"""A story of one shop told to the oracle: events in order of arrival, watermarks, and what was said about a segment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.segmentation.conditions import Condition
from streams.segmentation.definitions import Catalogue, SegmentDefinition
from streams.segmentation.effects import Kind, Origin
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import DurationMs, EpochMs
from streams.testing.oracle import Oracle
from streams.testing.oracle_told import OracleTransition


def segment(segment_id: str, when: Condition, **rest: Any) -> SegmentDefinition:
    """Return version 1 of a definition whose label is its id; *rest* are the other fields."""
    return SegmentDefinition(segment_id=segment_id, version=1, label=segment_id, when=when, **rest)


class Story:
    """What happens to the customer ``c`` (or another), and what the oracle says to it."""

    def __init__(
        self,
        catalogue: Catalogue,
        sources: Mapping[str, str],
        *,
        out_of_orderness_ms: DurationMs = 0,
        shared_watermark: bool = True,
    ) -> None:
        """Begin a story; the arguments are those of `streams.testing.oracle.Oracle`."""
        self.oracle = Oracle(
            catalogue,
            sources=sources,
            out_of_orderness_ms=out_of_orderness_ms,
            shared_watermark=shared_watermark,
        )
        self._sources = sources
        self._told = 0

    def event(
        self, event_type: str, at_ms: EpochMs, event_id: str = "", customer: str = "c", **properties: Any
    ) -> str:
        """Read an event and return its id; without *event_id* they are numbered ``e1``, ``e2`` and so on."""
        self._told += 1
        event_id = event_id or f"e{self._told}"
        source = self._sources[event_type]
        self.oracle.observe(
            EventObserved(event_type, at_ms, event_id, "default", customer, source, properties)
        )
        return event_id

    def read(self, *events: tuple[str, EpochMs] | tuple[str, EpochMs, dict[str, Any]]) -> Story:
        """Read events, each a type, a time and perhaps properties; return the story, to go on with."""
        for event_type, at_ms, *properties in events:
            self.event(event_type, at_ms, **(properties[0] if properties else {}))
        return self

    def until(self, watermark_ms: EpochMs, source: str | None = None) -> Story:
        """Raise the watermark of *source* (None: of all); return the story, to go on with."""
        self.oracle.advance(source, watermark_ms)
        return self

    def said(self, segment_id: str = "s") -> list[OracleTransition]:
        """Return the transitions of a segment."""
        return [t for t in self.oracle.transitions if t.segment_id == segment_id]

    def brief(self, segment_id: str = "s") -> list[tuple[Kind, Origin, EpochMs]]:
        """Return kind, origin and time of the transitions of a segment."""
        return [(t.kind, t.origin, t.occurred_at_ms) for t in self.said(segment_id)]

    def members(self) -> dict[str, EpochMs]:
        """Return the memberships of the customer ``c``: segment → since when."""
        return self.oracle.memberships().get("default/c", {})
