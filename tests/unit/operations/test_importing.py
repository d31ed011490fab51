"""The state that past events leave: as a worker would have it, in any order of reading, and nothing is told to anybody."""

from __future__ import annotations

from itertools import permutations

import msgspec

from streams.catalogue.events import load_vocabulary
from streams.operations.importing import ImportedPartition, PastImport
from streams.runtime.placing import partition_of
from streams.runtime.planning import input_specs, plan_of
from streams.segmentation.chunks import states_in
from streams.segmentation.options import Options
from streams.segmentation.partition import Partition
from streams.segmentation.records import PartitionRecord
from streams.segmentation.residence import PARTITION_KEY
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import BEFORE_ALL, DAY_MS, HOUR_MS, NEVER
from streams.settings import Settings

SETTINGS = Settings.load({}, inputs="o=orders;b=behaviour")
VOCABULARY = load_vocabulary()
PLAN = plan_of(SETTINGS, VOCABULARY)
SPECS = input_specs(SETTINGS, VOCABULARY)
T0 = 20_000 * DAY_MS


def event(number: int, name: str, source: str, at_ms: int, customer: str = "u1") -> EventObserved:
    """Return an event of a customer."""
    properties = {"order_id": str(number), "checkout_id": "k", "cart_id": "c", "total": "5"}
    return EventObserved(name, at_ms, f"m{number}", "default", customer, source, properties)


PAST = (
    event(1, "Checkout Started", "behaviour", T0),
    event(2, "Order Completed", "orders", T0 + HOUR_MS),
    event(3, "Checkout Started", "behaviour", T0 + 3 * DAY_MS),
    event(4, "Product Viewed", "behaviour", T0 + 3 * DAY_MS, "u2"),
)


def imported(
    *events: EventObserved, until_ms: int | None = None, since_ms: int | None = None, partitions: int = 1
) -> tuple[PastImport, list[ImportedPartition]]:
    """Import *events*."""
    run = PastImport(PLAN, SPECS, partitions, shop_in_key=False)
    run.collect(events)
    return run, list(run.make(until_ms=until_ms, since_ms=since_ms, covered=True))


def record_of(partition: ImportedPartition) -> PartitionRecord:
    """Return the partition's own record."""
    return msgspec.msgpack.decode(states_of(partition)[PARTITION_KEY], type=PartitionRecord)


def states_of(partition: ImportedPartition) -> dict[str, bytes]:
    """Return what a restart would read: customer → state, and the partition's own record."""
    return states_in(partition.changelog)


def test_the_state_is_a_workers() -> None:
    """Byte for byte what the core makes of the same events, one after another, of the same coverage."""
    partition = Partition(PLAN, SPECS, Options(coverage_since=True, explain=False))
    partition.watch(0, PAST[1].event_time_ms)
    partition.watch(1, T0)
    for one in PAST:
        partition.observe(one, 0 if one.source == "orders" else 1)
    partition.flush()
    partition.commit()
    _, (made,) = imported(*PAST)

    assert states_of(made) == partition.changelog()


def test_the_order_of_reading_does_not_matter() -> None:
    """Files come in any order; the events are put in order of their time."""
    made = [imported(*order)[1][0] for order in permutations(PAST)]

    assert all(states_of(one) == states_of(made[0]) for one in made)


def test_transitions_are_counted_and_dropped() -> None:
    """What would have been told is known, and the memberships at the end are."""
    run, (made,) = imported(*PAST, until_ms=T0 + 3 * DAY_MS + HOUR_MS, since_ms=BEFORE_ALL)
    held = {one.customer_id: [member.segment_id for member in one.memberships] for one in made.memberships}

    assert run.summary.dropped["checkout.abandon", "entered"] == 2
    assert run.summary.dropped["checkout.abandon", "exited"] == 1
    assert "checkout.abandon" in held["u1"]
    assert run.summary.members["checkout.abandon"] == 1
    assert (run.summary.events, run.summary.customers) == (4, 2)


def test_time_is_moved_on_only_where_it_is_said() -> None:
    """Without --until each watermark stays where its events leave it; with it all that are covered stand there."""
    disorder_ms = SPECS[0].out_of_orderness_ms
    _, (left,) = imported(*PAST)
    _, (moved,) = imported(*PAST, until_ms=T0 + 9 * DAY_MS)

    assert record_of(left).watermarks[1] == [T0 + HOUR_MS - disorder_ms, T0 + 3 * DAY_MS - disorder_ms]
    assert record_of(moved).watermarks[1] == [T0 + 9 * DAY_MS] * 2


def test_coverage() -> None:
    """Since each input's first event, or what is said; an input that brought nothing is not covered."""
    orders, behaviour = PLAN.sources.index("orders"), PLAN.sources.index("behaviour")
    views = [one for one in PAST if one.source == "behaviour"]

    def since(*events: EventObserved, since_ms: int | None = None) -> tuple[int, int]:
        coverage = record_of(imported(*events, since_ms=since_ms)[1][0]).coverage
        return coverage[orders], coverage[behaviour]

    assert since(*PAST) == (T0 + HOUR_MS, T0)
    assert since(*PAST, since_ms=5) == (5, 5)
    assert since(*PAST, since_ms=T0 + 9) == (
        T0 + 9,
        T0 + 9,
    )  # what is older is taken, and known to be incomplete
    assert since(*PAST, since_ms=BEFORE_ALL) == (BEFORE_ALL, BEFORE_ALL)
    assert since(*views) == (NEVER, T0)


def test_customers_lie_where_their_records_will() -> None:
    """At the hash of the key that producers use; every partition has a record of its own."""
    run, made = imported(*PAST, partitions=5)
    places = {key: one.number for one in made for key in states_of(one) if key != PARTITION_KEY}

    assert places == {f"default/{name}": partition_of(name.encode(), 5) for name in ("u1", "u2")}
    assert all(PARTITION_KEY in states_of(one) for one in made)
    assert run.summary.customers == 2
    keyed = PastImport(PLAN, SPECS, 5, shop_in_key=True)
    keyed.collect(PAST)
    found = [
        one.number
        for one in keyed.make(until_ms=None, since_ms=None, covered=True)
        if "default/u1" in states_of(one)
    ]
    assert found == [partition_of(b"default/u1", 5)]


def test_sources_that_no_input_carries_are_left_out() -> None:
    """And counted: a worker would never have seen them."""
    run, _ = imported(*PAST, event(9, "Email Opened", "engagement", T0))

    assert (run.summary.events, dict(run.summary.not_carried)) == (4, {"engagement": 1})


def test_nothing_makes_nothing() -> None:
    """No partition is made of no events."""
    run, made = imported()

    assert (made, run.summary.until_ms) == ([], None)
