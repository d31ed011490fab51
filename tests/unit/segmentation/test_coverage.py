"""Coverage (S10): what was not watched is UNKNOWN, and UNKNOWN holds what is."""

from __future__ import annotations

from typing import Any

import pytest

from streams.segmentation.options import Options
from streams.segmentation.timeline import BEFORE_ALL, DAY_MS, HOUR_MS, MINUTE_MS
from streams.testing.driver import SegmentationTestDriver
from streams.testing.shop import builtin, catalogue_of, driver, instant

TEN = instant("2026-03-02 10:00")
SINCE = Options(coverage_since=True)


def covered(text: str, **more: Any) -> SegmentationTestDriver:
    """Return a driver of one segment under coverage `since`."""
    return driver(catalogue_of(f"segments:\n  - {{id: s, label: S, when: {text}}}"), options=SINCE, **more)


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_an_absence_is_known_once_the_window_starts_in_the_coverage(offset: int) -> None:
    """S10: UNKNOWN holds OUT; the truth is known when the window starts at the first record, by time alone."""
    shop = covered("[{did: Product Viewed, within: 30d}, {did_not: Order Completed, within: 1d}]")
    shop.happen("Order Completed", TEN, customer_id="another", order_id="1")
    shop.happen("Product Viewed", TEN + HOUR_MS)
    shop.advance(None, TEN + DAY_MS + offset)

    assert [t.occurred_at_ms for t in shop.transitions] == ([TEN + DAY_MS] if offset >= 0 else [])


def test_what_never_happened_stays_unknown() -> None:
    """S10: 'never' reaches back before the first record for ever."""
    shop = covered("[{did: Product Viewed}, {did_not: Order Completed}]")
    shop.happen("Order Completed", TEN, customer_id="another", order_id="1")
    shop.happen("Product Viewed", TEN + HOUR_MS)

    assert shop.advance(None, TEN + 4_000 * DAY_MS) == []


@pytest.mark.parametrize(("created", "known"), [(-1, False), (0, True), (1, True)])
def test_a_customer_created_in_the_coverage_is_known(created: int, *, known: bool) -> None:
    """S10: of a customer known to be created at or after the first record, nothing before it is missing."""
    shop = driver(
        catalogue_of("""
facts: {created: {events: Signed Up}}
segments:
  - {id: s, label: S, when: [{did: Product Viewed}, {did_not: Order Completed}]}
"""),
        options=SINCE,
    )
    shop.happen("Order Completed", TEN, customer_id="another", order_id="1")
    shop.happen("Product Viewed", TEN + HOUR_MS)
    shop.happen("Signed Up", TEN + created)

    assert bool(shop.memberships()) is known


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("{did: Product Viewed, at_least: 2}", "entered"),
        ("{count: Product Viewed, at_least: 2}", "entered"),
        ("{did: Product Viewed, at_most: 1}", None),
        ("{count: Product Viewed, less_than: 2}", None),
        ("{count: Product Viewed, less_than: 9}", None),
        ("{not: {did: Product Viewed, at_most: 1}}", "entered"),
        ("{did_not: Product Added, since: Product Viewed}", "entered"),
        ("{last: Product Viewed, within: 1d}", "entered"),
    ],
)
def test_evidence_that_decides_is_enough(text: str, kind: str | None) -> None:
    """S10: n of k reached is TRUE and more than the most is FALSE, whatever happened before the coverage."""
    shop = covered(text)
    shop.happen("Cart Viewed", TEN)
    shop.happen("Product Viewed", TEN + 1, event_id="1")
    shop.happen("Product Viewed", TEN + 2, event_id="2")
    shop.advance(None, TEN + MINUTE_MS)

    assert {t.kind for t in shop.transitions} == ({kind} if kind else set())


