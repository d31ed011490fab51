"""What journals forget never changes a truth: a run that forgets all it may says what a run says that keeps everything."""

from __future__ import annotations

import random

import msgspec
import pytest

import streams.catalogue.journalling
import streams.segmentation.journals
from streams.segmentation.journals import LENGTH_MAX
from streams.segmentation.stimuli import EventObserved, WatermarkAdvanced
from streams.testing.driver import SegmentationTestDriver
from streams.testing.histories import END_MS, History, Stimulus, random_history
from streams.testing.random_conditions import SOURCES, TICK_MS
from streams.testing.shop import catalogue_of, driver, instant

TEN = instant("2026-03-02 10:00")
APART_MS = 1_000 * TICK_MS
"""From the beginning of one history to that of the next: longer than any goes on."""


def without_end(history: History) -> list[Stimulus]:
    """Return the stimuli of *history* without the watermarks that end it."""
    return [s for s in history.stimuli if isinstance(s, EventObserved) or s.watermark_ms < END_MS]


def long_history(seed: int) -> History:
    """Return three histories after one another under one catalogue whose definitions have no memory of their own.

    With `until`, a least membership or a door what is forgotten may matter after all: see decisions 2 and 5.
    """
    choose = random.Random(seed).choice
    first = random_history(choose)
    stimuli = without_end(first)
    for number in (1, 2):
        for stimulus in without_end(random_history(choose, first.catalogue)):
            if isinstance(stimulus, EventObserved):
                event = EventObserved(*stimulus.fields())
                event.event_time_ms += number * APART_MS
                event.event_id += f" {number}"
                stimuli.append(event)
            else:
                later_ms = stimulus.watermark_ms + number * APART_MS
                stimuli.append(WatermarkAdvanced(stimulus.source, later_ms))
    plain = tuple(
        msgspec.structs.replace(s, until=None, min_membership_ms=0, cooldown_ms=0, entries_max=0)
        for s in first.catalogue.segments
    )
    catalogue = msgspec.structs.replace(first.catalogue, segments=plain)
    return History(
        catalogue,
        (*stimuli, *(s for s in first.stimuli if s not in without_end(first))),
        0,
        first.shared_watermark,
    )


def told_to(history: History) -> SegmentationTestDriver:
    """Return a driver that is ready for *history*."""
    return SegmentationTestDriver(
        history.catalogue, sources=SOURCES, shared_watermark=history.shared_watermark
    )


@pytest.mark.parametrize("seed", range(40))
def test_forgetting_changes_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every transition and every membership is the same; evidence comes no later than what is kept for it."""
    history = long_history(seed)
    monkeypatch.setattr(streams.catalogue.journalling, "LATE_MS", 1_000 * TICK_MS)
    monkeypatch.setattr(streams.segmentation.journals, "TRIM_AT", 10**9)
    keeps = told_to(history)
    monkeypatch.setattr(streams.catalogue.journalling, "LATE_MS", 21 * TICK_MS)
    monkeypatch.setattr(streams.segmentation.journals, "TRIM_AT", 0)
    forgets = told_to(history)
    for stimulus in history.stimuli:
        for shop in (keeps, forgets):
            if isinstance(stimulus, EventObserved):
                shop.observe(stimulus)
            else:
                shop.advance(stimulus.source, stimulus.watermark_ms)
        assert [(t.kind, t.segment_id, t.occurred_at_ms, t.origin, t.cause) for t in forgets.transitions] == [
            (t.kind, t.segment_id, t.occurred_at_ms, t.origin, t.cause) for t in keeps.transitions
        ]
        assert {c: set(m) for c, m in forgets.memberships().items()} == {
            c: set(m) for c, m in keeps.memberships().items()
        }


def test_something_is_forgotten() -> None:
    """A journal of a short window does not grow with the days."""
    shop = driver(
        catalogue_of("segments:\n  - {id: s, label: S, when: {did: Product Viewed, at_least: 2, within: 1h}}")
    )
    for hour in range(500):
        shop.happen("Product Viewed", TEN + hour * 3_600_000)

    assert len(shop.profile().product_viewed) < 200


def test_counts_go_on_beyond_the_longest_journal() -> None:
    """What is folded away still counts, and so does the sum; the newest can still be cancelled."""
    shop = driver(
        catalogue_of(f"""
facts: {{bought: {{events: Order Completed, key: order_id, amount: total, undone_by: Order Cancelled}}}}
segments:
  - {{id: s.count, label: C, when: {{did: bought, at_least: {LENGTH_MAX + 20}}}}}
  - {{id: s.sum, label: S, when: {{sum: bought, at_least: {LENGTH_MAX + 20}}}}}
""")
    )
    for number in range(LENGTH_MAX + 20):
        assert shop.memberships() == {}
        shop.happen("Order Completed", TEN + number, event_id=str(number), order_id=str(number), total=1)
    full = set(shop.memberships()["c"])
    shop.restart()
    shop.happen("Order Cancelled", TEN + 10_000, order_id=str(LENGTH_MAX))

    assert full == {"s.count", "s.sum"}
    assert shop.memberships() == {}


def test_a_cancelled_key_stays_cancelled_when_its_order_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """An order id that comes again after its cancelled occurrence was forgotten does not count."""
    monkeypatch.setattr(streams.catalogue.journalling, "LATE_MS", 0)
    monkeypatch.setattr(streams.segmentation.journals, "TRIM_AT", 0)
    shop = driver(
        catalogue_of("""
facts: {bought: {events: Order Completed, key: order_id, undone_by: Order Cancelled}}
segments: [{id: s, label: S, when: {did: bought, at_least: 3, within: 1h}}]
""")
    )
    shop.happen("Order Completed", TEN, order_id="a")
    shop.happen("Order Cancelled", TEN + 1, order_id="a")
    for day in (1, 2):
        shop.happen("Order Completed", TEN + day * 86_400_000, order_id=str(day))
    forgotten = shop.profile().bought[0] > TEN
    shop.happen("Order Completed", TEN + 2 * 86_400_000 + 1, order_id="b")
    shop.happen("Order Completed", TEN + 2 * 86_400_000 + 2, order_id="a")

    assert forgotten
    assert shop.memberships() == {}


@pytest.mark.parametrize(
    "when", ["{did: bought}", "{did: bought, within: 9d}", "{last: bought, ago: {from: 0d}}"]
)
def test_the_newest_that_stands_is_kept(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the newest order is cancelled, the one before it still answers, however long ago the journal was trimmed."""
    monkeypatch.setattr(streams.catalogue.journalling, "LATE_MS", 0)
    monkeypatch.setattr(streams.segmentation.journals, "TRIM_AT", 0)
    shop = driver(
        catalogue_of(f"""
facts: {{bought: {{events: Order Completed, key: order_id, undone_by: Order Cancelled}}}}
segments: [{{id: s, label: S, when: {when}}}]
""")
    )
    for day in range(5):
        shop.happen("Order Completed", TEN + day * 86_400_000, order_id=str(day))
    for day in (4, 3, 2):
        shop.happen("Order Cancelled", TEN + 5 * 86_400_000, order_id=str(day))

    assert set(shop.memberships()["c"]) == {"s"}
