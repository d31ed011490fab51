"""Histories on which the engine and the oracle once disagreed, as small as they go; every one stays."""

from __future__ import annotations

from typing import Any

import pytest

from streams.segmentation.conditions import (
    AgeRange,
    Aggregate,
    All,
    Any_,
    Compare,
    Condition,
    Last,
    Not,
    Otherwise,
    Performed,
)
from streams.segmentation.definitions import Catalogue, GroupDefinition, SegmentDefinition
from streams.segmentation.stimuli import EventObserved, WatermarkAdvanced
from streams.testing.comparison import compare
from streams.testing.histories import END_MS, START_MS, History, Stimulus
from streams.testing.random_conditions import FACTS, SOURCES, TICK_MS


def ticks(begin: float, end: float | None = None) -> AgeRange:
    """Return the ages from *begin* to *end* ticks; without an end they go back for ever."""
    return AgeRange(round(begin * TICK_MS), None if end is None else round(end * TICK_MS))


def segment(when: Condition, segment_id: str = "s", **rest: Any) -> SegmentDefinition:
    """Return a definition; `dwell`, `grace` and `min_membership` are in ticks."""
    for name in ("dwell", "grace", "min_membership"):
        if name in rest:
            rest[f"{name}_ms"] = rest.pop(name) * TICK_MS
    return SegmentDefinition(segment_id=segment_id, version=1, label=segment_id, when=when, **rest)


def group(*whens: Condition, population: Condition | None = None) -> Catalogue:
    """Return a catalogue of one partition group."""
    members = (segment(when, f"g{rank}", group="G", rank=rank) for rank, when in enumerate(whens, start=1))
    definition = GroupDefinition("G", "partition", population)
    return Catalogue(facts=FACTS, groups=(definition,), segments=tuple(members))


def alone(*segments: SegmentDefinition) -> Catalogue:
    """Return a catalogue without groups."""
    return Catalogue(facts=FACTS, segments=segments)


def did(event_type: str, tick: float, customer: str = "a", **properties: Any) -> EventObserved:
    """Return an event at a tick; its id is its type and its tick."""
    return EventObserved(
        event_type=event_type,
        event_time_ms=START_MS + round(tick * TICK_MS),
        event_id=f"{event_type} {tick} {customer}",
        shop_id="default",
        customer_id=customer,
        source=SOURCES[event_type],
        properties=properties,
    )


def told(catalogue: Catalogue, *events: Stimulus, out_of_orderness: int = 0, shared: bool = True) -> History:
    """Return the history of *events*, after which every watermark goes to the end."""
    ends = tuple(WatermarkAdvanced(source, END_MS) for source in dict.fromkeys(SOURCES.values()))
    return History(catalogue, (*events, *ends), out_of_orderness * TICK_MS, shared)


VIEW, ADD, ORDER = "Product Viewed", "Product Added", "Order Completed"
CANCEL, REFUND, OPEN = "Order Cancelled", "Order Refunded", "Email Opened"

