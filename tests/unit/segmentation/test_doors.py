"""Entering again: `cooldown` and `max_entries` at the millisecond (decision record 5)."""

from __future__ import annotations

import pytest

from streams.segmentation.timeline import HOUR_MS, MINUTE_MS
from streams.testing.driver import SegmentationTestDriver
from streams.testing.shop import catalogue_of, driver, instant

TEN = instant("2026-03-02 10:00")
SHORT = "when: {did: Product Viewed, within: 10m}\n"


def segment(text: str) -> SegmentationTestDriver:
    """Return a driver of one segment; *text* holds its lines below ``id`` and ``label``."""
    lines = "".join(f"    {line.strip()}\n" for line in text.strip().splitlines())
    return driver(catalogue_of(f"segments:\n  - id: s\n    label: S\n{lines}"))


def view(shop: SegmentationTestDriver, *offsets_ms: int) -> None:
    """Let the product be viewed at these offsets from ten o'clock."""
    for offset in offsets_ms:
        shop.happen("Product Viewed", TEN + offset, event_id=f"view {offset}")


def moves(shop: SegmentationTestDriver) -> list[tuple[str, int, str]]:
    """Return kind, milliseconds after ten o'clock and origin of every transition so far."""
    return [(t.kind, t.occurred_at_ms - TEN, t.origin) for t in shop.transitions]


def at_the_end(shop: SegmentationTestDriver) -> list[tuple[str, int, str]]:
    """Let time pass and return the moves."""
    shop.advance(None, TEN + 100 * HOUR_MS)
    return moves(shop)


FIRST = [("entered", 0, "event"), ("exited", 10 * MINUTE_MS, "timer")]


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_a_cooldown_is_half_open(offset: int) -> None:
    """Before its end an entry waits and time makes it at the end; from the end on the event makes it."""
    shop = segment(SHORT + "cooldown: 1h")
    opens = 70 * MINUTE_MS
    view(shop, 0, opens + offset)

    at, origin = (opens, "timer") if offset < 0 else (opens + offset, "event")
    ends = opens + offset + 10 * MINUTE_MS
    assert at_the_end(shop) == [*FIRST, ("entered", at, origin), ("exited", ends, "timer")]
    assert shop.transitions[2].cause == ("timer" if offset < 0 else f"view {opens + offset}")


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_who_is_not_true_at_the_end_of_a_cooldown_does_not_enter(offset: int) -> None:
    """A truth that time ends at the end of the cooldown has ended; a millisecond later it makes a short membership."""
    shop = segment(SHORT + "cooldown: 1h")
    view(shop, 0, HOUR_MS + offset)

    again = [("entered", 70 * MINUTE_MS, "timer"), ("exited", 70 * MINUTE_MS + 1, "timer")]
    assert at_the_end(shop) == [*FIRST, *(again if offset > 0 else [])]


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_the_dwell_runs_behind_the_shut_door(offset: int) -> None:
    """The entry is due when both the dwell and the cooldown are over: the later of the two, not their sum."""
    shop = segment("when: {did: Product Viewed, within: 30m}\n dwell: 20m\n cooldown: 1h")
    view(shop, 0)  # a member from 20m to 30m; the door opens at 90m
    view(shop, 70 * MINUTE_MS + offset)

    due = 90 * MINUTE_MS + max(offset, 0)
    assert at_the_end(shop)[2:] == [
        ("entered", due, "timer"),
        ("exited", 100 * MINUTE_MS + offset, "timer"),
    ]


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_entries_beyond_the_limit_wait(offset: int) -> None:
    """An entry counts in [e, e + T): before that is over one more waits, from then on it enters at once."""
    shop = segment(SHORT + "max_entries: 2 per 2h")
    view(shop, 0, 30 * MINUTE_MS, 2 * HOUR_MS + offset)

    at, origin = (2 * HOUR_MS, "timer") if offset < 0 else (2 * HOUR_MS + offset, "event")
    assert at_the_end(shop)[4:] == [
        ("entered", at, origin),
        ("exited", 2 * HOUR_MS + offset + 10 * MINUTE_MS, "timer"),
    ]


