"""The partition: restart and roll back at any point, duplicates, order of timers, coverage, the state it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.catalogue.compiler import compile_catalogue
from streams.errors import OperationError, RecordError
from streams.segmentation.options import InputSpec, Options
from streams.segmentation.partition import SEEN_BYTES_MAX, Partition
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import DAY_MS, HOUR_MS, MINUTE_MS
from streams.testing.driver import SegmentationTestDriver
from streams.testing.histories import History, Stimulus, histories
from streams.testing.random_conditions import SOURCES
from streams.testing.shop import SOURCES as SHOP_SOURCES
from streams.testing.shop import catalogue_of, driver, instant, told

TEN = instant("2026-03-02 10:00")


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
        acquired = len(shop.profile().acquisition) if "default/c" in shop.partition.live else None
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
    assert len(shop.profile().seen) <= SEEN_BYTES_MAX


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
    restarted = Partition(shop.partition.plan, shop.partition.watermarks.specs)
    for key, value in shop.commit().items():
        restarted.load(key, value)
    restarted.load("default/c", None)

    assert list(restarted.changelog()) == ["\x00partition"]
