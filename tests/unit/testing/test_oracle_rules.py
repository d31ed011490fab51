"""The oracle, rule by rule, on the smallest definitions; boundaries at -1, 0 and +1 ms (SEMANTICS S1 to S16)."""

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
from streams.segmentation.stimuli import EventObserved
from streams.testing.oracle import Oracle

SOURCES = {"View": "web", "Add": "web", "Order": "shop", "Cancel": "shop"}
ORDERS = FactDefinition("orders", ("Order",), key="order_id", undone_by=(Undoing("Cancel"),))
T = 1000
"""An age or a delay that all definitions here use, in milliseconds."""

VIEWED = Performed("View", age=AgeRange(0, T))
NOT_BOUGHT = Performed("Order", at_least=0, at_most=0, since="View")
STRAY = All((Performed("View", age=AgeRange(0, 4 * T)), NOT_BOUGHT))
"""Viewed within 4 T and no order since: rests on an absence."""


def segment(when: Condition, segment_id: str = "s", **rest: Any) -> SegmentDefinition:
    """Return a definition, version 1."""
    return SegmentDefinition(segment_id=segment_id, version=1, label=segment_id, when=when, **rest)


class Story:
    """Events in order of arrival; the event id is the type and the time."""

    def __init__(
        self, *segments: SegmentDefinition, group: GroupDefinition | None = None, **settings: Any
    ) -> None:
        groups = () if group is None else (group,)
        catalogue = Catalogue(facts=(ORDERS,), groups=groups, segments=segments)
        self.oracle = Oracle(catalogue, sources=SOURCES, **settings)

    def read(self, *events: tuple[str, int] | tuple[str, int, dict[str, Any]]) -> Story:
        """Read events, each a type, a time and perhaps properties."""
        for event_type, at_ms, *properties in events:
            event_id = f"{event_type} {at_ms}"
            source, found = SOURCES[event_type], properties[0] if properties else {}
            self.oracle.observe(EventObserved(event_type, at_ms, event_id, "default", "c", source, found))
        return self

    def until(self, watermark_ms: int, source: str | None = None) -> Story:
        """Raise the watermark."""
        self.oracle.advance(source, watermark_ms)
        return self

    def said(self, segment_id: str = "s") -> list[tuple[str, str, int]]:
        """Return kind, origin and time of what was emitted about a segment."""
        found = [t for t in self.oracle.transitions if t.segment_id == segment_id]
        return [(t.kind, t.origin, t.occurred_at_ms) for t in found]

    def since(self) -> dict[str, int]:
        """Return the memberships."""
        return self.oracle.memberships().get("default/c", {})


class TestWindows:
    """S1: half-open."""

    @pytest.mark.parametrize(("age_ms", "member"), [(T - 1, True), (T, False), (T + 1, False)])
    def test_end(self, age_ms: int, member: bool) -> None:  # noqa: FBT001
        """Within T holds up to, and not at, the age T."""
        assert (Story(segment(VIEWED)).read(("View", 0)).until(age_ms).since() == {"s": 0}) is member

    @pytest.mark.parametrize(("age_ms", "member"), [(T - 1, False), (T, True), (T + 1, True)])
    def test_begin(self, age_ms: int, member: bool) -> None:  # noqa: FBT001
        """From T on holds at the age T already."""
        story = Story(segment(Last("View", AgeRange(T)))).read(("View", 0)).until(age_ms)
        assert (story.since() == {"s": T}) is member

    @pytest.mark.parametrize(
        ("second_ms", "expected"),
        [
            (T - 1, [("entered", "event", 0)]),
            (T, [("entered", "event", 0), ("exited", "timer", T), ("entered", "event", T)]),
            (T + 1, [("entered", "event", 0), ("exited", "timer", T), ("entered", "event", T + 1)]),
        ],
    )
    def test_touching(self, second_ms: int, expected: list[tuple[str, str, int]]) -> None:
        """Touching windows: the old ends and the new begins at the same instant, in this order."""
        assert Story(segment(VIEWED)).read(("View", 0), ("View", second_ms)).said() == expected

    @pytest.mark.parametrize(("lag_ms", "behind"), [(0, "shop"), (5 * T, "")])
    def test_touching_does_not_depend_on_arrival(self, lag_ms: int, behind: str) -> None:
        """The same when the second event is known long before time comes to it."""
        definition = segment(All((VIEWED, NOT_BOUGHT)))
        story = Story(definition, out_of_orderness_ms=lag_ms, shared_watermark=not behind)
        story.read(("View", 0), ("View", T)).until(9 * T)

        assert [(kind, at) for kind, _, at in story.said()] == [
            ("entered", 0),
            ("exited", T),
            ("entered", T),
            ("exited", 2 * T),
        ]