def test_an_entry_that_waited_counts_from_its_own_time() -> None:
    """The third entry stands at the end of the first one's time, and itself counts from there."""
    shop = segment(SHORT + "max_entries: 1 per 1h")
    view(shop, 0, 55 * MINUTE_MS, 115 * MINUTE_MS)

    entries = [at // MINUTE_MS for kind, at, _ in at_the_end(shop) if kind == "entered"]
    assert entries == [0, 60, 120]


def test_a_young_exit_shuts_the_door_when_it_happens() -> None:
    """min_membership: the cooldown counts from the exit, not from where the truth ended."""
    shop = segment(SHORT + "min_membership: 30m\n cooldown: 1h")
    view(shop, 0, 85 * MINUTE_MS)

    assert at_the_end(shop)[1:3] == [
        ("exited", 30 * MINUTE_MS, "timer"),
        ("entered", 90 * MINUTE_MS, "timer"),
    ]


@pytest.mark.parametrize("offset", [-1, 0])
def test_grace_is_reckoned_from_the_opening(offset: int) -> None:
    """S6: evidence before D + grace cancels the entry that waited; the cancelled one does not count."""
    shop = segment(
        "when: [{did: Product Viewed, within: 10m}, {did_not: Order Completed, within: 10m}]\n"
        "grace: 5m\n max_entries: 1 per 1h"
    )
    view(shop, 0, 58 * MINUTE_MS)
    shop.happen("Order Completed", TEN + 65 * MINUTE_MS + offset)
    view(shop, 80 * MINUTE_MS)

    entries = [at // MINUTE_MS for kind, at, _ in at_the_end(shop) if kind == "entered"]
    assert entries == ([0, 80] if offset < 0 else [0, 60])


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_a_retracted_entry_does_not_count(offset: int) -> None:
    """S13: evidence at or before the entry retracts it, and nothing keeps the next one out; later it was one."""
    shop = segment(
        "when: [{did: Product Viewed, within: 10m}, {did_not: Order Completed, within: 30m}]\n"
        "max_entries: 1 per 2h\n cooldown: 2h"
    )
    view(shop, 0)
    shop.advance(None, TEN + MINUTE_MS)
    shop.happen("Order Completed", TEN + offset)
    view(shop, HOUR_MS, 119 * MINUTE_MS)

    entries = [at // MINUTE_MS for kind, at, _ in at_the_end(shop) if kind == "entered"]
    assert entries == ([0, 60] if offset <= 0 else [0, 120])


def test_a_correction_does_not_wait() -> None:
    """S14: an exit that proves wrong is set right at its own time, whatever the cooldown; it shuts no door."""
    shop = segment(SHORT + "cooldown: 1h")
    view(shop, 0)
    shop.advance(None, TEN + 15 * MINUTE_MS)
    view(shop, 9 * MINUTE_MS)

    assert moves(shop) == [*FIRST, ("entered", 10 * MINUTE_MS, "late")]
    view(shop, 80 * MINUTE_MS)
    assert moves(shop)[3:] == [("exited", 19 * MINUTE_MS, "timer"), ("entered", 80 * MINUTE_MS, "event")]


def test_the_door_is_no_part_of_the_truth() -> None:
    """Who refers to the segment reads its truth: a shut door keeps nobody out of another segment."""
    shop = driver(
        catalogue_of(
            "segments:\n"
            "  - {id: s, label: S, when: {did: Product Viewed, within: 10m}, cooldown: 1h}\n"
            "  - {id: other, label: O, when: {in: s}}\n"
        )
    )
    view(shop, 0, 30 * MINUTE_MS)
    shop.advance(None, TEN + 5 * HOUR_MS)

    entries = [(t.segment_id, t.occurred_at_ms - TEN) for t in shop.transitions if t.kind == "entered"]
    assert entries == [("s", 0), ("other", 0), ("other", 30 * MINUTE_MS)]


@pytest.mark.parametrize("offset", [-1, 0])
def test_the_door_outlives_a_restart(offset: int) -> None:
    """What the door stands on is in the changelog."""
    shop = segment(SHORT + "cooldown: 1h\n max_entries: 2 per 4h")
    view(shop, 0, 80 * MINUTE_MS)
    shop.advance(None, TEN + 2 * HOUR_MS)
    shop.restart()
    view(shop, 4 * HOUR_MS + offset)

    entered = at_the_end(shop)[4]
    assert entered == ("entered", 4 * HOUR_MS, "timer" if offset < 0 else "event")
