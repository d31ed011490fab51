"""Invented histories: what they consist of, and what is true after them."""

from __future__ import annotations

import pytest

from streams.catalogue.histories import Act, Cook, Ingredient, Trial, Unfathomable, histories, told
from streams.catalogue.library import builtin_texts, read_catalogue
from streams.segmentation.conditions import All, Performed
from streams.segmentation.definitions import Catalogue
from streams.segmentation.timeline import DAY_MS, HOUR_MS
from streams.testing.shop import SOURCES, VOCABULARY, builtin

CATALOGUE = builtin()
VIEW = Ingredient("Product Viewed", {}, "", (HOUR_MS, 5 * DAY_MS), (2, 1))
ORDER = Ingredient("Order Completed", {}, "order_id", (DAY_MS,), (1,))


def with_facts(text: str) -> Catalogue:
    """Return the catalogue of *text* beside the shared facts."""
    return read_catalogue({**builtin_texts(("facts.yaml",)), "a.yaml": text}, VOCABULARY)


def test_ages_lie_inside_each_window_and_counts_around_each_threshold() -> None:
    """From 30 to 90 days, and from twice to four times."""
    catalogue = with_facts(
        "segments: [{id: a.b, label: L, when: [{did: orders, at_least: 2, at_most: 4}, "
        "{last: orders, ago: {from: 30d, to: 90d}}]}]"
    )
    (found,) = Cook(catalogue).ingredients([catalogue.segments[0].when])

    assert (found.event_type, found.key) == ("Order Completed", "order_id")
    assert [DAY_MS * days for days in (15, 60, 101)] == list(found.ages)
    assert found.counts == (5, 4, 2, 1)


def test_properties_pass_the_filters() -> None:
    """Of the fact and of the clause; what cannot be passed is not tried."""
    catalogue = with_facts(
        "segments: [{id: a.b, label: L, when: {did: orders, where: {total: {above: 5, below: 7}, currency: EUR}}},"
        "{id: a.c, label: L, when: {did: orders, where: {total: {above: 5, below: 4}}}}]"
    )
    (found,) = Cook(catalogue).ingredients([catalogue.segments[0].when])

    assert found.properties == {"total": 6, "currency": "EUR"}
    with pytest.raises(Unfathomable):
        Cook(catalogue).ingredients([catalogue.segments[1].when])


def test_a_fact_of_many_events_gets_an_event_of_its_own() -> None:
    """Engagement without an order, so that the two can be told apart."""
    found = Cook(CATALOGUE).ingredients([All((Performed("engagement", at_least=2), Performed("orders")))])

    assert [one.event_type for one in found] == ["Order Completed", "Page Viewed"]


def test_every_combination_is_tried_once() -> None:
    """Each ingredient as often and as old as it may be, and not at all."""
    found = list(histories([VIEW, ORDER], 1_000))

    assert len(found) == len(set(map(told, found))) == (1 + 2 * 2) * (1 + 1)


def test_too_many_combinations_are_thinned_evenly() -> None:
    """Fewer than allowed, and every option still occurs."""
    many = [VIEW._replace(event_type=f"E{i}", ages=tuple(range(1, 8))) for i in range(4)]
    found = list(histories(many, 500))
    options = {(act.ingredient.event_type, act.times, act.age_ms) for history in found for act in history}

    assert len(found) <= 500
    assert len(options) == 4 * 2 * 7


def test_a_history_is_told_in_words() -> None:
    """How often, and how long ago."""
    assert told((Act(VIEW, 2, 3 * DAY_MS), Act(ORDER, 1, HOUR_MS))) == (
        "Product Viewed 2 times, last 3d ago; Order Completed 1h ago"
    )
    assert told(()) == "nothing"


def test_a_trial_looks_at_the_bare_truth() -> None:
    """Without dwell, grace and groups: true is true, and an exclusion counts."""
    trial = Trial(CATALOGUE, SOURCES, {})
    started = Act(ORDER._replace(event_type="Checkout Started", key=""), 1, HOUR_MS // 2)

    assert "checkout.abandon" in trial.true((started,))
    assert trial.true((started, Act(ORDER, 1, DAY_MS // 2))) == {
        *("post_purchase.24h", "post_purchase.7d", "buyer.first_time", "lifecycle.first_time_recent")
    }
    assert trial.true(()) == frozenset()
