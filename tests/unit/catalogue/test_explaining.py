"""Explanations: the tree of clauses, the events behind them, when time changes them, and where a customer stands."""

from __future__ import annotations

from typing import Any

import pytest

from streams.catalogue.explaining import Explainer, TreeNode
from streams.catalogue.standing import Standing, explain, present, standing
from streams.segmentation.conditions import (
    AgeRange,
    All,
    Any_,
    Condition,
    InSegment,
    Last,
    Not,
    Otherwise,
    Performed,
)
from streams.segmentation.definitions import Catalogue, GroupDefinition, SegmentDefinition
from streams.segmentation.options import Options
from streams.segmentation.timeline import BEFORE_ALL, DAY_MS, HOUR_MS, MINUTE_MS
from streams.testing.driver import SegmentationTestDriver

T0 = 1_772_445_600_000
SOURCES = {"View": "behaviour", "Cart": "behaviour", "Order": "orders"}
VIEWED = Performed("View", at_least=2, age=AgeRange(0, 2 * HOUR_MS))
ORDERED = Performed("Order", age=AgeRange(0, DAY_MS))


def segment(segment_id: str, when: Condition, **rest: Any) -> SegmentDefinition:
    """Return a definition."""
    return SegmentDefinition(segment_id, 1, segment_id, when, **rest)


class Case:
    """A catalogue that runs, and explains itself."""

    def __init__(
        self, *segments: SegmentDefinition, groups: tuple[GroupDefinition, ...] = (), **run: Any
    ) -> None:
        catalogue = Catalogue(groups=groups, segments=segments)
        self.driver = SegmentationTestDriver(catalogue, sources=SOURCES, **run)
        self.partition = self.driver.partition
        covered = self.partition.options.coverage_since
        self.explainer = Explainer(catalogue, SOURCES, self.partition.plan, covered=covered)

    def tree(self, segment_id: str = "s", at_ms: int | None = None) -> TreeNode:
        """Return the tree at *at_ms*, or as far as the data came."""
        profile = self.partition.live["default/c"]
        t = present(self.partition, profile) if at_ms is None else at_ms
        return explain(self.explainer, self.partition, profile, segment_id, t).tree

    def standing(self, segment_id: str = "s") -> Standing:
        """Return where the customer stands."""
        machine, member = self.explainer.machine_of(segment_id)
        return standing(self.partition, self.partition.live["default/c"], machine.index, member)


def test_a_tree_has_the_shape_of_the_definition() -> None:
    """All, any and the exclusions are nodes; what is negated is negated at the clauses."""
    case = Case(
        segment("buyers", ORDERED),
        segment("s", All((VIEWED, Not(All((ORDERED, Performed("Cart")))))), exclude=("buyers",)),
    )
    case.driver.happen("View", T0)
    tree = case.tree()

    assert (tree.kind, tree.text, tree.truth) == ("all", "all of", "false")
    assert [(part.kind, part.role, part.text, part.truth) for part in tree.parts] == [
        ("clause", "when", "did View at least 2 times within 2h", "false"),
        ("any", "when", "any of", "true"),
        ("clause", "exclude", "not in buyers", "true"),
    ]
    assert [part.text for part in tree.parts[1].parts] == ["did not Order within 1d", "did not Cart"]


def test_a_clause_names_the_events_behind_it() -> None:
    """How many in the window, their times with the newest first; and the newest one where the window is empty."""
    case = Case(segment("s", VIEWED))
    for minute in (0, 30, 140):
        case.driver.happen("View", T0 + minute * MINUTE_MS)
    (seen,) = case.tree().evidence
    (later,) = case.tree(at_ms=T0 + DAY_MS).evidence

    assert (seen.event, seen.count) == ("View", 2)
    assert seen.times_ms == (T0 + 140 * MINUTE_MS, T0 + 30 * MINUTE_MS)
    assert seen.before_ms is None
    assert (later.count, later.times_ms, later.before_ms) == (0, (), T0 + 140 * MINUTE_MS)


