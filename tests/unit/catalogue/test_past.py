"""Where a customer stood: by the last entry and exit, by the journals, or not known any more; to the millisecond."""

from __future__ import annotations

import pytest

from streams.catalogue.explaining import Explainer
from streams.catalogue.past import Past, past_of
from streams.segmentation.timeline import DAY_MS, HOUR_MS
from streams.testing.driver import SegmentationTestDriver
from streams.testing.shop import SOURCES, catalogue_of, driver, instant

DAY = "2026-03-02"
LOOKING = "segments: [{id: s, label: S, when: {did: Product Viewed, within: 2h}%s}]"
GROUP = """
groups: {G: {kind: partition, population: {did: Order Completed}}}
segments:
  - {id: g.new, label: N, group: G, rank: 1, when: {did: Order Completed, within: 1d}}
  - {id: g.old, label: O, group: G, rank: 2, when: {otherwise: true}}
"""


def ran(text: str, *events: tuple[str, str], until: str) -> SegmentationTestDriver:
    """Return a driver after *events* (event type, time of day) and time up to *until*."""
    run = driver(catalogue_of(text))
    for event, at in events:
        run.happen(event, instant(f"{DAY} {at}"))
    run.advance(None, instant(until))
    return run


def past(run: SegmentationTestDriver, at_ms: int, segment_id: str = "s", text: str = LOOKING % "") -> Past:
    """Return where the customer stood."""
    explainer = Explainer(catalogue_of(text), SOURCES, run.partition.plan)
    return past_of(explainer, run.partition, run.partition.live["default/c"], segment_id, at_ms)


VIEWS = (("Product Viewed", "10:00"), ("Product Viewed", "20:00"))


@pytest.mark.parametrize(
    ("at", "plus_ms", "status", "witness"),
    [
        ("10:00", -1, "out", "journals"),
        ("10:00", 0, "member", "journals"),
        ("12:00", -1, "member", "journals"),
        ("12:00", 0, "out", "state"),
        ("20:00", -1, "out", "state"),
        ("20:00", 0, "member", "state"),
    ],
)
def test_both_witnesses(at: str, plus_ms: int, status: str, witness: str) -> None:
    """The last exit was at 12:00: from then on the state says it, before it the journals."""
    found = past(ran(LOOKING % "", *VIEWS, until=f"{DAY} 21:00"), instant(f"{DAY} {at}", plus_ms))

    assert (found.status, found.witness) == (status, witness)
    if status == "member":
        assert found.since_ms == instant(f"{DAY} {at[:2].replace('12', '10')}:00")


def test_what_is_not_kept_is_not_known() -> None:
    """A journal of the newest event holds seven days: one millisecond before that begins, there is no answer."""
    run = ran(LOOKING % "", *VIEWS, until="2026-03-09 12:00")
    kept = instant(f"{DAY} 12:00")
    first = past(run, instant(f"{DAY} 11:00"))

    assert (first.status, first.kept_back_to_ms) == ("unknown", kept)
    assert past(run, instant(f"{DAY} 13:00")).witness == "journals"
    assert past(run, instant(f"{DAY} 13:00")).status == "out"


def test_walks_that_differ_say_nothing() -> None:
    """What was before the journals begin may have been a member who could not leave yet, or nobody: not known."""
    text = LOOKING % ", min_membership: 20d"
    run = ran(text, *VIEWS, until="2026-03-25 12:00")
    run.happen("Product Viewed", instant("2026-03-25 12:00"))
    run.advance(None, instant("2026-04-25 12:00"))

    found = past(run, instant("2026-04-20 12:00"), text=text)
    assert (found.status, found.witness) == ("out", "state")
    assert past(run, instant("2026-03-30 12:00"), text=text).status == "unknown"


def test_a_door_is_not_walked_again() -> None:
    """Entries that a cooldown put off rest on what is not kept: before the last exit nothing is claimed."""
    text = LOOKING % ", cooldown: 1h"
    run = ran(text, *VIEWS, until=f"{DAY} 21:00")

    assert past(run, instant(f"{DAY} 11:00"), text=text).status == "unknown"
    assert past(run, instant(f"{DAY} 20:30"), text=text).status == "member"


def test_a_partition_group() -> None:
    """Each member of it: by the last switch, before it by the journals; before the first event in none."""
    run = ran(GROUP, ("Order Completed", "10:00"), until="2026-03-05 10:00")

    def stood(name: str, at_ms: int) -> str:
        return past(run, at_ms, name, GROUP).status

    switch = instant(f"{DAY} 10:00") + DAY_MS
    assert (stood("g.old", switch), stood("g.new", switch)) == ("member", "out")
    assert (stood("g.old", switch - 1), stood("g.new", switch - 1)) == ("out", "member")
    assert stood("g.new", instant(f"{DAY} 10:00", -1)) == "out"


def test_who_never_came_was_never_in() -> None:
    """A segment that remembers nothing of the customer has had no member in him."""
    text = LOOKING % "" + "\n"
    text = text.replace("}]", "}, {id: other, label: O, when: {did: Cart Viewed}}]")
    run = ran(text, *VIEWS, until=f"{DAY} 21:00")

    assert past(run, instant(f"{DAY} 10:00") - HOUR_MS, "other", text) == Past(
        status="out", witness="state", kept_back_to_ms=instant(f"{DAY} 21:00") - 7 * DAY_MS
    )
