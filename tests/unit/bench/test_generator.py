"""The race's stream is the same for ever: totals are published for it."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from itertools import islice

import msgspec
import pytest

from streams.bench.generator import FIRST_MS, BenchEvent, generated
from streams.segmentation.timeline import MINUTE_MS


def stream(count: int, seed: int = 7) -> list[BenchEvent]:
    """Return a short stream."""
    return list(generated(count, seed=seed))


@pytest.mark.parametrize(
    ("seed", "digest"),
    [
        (7, "dd4579c6121aa24c"),
        (8, "1b12be495ec6283d"),
    ],
)
def test_the_bytes_of_a_seed_are_pinned(seed: int, digest: str) -> None:
    """Every byte of a stream is what it was when the totals were counted."""
    lines = b"\n".join(msgspec.json.encode(event) for event in stream(2_000, seed))
    assert sha256(lines).hexdigest()[:16] == digest


def test_another_seed_is_another_stream() -> None:
    """Two seeds share no event id."""
    assert not {e.event_id for e in stream(500, 7)} & {e.event_id for e in stream(500, 8)}


def test_some_events_come_twice_and_soon() -> None:
    """A repetition is the whole event again, not more than ten thousand events later."""
    seen: dict[str, tuple[int, BenchEvent]] = {}
    doubles = 0
    for position, event in enumerate(stream(20_000)):
        first = seen.setdefault(event.event_id, (position, event))
        if first[0] != position:
            doubles += 1
            assert first[1] == event
            assert position - first[0] <= 10_100
    assert 60 <= doubles <= 140


def test_some_events_are_late_by_less_than_a_minute() -> None:
    """One new event in twenty is out of order, and none by a minute or more."""
    highest, late, seen = FIRST_MS, [], set()
    for event in islice(generated(50_000), 20_000):
        if event.occurred_at < highest and event.event_id not in seen:
            late.append(highest - event.occurred_at)
        seen.add(event.event_id)
        highest = max(highest, event.occurred_at)
    assert 600 <= len(late) <= 1_400
    assert max(late) < MINUTE_MS


def test_types_come_in_their_shares() -> None:
    """More than half are views; orders are rare."""
    counted = Counter(event.type for event in stream(20_000))
    assert 10_400 <= counted["Product Viewed"] <= 11_600
    assert 1_000 <= counted["Order Completed"] <= 1_400
    assert len(counted) == 7