CASES = {
    # What is due first fires first, though the exit occurs no earlier than its corrected entry once was.
    "an exit that a correction put off comes at its due instant among the customers": told(
        alone(segment(Last(VIEW, ticks(2)))),
        did(VIEW, 7),
        did(VIEW, 9, "b"),
        did(VIEW, 5, "b"),
        out_of_orderness=3,
    ),
    # A customer is known from the first event read on, though a filter keeps it out of every journal.
    "an absence that began with an event left out by a filter stands after late evidence": told(
        alone(
            segment(
                Not(Performed(event=VIEW, age=ticks(0, 2))),
                until=Performed(event="orders", age=ticks(0, 2)),
                dwell=2,
            )
        ),
        did(REFUND, 1, order_id="o1"),
        did(VIEW, 3),
        did(VIEW, 3, customer="b"),
        did(VIEW, 3, event_id="again"),
    ),
    # A late event about quiet time is about the past (S13, S14), though this machine has walked over nothing yet.
    "late event whose entry became due by time": told(
        alone(segment(Last(ADD, ticks(2, 14)))), did(OPEN, 3), did(ADD, -4)
    ),
    "late event whose interval is over": told(
        alone(segment(Performed(ORDER, age=ticks(0, 2)))), did(OPEN, 3), did(ORDER, -4)
    ),
    "late event whose dwelt interval is over": told(
        alone(segment(Last(CANCEL, ticks(0, 12)), dwell=1)), did(REFUND, 13, "b"), did(CANCEL, -6)
    ),
    "late event that only moves the start": told(
        alone(segment(Last(REFUND, ticks(1)))), did(REFUND, 5), did(CANCEL, 14), did(REFUND, 11)
    ),
    "late event whose exclusion is over": told(
        alone(
            segment(Last("browsing", ticks(3, 6)), "s1", until=Performed(VIEW)),
            segment(Last("browsing", ticks(1)), "s2", exclude=("s1",)),
        ),
        did(CANCEL, 60),
        did(VIEW, 42, "b"),
    ),
    "late event whose group membership is over": told(
        group(
            Performed(VIEW),
            Otherwise(),
            population=Performed(ORDER, age=ticks(0, 2), since=ADD),
        ),
        did(ADD, 7),
        did(CANCEL, 10),
        did(ORDER, 8),
    ),
    "late event at the instant of other evidence in a group": told(
        group(Last(ORDER, ticks(1, 4)), Otherwise(), population=Performed(ADD)),
        did(ORDER, 8),
        did(OPEN, 9),
        did(ADD, 8),
    ),
    "late event after an end by time": told(
        alone(segment(Last("orders", ticks(0, 12)), until=Last(ORDER, ticks(2, 5)))),
        did(ORDER, 6),
        did(VIEW, 71),
        did(ORDER, 64),
    ),
    "late event of a customer never seen, in a group whose gate is behind": told(
        group(Performed(VIEW), Otherwise(), population=Performed(REFUND, age=ticks(3, 4))),
        did(ADD, -0.1, "b"),
        did(REFUND, 1, "b"),
        did(REFUND, -4),
        shared=False,
    ),
    # Evidence in the grace cancels only if it is what makes the entry truth false (S6).
    "irrelevant evidence after time ended the truth": told(
        alone(segment(Last("orders", ticks(6, 7)), grace=2)), did(ORDER, 2), did(REFUND, 9.9)
    ),
    "evidence in the grace at the end of the truth": told(
        alone(segment(Last("browsing", ticks(2, 4)), grace=3)), did(VIEW, 19), did(ADD, 23)
    ),
    "evidence in the grace after an exclusion's time": told(
        alone(
            segment(Performed(OPEN), "s1"),
            segment(Last("browsing", ticks(2, 4)), "s2", exclude=("s1",), grace=3),
        ),
        did(VIEW, 19),
        did(OPEN, 23),
    ),
    # Evidence at D + grace, in order: entered, then exited at that time (S6); retraction is for late evidence (S13).
    "evidence in order at the due instant": told(
        alone(segment(Last("browsing", ticks(2, 8)))), did(VIEW, 16), did(ADD, 18)
    ),
    "evidence in order at the end of the dwell": told(
        alone(segment(Performed(VIEW, at_most=1), dwell=3)), did(VIEW, 2), did(VIEW, 5)
    ),
    # A transition names the evidence of its own instant, the last one read (S5: its origin is that of its cause).
    "cause: an older event arrives while the entry is pending": told(
        alone(
            segment(Any_((Last(ORDER, ticks(0, 50)), Performed(VIEW, at_most=2, age=ticks(50, 51)))), grace=1)
        ),
        did(ORDER, 5),
        did(VIEW, 1),
    ),
    "cause: an older event arrives while the source is behind": told(
        alone(segment(Performed(CANCEL, since="browsing"))), did(CANCEL, 16), did(ADD, 14), shared=False
    ),
    "cause: an older event puts evidence back to be walked again": told(
        alone(segment(Last(ORDER, ticks(0, 1)))), did(ORDER, 5.1), did(ORDER, 3), out_of_orderness=100
    ),
    "cause: the exit at the newer of two events": told(
        alone(segment(Performed(ADD, at_least=2, at_most=2))),
        did(ADD, 13),
        did(ADD, 21),
        did(ADD, 19),
        out_of_orderness=3,
    ),
    "cause: a cancellation that came before its order": told(
        alone(segment(Last("orders", ticks(6)))),
        did(CANCEL, 65, order_id="o2"),
        did(ORDER, 50, order_id="o2"),
        out_of_orderness=100,
    ),
    "cause: two events at one instant": told(
        group(Performed(ADD, since=ORDER), population=Performed(ADD)),
        did(ORDER, 73),
        did(ADD, 73),
        out_of_orderness=3,
    ),
    "cause: two events at one instant end a membership": told(
        alone(segment(Last(VIEW, ticks(3)))),
        did(VIEW, 76),
        did(VIEW, 83, "a", product_id="p1"),
        did(CANCEL, 83),
        did(VIEW, 83.0, "a"),
        out_of_orderness=100,
    ),
    # A change by time is a change of the truth, not of a part of it.
    "a part of an exclusion changes, the truth does not": told(
        alone(
            segment(All((Last(REFUND, ticks(2)), Performed(VIEW))), "s1"),
            segment(Performed(CANCEL), "s2", exclude=("s1",)),
        ),
        did(CANCEL, 0),
        did(REFUND, 67.1),
        did(VIEW, 72),
        shared=False,
    ),
    "a window ends where the evidence begins": told(
        alone(segment(Last(CANCEL, ticks(0, 1)), until=Performed(VIEW, age=ticks(0, 2)))),
        did(CANCEL, 13),
        did(VIEW, 11),
        shared=False,
    ),
    "a truth comes back while min_membership holds": told(
        alone(segment(Any_((Last("browsing", ticks(2)), Performed(OPEN))), min_membership=6)),
        did(ADD, 0),
        did(OPEN, 4, "b"),
        did(VIEW, 5.1),
        did(ADD, 20),
        shared=False,
    ),
    "out of order, not late: the exit is certain": told(
        alone(segment(Last("orders", ticks(1)))),
        did(ORDER, 7),
        did(CANCEL, 68),
        did(ORDER, 66.1),
        out_of_orderness=3,
    ),
    # Order at one stimulus: by instant; there, exits before entries.
    "order: an exit and an entry by time": told(
        alone(
            segment(Last("browsing", ticks(50, 100)), "s1"),
            segment(Performed(ADD), "s2", exclude=("s1",)),
        ),
        did(ADD, 133),
    ),
    "order: two late entries at different instants": told(
        alone(segment(Performed(ADD), "s1", dwell=3), segment(Performed(ADD), "s2")),
        did(OPEN, 17),
        did(ADD, 13, "b"),
    ),
    # The membership's `since` is the walk's (S8, S14b), while the entry occurred at the wrong exit (S14a).
    "since when an exit was wrong": told(
        alone(segment(Any_((Last(CANCEL, ticks(0, 50)), Performed("browsing", at_most=2))))),
        did(ADD, 3),
        did(VIEW, 8.9),
        did(ADD, 9),
        did(CANCEL, 3.9),
    ),
    # A customer is known from the first event of a type that the definition reads.
    "known by an event that no filter lets through, late": told(
        alone(segment(Performed("orders", at_least=0, at_most=1))), did(ADD, 10), did(REFUND, 4)
    ),
    "known by events that take nothing back": told(
        alone(segment(Compare(Aggregate("sum", "orders"), "lt", 10_000_000), dwell=1)),
        did(CANCEL, 60),
        did(CANCEL, 52.1),
        out_of_orderness=100,
    ),
    "known by a refund in part, until late evidence": told(
        alone(segment(Compare(Aggregate("sum", "orders"), "lt", 30_000_001), grace=2)),
        did(REFUND, 66.1),
        did(CANCEL, 126.1),
        did(ORDER, 125),
    ),
    "known while nothing is true of it": told(
        alone(segment(Not(Performed(VIEW)), "s1"), segment(Performed(ORDER), "s2", exclude=("s1",))),
        did(ORDER, 1),
        did(VIEW, 3),
    ),
    "known by the earliest of the events that take nothing back": told(
        alone(segment(Not(Performed("orders", age=ticks(0, 1))))),
        did(ORDER, -0.9),
        did(REFUND, -5),
        did(REFUND, -3),
        out_of_orderness=100,
    ),
    "known by late events that take nothing back": told(
        alone(segment(Not(Performed("orders", age=ticks(0, 0.5))), dwell=3)),
        did(REFUND, -7),
        did(VIEW, 2),
        did(ORDER, -4),
    ),
    # Only what takes something back is spared the retraction (S15): without a key it does not.
    "a cancellation without a key": told(
        alone(
            segment(
                Any_(
                    (Compare(Aggregate("sum", "orders"), "ge", 30_000_001), Not(Last(CANCEL, ticks(1, 51))))
                ),
                dwell=2,
            )
        ),
        did(ORDER, 1),
        did(REFUND, 4),
        did(CANCEL, 1),
    ),
    # What takes something back never retracts (S15), also where the same event is counted by itself.
    "a refund that is counted and takes an order back": told(
        group(
            Performed("orders"),
            Otherwise(),
            population=Performed(REFUND, at_least=0, at_most=0),
        ),
        did(ORDER, 1, order_id="o1"),
        did(REFUND, 0.5, order_id="o3", is_full=True),
    ),
    # Evidence in the grace that comes after the entry was emitted: the entry it would have cancelled does not stand (S6).
    "late evidence in the grace of a membership that must last": told(
        alone(segment(Last("browsing", ticks(3)), grace=3, min_membership=6)),
        did(ORDER, 200, "b"),
        did(VIEW, 1),
        did(ADD, 5),
        out_of_orderness=100,
    ),
    # An event without a readable amount is an event, of amount 0.
    "a sum over events without an amount": told(
        alone(
            segment(Compare(Aggregate("sum", ORDER, "total"), "le", right=Aggregate("sum", ORDER, "total")))
        ),
        did(ORDER, 1),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_engine_and_oracle_agree(name: str) -> None:
    """The engine says what the oracle says; the case's name tells what it is about."""
    compare(CASES[name])
