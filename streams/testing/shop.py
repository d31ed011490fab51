"""A small shop for tests: the built-in catalogue's events with their sources, instants written as text, a driver."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from streams.catalogue.events import load_vocabulary
from streams.catalogue.library import builtin_catalogue, read_catalogue, source_of_events
from streams.segmentation.definitions import Catalogue
from streams.segmentation.timeline import EpochMs, rfc3339
from streams.segmentation.transitions import Transition
from streams.testing.driver import SegmentationTestDriver

VOCABULARY = load_vocabulary()
SOURCES = source_of_events(VOCABULARY)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - exact arithmetic in UTC


def instant(text: str, plus_ms: int = 0) -> EpochMs:
    """Return ``2026-03-02 10:00`` (UTC; seconds and fractions may follow) as epoch milliseconds, plus *plus_ms*."""
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1) + plus_ms


def builtin() -> Catalogue:
    """Return the built-in catalogue."""
    return builtin_catalogue(VOCABULARY)


def catalogue_of(text: str) -> Catalogue:
    """Return the catalogue that the YAML *text* defines."""
    return read_catalogue({"test.yaml": text}, VOCABULARY)


def driver(catalogue: Catalogue | None = None, **options: Any) -> SegmentationTestDriver:
    """Return a driver of *catalogue* (default: the built-in one)."""
    return SegmentationTestDriver(catalogue or builtin(), sources=SOURCES, **options)


def told(transitions: list[Transition], *segments: str) -> list[str]:
    """Return transitions as short lines, only of *segments* if any are named.

    A line reads ``entered checkout.abandon 2026-03-02T10:30:00.000Z timer``.
    """
    return [
        f"{t.kind} {t.segment_id} {rfc3339(t.occurred_at_ms)} {t.origin}"
        for t in transitions
        if not segments or t.segment_id in segments
    ]
