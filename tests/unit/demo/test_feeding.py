"""The shop's year for a Kafka elsewhere: moved to today, and at a chosen pace."""

from __future__ import annotations

import pytest

from streams.demo.feeding import moved_to_yesterday, paced
from streams.demo.retail import History
from streams.demo.shop import AFTERWARDS_MS, ShopRecord
from streams.segmentation.timeline import DAY_MS, HOUR_MS

RECORDS = [ShopRecord("demo.orders", None, b"k", b"%d" % number, number) for number in range(1_000)]


class ManualTime:
    """A clock that goes on only while somebody sleeps."""

    def __init__(self) -> None:
        """Begin at some second."""
        self.now_s = 100.0

    def clock_s(self) -> float:
        """Return the second it is."""
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds


@pytest.mark.parametrize("later_ms", [-1, 0, 1, 7 * HOUR_MS])
def test_a_moved_year_ends_the_day_before_and_keeps_its_hours(shop: History, later_ms: int) -> None:
    """The replay's last word is one to two days old, never younger; all moves by the same whole days."""
    last_ms = max(invoice.time_ms for invoice in shop.invoices)
    now_ms = last_ms + AFTERWARDS_MS + 5_000 * DAY_MS + later_ms
    moved = moved_to_yesterday(shop, now_ms)
    by = {new.time_ms - old.time_ms for new, old in zip(moved.invoices, shop.invoices, strict=True)}
    assert len(by) == 1
    assert by.pop() % DAY_MS == 0
    last_word_ms = max(invoice.time_ms for invoice in moved.invoices) + AFTERWARDS_MS
    assert DAY_MS <= now_ms - last_word_ms < 2 * DAY_MS


def test_moving_changes_nothing_but_the_time(shop: History) -> None:
    """Numbers, customers and lines stay, and the shop that was read stays as it was."""
    before = [invoice.time_ms for invoice in shop.invoices]
    moved = moved_to_yesterday(shop, before[-1] + 9_000 * DAY_MS)
    assert [invoice.time_ms for invoice in shop.invoices] == before
    kept = [(one.number, one.customer_id, one.lines) for one in shop.invoices]
    assert [(one.number, one.customer_id, one.lines) for one in moved.invoices] == kept


def test_a_pace_is_kept_on_average() -> None:
    """A thousand records at 250 a second take four seconds, in order and complete."""
    time = ManualTime()
    assert list(paced(RECORDS, 250, clock_s=time.clock_s, sleep=time.sleep)) == RECORDS
    assert time.now_s - 100.0 == pytest.approx(4.0, abs=0.03)


def test_without_a_pace_nobody_waits() -> None:
    """Zero is as fast as it goes."""
    time = ManualTime()
    assert list(paced(RECORDS, 0, clock_s=time.clock_s, sleep=time.sleep)) == RECORDS
    assert time.now_s == 100.0