def test_a_mark_before_the_coverage_leaves_its_count_unknown() -> None:
    """S10: whether an order followed a checkout is not known where no orders were read yet."""
    shop = covered("{did_not: Order Completed, since: Checkout Started}", shared_watermark=False)
    shop.happen("Checkout Started", TEN)
    shop.happen("Order Completed", TEN + 1, customer_id="another", order_id="1")
    shop.advance(None, TEN + DAY_MS)
    unknown = list(shop.transitions)
    shop.happen("Checkout Started", TEN + DAY_MS)
    shop.advance(None, TEN + 2 * DAY_MS)

    assert unknown == []
    assert [t.occurred_at_ms for t in shop.transitions] == [TEN + DAY_MS]


def test_unknown_holds_a_member_and_a_pending_entry() -> None:
    """S10: MEMBER stays MEMBER and PENDING waits while the truth is UNKNOWN."""
    shop = covered("{any: [{did: Product Viewed, within: 1h}, {did_not: Order Completed, within: 30d}]}")
    shop.happen("Product Viewed", TEN)
    shop.happen("Order Completed", TEN, customer_id="another", order_id="1")
    shop.advance(None, TEN + 10 * DAY_MS)
    held = shop.memberships()
    shop.happen("Order Completed", TEN + 11 * DAY_MS, order_id="2")

    assert held == {"c": {"s": TEN}}
    assert [(t.kind, t.occurred_at_ms) for t in shop.transitions] == [
        ("entered", TEN),
        ("exited", TEN + 11 * DAY_MS),
    ]


def test_a_pending_entry_waits_until_the_truth_is_known() -> None:
    """S10: due while UNKNOWN, it is entered when the window starts at the first record."""
    shop = driver(
        catalogue_of("""
segments:
  - id: s
    label: S
    when: {any: [{did: Product Viewed, within: 1h}, {did_not: Order Completed, within: 1d}]}
    dwell: 2h
"""),
        options=SINCE,
    )
    shop.happen("Order Completed", TEN, customer_id="another", order_id="1")
    shop.happen("Product Viewed", TEN + MINUTE_MS)
    waiting = shop.advance(None, TEN + DAY_MS - 1)
    (entry,) = shop.advance(None, TEN + DAY_MS)

    assert waiting == []
    assert entry.occurred_at_ms == TEN + DAY_MS


def test_the_clauses_say_what_is_unknown() -> None:
    """A transition's clauses tell TRUE, FALSE and UNKNOWN apart."""
    shop = covered("{any: [{did: Product Viewed}, {did_not: Order Completed}]}")
    (entry,) = shop.happen("Product Viewed", TEN)

    assert [(c.text, c.truth) for c in entry.clauses] == [
        ("did Product Viewed", "true"),
        ("did not Order Completed", "unknown"),
    ]


def test_coverage_is_kept_in_the_state() -> None:
    """S10: the first record read at the first start counts, also after a restart, and a roll back forgets it."""
    shop = driver(options=SINCE)
    position = shop.partition.plan.sources.index("orders")
    shop.happen("Order Completed", TEN, order_id="1")
    rolled = shop.partition.coverage[position]
    shop.partition.rollback()
    forgotten = shop.partition.coverage[position]
    shop.happen("Order Completed", TEN + 5, order_id="1")
    shop.restart()
    shop.happen("Order Completed", TEN - DAY_MS, order_id="2")

    assert (rolled, forgotten > rolled, shop.partition.coverage[position]) == (TEN, True, TEN + 5)


def test_a_silent_source_is_covered_from_when_it_was_read_to_its_end() -> None:
    """S10: a source without a record is watched from the moment its log is read."""
    shop = driver(options=Options(wall=True, coverage_since=True), shared_watermark=False)
    sources = shop.partition.plan.sources
    shop.partition.fall_idle(frozenset({sources.index("orders")}), TEN)

    assert shop.partition.coverage[sources.index("orders")] == TEN
    assert shop.partition.coverage[sources.index("behaviour")] > TEN


def test_complete_coverage_knows_everything() -> None:
    """S10: in replays what was not seen did not happen."""
    shop = driver()
    assert set(shop.partition.coverage) == {BEFORE_ALL}
    assert builtin().segments
