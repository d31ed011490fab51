"""The oracle on exclusions, late evidence, cancellations, groups and counts, rule by rule (SEMANTICS S12 to S16)."""

from __future__ import annotations

from typing import Any

import pytest

from streams.segmentation.conditions import (
    AgeRange,
    All,
    Condition,
    InSegment,
    Last,
    Not,
    Otherwise,
    Performed,
)
from streams.segmentation.definitions import (
    Catalogue,
    FactDefinition,
    GroupDefinition,
    SegmentDefinition,
    Undoing,
)
from streams.testing.stories import Story, segment

SOURCES = {"View": "web", "Add": "web", "Order": "shop", "Cancel": "shop"}
ORDERS = FactDefinition("orders", ("Order",), key="order_id", undone_by=(Undoing("Cancel"),))
T = 1000
"""An age or a delay that all definitions here use, in milliseconds."""

VIEWED = Performed("View", age=AgeRange(0, T))
NOT_BOUGHT = Performed("Order", at_least=0, at_most=0, since="View")
STRAY = All((Performed("View", age=AgeRange(0, 4 * T)), NOT_BOUGHT))
"""Viewed within 4 T and no order since: rests on an absence."""


def only(when: Condition, segment_id: str = "s", **rest: Any) -> SegmentDefinition:
    """Return a definition, called ``s`` unless named."""
    return segment(segment_id, when, **rest)


def story(*segments: SegmentDefinition, group: GroupDefinition | None = None, **settings: Any) -> Story:
    """Return a story told to *segments*."""
    groups = () if group is None else (group,)
    return Story(Catalogue(facts=(ORDERS,), groups=groups, segments=segments), SOURCES, **settings)


class TestExclusion:
    """S12: an exclusion is part of the truth."""

    def test_dwell_counts_from_its_end(self) -> None:
        """The dwell begins when the excluded segment's truth ends, though that was never emitted."""
        bought = only(Performed("Order", age=AgeRange(0, 2 * T)), "bought", dwell_ms=9 * T)
        definition = only(Performed("View"), exclude=("bought",), dwell_ms=T)
        told = story(bought, definition).read(("Order", 0), ("View", 1)).until(9 * T)

        assert told.brief() == [("entered", "timer", 3 * T)]
        assert told.brief("bought") == []

    def test_reads_through_references(self) -> None:
        """What an excluded segment excludes counts too; its `until` does not."""
        told = story(
            only(Performed("Order"), "a"),
            only(Performed("View"), "b", exclude=("a",), until=Performed("Add")),
            only(Performed("View"), exclude=("b",)),
            only(InSegment("b"), "d"),
        )
        told.read(("View", 0), ("Add", 1), ("Order", 2))

        assert told.brief() == [("entered", "event", 2)]
        assert told.brief("d") == [("entered", "event", 0), ("exited", "event", 2)]

    def test_exclusion_exits(self) -> None:
        """A member is exited by the event that makes the excluded segment true."""
        told = story(only(Performed("Order"), "a"), only(Performed("View"), exclude=("a",)))
        assert told.read(("View", 0), ("Order", 1)).brief()[1:] == [("exited", "event", 1)]


