"""Topics are merged by event time: each keeps its order, the oldest goes first, and nobody waits for ever (S7)."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import RecordError
from streams.runtime.merging import Decoded, MergeBuffers
from streams.segmentation.stimuli import EventObserved, WatermarkAdvanced

WAIT = 50


class Place:
    """A record that only knows where it stands."""

    def __init__(self, topic: str, offset: int) -> None:
        self._topic, self._offset = topic, offset

    def topic(self) -> str:
        """Return the topic."""
        return self._topic

    def partition(self) -> int:
        """Return the only partition."""
        return 0

    def offset(self) -> int:
        """Return the offset."""
        return self._offset

    def key(self) -> bytes | None:
        """Return none."""
        return None

    def value(self) -> bytes | None:
        """Return none."""
        return None

    def timestamp(self) -> tuple[int, int]:
        """Return no time."""
        return 0, 0

    def headers(self) -> list[tuple[str, bytes]] | None:
        """Return none."""
        return None


def at(topic: str, t: int, offset: int = 0) -> Decoded:
    """Return a decoded event of the instant *t*."""
    event = EventObserved("Product Viewed", t, f"{topic}{offset}", "default", "c", "behaviour", {})
    return Decoded(Place(topic, offset), event, None)


def buffers(*topics: str) -> MergeBuffers:
    """Return empty buffers of *topics*."""
    return MergeBuffers(topics, merge_wait_ms=WAIT, hold_at=3)


def due(merge: MergeBuffers, caught_up: Collection[str] = (), now: int = 0) -> list[tuple[str, int]]:
    """Return topic and time of what may be processed."""
    return [(topic, decoded.event_time_ms) for topic, decoded in merge.due(caught_up, now)]


def test_the_oldest_goes_first() -> None:
    """Between topics event time decides; inside a topic its own order."""
    merge = buffers("a", "b")
    merge.add("a", [at("a", 10), at("a", 5), at("a", 30)])
    merge.add("b", [at("b", 7), at("b", 20)])

    assert due(merge, {"a", "b"}) == [("b", 7), ("a", 10), ("a", 5), ("b", 20), ("a", 30)]


def test_equal_times_go_in_the_order_of_the_topics() -> None:
    """The order is the same at every run."""
    merge = buffers("a", "b")
    merge.add("b", [at("b", 7)])
    merge.add("a", [at("a", 7)])

    assert due(merge, {"a", "b"}) == [("a", 7), ("b", 7)]


def test_a_topic_that_is_behind_is_waited_for() -> None:
    """S7: what has nothing here and is not read to its end may still have something older."""
    merge = buffers("a", "b")
    merge.add("a", [at("a", 10)])

    assert due(merge) == []
    assert merge.waiting


def test_a_topic_read_to_its_end_is_not_waited_for() -> None:
    """Nothing older can come of it now."""
    merge = buffers("a", "b")
    merge.add("a", [at("a", 10)])

    assert due(merge, {"b"}) == [("a", 10)]
    assert not merge.waiting


@pytest.mark.parametrize(
    ("later", "expected"), [(WAIT - 1, []), (WAIT, [("a", 10)]), (WAIT + 1, [("a", 10)])]
)
def test_the_wait_is_bounded(later: int, expected: list[tuple[str, int]]) -> None:
    """S7: after `merge_wait` it goes on with what is here."""
    merge = buffers("a", "b")
    merge.add("a", [at("a", 10)])
    due(merge, now=1_000)

    assert due(merge, now=1_000 + later) == expected
    assert merge.waiting is (not expected)


def test_a_topic_that_stays_behind_is_not_waited_for_again_and_again() -> None:
    """Who has been waited for in vain is waited for again only after it had something."""
    merge = buffers("a", "b")
    merge.add("a", [at("a", 10)])
    due(merge, now=0)
    due(merge, now=WAIT)
    merge.add("a", [at("a", 11)])
    at_once = due(merge, now=WAIT + 1)
    merge.add("b", [at("b", 12)])
    merge.add("a", [at("a", 13)])

    assert at_once == [("a", 11)]
    assert due(merge, now=WAIT + 2) == [("b", 12)]
    assert merge.waiting


def test_what_cannot_be_used_goes_at_once() -> None:
    """A dead letter and a heartbeat hold nobody back."""
    merge = buffers("a", "b")
    merge.add("a", [at("a", 1)])
    merge.add("b", [Decoded(Place("b", 0), None, RecordError("undecodable", "garbage"))])
    merge.add("b", [Decoded(Place("b", 1), WatermarkAdvanced("orders", 99), None), at("b", 5)])

    assert [topic for topic, _ in due(merge, {"a", "b"})] == ["b", "b", "a", "b"]


def test_a_full_buffer_is_held() -> None:
    """The transport pauses a topic of which enough is here."""
    merge = buffers("a", "b")
    merge.add("a", [at("a", 1), at("a", 2)])
    few = merge.hold
    merge.add("a", [at("a", 3)])

    assert (few, merge.hold) == (frozenset(), frozenset({"a"}))


def test_clear_forgets_everything() -> None:
    """After a roll back all of it is read again, and waited for anew."""
    merge = buffers("a", "b")
    merge.add("a", [at("a", 1)])
    due(merge, now=0)
    merge.clear()
    merge.add("a", [at("a", 1)])

    assert due(merge, now=WAIT) == []
    assert not merge.empty("a")
    assert merge.empty("b")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), max_size=30))
def test_nothing_is_lost_and_every_topic_keeps_its_order(records: list[tuple[str, int]]) -> None:
    """Whatever comes, all of it comes out, once, each topic in its own order."""
    merge = buffers("a", "b", "c")
    for offset, (topic, t) in enumerate(records):
        merge.add(topic, [at(topic, t, offset)])
    out = [(topic, decoded.record.offset()) for topic, decoded in merge.due({"a", "b", "c"}, 0)]

    for topic in "abc":
        assert [o for name, o in out if name == topic] == [
            o for o, (name, _) in enumerate(records) if name == topic
        ]
