"""What is allowed and yet probably not meant, or costs more than it seems: warnings and notes at their places."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from streams.catalogue.coherence import incoherent
from streams.catalogue.journalling import Journals
from streams.catalogue.mending import Reading
from streams.catalogue.nodes import Node
from streams.catalogue.properties import PropertyCheck
from streams.catalogue.reachability import Said
from streams.segmentation.conditions import leaves
from streams.segmentation.definitions import SegmentDefinition
from streams.segmentation.journals import LENGTH_MAX, JournalSpec
from streams.segmentation.readings import Reading as LeafReading
from streams.segmentation.readings import readings
from streams.segmentation.timeline import DAY_MS, DurationMs, duration_text
from streams.segmentation.vocabulary import Vocabulary

ACTIVE_MAX = 12
"""More segments than this are hard to serve well; a partition group counts once."""

JOURNAL_BYTES_MAX = 1_000
"""A journal that keeps everything and is estimated longer than this is worth a warning."""

LIFETIME_MS: DurationMs = 3 * 365 * DAY_MS
"""How long a customer is assumed to stay, where a journal keeps everything."""

EVENTS_A_MONTH: Mapping[str, float] = {
    "behaviour": 60,
    "orders": 0.5,
    "engagement": 15,
    "profile": 0.2,
    "support": 0.2,
    "fulfilment": 1,
    "inventory": 1,
}
"""Events of one type and customer in 30 days, by source: assumptions for the estimate, not measurements."""

_ENTRY_BYTES = 9
_WINDOW = re.compile(
    r"\d\s*(ms|s|m|h|d|w|min|days?|hours?|weeks?|months?)\b|\b(ever|any time|today|yesterday)\b"
    r"|\b(this|last) (week|month|year)\b",
    re.IGNORECASE,
)


class JournalCost(NamedTuple):
    """What one journal is estimated to take of a customer's profile."""

    journal: JournalSpec
    entries: float
    size_bytes: int


def journal_cost(journal: JournalSpec, sources: Mapping[str, str]) -> JournalCost:
    """Return how long *journal* gets, by `EVENTS_A_MONTH`, and how many bytes that is."""
    span_ms = LIFETIME_MS if journal.retention_ms is None else journal.retention_ms
    rate = sum(EVENTS_A_MONTH.get(sources[event], 1) for event in journal.events)
    entries = min(LENGTH_MAX, rate * span_ms / (30 * DAY_MS))
    return JournalCost(journal, entries, round(max(1, entries) * _ENTRY_BYTES * (1 + len(journal.columns))))


