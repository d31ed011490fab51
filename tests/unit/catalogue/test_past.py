"""Where a customer stood: by the last entry and exit, by the journals, or not known any more; to the millisecond."""

from __future__ import annotations

import pytest

from streams.catalogue.explaining import Explainer
from streams.catalogue.past import Past, past_of
from streams.segmentation.timeline import BEFORE_ALL, DAY_MS, HOUR_MS
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


@pytest.mark.parametrize(("plus_ms", "status"), [(-1, "unknown"), (0, "member"), (1, "member")])
def test_what_is_not_kept_is_not_known(plus_ms: int, status: str) -> None:
    """A journal whose first entry is old enough to be one that was spared is complete from that entry on."""
    run = ran(LOOKING % "", *VIEWS, until="2026-03-09 12:00")
    found = past(run, instant(f"{DAY} 10:00", plus_ms))

    assert (found.status, found.kept_back_to_ms) == (status, instant(f"{DAY} 10:00"))


def test_a_window_needs_what_lies_in_it() -> None:
    """Two views within two hours can be told two hours after the first that is kept."""
    text = "segments: [{id: s, label: S, when: {did: Product Viewed, at_least: 2, within: 2h}}]"
    views = (*VIEWS, ("Product Viewed", "20:30"))
    run = ran(text, *views, until="2026-03-10 12:00")
    found = past(run, instant(f"{DAY} 21:00"), text=text)

    assert found.kept_back_to_ms == instant(f"{DAY} 12:00")
    assert (found.status, found.since_ms) == ("member", instant(f"{DAY} 20:30"))
    assert past(run, instant(f"{DAY} 12:00", -1), text=text).status == "unknown"


@pytest.mark.parametrize("more", [", min_membership: 1h", ", cooldown: 1h"])
def test_what_rests_on_more_than_events_is_told_while_all_are_kept(more: str) -> None:
    """Since when a member must stay, or nobody may enter, follows from the first event on, and from no later one."""
    text = LOOKING % more
    early, late = (ran(text, *VIEWS, until=until) for until in (f"{DAY} 21:00", "2026-03-09 12:00"))

    assert past(early, instant(f"{DAY} 11:00"), text=text).status == "member"
    assert past(late, instant(f"{DAY} 11:00"), text=text).status == "unknown"
    assert past(late, instant("2026-03-05 11:00"), text=text).status == "out"


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
        status="out", witness="state", kept_back_to_ms=BEFORE_ALL
    )
