"""The partition: restart and roll back at any point, duplicates, order of timers, coverage, the state it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.catalogue.compiler import compile_catalogue
from streams.errors import OperationError, RecordError
from streams.segmentation.partition import SEEN_BYTES_MAX, Partition
from streams.segmentation.residence import Options
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import BEFORE_ALL, DAY_MS, HOUR_MS, MINUTE_MS
from streams.segmentation.watermarks import InputSpec
from streams.testing.driver import SegmentationTestDriver
from streams.testing.histories import SOURCES, History, Stimulus, histories
from streams.testing.shop import SOURCES as SHOP_SOURCES
from streams.testing.shop import builtin, catalogue_of, driver, instant, told

TEN = instant("2026-03-02 10:00")
SINCE = Options(coverage_since=True)


def tell(shop: SegmentationTestDriver, stimulus: Stimulus) -> None:
    """Let *shop* take one stimulus."""
    if isinstance(stimulus, EventObserved):
        shop.observe(stimulus)
    else:
        shop.advance(stimulus.source, stimulus.watermark_ms)


def told_to(history: History, options: Options) -> SegmentationTestDriver:
    """Return a driver that is ready for *history*."""
    return SegmentationTestDriver(
        history.catalogue,
        sources=SOURCES,
        out_of_orderness_ms=history.out_of_orderness_ms,
        shared_watermark=history.shared_watermark,
        options=options,
    )


_INTERRUPTIONS = st.lists(
    st.sampled_from(["", "", "commit", "restart", "rollback"]), min_size=30, max_size=30
)


@given(histories(), _INTERRUPTIONS, st.booleans())
def test_restarts_and_roll_backs_change_nothing(
    history: History,
    interruptions: list[str],
    since: bool,  # noqa: FBT001
) -> None:
    """S8: restarted or rolled back at any point, the transitions and the final changelog are byte for byte the same."""
    quiet = told_to(history, Options(coverage_since=since))
    for stimulus in history.stimuli:
        tell(quiet, stimulus)

    shop = told_to(history, Options(coverage_since=since))
    uncommitted: list[Stimulus] = []
    safe = 0
    for stimulus, interruption in zip(history.stimuli, interruptions, strict=False):
        tell(shop, stimulus)
        uncommitted.append(stimulus)
        if interruption == "rollback":
            shop.partition.rollback()
            del shop.transitions[safe:]
            for again in uncommitted:
                tell(shop, again)
        elif interruption:
            shop.restart() if interruption == "restart" else shop.commit()
            uncommitted.clear()
            safe = len(shop.transitions)

    assert shop.transitions == quiet.transitions
    assert shop.commit() == quiet.commit()


_SHOPPING = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *(
                    "Product Viewed",
                    "Product Added",
                    "Checkout Started",
                    "Order Completed",
                    "Order Cancelled",
                ),
                *("Order Refunded", "Signed Up", "Email Opened", "Cart Emptied"),
            ]
        ),
        st.integers(-40, 40),
        st.sampled_from([1, 60, 3_600, 86_400, 30 * 86_400]),
        st.sampled_from(["1", "2", "3"]),
        st.sampled_from(["", "", "", "commit", "restart", "rollback"]),
    ),
    max_size=25,
)


@given(_SHOPPING)
def test_the_shipped_definitions_survive_any_interruption(
    shopping: list[tuple[str, int, int, str, str]],
) -> None:
    """S8, S25: the built-in catalogue too; and from the first acquisition on never none or two of the life cycle."""
    quiet, shop = driver(), driver()
    uncommitted: list[EventObserved] = []
    safe, now = 0, TEN
    for number, (event_type, steps, size_s, order_id, interruption) in enumerate(shopping):
        at = now + steps * size_s * 1_000
        now = max(now, at)
        event = EventObserved(
            event_type,
            at,
            f"m{number}",
            "default",
            "c",
            SHOP_SOURCES[event_type],
            {"order_id": order_id, "total": 5},
        )
        quiet.observe(event)
        shop.observe(event)
        uncommitted.append(event)
        if interruption == "rollback":
            shop.partition.rollback()
            del shop.transitions[safe:]
            for again in uncommitted:
                shop.observe(again)
        elif interruption:
            shop.restart() if interruption == "restart" else shop.commit()
            uncommitted.clear()
            safe = len(shop.transitions)
        current = [name for name in shop.memberships().get("c", {}) if name.startswith("lifecycle.")]
        acquired = (
            len(shop.partition.live["default/c"].acquisition) if "default/c" in shop.partition.live else None
        )
        assert len(current) == (1 if acquired else 0) or acquired is None

    assert shop.transitions == quiet.transitions
    assert shop.commit() == quiet.commit()


def test_a_restart_keeps_the_wake_ups() -> None:
    """What was due after a restart fires as if there had been none."""
    shop = driver()
    shop.happen("Checkout Started", TEN)
    shop.restart()

    assert told(shop.advance(None, TEN + 45 * MINUTE_MS)) == [
        "entered checkout.abandon 2026-03-02T10:30:00.000Z timer"
    ]


def test_a_roll_back_arms_again_what_had_fired() -> None:
    """A timer that fired in a transaction that was aborted fires again."""
    shop = driver()
    shop.happen("Checkout Started", TEN)
    shop.commit()
    first = told(shop.advance(None, TEN + 45 * MINUTE_MS))
    shop.partition.rollback()

    assert first == told(shop.advance(None, TEN + 45 * MINUTE_MS))


def test_a_roll_back_forgets_a_customer_who_was_new() -> None:
    """A profile that was never committed leaves nothing behind, not even a wake-up."""
    shop = driver()
    shop.commit()
    shop.happen("Checkout Started", TEN)
    shop.partition.rollback()

    assert shop.advance(None, TEN + DAY_MS) == []
    assert shop.memberships() == {}
    assert list(shop.commit()) == ["\x00partition"]


def test_nothing_is_written_for_what_changed_nothing() -> None:
    """An event that no definition reads, a duplicate and a refused event write no profile."""
    shop = driver()
    shop.happen("Order Completed", TEN, event_id="m", order_id="1", total="5")
    shop.commit()
    shop.happen("Ticket Created", TEN)
    shop.happen("Order Completed", TEN, event_id="m", order_id="1", total="5")
    with pytest.raises(RecordError):
        shop.happen("Order Completed", TEN, customer_id="d", order_id="1", total="lots")

    assert list(shop.partition.flush()) == []


def test_an_event_that_was_refused_may_come_again_mended() -> None:
    """Its id is remembered only once it applied."""
    shop = driver()
    with pytest.raises(RecordError):
        shop.happen("Order Completed", TEN, event_id="m", order_id="1", total="lots")
    shop.happen("Order Completed", TEN, event_id="m", order_id="1", total="5")

    assert "buyer.first_time" in shop.memberships()["c"]
    assert shop.partition.counts["events"] == 1


@pytest.mark.parametrize(("others", "duplicate"), [(63, True), (64, False)])
def test_the_last_ids_of_a_customer_are_remembered(others: int, *, duplicate: bool) -> None:
    """An id that comes again is a duplicate until 64 others have come."""
    shop = driver(catalogue_of("segments:\n  - {id: s, label: S, when: {did: Product Viewed, at_least: 2}}"))
    shop.happen("Product Viewed", TEN, event_id="first")
    for number in range(others):
        shop.happen("Product Viewed", TEN, event_id=str(number))
    shop.happen("Product Viewed", TEN, event_id="first")

    assert shop.partition.counts["duplicates"] == (1 if duplicate else 0)
    assert len(shop.partition.live["default/c"].seen) <= SEEN_BYTES_MAX


def test_duplicates_are_known_after_a_restart() -> None:
    """The ids are part of the state; another customer's same id is another event."""
    shop = driver()
    shop.happen("Order Completed", TEN, event_id="m", order_id="1", total="5")
    shop.restart()
    shop.happen("Order Completed", TEN + 1, event_id="m", order_id="2", total="5")
    shop.happen("Order Completed", TEN + 1, event_id="m", customer_id="d", order_id="2", total="5")

    assert "buyer.first_time" in shop.memberships()["c"]
    assert "buyer.first_time" in shop.memberships()["d"]