class Adviser:
    """Looks through what was read."""

    def __init__(
        self, reading: Reading, vocabulary: Vocabulary, retention_ms: Mapping[str, DurationMs]
    ) -> None:
        """Prepare.

        Args:
            reading: the definitions; segments with mistakes are left out.
            vocabulary: the events and their properties.
            retention_ms: source or event type → how long the log keeps it; what is not named is not checked.
        """
        self.reading, self.vocabulary, self.retention_ms = reading, vocabulary, retention_ms
        self.segments = [s for s in reading.catalogue.segments if s.segment_id not in reading.broken]
        self.facts = {fact.name: fact for fact in reading.catalogue.facts}
        self.sources = {name: event.source for name, event in vocabulary.event_types.items()}

    def say(self) -> Iterator[Said]:
        """Yield warnings that need no compiled catalogue."""
        for segment in self.segments:
            yield from self._label(segment)
            yield from self._abandonment(segment)
        yield from self._too_many()
        yield from (("warning", said) for said in PropertyCheck(self.reading, self.vocabulary).unknown())
        yield from self._windows()
        yield from incoherent(self.reading)

    def _place(self, segment: SegmentDefinition, key: str) -> Node:
        return (
            self.reading.document.nodes[segment.segment_id]
            .mapping()
            .get(key, self.reading.document.segment_nodes[segment.segment_id])
        )

    def _label(self, segment: SegmentDefinition) -> Iterator[Said]:
        """Check the convention: Intent, window, exclusions."""
        parts = [part for part in segment.label.split(",") if part.strip()]
        place = self._place(segment, "label")
        if len(parts) < 3:
            yield (
                "warning",
                place.error(
                    f"the label {segment.label!r} does not say intent, window and exclusions",
                    "write it like 'Cart abandoned, last add 30m-24h ago, no checkout'",
                ),
            )
        elif _has_window(segment) and not _WINDOW.search(segment.label):
            yield (
                "warning",
                place.error(
                    f"the label {segment.label!r} names no window, and the definition has one",
                    "say how long, such as 2h, 30-90d or any time",
                ),
            )

    def _abandonment(self, segment: SegmentDefinition) -> Iterator[Said]:
        intent = f"{segment.segment_id} {segment.label.partition(',')[0]}".lower()
        if "abandon" in intent and not segment.exclude:
            yield (
                "warning",
                self._place(segment, "id").error(
                    f"{segment.segment_id} speaks of abandonment and excludes nobody",
                    "add 'exclude: post_purchase.24h', so that a buyer gets no reminder",
                ),
            )

    def _too_many(self) -> Iterator[Said]:
        partitions = {group.name for group in self.reading.catalogue.groups if group.kind == "partition"}
        units = {s.group if s.group in partitions else f"segment {s.segment_id}" for s in self.segments}
        if len(units) > ACTIVE_MAX:
            yield (
                "warning",
                self._place(self.segments[-1], "id").error(
                    f"{len(units)} active segments (a partition group counts once), more than {ACTIVE_MAX}",
                    "start with 6 to 8; add more when each of them has someone who acts on it",
                ),
            )

    # ---- windows and journals ---------------------------------------------------------------------------------

    def _windows(self) -> Iterator[Said]:
        """Warn of windows that reach further back than the log keeps what they read."""
        for node, reading in self._readings() if self.retention_ms else ():
            if reading.looks:
                yield from self._too_long(node, reading.event, reading.looks_ms)

    def _readings(self) -> Iterator[tuple[Node, LeafReading]]:
        """Yield what every condition reads, with the innermost place that says so."""
        used = {f"group {segment.group}" for segment in self.segments}
        for node, condition, owner in self.reading.document.conditions:
            whole = node.is_list or (
                node.is_mapping and any(key in node.mapping() for key in ("all", "any", "not"))
            )
            idle = owner.startswith("group ") and owner not in used  # a population of nobody
            if not whole and not idle and owner not in self.reading.broken:
                for leaf in leaves(condition):
                    yield from ((node, reading) for reading in readings(leaf))

    def _too_long(self, node: Node, event: str, window_ms: DurationMs | None) -> Iterator[Said]:
        types = self.facts[event].events if event in self.facts else (event,)
        kept = {
            name: self.retention_ms[name]
            for e in types
            for name in (e, self.sources[e])
            if name in self.retention_ms
        }
        for name, kept_ms in kept.items():
            if window_ms is None or window_ms > kept_ms:
                far = "for ever" if window_ms is None else duration_text(window_ms)
                yield (
                    "warning",
                    node.error(
                        f"looks back {far} at {event}, but {name} is kept for {duration_text(kept_ms)}",
                        "a worker that starts without state cannot know what is gone: keep it longer, or ask for less",
                    ),
                )
                return

    def costs(self) -> list[JournalCost]:
        """Return what every journal is estimated to take; needs a catalogue without mistakes."""
        return [
            journal_cost(spec, self.sources) for spec in Journals(self.reading.catalogue, self.sources).specs
        ]

    def unbounded(self) -> Iterator[Said]:
        """Say which conditions keep everything for ever, with the estimate; needs a catalogue without mistakes."""
        journals = Journals(self.reading.catalogue, self.sources)
        told: set[str] = set()
        for node, reading in self._readings():
            spec = journals.of(reading.event, reading.where)
            far_ms = reading.undone_reach_ms if spec.undone_by else reading.reach_ms
            if spec.retention_ms is not None or far_ms is not None or spec.name in told:
                continue
            told.add(spec.name)
            cost = journal_cost(spec, self.sources)
            yield (
                "warning" if cost.size_bytes > JOURNAL_BYTES_MAX else "note",
                node.error(
                    f"keeps every {reading.event} for ever: about {cost.size_bytes:,} bytes a customer "
                    f"after {LIFETIME_MS // DAY_MS // 365} years ({cost.entries:,.0f} entries)",
                    "" if cost.size_bytes <= JOURNAL_BYTES_MAX else "a window bounds it: 'within: 90d'",
                ),
            )


def _has_window(segment: SegmentDefinition) -> bool:
    return any(reading.looks_ms is not None for leaf in leaves(segment.when) for reading in readings(leaf))