def test_evidence_ends_at_the_mark() -> None:
    """Since another event: nothing older than that event is named, and the event itself is."""
    case = Case(segment("s", Performed("View", at_least=2, since="Cart")))
    for event, minute in (("View", 0), ("Cart", 10), ("View", 20)):
        case.driver.happen(event, T0 + minute * MINUTE_MS)
    own, mark = case.tree().evidence

    assert own.times_ms == (T0 + 20 * MINUTE_MS,)
    assert (mark.event, mark.times_ms) == ("Cart", (T0 + 10 * MINUTE_MS,))


def test_when_time_alone_changes_a_node() -> None:
    """The first instant at which the truth is another one, not merely one at which it is looked at again."""
    case = Case(segment("s", Performed("View", at_least=2, age=AgeRange(HOUR_MS, 3 * HOUR_MS))))
    case.driver.happen("View", T0)
    case.driver.happen("View", T0 + 30 * MINUTE_MS)
    early = case.tree()
    middle = case.tree(at_ms=T0 + 2 * HOUR_MS)
    late = case.tree(at_ms=T0 + DAY_MS)

    assert (early.truth, early.becomes, early.changes_at_ms) == ("false", "true", T0 + 90 * MINUTE_MS)
    assert (middle.truth, middle.becomes, middle.changes_at_ms) == ("true", "false", T0 + 3 * HOUR_MS)
    assert (late.truth, late.becomes, late.changes_at_ms) == ("false", "", None)


def test_reasons_are_the_clauses_that_decide() -> None:
    """Of a false conjunction the false ones; of a false disjunction all."""
    case = Case(segment("s", All((Performed("View"), Any_((ORDERED, Performed("Cart")))))))
    case.driver.happen("View", T0)

    assert [node.text for node in case.tree().reasons()] == ["did Order within 1d", "did Cart"]


def test_unknown_is_told() -> None:
    """S10: a window that starts before the source was watched is unknown; evidence decides it later."""
    case = Case(segment("s", Not(ORDERED)), options=Options(coverage_since=True))
    case.driver.happen("View", T0)
    case.driver.happen("Order", T0 + HOUR_MS)
    case.driver.advance(None, T0 + 2 * DAY_MS)
    before = case.tree(at_ms=T0 + HOUR_MS - 1)

    assert before.truth == "unknown"
    assert case.tree().truth == "true"


@pytest.mark.parametrize("at_ms", [T0, T0 + 40 * MINUTE_MS])
def test_a_pending_entry_says_what_it_waits_for(at_ms: int) -> None:
    """Since when, when it is due, and which input has not come as far as that and the grace (S5)."""
    when = All((Performed("Cart", age=AgeRange(0, 2 * HOUR_MS)), Not(ORDERED)))
    entry = segment("s", when, dwell_ms=30 * MINUTE_MS, grace_ms=15 * MINUTE_MS)
    case = Case(entry, shared_watermark=False)
    case.driver.happen("Cart", T0)
    case.driver.advance("orders", T0 + DAY_MS)
    case.driver.advance("behaviour", at_ms)
    stands = case.standing()

    assert (stands.status, stands.since_ms) == ("pending", T0)
    assert (stands.due_ms, stands.decided_at_ms) == (T0 + 30 * MINUTE_MS, T0 + 45 * MINUTE_MS)
    assert [(held.input, held.sources, held.watermark_ms) for held in stands.waits_for] == [
        ("behaviour", ("behaviour",), at_ms)
    ]
    case.driver.advance("behaviour", T0 + 45 * MINUTE_MS)
    assert (case.standing().status, case.standing().since_ms) == ("member", T0 + 30 * MINUTE_MS)