def test_timers_of_all_gates_fire_by_due_time_then_customer() -> None:
    """S7: over the whole partition, whichever gates the segments wait for."""
    shop = driver(
        catalogue_of("""
segments:
  - {id: a.view, label: V, when: {did: Product Viewed, within: 1h}}
  - {id: b.order, label: O, when: {did: Order Completed, within: 30m}}
  - {id: c.both, label: B, when: [{did: Product Viewed, within: 20m}, {did_not: Order Completed, within: 1m}]}
""")
    )
    for customer, minute in (("y", 0), ("x", 0), ("z", 5)):
        shop.happen("Product Viewed", TEN + minute * MINUTE_MS, customer_id=customer)
        shop.happen("Order Completed", TEN + minute * MINUTE_MS, customer_id=customer, order_id=customer)
    emitted = shop.advance(None, TEN + 3 * HOUR_MS)

    order = [((t.occurred_at_ms - TEN) // MINUTE_MS, t.customer_id, t.segment_id) for t in emitted]
    assert order == sorted(order)
    assert [minute for minute, customer, _ in order if customer == "x"] == [20, 30, 60]


def test_one_customer_at_one_instant_exits_before_it_enters() -> None:
    """Decision 2: at one instant exits come before entries, then the catalogue's order."""
    shop = driver(
        catalogue_of("""
segments:
  - {id: a.old, label: O, when: {last: Product Viewed, ago: {from: 1h}}}
  - {id: b.new, label: N, when: {did: Product Viewed, within: 1h}}
""")
    )
    shop.happen("Product Viewed", TEN)
    emitted = shop.advance(None, TEN + 2 * HOUR_MS)

    assert [(t.kind, t.segment_id) for t in emitted] == [("exited", "b.new"), ("entered", "a.old")]


def test_transition_ids_are_the_same_for_ever() -> None:
    """S17: the same input gives the same ids, another customer or shop others; the sequence counts from 1."""
    ids = []
    for _ in range(2):
        shop = driver()
        shop.happen("Product Viewed", TEN, event_id="1")
        shop.happen("Product Viewed", TEN + 1, event_id="2")
        shop.happen("Product Viewed", TEN + 1, customer_id="d", event_id="1")
        shop.happen("Product Viewed", TEN + 1, customer_id="d", event_id="2")
        shop.advance(None, TEN + 4 * DAY_MS)
        ids.append([t.transition_id for t in shop.transitions])
        assert [t.sequence for t in shop.transitions if t.customer_id == "c"] == [1, 2]

    assert ids[0] == ids[1]
    assert len(set(ids[0])) == len(ids[0]) == 4


@pytest.mark.parametrize(("behind_ms", "origin"), [(0, "timer"), (60_000, "timer"), (60_001, "catchup")])
def test_catch_up_is_what_fires_more_than_a_minute_late(behind_ms: int, origin: str) -> None:
    """S9: measured from when the gate could first have opened, and only by the wall clock."""
    for wall, expected in ((True, origin), (False, "timer")):
        shop = driver(options=Options(wall=wall))
        shop.partition.now_ms = TEN
        shop.happen("Checkout Started", TEN)
        gate = TEN + 45 * MINUTE_MS
        shop.partition.now_ms = gate + behind_ms
        (entry,) = shop.advance(None, gate)

        assert (entry.origin, entry.occurred_at_ms) == (expected, TEN + 30 * MINUTE_MS)


def test_state_of_other_definitions_is_refused() -> None:
    """A changelog is not read with definitions it was not made with, nor with another number of inputs."""
    shop = driver()
    shop.happen("Checkout Started", TEN)
    changelog = shop.commit()
    other = compile_catalogue(
        catalogue_of("segments:\n  - {id: s, label: S, when: {did: Cart Viewed}}"), SHOP_SOURCES
    )
    plan = shop.partition.plan
    for partition, message in (
        (Partition(other, shop.partition.watermarks.specs), "other definitions"),
        (Partition(plan, (InputSpec("a"), InputSpec("b"))), "1 inputs, the settings 2"),
    ):
        for key, value in changelog.items():
            partition.load(key, value)
        with pytest.raises(OperationError, match=message):
            partition.ready()


def test_a_tombstone_in_the_changelog_removes_the_profile() -> None:
    """A key without a value is no customer."""
    shop = driver()
    shop.happen("Checkout Started", TEN)
    for key, value in shop.commit().items():
        shop.partition.load(key, value)
    shop.partition.load("default/c", None)

    assert list(shop.partition.changelog()) == ["\x00partition"]


# ---- coverage (S10) -----------------------------------------------------------------------------------------------


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
