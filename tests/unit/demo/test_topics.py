"""The demo's topics and the worker's settings."""

from __future__ import annotations

import msgspec

from streams.catalogue.events import load_vocabulary
from streams.demo.shop import SOURCES, Replay
from streams.demo.topics import TRANSITIONS_TOPIC, worker_environment
from streams.settings import Settings


def test_the_worker_accepts_the_settings() -> None:
    """What the demo passes on is a valid configuration: event time, complete coverage, both inputs."""
    settings = Settings.load(worker_environment("127.0.0.1:1", 0))
    assert {entry.topic: entry.sources for entry in settings.inputs} == SOURCES
    assert (settings.clock, settings.coverage, settings.output_format) == ("event", "complete", "json")
    assert settings.transitions_topic == TRANSITIONS_TOPIC


def test_a_topic_carries_the_sources_of_its_events(whole_replay: Replay) -> None:
    """Every event of the replay is known, and belongs to a source of the topic it goes to."""
    vocabulary = load_vocabulary()
    for record in whole_replay.records[: whole_replay.customer_events : 7]:
        event_type = vocabulary.find(msgspec.json.decode(record.value)["event"])
        assert event_type is not None
        assert event_type.source in SOURCES[record.topic]