class TestLateness:
    """S2: late is older than the watermark of its source on arrival."""

    @pytest.mark.parametrize(("offset_ms", "origin"), [(-1, "late"), (0, "event"), (1, "event")])
    def test_boundary(self, offset_ms: int, origin: str) -> None:
        """An event at the watermark is not late."""
        story = Story(segment(Performed("View"))).until(T).read(("View", T + offset_ms))
        assert story.said() == [("entered", origin, T + offset_ms)]

    def test_out_of_orderness(self) -> None:
        """The watermark stays behind the highest event time, and never goes back."""
        story = Story(segment(VIEWED), out_of_orderness_ms=T).read(("View", 3 * T), ("View", 2 * T))
        assert story.oracle.watermark_ms("web") == 2 * T

    def test_sources_of_their_own(self) -> None:
        """With a watermark per source, the other source's progress makes nothing late."""
        story = Story(segment(Performed("View")), shared_watermark=False).read(("Order", 5 * T), ("View", T))
        assert story.said() == [("entered", "event", T)]


class TestGate:
    """S5: entries that rest on an absence wait for all sources of `when` and `until`."""

    @pytest.mark.parametrize(("watermark_ms", "entered"), [(-1, False), (0, True), (1, True)])
    def test_waits_without_dwell(self, watermark_ms: int, entered: bool) -> None:  # noqa: FBT001
        """Entered by the event, when the other source has come to its time."""
        story = Story(segment(STRAY), shared_watermark=False).read(("View", 0)).until(watermark_ms, "shop")
        assert story.said() == ([("entered", "event", 0)] if entered else [])

    @pytest.mark.parametrize(("watermark_ms", "entered"), [(2 * T - 1, False), (2 * T, True)])
    def test_grace(self, watermark_ms: int, entered: bool) -> None:  # noqa: FBT001
        """Due at T, judged at T + grace."""
        story = Story(segment(STRAY, dwell_ms=T, grace_ms=T)).read(("View", 0)).until(watermark_ms)
        assert story.said() == ([("entered", "timer", T)] if entered else [])

    def test_gate_none(self) -> None:
        """With ``gate: none`` the event enters at once, and grace means nothing."""
        story = Story(segment(STRAY, gated=False, grace_ms=T), shared_watermark=False).read(("View", 0))
        assert story.said() == [("entered", "event", 0)]

    def test_presence_does_not_wait(self) -> None:
        """What rests on no absence enters at once, though `until` names another source."""
        story = Story(segment(VIEWED, until=Performed("Order"), grace_ms=T), shared_watermark=False)
        assert story.read(("View", 0)).said() == [("entered", "event", 0)]

    def test_until_adds_its_source(self) -> None:
        """A change by time waits for the sources of `until` too."""
        story = Story(segment(Last("View", AgeRange(T)), until=Performed("Order")), shared_watermark=False)
        assert story.read(("View", 0)).until(9 * T, "web").said() == []
        assert story.until(T, "shop").said() == [("entered", "timer", T)]

    def test_exclusion_adds_none(self) -> None:
        """An excluded segment's sources do not hold the entry."""
        bought = segment(Performed("Order"), "bought")
        story = Story(bought, segment(Last("View", AgeRange(T)), exclude=("bought",)), shared_watermark=False)
        assert story.read(("View", 0)).until(T, "web").said() == [("entered", "timer", T)]


