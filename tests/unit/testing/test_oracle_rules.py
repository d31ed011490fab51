"""The oracle, rule by rule, on the smallest definitions; boundaries at -1, 0 and +1 ms (SEMANTICS S1 to S6)."""

from __future__ import annotations

from typing import Any

import pytest

from streams.segmentation.conditions import (
    AgeRange,
    All,
    Condition,
    Last,
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


class TestWindows:
    """S1: half-open."""

    @pytest.mark.parametrize(("age_ms", "member"), [(T - 1, True), (T, False), (T + 1, False)])
    def test_end(self, age_ms: int, member: bool) -> None:  # noqa: FBT001
        """Within T holds up to, and not at, the age T."""
        assert (story(only(VIEWED)).read(("View", 0)).until(age_ms).members() == {"s": 0}) is member

    @pytest.mark.parametrize(("age_ms", "member"), [(T - 1, False), (T, True), (T + 1, True)])
    def test_begin(self, age_ms: int, member: bool) -> None:  # noqa: FBT001
        """From T on holds at the age T already."""
        told = story(only(Last("View", AgeRange(T)))).read(("View", 0)).until(age_ms)
        assert (told.members() == {"s": T}) is member

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
        assert story(only(VIEWED)).read(("View", 0), ("View", second_ms)).brief() == expected

    @pytest.mark.parametrize(("lag_ms", "behind"), [(0, "shop"), (5 * T, "")])
    def test_touching_does_not_depend_on_arrival(self, lag_ms: int, behind: str) -> None:
        """The same when the second event is known long before time comes to it."""
        definition = only(All((VIEWED, NOT_BOUGHT)))
        told = story(definition, out_of_orderness_ms=lag_ms, shared_watermark=not behind)
        told.read(("View", 0), ("View", T)).until(9 * T)

        assert [(kind, at) for kind, _, at in told.brief()] == [
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
        told = story(only(Performed("View"))).until(T).read(("View", T + offset_ms))
        assert told.brief() == [("entered", origin, T + offset_ms)]

    def test_out_of_orderness(self) -> None:
        """The watermark stays behind the highest event time, and never goes back."""
        told = story(only(VIEWED), out_of_orderness_ms=T).read(("View", 3 * T), ("View", 2 * T))
        assert told.oracle.watermark_ms("web") == 2 * T

    def test_sources_of_their_own(self) -> None:
        """With a watermark per source, the other source's progress makes nothing late."""
        told = story(only(Performed("View")), shared_watermark=False).read(("Order", 5 * T), ("View", T))
        assert told.brief() == [("entered", "event", T)]


class TestGate:
    """S5: entries that rest on an absence wait for all sources of `when` and `until`."""

    @pytest.mark.parametrize(("watermark_ms", "entered"), [(-1, False), (0, True), (1, True)])
    def test_waits_without_dwell(self, watermark_ms: int, entered: bool) -> None:  # noqa: FBT001
        """Entered by the event, when the other source has come to its time."""
        told = story(only(STRAY), shared_watermark=False).read(("View", 0)).until(watermark_ms, "shop")
        assert told.brief() == ([("entered", "event", 0)] if entered else [])

    @pytest.mark.parametrize(("watermark_ms", "entered"), [(2 * T - 1, False), (2 * T, True)])
    def test_grace(self, watermark_ms: int, entered: bool) -> None:  # noqa: FBT001
        """Due at T, judged at T + grace."""
        told = story(only(STRAY, dwell_ms=T, grace_ms=T)).read(("View", 0)).until(watermark_ms)
        assert told.brief() == ([("entered", "timer", T)] if entered else [])

    def test_gate_none(self) -> None:
        """With ``gate: none`` the event enters at once, and grace means nothing."""
        told = story(only(STRAY, gated=False, grace_ms=T), shared_watermark=False).read(("View", 0))
        assert told.brief() == [("entered", "event", 0)]

    def test_presence_does_not_wait(self) -> None:
        """What rests on no absence enters at once, though `until` names another source."""
        told = story(only(VIEWED, until=Performed("Order"), grace_ms=T), shared_watermark=False)
        assert told.read(("View", 0)).brief() == [("entered", "event", 0)]

    def test_until_adds_its_source(self) -> None:
        """A change by time waits for the sources of `until` too."""
        told = story(only(Last("View", AgeRange(T)), until=Performed("Order")), shared_watermark=False)
        assert told.read(("View", 0)).until(9 * T, "web").brief() == []
        assert told.until(T, "shop").brief() == [("entered", "timer", T)]

    def test_exclusion_adds_none(self) -> None:
        """An excluded segment's sources do not hold the entry."""
        bought = only(Performed("Order"), "bought")
        told = story(bought, only(Last("View", AgeRange(T)), exclude=("bought",)), shared_watermark=False)
        assert told.read(("View", 0)).until(T, "web").brief() == [("entered", "timer", T)]


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
        told = story(only(STRAY, dwell_ms=T, grace_ms=T), out_of_orderness_ms=lag_ms)
        assert told.read(("View", 0), ("Order", order_ms)).until(3 * T).brief() == expected

    @pytest.mark.parametrize("lag_ms", [0, 9 * T])
    def test_without_grace(self, lag_ms: int) -> None:
        """Evidence at D itself, grace 0: entered and exited at D, whether known early or in order."""
        told = story(only(STRAY, dwell_ms=T), out_of_orderness_ms=lag_ms)
        told.read(("View", 0), ("Order", T)).until(2 * T)
        assert told.brief() == [("entered", "timer", T), ("exited", "event", T)]

    @pytest.mark.parametrize(("window_ms", "entered"), [(T - 1, False), (T, False), (T + 1, True)])
    def test_window_that_ends_with_the_dwell(self, window_ms: int, entered: bool) -> None:  # noqa: FBT001
        """A truth that time ends at D is not true at D: no entry."""
        definition = only(Performed("View", age=AgeRange(0, window_ms)), dwell_ms=T)
        assert bool(story(definition).read(("View", 0)).until(9 * T).brief()) is entered

    def test_time_ends_the_truth_within_the_grace(self) -> None:
        """Time alone, or evidence after it, cancels nothing: it was true at D."""
        definition = only(All((Last("View", AgeRange(T, 2 * T)), NOT_BOUGHT)), grace_ms=3 * T)
        told = story(definition).read(("View", 0), ("Order", 2 * T + 1)).until(9 * T)
        assert told.brief() == [("entered", "timer", T), ("exited", "timer", 2 * T)]

    def test_walk_goes_on_from_the_cancelling_instant(self) -> None:
        """A view after the cancelling order is pending anew."""
        told = story(only(STRAY, dwell_ms=T, grace_ms=2 * T))
        told.read(("View", 0), ("Order", T + 1), ("View", T + 2)).until(9 * T)
        assert told.brief() == [("entered", "timer", 2 * T + 2), ("exited", "timer", 5 * T + 2)]

    def test_falsehood_ends_the_pending_time(self) -> None:
        """An order and a new view before D: the dwell starts again with the view."""
        told = story(only(STRAY, dwell_ms=T)).read(("View", 0), ("Order", 5), ("View", 9)).until(2 * T)
        assert told.brief() == [("entered", "timer", T + 9)]
