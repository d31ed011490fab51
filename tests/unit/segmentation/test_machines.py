"""The machines on small definitions of their own: dwell, grace, until, least membership, late evidence, groups."""

from __future__ import annotations

import pytest

import streams.catalogue.journalling
import streams.segmentation.journals
from streams.segmentation.timeline import DAY_MS, HOUR_MS, MINUTE_MS
from streams.testing.driver import SegmentationTestDriver
from streams.testing.shop import catalogue_of, driver, instant, told

TEN = instant("2026-03-02 10:00")


def segment(text: str) -> SegmentationTestDriver:
    """Return a driver of one segment; *text* holds its lines below ``id`` and ``label``."""
    lines = "".join(f"    {line.strip()}\n" for line in text.strip().splitlines())
    return driver(catalogue_of(f"segments:\n  - id: s\n    label: S\n{lines}"))


def moves(shop: SegmentationTestDriver) -> list[tuple[str, str, int, str]]:
    """Return kind, segment, milliseconds after ten o'clock and origin of every transition so far."""
    return [(t.kind, t.segment_id, t.occurred_at_ms - TEN, t.origin) for t in shop.transitions]


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_without_dwell_a_gated_entry_waits_for_its_grace_only(offset: int) -> None:
    """S5: an entry that an event makes and that rests on an absence keeps the event's time, origin and name."""
    shop = segment("when: [{did: Product Viewed}, {did_not: Order Completed}]\n grace: 10m")
    shop.happen("Product Viewed", TEN, event_id="view")
    shop.advance(None, TEN + 10 * MINUTE_MS + offset)

    assert moves(shop) == ([("entered", "s", 0, "event")] if offset >= 0 else [])
    assert [t.cause for t in shop.transitions] == (["view"] if offset >= 0 else [])


def test_an_absence_in_a_segment_that_is_named_is_waited_for() -> None:
    """S5: `in:` another segment that says what did not happen rests on it, and waits for its own grace."""
    text = """
segments:
  - {id: quiet, label: Q, when: [{did: Product Viewed}, {did_not: Order Completed}]}
  - {id: s, label: S, when: {in: quiet}, grace: 10m}
"""
    bought, waited = driver(catalogue_of(text)), driver(catalogue_of(text))
    for shop in (bought, waited):
        shop.happen("Product Viewed", TEN)
    bought.happen("Order Completed", TEN + MINUTE_MS)
    waited.advance(None, TEN + 10 * MINUTE_MS)

    assert told(bought.transitions, "s") == []
    assert told(waited.transitions, "s") == ["entered s 2026-03-02T10:00:00.000Z event"]


def test_gate_none_enters_at_once() -> None:
    """S5: who opts out of the gate does not wait, and is corrected when evidence comes."""
    shop = segment("when: [{did: Product Viewed}, {did_not: Order Completed}]\n grace: 10m\n gate: none")
    shop.happen("Product Viewed", TEN)
    shop.happen("Order Completed", TEN + MINUTE_MS)

    assert moves(shop) == [("entered", "s", 0, "event"), ("exited", "s", MINUTE_MS, "event")]


@pytest.mark.parametrize(
    ("offset", "expected"),
    [(-1, []), (0, [("entered", "s", 30 * MINUTE_MS, "timer"), ("exited", "s", 40 * MINUTE_MS, "event")])],
)
def test_evidence_cancels_up_to_the_end_of_the_grace(
    offset: int, expected: list[tuple[str, str, int, str]]
) -> None:
    """S6: evidence before D + grace cancels silently; at D + grace it ends what was entered at D."""
    shop = segment(
        "when: [{did: Product Viewed}, {did_not: Order Completed, since: Product Viewed}]\n dwell: 30m\n grace: 10m"
    )
    shop.happen("Product Viewed", TEN)
    shop.happen("Order Completed", TEN + 40 * MINUTE_MS + offset)
    shop.advance(None, TEN + 5 * HOUR_MS)

    assert moves(shop) == expected


@pytest.mark.parametrize(
    ("offset", "entered"),
    [(-1, False), (0, False), (1, True)],
)
def test_a_truth_that_time_ends_by_the_due_instant_makes_no_entry(offset: int, *, entered: bool) -> None:
    """S1: a window that ends at the due instant has ended; one that ends a millisecond later makes a short membership."""
    shop = segment(f"when: {{did: Product Viewed, within: {30 * MINUTE_MS + offset}ms}}\n dwell: 30m")
    shop.happen("Product Viewed", TEN)
    shop.advance(None, TEN + 5 * HOUR_MS)

    assert [kind for kind, *_ in moves(shop)] == (["entered", "exited"] if entered else [])


@pytest.mark.parametrize(("offset", "left"), [(-1, 60), (0, 60), (1, None)])
def test_least_membership(offset: int, left: int | None) -> None:
    """An exit before the least membership is over waits until then; one at its end or later comes at its own time."""
    shop = segment(
        "when: {did: Product Viewed, within: 1d}\n until: {did: Order Completed}\n min_membership: 1h"
    )
    shop.happen("Product Viewed", TEN)
    shop.happen("Order Completed", TEN + HOUR_MS + offset)
    shop.advance(None, TEN + 5 * HOUR_MS)

    expected = HOUR_MS + offset if left is None else left * MINUTE_MS
    origin = "timer" if offset < 0 else "event"
    assert moves(shop) == [("entered", "s", 0, "event"), ("exited", "s", expected, origin)]