class TestJudgement:
    """S6: what is read by the gate decides; evidence at or after D + grace never cancels."""

    @pytest.mark.parametrize(
        ("order_ms", "expected"),
        [
            (T - 1, []),
            (T, []),
            (2 * T - 1, []),
            (2 * T, [("entered", "timer", T), ("exited", "event", 2 * T)]),
            (2 * T + 1, [("entered", "timer", T), ("exited", "event", 2 * T + 1)]),
        ],
    )
    @pytest.mark.parametrize("lag_ms", [0, 9 * T])
    def test_boundary(self, order_ms: int, expected: list[Any], lag_ms: int) -> None:
        """Cancelled before D + grace, and not at it; whether known early or in order."""
        story = Story(segment(STRAY, dwell_ms=T, grace_ms=T), out_of_orderness_ms=lag_ms)
        assert story.read(("View", 0), ("Order", order_ms)).until(3 * T).said() == expected

    @pytest.mark.parametrize("lag_ms", [0, 9 * T])
    def test_without_grace(self, lag_ms: int) -> None:
        """Evidence at D itself, grace 0: entered and exited at D, whether known early or in order."""
        story = Story(segment(STRAY, dwell_ms=T), out_of_orderness_ms=lag_ms)
        story.read(("View", 0), ("Order", T)).until(2 * T)
        assert story.said() == [("entered", "timer", T), ("exited", "event", T)]

    @pytest.mark.parametrize(("window_ms", "entered"), [(T - 1, False), (T, False), (T + 1, True)])
    def test_window_that_ends_with_the_dwell(self, window_ms: int, entered: bool) -> None:  # noqa: FBT001
        """A truth that time ends at D is not true at D: no entry."""
        definition = segment(Performed("View", age=AgeRange(0, window_ms)), dwell_ms=T)
        assert bool(Story(definition).read(("View", 0)).until(9 * T).said()) is entered

    def test_time_ends_the_truth_within_the_grace(self) -> None:
        """Time alone, or evidence after it, cancels nothing: it was true at D."""
        definition = segment(All((Last("View", AgeRange(T, 2 * T)), NOT_BOUGHT)), grace_ms=3 * T)
        story = Story(definition).read(("View", 0), ("Order", 2 * T + 1)).until(9 * T)
        assert story.said() == [("entered", "timer", T), ("exited", "timer", 2 * T)]

    def test_walk_goes_on_from_the_cancelling_instant(self) -> None:
        """A view after the cancelling order is pending anew."""
        story = Story(segment(STRAY, dwell_ms=T, grace_ms=2 * T))
        story.read(("View", 0), ("Order", T + 1), ("View", T + 2)).until(9 * T)
        assert story.said() == [("entered", "timer", 2 * T + 2), ("exited", "timer", 5 * T + 2)]

    def test_falsehood_ends_the_pending_time(self) -> None:
        """An order and a new view before D: the dwell starts again with the view."""
        story = Story(segment(STRAY, dwell_ms=T)).read(("View", 0), ("Order", 5), ("View", 9)).until(2 * T)
        assert story.said() == [("entered", "timer", T + 9)]


class TestExclusion:
    """S12: an exclusion is part of the truth."""

    def test_dwell_counts_from_its_end(self) -> None:
        """The dwell begins when the excluded segment's truth ends, though that was never emitted."""
        bought = segment(Performed("Order", age=AgeRange(0, 2 * T)), "bought", dwell_ms=9 * T)
        definition = segment(Performed("View"), exclude=("bought",), dwell_ms=T)
        story = Story(bought, definition).read(("Order", 0), ("View", 1)).until(9 * T)

        assert story.said() == [("entered", "timer", 3 * T)]
        assert story.said("bought") == []

    def test_reads_through_references(self) -> None:
        """What an excluded segment excludes counts too; its `until` does not."""
        story = Story(
            segment(Performed("Order"), "a"),
            segment(Performed("View"), "b", exclude=("a",), until=Performed("Add")),
            segment(Performed("View"), exclude=("b",)),
            segment(InSegment("b"), "d"),
        )
        story.read(("View", 0), ("Add", 1), ("Order", 2))

        assert story.said() == [("entered", "event", 2)]
        assert story.said("d") == [("entered", "event", 0), ("exited", "event", 2)]

    def test_exclusion_exits(self) -> None:
        """A member is exited by the event that makes the excluded segment true."""
        story = Story(segment(Performed("Order"), "a"), segment(Performed("View"), exclude=("a",)))
        assert story.read(("View", 0), ("Order", 1)).said()[1:] == [("exited", "event", 1)]