def test_a_pending_time_that_time_began_is_seen() -> None:
    """The engine looks at such an entry only when it may be judged; explain says it is pending before."""
    case = Case(segment("s", Last("View", AgeRange(HOUR_MS, 9 * HOUR_MS)), dwell_ms=2 * HOUR_MS))
    case.driver.happen("View", T0)
    case.driver.advance(None, T0 + 2 * HOUR_MS)

    assert (case.standing().status, case.standing().since_ms) == ("pending", T0 + HOUR_MS)
    assert case.standing().due_ms == T0 + 3 * HOUR_MS


def test_who_was_a_member_says_when_it_left() -> None:
    """Out after an exit."""
    case = Case(segment("s", Performed("View", age=AgeRange(0, HOUR_MS))))
    case.driver.happen("View", T0)
    assert case.standing().status == "member"
    case.driver.advance(None, T0 + DAY_MS)

    assert (case.standing().status, case.standing().left_ms) == ("out", T0 + HOUR_MS)
    assert case.standing().known


def test_who_left_nothing_to_remember_is_not_known() -> None:
    """No event that the definition reads: nothing is kept, the customer is out."""
    case = Case(segment("s", VIEWED), segment("o", ORDERED))
    case.driver.happen("Order", T0)

    assert (case.standing().status, case.standing().known, case.standing().left_ms) == ("out", False, None)


def test_a_member_of_a_group_is_explained_by_those_before_it() -> None:
    """The population, the members before it, its own clauses; the root is whether it wins."""
    group = GroupDefinition("G", "partition", population=Performed("View"))
    case = Case(
        segment("g1", ORDERED, group="G", rank=1),
        segment("g2", Performed("View"), group="G", rank=2),
        segment("g3", Otherwise(), group="G", rank=3),
        groups=(group,),
    )
    case.driver.happen("View", T0)
    assert case.standing("g2").status == "member"
    case.driver.happen("Order", T0 + HOUR_MS)
    tree = case.tree("g2")

    assert tree.truth == "false"
    assert [(part.role, part.truth, part.value) for part in tree.parts] == [
        ("population", "true", "2026-03-02T10:00:00.000Z"),
        ("rank", "false", "g1"),
        ("when", "true", "2026-03-02T10:00:00.000Z"),
    ]
    assert case.tree("g1").truth == "true"
    assert [(part.role, part.truth) for part in case.tree("g3").parts] == [
        ("population", "true"),
        ("when", "false"),
    ]


def test_until_is_part_of_the_tree() -> None:
    """What would end a membership stands negated in the root; a member needs only that to stay."""
    case = Case(segment("s", Performed("View", age=AgeRange(0, HOUR_MS)), until=Performed("Order")))
    case.driver.happen("View", T0)
    case.driver.advance(None, T0 + DAY_MS)
    profile = case.partition.live["default/c"]
    explanation = explain(case.explainer, case.partition, profile, "s", T0 + DAY_MS)

    assert [(part.role, part.text, part.truth) for part in explanation.tree.parts] == [
        ("until", "did not Order", "true"),
        ("when", "did View within 1h", "false"),
    ]
    assert (explanation.standing.status, explanation.tree.truth, explanation.stays) == (
        "member",
        "false",
        "true",
    )


def test_the_plan_knows_nothing_of_explanations() -> None:
    """Source and hash stay as they are; the trees run among the functions of the plan itself."""
    case = Case(segment("a", ORDERED), segment("s", InSegment("a")))
    source = case.partition.plan.source
    case.driver.happen("Order", T0)
    case.tree()

    assert case.partition.plan.source == source
    assert "node_" not in source


def test_nothing_read_is_before_all() -> None:
    """An input of which nothing was read holds back from the beginning of time."""
    case = Case(segment("s", All((Performed("View"), Not(ORDERED)))), shared_watermark=False)
    case.driver.happen("View", T0)

    (held,) = case.standing().waits_for
    assert (held.input, held.watermark_ms) == ("orders", BEFORE_ALL)
