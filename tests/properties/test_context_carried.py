"""What transitions carry, beside a plain look through all events; and that carrying it moves nobody."""

from __future__ import annotations

import json
import os
import random
from typing import Any

import pytest
from msgspec.structs import replace

from streams.segmentation.definitions import ContextValue
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.transitions import Transition
from streams.testing.comparison import compare
from streams.testing.driver import SegmentationTestDriver
from streams.testing.histories import History, random_history
from streams.testing.oracle_events import View
from streams.testing.oracle_truth import Truths
from streams.testing.random_conditions import SOURCES, WHOLE, Choose

ROUNDS = int(os.environ.get("STREAMS_TEST_ROUNDS", "10"))
"""How many times fifty histories are drawn."""

VALUES = (
    ContextValue("order", "orders", "order_id"),
    ContextValue("total", "Order Completed", "total"),
    ContextValue("items", "Order Completed", "products"),
    ContextValue("product", "browsing", "product_id"),
    ContextValue("quantity", "Product Viewed", "quantity"),
    ContextValue("tags", "Product Viewed", "tags"),
    ContextValue("letter", "Email Opened", "product_id"),
    ContextValue("country", "identify", "country"),
)


def history_with_context(choose: Choose) -> History:
    """Choose a history whose definitions carry something."""
    history = random_history(choose, language=WHOLE)
    segments = tuple(
        replace(segment, context=tuple(value for value in VALUES if choose((True, False))))
        for segment in history.catalogue.segments
    )
    return History(
        replace(history.catalogue, segments=segments),
        history.stimuli,
        history.out_of_orderness_ms,
        history.shared_watermark,
    )


def expected(transition: Transition, history: History, known: list[EventObserved]) -> dict[str, Any]:
    """Return what *transition* has to carry: the newest of the customer's events *known* that its moment sees."""
    truths = Truths(history.catalogue)
    seen_ms = transition.occurred_at_ms - (transition.cause == "timer")
    view = View(seen_ms, [e for e in known if e.event_time_ms <= seen_ms])
    found: dict[str, Any] = {}
    for value in truths.segments[transition.segment_id].context:
        events = sorted(truths.occurrences(value.event, view), key=lambda e: e.event_time_ms)
        if events and events[-1].properties.get(value.property) is not None:
            found[value.name] = events[-1].properties[value.property]
    return found


def tell(history: History, *, restarts: bool) -> None:
    """Tell *history*; check what the transitions of every customer carry whose events came in order."""
    driver = SegmentationTestDriver(
        history.catalogue,
        sources=SOURCES,
        out_of_orderness_ms=history.out_of_orderness_ms,
        shared_watermark=history.shared_watermark,
    )
    known: dict[str, dict[str, EventObserved]] = {}
    newest: dict[str, int] = {}
    disordered: set[str] = set()
    told = 0
    for stimulus in history.stimuli:
        if isinstance(stimulus, EventObserved):
            mine = known.setdefault(stimulus.customer_id, {})
            if stimulus.event_time_ms < newest.get(stimulus.customer_id, 0):
                disordered.add(stimulus.customer_id)
            mine.setdefault(stimulus.event_id, stimulus)
            newest[stimulus.customer_id] = max(newest.get(stimulus.customer_id, 0), stimulus.event_time_ms)
            driver.observe(stimulus)
        else:
            driver.advance(stimulus.source, stimulus.watermark_ms)
        for transition in driver.transitions[told:]:
            carried = {name: json.loads(text) for name, text in transition.context.items()}
            if transition.customer_id not in disordered:
                events = list(known[transition.customer_id].values())
                assert carried == expected(transition, history, events), transition
            else:
                values = {value.name: value.property for value in VALUES}
                said = [e.properties for e in known[transition.customer_id].values()]
                assert all(value in [p.get(values[name]) for p in said] for name, value in carried.items())
        told = len(driver.transitions)
        if restarts:
            driver.restart()


@pytest.mark.parametrize("first_seed", range(0, 50 * ROUNDS, 50))
def test_context_is_that_of_the_newest_event(first_seed: int) -> None:
    """Every transition carries the newest values by its moment, through restarts too."""
    for seed in range(first_seed, first_seed + 50):
        history = history_with_context(random.Random(seed).choice)
        try:
            tell(history, restarts=seed % 2 == 1)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}\n{history}") from error


@pytest.mark.parametrize("first_seed", range(0, 50 * ROUNDS, 50))
def test_context_moves_nobody(first_seed: int) -> None:
    """The engine says what the oracle says, which knows no context."""
    for seed in range(first_seed, first_seed + 50):
        try:
            compare(history_with_context(random.Random(seed).choice), restarts=seed % 2 == 1)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