def test_a_young_member_that_becomes_true_again_stays() -> None:
    """min_membership: at its end the stay truth decides, not what it was in between."""
    shop = segment("when: {did: Product Viewed, within: 10m}\n min_membership: 1h")
    shop.happen("Product Viewed", TEN)
    shop.happen("Product Viewed", TEN + 55 * MINUTE_MS, event_id="again")
    shop.advance(None, TEN + 5 * HOUR_MS)

    assert moves(shop) == [("entered", "s", 0, "event"), ("exited", "s", 65 * MINUTE_MS, "timer")]


def test_until_keeps_a_member_whose_entry_is_no_longer_true() -> None:
    """With `until`, `when` decides about the entry alone; a new entry needs `when` and not `until`."""
    shop = segment(
        "when: {did: Product Viewed, within: 10m}\n until: {did: Order Completed, since: Product Viewed}"
    )
    shop.happen("Product Viewed", TEN)
    shop.advance(None, TEN + 2 * HOUR_MS)
    shop.happen("Order Completed", TEN + 3 * HOUR_MS)
    shop.happen("Product Viewed", TEN + 4 * HOUR_MS)

    assert [(kind, at // HOUR_MS) for kind, _, at, _ in moves(shop)] == [
        ("entered", 0),
        ("exited", 3),
        ("entered", 4),
    ]


@pytest.mark.parametrize(
    ("offset", "kind", "at"), [(-1, "retracted", 0), (0, "retracted", 0), (1, "exited", 1)]
)
def test_late_evidence_about_an_entry(offset: int, kind: str, at: int) -> None:
    """S13: at or before the entry it is retracted, and named; later it is exited at the evidence."""
    shop = segment("when: [{did: Product Viewed}, {did_not: Order Completed}]")
    (entry,) = shop.happen("Product Viewed", TEN)
    shop.advance(None, TEN + HOUR_MS)
    (correction,) = shop.happen("Order Completed", TEN + offset)

    assert (correction.kind, correction.occurred_at_ms, correction.origin) == (kind, TEN + at, "late")
    assert correction.retracts == (entry.transition_id if kind == "retracted" else "")
    assert correction.entered_at_ms == TEN


def test_a_wrong_exit_is_taken_back_by_an_entry_at_its_time() -> None:
    """S14 (a): when the truth holds now and an exit was wrong, entered at that exit's time, without dwell."""
    shop = segment("when: {did: Product Viewed, within: 1h}\n dwell: 5m")
    shop.happen("Product Viewed", TEN)
    shop.advance(None, TEN + 90 * MINUTE_MS)
    (again,) = shop.happen("Product Viewed", TEN + 50 * MINUTE_MS)

    assert [kind for kind, *_ in moves(shop)] == ["entered", "exited", "entered"]
    assert (again.occurred_at_ms, again.origin) == (TEN + HOUR_MS, "late")


def test_a_start_that_moves_is_corrected_in_the_record() -> None:
    """S14 (b): earlier evidence moves `since` and makes no transition."""
    shop = segment("when: {did: Product Viewed, within: 1d}")
    shop.happen("Product Viewed", TEN)
    shop.advance(None, TEN + HOUR_MS)
    silent = shop.happen("Product Viewed", TEN - MINUTE_MS)
    changes = list(shop.partition.take_membership_changes())

    assert silent == []
    assert shop.memberships() == {"c": {"s": TEN - MINUTE_MS}}
    assert [[m.since_ms for m in change.memberships] for change in changes] == [[TEN - MINUTE_MS]]


def test_an_interval_in_the_past_is_counted() -> None:
    """S14 (c): a membership that began and ended in the past makes no transition; it is counted."""
    shop = segment("when: {did: Product Viewed, within: 1h}")
    shop.happen("Product Viewed", TEN)
    shop.advance(None, TEN + 9 * HOUR_MS)
    shop.happen("Product Viewed", TEN + 5 * HOUR_MS)
    shop.happen("Product Viewed", TEN + 3 * HOUR_MS, event_id="before that")

    assert [kind for kind, *_ in moves(shop)] == ["entered", "exited"]
    assert shop.partition.counts["late_intervals"] == 2


BOUGHT = """
facts:
  bought: {events: Order Completed, key: order_id, undone_by: Order Cancelled}
"""


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_a_late_cancellation_never_retracts(offset: int) -> None:
    """S15: what undoes takes effect at its own time, but not before the entry, and as an exit."""
    shop = driver(catalogue_of(BOUGHT + "segments:\n  - {id: s, label: S, when: {did: bought}}"))
    shop.happen("Order Completed", TEN, order_id="1")
    shop.advance(None, TEN + HOUR_MS)
    shop.happen("Order Cancelled", TEN + offset, order_id="1")

    assert moves(shop) == [("entered", "s", 0, "event"), ("exited", "s", max(offset, 0), "late")]


GROUP = (
    BOUGHT
    + """
groups: {G: {kind: partition, population: {did: Product Viewed}}}
segments:
  - {id: g.buyer, label: B, group: G, rank: 1, when: {did: bought, within: 1h}}
  - {id: g.rest, label: R, group: G, rank: 2, when: {otherwise: true}}
"""
)


def test_a_group_switches_in_one_decision() -> None:
    """S16: exit and entry are emitted together with one instant, by event and by time."""
    shop = driver(catalogue_of(GROUP))
    shop.happen("Product Viewed", TEN)
    shop.happen("Order Completed", TEN + MINUTE_MS, order_id="1")
    shop.advance(None, TEN + 2 * HOUR_MS)

    assert moves(shop) == [
        ("entered", "g.rest", 0, "event"),
        ("exited", "g.rest", MINUTE_MS, "event"),
        ("entered", "g.buyer", MINUTE_MS, "event"),
        ("exited", "g.buyer", HOUR_MS + MINUTE_MS, "timer"),
        ("entered", "g.rest", HOUR_MS + MINUTE_MS, "timer"),
    ]


def test_a_group_waits_for_all_its_sources() -> None:
    """S16: the switch is judged at the gate of all the group's sources, whatever makes it."""
    shop = driver(catalogue_of(GROUP), shared_watermark=False)
    shop.happen("Product Viewed", TEN)
    shop.advance("orders", TEN - 1)
    waiting = moves(shop)
    shop.advance("orders", TEN)

    assert waiting == []
    assert moves(shop) == [("entered", "g.rest", 0, "event")]


@pytest.mark.parametrize("offset", [-1, 0])
def test_a_disproved_switch_is_retracted_and_replaced_at_its_time(offset: int) -> None:
    """S16: late evidence at or before the switch: retracted, and entered for the right one, both at the switch."""
    shop = driver(catalogue_of(GROUP))
    (wrong,) = shop.happen("Product Viewed", TEN)
    shop.advance(None, TEN + MINUTE_MS)
    retracted, entered = shop.happen("Order Completed", TEN + offset, order_id="1")

    assert (retracted.kind, retracted.segment_id, retracted.retracts) == (
        "retracted",
        "g.rest",
        wrong.transition_id,
    )
    assert (entered.kind, entered.segment_id, entered.origin) == ("entered", "g.buyer", "late")
    assert (retracted.occurred_at_ms, entered.occurred_at_ms) == (TEN, TEN)


def test_late_evidence_after_a_switch_switches_at_its_time() -> None:
    """S16: what was true until then stays; exit and entry at the evidence."""
    shop = driver(catalogue_of(GROUP))
    shop.happen("Product Viewed", TEN)
    shop.advance(None, TEN + 10 * MINUTE_MS)
    shop.happen("Order Completed", TEN + 5 * MINUTE_MS, order_id="1")

    assert moves(shop)[1:] == [
        ("exited", "g.rest", 5 * MINUTE_MS, "late"),
        ("entered", "g.buyer", 5 * MINUTE_MS, "late"),
    ]


def test_a_cancellation_switches_a_group_without_retraction() -> None:
    """S15, S16: a late cancellation is an exit and an entry, not before the switch that it undoes."""
    shop = driver(catalogue_of(GROUP))
    shop.happen("Product Viewed", TEN)
    shop.happen("Order Completed", TEN + MINUTE_MS, order_id="1")
    shop.advance(None, TEN + 10 * MINUTE_MS)
    shop.happen("Order Cancelled", TEN, order_id="1")

    assert moves(shop)[3:] == [
        ("exited", "g.buyer", MINUTE_MS, "late"),
        ("entered", "g.rest", MINUTE_MS, "late"),
    ]


def test_a_member_whose_entry_is_forgotten_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the journals have forgotten since the entry does not end a membership when evidence comes out of order."""
    monkeypatch.setattr(streams.segmentation.journals, "TRIM_AT", 0)
    monkeypatch.setattr(streams.catalogue.journalling, "LATE_MS", HOUR_MS)
    shop = segment("when: {did: Product Viewed, at_least: 2, within: 1h}\n until: {did: Order Completed}")
    shop.happen("Product Viewed", TEN)
    shop.happen("Product Viewed", TEN + MINUTE_MS)
    for day in (1, 2, 3):
        shop.happen("Product Viewed", TEN + day * DAY_MS)
    shop.happen("Product Viewed", TEN + 3 * DAY_MS - MINUTE_MS)

    assert min(shop.profile().product_viewed) > TEN + MINUTE_MS, "the entry's pair is forgotten"
    assert moves(shop) == [("entered", "s", MINUTE_MS, "event")]
    assert shop.memberships() == {"c": {"s": TEN + MINUTE_MS}}


def test_told_leaves_out_what_was_not_asked_for() -> None:
    """The test kit's short lines are filtered by segment."""
    shop = segment("when: {did: Product Viewed}")
    shop.happen("Product Viewed", TEN)

    assert told(shop.transitions, "other") == []
    assert told(shop.transitions) == ["entered s 2026-03-02T10:00:00.000Z event"]
