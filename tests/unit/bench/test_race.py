"""The race's settings: a worker as anybody would run it, and the job it is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.bench.generator import generated
from streams.bench.job_oracle import JobPartition
from streams.bench.race import CATALOGUE, Race, in_checkout
from streams.bench.race_topic import partition_of
from streams.catalogue.events import load_vocabulary
from streams.errors import OperationError
from streams.runtime.application import wire
from streams.segmentation.partition import Partition
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.vocabulary import Vocabulary
from streams.settings import Settings

EVENTS = 4_000


@pytest.fixture
def race() -> Race:
    """A small race over the project's own job."""
    return Race("nowhere:1", Path(), EVENTS, 7, 2, in_checkout(CATALOGUE), 1_000)


def test_its_settings_are_settings(race: Race) -> None:
    """The environment of a worker is one that it accepts, with the watermark at stream time."""
    settings = Settings.load(race.settings("run"))
    assert settings.clock == "event"
    assert settings.out_of_orderness_ms == 0
    assert settings.commit_interval_ms == 1_000


def test_the_job_has_the_segments_of_the_engines(race: Race) -> None:
    """Eight segments, of which both abandonments wait fifteen minutes."""
    plan = wire(Settings.load(race.settings("run"))).plan
    found = {machine.members[0].segment_id: machine.grace_ms for machine in plan.machines}
    assert sorted(found) == [
        "browse_intent", "cart_abandon", "checkout_abandon", "email_engaged", "first_time", "loyal", "post_purchase",
        "repeat",
    ]  # fmt: skip
    assert {segment for segment, grace_ms in found.items() if grace_ms} == {
        "cart_abandon",
        "checkout_abandon",
    }


def test_entries_by_an_event_are_those_of_the_oracle(race: Race) -> None:
    """What an event alone makes true is entered in the engine and in the oracle at the same instants."""
    ours, theirs = set(), set()
    wiring, vocabulary = wire(Settings.load(race.settings("run"))), load_vocabulary()
    engine, oracle = Partition(wiring.plan, wiring.inputs, wiring.options), JobPartition()
    for event in generated(EVENTS, customers=400):
        theirs |= {
            (t.customer_id, t.segment, t.occurred_at)
            for t in oracle.observe(event)
            if t.kind == "entered" and t.segment in {"first_time", "repeat", "email_engaged"}
        }
        engine.observe(
            _observed(vocabulary, event.type, event.occurred_at, event.event_id, event.customer_id)
        )
    for t in engine.take_effects():
        if t.kind == "entered" and t.segment_id in {"first_time", "repeat", "email_engaged"}:
            ours.add((t.customer_id, t.segment_id, t.occurred_at_ms))
    assert ours == theirs
    assert len(ours) > 300


def _observed(
    vocabulary: Vocabulary, name: str, event_time_ms: int, event_id: str, customer_id: str
) -> EventObserved:
    event_type = vocabulary.find(name)
    assert event_type is not None
    return EventObserved(
        event_type.name, event_time_ms, event_id, "default", customer_id, event_type.source, {}
    )


def test_a_customer_stays_in_one_partition() -> None:
    """The partition depends on the customer alone, and all partitions are used."""
    places = {f"c{n}": partition_of(f"c{n}", 4) for n in range(100)}
    assert set(places.values()) == {0, 1, 2, 3}
    assert all(partition_of(customer, 4) == place for customer, place in places.items())


def test_a_missing_job_says_what_to_do() -> None:
    """Outside a checkout the error names what is missing."""
    with pytest.raises(OperationError, match="no-such-folder"):
        in_checkout(Path("no-such-folder"))