class TestLateEvidence:
    """S13 and S14: what was emitted is corrected only as far as the present needs it."""

    @pytest.mark.parametrize(
        ("order_ms", "expected"),
        [(T - 1, ("retracted", T)), (T, ("retracted", T)), (T + 1, ("exited", T + 1))],
    )
    def test_retracted_or_exited(self, order_ms: int, expected: tuple[str, int]) -> None:
        """At or before the entry: retracted; after it: exited (S13)."""
        story = Story(segment(STRAY, dwell_ms=T)).read(("View", 0)).until(2 * T).read(("Order", order_ms))
        assert story.said()[1:] == [(expected[0], "late", expected[1])]

    def test_wrong_exit(self) -> None:
        """A late event shows that the exit was wrong: entered at that exit's time, without dwell (S14a)."""
        definition = segment(VIEWED, dwell_ms=T // 2)
        story = Story(definition).read(("View", 0)).until(T + 1)
        assert story.said()[1:] == [("exited", "timer", T)]
        story.read(("View", T // 2))

        assert story.said()[2:] == [("entered", "late", T)]
        assert story.since() == {"s": T // 2}

    def test_earlier_start(self) -> None:
        """A late event that only moves the start corrects `since` and emits nothing (S14b)."""
        story = Story(segment(Performed("View"))).read(("View", T), ("View", T - 1))
        assert story.said() == [("entered", "event", T)]
        assert story.since() == {"s": T - 1}

    def test_past_interval(self) -> None:
        """An interval that began and ended in the past: nothing (S14c)."""
        assert Story(segment(VIEWED)).until(3 * T).read(("View", T)).said() == []

    @pytest.mark.parametrize(("at_ms", "members"), [(2 * T - 1, 0), (2 * T, 0), (2 * T + 1, 1)])
    def test_past_interval_boundary(self, at_ms: int, members: int) -> None:
        """It is past when the watermark has come to its end."""
        story = Story(segment(VIEWED)).until(3 * T).read(("View", at_ms))
        assert story.said() == [("entered", "late", at_ms)] * members

    def test_past_entry_by_time(self) -> None:
        """A late event whose entry was due in the past: late, by the event, with its true time."""
        story = Story(segment(Last("View", AgeRange(T)))).until(3 * T).read(("View", T))
        assert story.said() == [("entered", "late", 2 * T)]
        assert story.oracle.transitions[0].cause == "View 1000"

    def test_events_stay_in_event_time_order(self) -> None:
        """A walk put back by an older event emits nothing before what stands."""
        story = Story(segment(VIEWED), out_of_orderness_ms=9 * T).read(("View", 5 * T), ("View", 3 * T))
        story.until(9 * T)
        assert story.said() == [
            ("entered", "event", 5 * T),
            ("exited", "timer", 5 * T),
            ("entered", "event", 5 * T),
            ("exited", "timer", 6 * T),
        ]
        assert [t.entered_at_ms for t in story.oracle.transitions] == [None, 3 * T, None, 5 * T]


class TestCancellation:
    """S15: a cancellation takes effect at its own time and never retracts."""

    @pytest.mark.parametrize("order", [("Order", 0, {"order_id": "1"}), ("Order", 2, {"order_id": "1"})])
    def test_before_its_order(self, order: tuple[str, int, dict[str, Any]]) -> None:
        """A cancellation that arrives first takes effect all the same; older than its order, the order never counts."""
        story = Story(segment(Performed("orders")), segment(Performed("Order"), "raw"), out_of_orderness_ms=T)
        story.read(("Cancel", 1, {"order_id": "1"}), order)

        assert story.said() == []
        assert story.said("raw") == [("entered", "event", order[1])]

    @pytest.mark.parametrize(("cancel_ms", "exited_ms"), [(T - 1, T), (T, T), (T + 1, T + 1)])
    def test_late_never_retracts(self, cancel_ms: int, exited_ms: int) -> None:
        """Late, it exits at its time, or at the entry's if that is later."""
        story = (
            Story(segment(Performed("orders"), dwell_ms=T)).read(("Order", 0, {"order_id": "1"})).until(2 * T)
        )
        story.read(("Cancel", cancel_ms, {"order_id": "1"}))

        assert story.said() == [("entered", "timer", T), ("exited", "late", exited_ms)]

    def test_other_key(self) -> None:
        """Another order's cancellation, or one without a key, takes nothing back."""
        story = Story(segment(Performed("orders"))).read(("Order", 0, {"order_id": "1"}), ("Order", 1))
        story.read(("Cancel", 2, {"order_id": "2"}), ("Cancel", 3))
        assert story.since() == {"s": 0}


class TestPartition:
    """S16: one decision, gated by every source of the group."""

    @pytest.fixture
    def members(self) -> tuple[SegmentDefinition, ...]:
        """Bought recently, or not."""
        recent = Performed("Order", age=AgeRange(0, 2 * T))
        return (
            segment(recent, "recent", group="G", rank=1),
            segment(Otherwise(), "rest", group="G", rank=2),
        )

    def test_waits_for_every_source(self, members: tuple[SegmentDefinition, ...]) -> None:
        """A switch waits for the sources of the population as well; exit and entry come together."""
        group = GroupDefinition("G", "partition", population=Performed("View"))
        story = Story(*members, group=group, shared_watermark=False).read(("Order", 0), ("View", 1))
        assert story.said("recent") == []
        story.until(2 * T, "shop")
        assert story.said("recent") == [("entered", "event", 1)]
        story.until(2 * T, "web")

        assert story.said("recent")[1:] == [("exited", "timer", 2 * T)]
        assert story.said("rest") == [("entered", "timer", 2 * T)]

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
        story = Story(*members, group=GroupDefinition("G", "partition")).read(("Order", 0)).until(3 * T)
        story.read(("Order", order_ms))

        corrected = story.oracle.transitions[3:]
        assert [(t.segment_id, t.kind, t.occurred_at_ms) for t in corrected] == expected
        assert {t.origin for t in corrected} == {"late"}

    def test_grace(self, members: tuple[SegmentDefinition, ...]) -> None:
        """With a grace the switch waits, and an order within it cancels the switch."""
        group = GroupDefinition("G", "partition", grace_ms=T)
        story = Story(*members, group=group).read(("Order", 0)).until(3 * T - 1)
        assert [t.kind for t in story.oracle.transitions] == ["entered"]
        story.read(("Order", 3 * T - 1)).until(4 * T)
        assert [t.kind for t in story.oracle.transitions] == ["entered"]


class TestCounting:
    """Counts since, before and alike."""

    @pytest.mark.parametrize(("order_ms", "since", "before"), [(T - 1, 0, 1), (T, 1, 0), (T + 1, 1, 0)])
    def test_since_and_before(self, order_ms: int, since: int, before: int) -> None:
        """Since the last view includes its instant; before it does not."""
        story = Story(
            segment(Performed("Order", since="View"), "since"),
            segment(Performed("Order", before="View"), "before"),
        )
        story.read(("View", T), ("Order", order_ms))
        assert (len(story.said("since")), len(story.said("before"))) == (since, before)

    def test_without_a_mark(self) -> None:
        """Since or before what never happened, nothing counts."""
        story = Story(
            segment(Performed("Order", since="View")), segment(Performed("Order", before="View"), "b")
        )
        assert story.read(("Order", 0)).since() == {}

    def test_same(self) -> None:
        """With `same`, one value must reach the count; events without the property are not alike."""
        story = Story(segment(Performed("View", at_least=2, same="sku")))
        story.read(("View", 0, {"sku": "a"}), ("View", 1, {"sku": "b"}), ("View", 2), ("View", 3))
        assert story.said() == []
        assert story.read(("View", 4, {"sku": "a"})).said() == [("entered", "event", 4)]

    def test_known_from_the_first_event_read(self) -> None:
        """Nothing is true of a customer before the first event of a type that the definition reads."""
        story = Story(
            segment(Not(Performed("Order"))), segment(Not(Performed("Cancel", age=AgeRange(0, T))), "b")
        )
        story.read(("View", 0), ("Cancel", T)).until(9 * T)
        assert story.said() == []
        assert story.said("b") == [("entered", "timer", 2 * T)]

    @pytest.mark.parametrize(("watermark_ms", "exits"), [(3 * T - 1, 0), (3 * T, 1)])
    def test_min_membership(self, watermark_ms: int, exits: int) -> None:
        """A membership that should end earlier ends after 3 T, by time."""
        story = Story(segment(VIEWED, min_membership_ms=3 * T)).read(("View", 0)).until(watermark_ms)
        assert story.said()[1:] == [("exited", "timer", 3 * T)] * exits

    def test_min_membership_sees_the_truth_of_its_end(self) -> None:
        """If the truth holds again when the time is over, the membership goes on."""
        story = (
            Story(segment(VIEWED, min_membership_ms=3 * T))
            .read(("View", 0), ("View", 3 * T - 1))
            .until(4 * T)
        )
        assert story.said()[1:] == [("exited", "timer", 4 * T - 1)]
