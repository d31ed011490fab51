"""The demo's topics, and the settings that make a worker read and write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from streams.demo.browsing import BEHAVIOUR_TOPIC
from streams.demo.order_events import ORDERS_TOPIC
from streams.demo.shop import SOURCES
from streams.testing.kafka import create_topics

APPLICATION_ID: Final = "demo"
"""The worker's application, and so its consumer group."""

TRANSITIONS_TOPIC: Final = "segments.transitions"
MEMBERSHIPS_TOPIC: Final = "segments.memberships"
DEAD_LETTER_TOPIC: Final = "demo.dead-letter"
CHANGELOG_TOPIC: Final = "demo.changelog"


class DemoTopic(NamedTuple):
    """What a topic of the demo needs when it is created."""

    partitions: int
    config: Mapping[str, str] = {}


def demo_topics(partitions: int) -> dict[str, DemoTopic]:
    """Return everything but the changelog, which the worker makes for itself, by name.

    Args:
        partitions: of every topic; the dead letters have one.
    """
    inputs = {topic: DemoTopic(partitions) for topic in (ORDERS_TOPIC, BEHAVIOUR_TOPIC)}
    return inputs | {
        TRANSITIONS_TOPIC: DemoTopic(partitions),
        DEAD_LETTER_TOPIC: DemoTopic(1),
        MEMBERSHIPS_TOPIC: DemoTopic(partitions, {"cleanup.policy": "compact"}),
    }


def create_demo_topics(bootstrap: str, partitions: int) -> None:
    """Create all of `demo_topics`.

    Raises:
        OperationError: a topic exists already, or the brokers do not create it in time.
    """
    topics = demo_topics(partitions)
    create_topics(bootstrap, {name: topic.partitions for name, topic in topics.items() if not topic.config})
    for name, topic in topics.items():
        if topic.config:
            create_topics(bootstrap, {name: topic.partitions}, config=topic.config)


def worker_environment(bootstrap: str, metrics_port: int) -> dict[str, str]:
    """Return the settings of the demo's worker as environment variables.

    A replay runs by event time alone (`clock: event`), and the file holds the shop's whole history (`coverage:
    complete`). All of it is in Kafka before the worker starts, so a topic that is behind is worth a long wait: the
    topics then stay in step however busy the machine is. Outputs are JSON, so that anything can read them.
    """
    return {
        "STREAMS_APPLICATION_ID": APPLICATION_ID,
        "STREAMS_BOOTSTRAP": bootstrap,
        "STREAMS_INPUTS": ";".join(f"{topic}={','.join(sources)}:json" for topic, sources in SOURCES.items()),
        "STREAMS_TRANSITIONS_TOPIC": TRANSITIONS_TOPIC,
        "STREAMS_MEMBERSHIPS_TOPIC": MEMBERSHIPS_TOPIC,
        "STREAMS_DEAD_LETTER_TOPIC": DEAD_LETTER_TOPIC,
        "STREAMS_CHANGELOG_TOPIC": CHANGELOG_TOPIC,
        "STREAMS_OUTPUT_FORMAT": "json",
        "STREAMS_CLOCK": "event",
        "STREAMS_COVERAGE": "complete",
        "STREAMS_MERGE_WAIT_MS": "10s",
        "STREAMS_METRICS_PORT": str(metrics_port),
    }
