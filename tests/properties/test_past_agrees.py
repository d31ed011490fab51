"""Where a customer stood at a past instant, told from the state as it is now, beside what was emitted back then."""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest

from streams.catalogue.explaining import Explainer
from streams.catalogue.past import by_journals, past_of
from streams.catalogue.standing import present
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import DAY_MS
from streams.segmentation.transitions import Transition
from streams.testing.driver import SegmentationTestDriver
from streams.testing.histories import END_MS, START_MS, random_history
from streams.testing.random_conditions import SOURCES, TICK_MS, WHOLE

ROUNDS = int(os.environ.get("STREAMS_TEST_ROUNDS", "5"))
"""How many times a hundred histories are drawn."""


def stood(transitions: list[Transition], customer: str, segment_id: str, at_ms: int) -> bool:
    """Return whether *transitions*, all of them in time, made *customer* a member of *segment_id* at *at_ms*."""
    mine = [t for t in transitions if (t.customer_id, t.segment_id) == (customer, segment_id)]
    before = [t for t in mine if t.occurred_at_ms <= at_ms]
    return bool(before) and before[-1].kind == "entered"


def check(seed: int) -> Counter[str]:
    """Tell a random history in order; ask for past instants; return how many answers each witness gave, or none did."""
    draw = random.Random(seed)
    history = random_history(draw.choice, language=WHOLE)
    events = sorted(
        (one for one in history.stimuli if isinstance(one, EventObserved)), key=lambda e: e.event_time_ms
    )
    driver = SegmentationTestDriver(history.catalogue, sources=SOURCES)
    for event in events:
        driver.observe(event)
    end_ms = draw.choice([START_MS, START_MS + 10 * DAY_MS, END_MS])  # the first: the last event is the end
    driver.advance(None, end_ms)
    explainer = Explainer(history.catalogue, SOURCES, driver.partition.plan)
    answers = Counter[str]()
    for key, profile in driver.partition.live.items():
        customer = key.partition("/")[2]
        end_ms = present(driver.partition, profile)
        edges = [t.occurred_at_ms + step for t in driver.transitions for step in (-1, 0, 1)]
        instants = [at for at in draw.sample(edges, min(12, len(edges))) if at < end_ms]
        instants += [START_MS + draw.randrange(200) * TICK_MS for _ in range(4)]
        for segment_id in explainer.segment_ids:
            for at_ms in (at for at in instants if at < end_ms):
                expected = stood(driver.transitions, customer, segment_id, at_ms)
                machine = explainer.machine_of(segment_id)[0]
                witnesses = (
                    (past_of, by_journals) if profile.states[machine.index] is not None else (past_of,)
                )
                for ask in witnesses:
                    past = ask(explainer, driver.partition, profile, segment_id, at_ms)
                    answers["unknown" if past.status == "unknown" else past.witness] += 1
                    assert past.status == "unknown" or (past.status == "member") == expected, (
                        f"seed {seed}: {customer} {segment_id} at {at_ms}: {past}"
                    )
                    assert past.since_ms is None or past.since_ms <= at_ms
    return answers


@pytest.mark.parametrize("number", range(ROUNDS))
def test_the_past_is_what_was_emitted(number: int) -> None:
    """Without late events both witnesses say it, wherever they say anything."""
    answers = sum(map(check, range(number * 100, number * 100 + 100)), Counter[str]())

    assert answers["state"] > 1_000
    assert answers["journals"] > 300