class TestLateEvidence:
    """S13 and S14: what was emitted is corrected only as far as the present needs it."""

    @pytest.mark.parametrize(
        ("order_ms", "expected"),
        [(T - 1, ("retracted", T)), (T, ("retracted", T)), (T + 1, ("exited", T + 1))],
    )
    def test_retracted_or_exited(self, order_ms: int, expected: tuple[str, int]) -> None:
        """At or before the entry: retracted; after it: exited (S13)."""
        told = story(only(STRAY, dwell_ms=T)).read(("View", 0)).until(2 * T).read(("Order", order_ms))
        assert told.brief()[1:] == [(expected[0], "late", expected[1])]

    def test_wrong_exit(self) -> None:
        """A late event shows that the exit was wrong: entered at that exit's time, without dwell (S14a)."""
        definition = only(VIEWED, dwell_ms=T // 2)
        told = story(definition).read(("View", 0)).until(T + 1)
        assert told.brief()[1:] == [("exited", "timer", T)]
        told.read(("View", T // 2))

        assert told.brief()[2:] == [("entered", "late", T)]
        assert told.members() == {"s": T // 2}

    def test_earlier_start(self) -> None:
        """A late event that only moves the start corrects `since` and emits nothing (S14b)."""
        told = story(only(Performed("View"))).read(("View", T), ("View", T - 1))
        assert told.brief() == [("entered", "event", T)]
        assert told.members() == {"s": T - 1}

    def test_past_interval(self) -> None:
        """An interval that began and ended in the past: nothing (S14c)."""
        assert story(only(VIEWED)).until(3 * T).read(("View", T)).brief() == []

    @pytest.mark.parametrize(("at_ms", "members"), [(2 * T - 1, 0), (2 * T, 0), (2 * T + 1, 1)])
    def test_past_interval_boundary(self, at_ms: int, members: int) -> None:
        """It is past when the watermark has come to its end."""
        told = story(only(VIEWED)).until(3 * T).read(("View", at_ms))
        assert told.brief() == [("entered", "late", at_ms)] * members

    def test_past_entry_by_time(self) -> None:
        """A late event whose entry was due in the past: late, by the event, with its true time."""
        told = story(only(Last("View", AgeRange(T)))).until(3 * T).read(("View", T))
        assert told.brief() == [("entered", "late", 2 * T)]
        assert told.oracle.transitions[0].cause == "e1"

    def test_events_stay_in_event_time_order(self) -> None:
        """A walk put back by an older event emits nothing before what stands."""
        told = story(only(VIEWED), out_of_orderness_ms=9 * T).read(("View", 5 * T), ("View", 3 * T))
        told.until(9 * T)
        assert told.brief() == [
            ("entered", "event", 5 * T),
            ("exited", "timer", 5 * T),
            ("entered", "event", 5 * T),
            ("exited", "timer", 6 * T),
        ]
        assert [t.entered_at_ms for t in told.oracle.transitions] == [None, 3 * T, None, 5 * T]


class TestCancellation:
    """S15: a cancellation takes effect at its own time and never retracts."""

    @pytest.mark.parametrize("order", [("Order", 0, {"order_id": "1"}), ("Order", 2, {"order_id": "1"})])
    def test_before_its_order(self, order: tuple[str, int, dict[str, Any]]) -> None:
        """A cancellation that arrives first takes effect all the same; older than its order, the order never counts."""
        told = story(only(Performed("orders")), only(Performed("Order"), "raw"), out_of_orderness_ms=T)
        told.read(("Cancel", 1, {"order_id": "1"}), order)

        assert told.brief() == []
        assert told.brief("raw") == [("entered", "event", order[1])]

    @pytest.mark.parametrize(("cancel_ms", "exited_ms"), [(T - 1, T), (T, T), (T + 1, T + 1)])
    def test_late_never_retracts(self, cancel_ms: int, exited_ms: int) -> None:
        """Late, it exits at its time, or at the entry's if that is later."""
        told = story(only(Performed("orders"), dwell_ms=T)).read(("Order", 0, {"order_id": "1"})).until(2 * T)
        told.read(("Cancel", cancel_ms, {"order_id": "1"}))

        assert told.brief() == [("entered", "timer", T), ("exited", "late", exited_ms)]

    def test_other_key(self) -> None:
        """Another order's cancellation, or one without a key, takes nothing back."""
        told = story(only(Performed("orders"))).read(("Order", 0, {"order_id": "1"}), ("Order", 1))
        told.read(("Cancel", 2, {"order_id": "2"}), ("Cancel", 3))
        assert told.members() == {"s": 0}


class TestPartition:
    """S16: one decision, gated by every source of the group."""

    @pytest.fixture
    def members(self) -> tuple[SegmentDefinition, ...]:
        """Bought recently, or not."""
        recent = Performed("Order", age=AgeRange(0, 2 * T))
        return (
            only(recent, "recent", group="G", rank=1),
            only(Otherwise(), "rest", group="G", rank=2),
        )

    def test_waits_for_every_source(self, members: tuple[SegmentDefinition, ...]) -> None:
        """A switch waits for the sources of the population as well; exit and entry come together."""
        group = GroupDefinition("G", "partition", population=Performed("View"))
        told = story(*members, group=group, shared_watermark=False).read(("Order", 0), ("View", 1))
        assert told.brief("recent") == []
        told.until(2 * T, "shop")
        assert told.brief("recent") == [("entered", "event", 1)]
        told.until(2 * T, "web")

        assert told.brief("recent")[1:] == [("exited", "timer", 2 * T)]
        assert told.brief("rest") == [("entered", "timer", 2 * T)]

    @pytest.mark.parametrize(
        ("order_ms", "expected"),
        [
            (2 * T - 1, [("rest", "retracted", 2 * T), ("recent", "entered", 2 * T)]),
            (2 * T, [("rest", "retracted", 2 * T), ("recent", "entered", 2 * T)]),
            (2 * T + 1, [("rest", "exited", 2 * T + 1), ("recent", "entered", 2 * T + 1)]),
        ],
    )
    def test_wrong_switch(
        self, members: tuple[SegmentDefinition, ...], order_ms: int, expected: list[Any]
    ) -> None:
        """Late evidence at or before the switch disproves it, later evidence switches back at its time."""
        told = story(*members, group=GroupDefinition("G", "partition")).read(("Order", 0)).until(3 * T)
        told.read(("Order", order_ms))

        corrected = told.oracle.transitions[3:]
        assert [(t.segment_id, t.kind, t.occurred_at_ms) for t in corrected] == expected
        assert {t.origin for t in corrected} == {"late"}


class TestCounting:
    """Counts since, before and alike."""

    @pytest.mark.parametrize(("order_ms", "since", "before"), [(T - 1, 0, 1), (T, 1, 0), (T + 1, 1, 0)])
    def test_since_and_before(self, order_ms: int, since: int, before: int) -> None:
        """Since the last view includes its instant; before it does not."""
        told = story(
            only(Performed("Order", since="View"), "since"),
            only(Performed("Order", before="View"), "before"),
        )
        told.read(("View", T), ("Order", order_ms))
        assert (len(told.brief("since")), len(told.brief("before"))) == (since, before)

    def test_without_a_mark(self) -> None:
        """Since or before what never happened, nothing counts."""
        told = story(only(Performed("Order", since="View")), only(Performed("Order", before="View"), "b"))
        assert told.read(("Order", 0)).members() == {}

    def test_same(self) -> None:
        """With `same`, one value must reach the count; events without the property are not alike."""
        told = story(only(Performed("View", at_least=2, same="sku")))
        told.read(("View", 0, {"sku": "a"}), ("View", 1, {"sku": "b"}), ("View", 2), ("View", 3))
        assert told.brief() == []
        assert told.read(("View", 4, {"sku": "a"})).brief() == [("entered", "event", 4)]

    def test_known_from_the_first_event_read(self) -> None:
        """Nothing is true of a customer before the first event of a type that the definition reads."""
        told = story(only(Not(Performed("Order"))), only(Not(Performed("Cancel", age=AgeRange(0, T))), "b"))
        told.read(("View", 0), ("Cancel", T)).until(9 * T)
        assert told.brief() == []
        assert told.brief("b") == [("entered", "timer", 2 * T)]

    @pytest.mark.parametrize(("watermark_ms", "exits"), [(3 * T - 1, 0), (3 * T, 1)])
    def test_min_membership(self, watermark_ms: int, exits: int) -> None:
        """A membership that should end earlier ends after 3 T, by time."""
        told = story(only(VIEWED, min_membership_ms=3 * T)).read(("View", 0)).until(watermark_ms)
        assert told.brief()[1:] == [("exited", "timer", 3 * T)] * exits

    def test_min_membership_sees_the_truth_of_its_end(self) -> None:
        """If the truth holds again when the time is over, the membership goes on."""
        told = (
            story(only(VIEWED, min_membership_ms=3 * T)).read(("View", 0), ("View", 3 * T - 1)).until(4 * T)
        )
        assert told.brief()[1:] == [("exited", "timer", 4 * T - 1)]
