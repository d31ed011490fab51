"""Which journals a catalogue needs, and for how long they keep what."""

from __future__ import annotations

import pytest

from streams.catalogue.journalling import LATE_MS, Journals, unique
from streams.errors import DefinitionError
from streams.segmentation.conditions import (
    AgeRange,
    Aggregate,
    Compare,
    Condition,
    Last,
    Performed,
)
from streams.segmentation.definitions import Catalogue, FactDefinition, SegmentDefinition, Undoing
from streams.segmentation.readings import events_of, reach_of
from streams.segmentation.timeline import DAY_MS, HOUR_MS
from streams.testing.shop import SOURCES, builtin

DAY = AgeRange(0, DAY_MS)


def journals(*conditions: Condition, facts: tuple[FactDefinition, ...] = ()) -> Journals:
    """Return the journals that *conditions* need."""
    segments = tuple(SegmentDefinition(f"s{i}", 1, "S", when) for i, when in enumerate(conditions))
    return Journals(Catalogue(facts=facts, segments=segments), dict(SOURCES))


def test_leaves_that_read_the_same_share_a_journal() -> None:
    """One journal for the longest window, another for another filter's events."""
    found = journals(
        Performed("Product Viewed", at_least=2, age=DAY),
        Performed("Product Viewed", at_least=3, age=AgeRange(0, HOUR_MS)),
        Performed("Product Added"),
    )

    assert [(spec.name, spec.retention_ms) for spec in found.specs] == [
        ("product_viewed", DAY_MS + LATE_MS),
        ("product_added", LATE_MS),
    ]


@pytest.mark.parametrize(
    ("leaf", "reach"),
    [
        (Performed("Product Viewed"), 0),
        (Performed("Product Viewed", age=DAY), 0),
        (Performed("Product Viewed", at_least=0, at_most=0, age=DAY), 0),
        (Performed("Product Viewed", since="Product Added"), 0),
        (Performed("Product Viewed", at_least=2), None),
        (Performed("Product Viewed", at_least=2, age=DAY), DAY_MS),
        (Performed("Product Viewed", at_most=1, age=DAY), DAY_MS),
        (Performed("Product Viewed", age=AgeRange(HOUR_MS, DAY_MS)), DAY_MS),
        (Performed("Product Viewed", age=DAY, before="Product Added"), DAY_MS),
        (Performed("Product Viewed", age=DAY, same="product_id"), DAY_MS),
    ],
)
def test_reach(leaf: Performed, reach: int | None) -> None:
    """Where the newest event answers, nothing older is asked for; counts reach back to the end of their window."""
    assert reach_of(leaf) == reach


@pytest.mark.parametrize(
    ("leaf", "retention"),
    [
        (Performed("bought"), None),
        (Performed("bought", age=DAY), DAY_MS + LATE_MS),
        (Last("bought", DAY), None),
        (Performed("Product Viewed", since="bought"), None),
    ],
)
def test_what_can_be_taken_back_is_kept_as_far_as_it_is_asked_for(
    leaf: Condition, retention: int | None
) -> None:
    """The newest occurrence alone does not answer where it may be cancelled: then the one before it does."""
    bought = FactDefinition(
        "bought", ("Order Completed",), key="order_id", undone_by=(Undoing("Order Cancelled"),)
    )
    found = {spec.name: spec.retention_ms for spec in journals(leaf, facts=(bought,)).specs}

    assert found["bought"] == retention


def test_a_sum_needs_one_money_property() -> None:
    """Nothing to sum, or two properties over the same events, cannot be answered."""
    with pytest.raises(DefinitionError, match="one money property"):
        journals(Compare(Aggregate("sum", "Order Completed"), "ge", 1))
    with pytest.raises(DefinitionError, match="one money property"):
        journals(
            Compare(Aggregate("sum", "Order Completed", "total"), "ge", 1),
            Compare(Aggregate("sum", "Order Completed", "tax"), "ge", 1),
        )


def test_events_of_a_condition() -> None:
    """Every event or fact is named once, marks too."""
    leaf = Compare(Aggregate("count", "c"), "ge", 0, Aggregate("count", "d"))

    assert events_of(Performed("a", since="b", before="a")) == ["a", "b"]
    assert events_of(leaf) == ["c", "d"]


def test_unique_names_never_meet() -> None:
    """Numbered names stay apart from names that look numbered."""
    taken: set[str] = set()

    assert [unique(name, taken) for name in ("a", "a", "a__2", "a")] == ["a", "a__2", "a__2__2", "a__3"]


def test_no_field_of_the_shipped_profile_is_used_twice() -> None:
    """Journals, columns and the profile's own fields."""
    specs = Journals(builtin(), dict(SOURCES)).specs
    fields = [field for spec in specs for field in spec.fields]

    assert len(fields) == len(set(fields))
