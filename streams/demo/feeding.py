"""The shop's year into a Kafka that runs already: its topics, and the records at a chosen pace. No worker is started."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.demo.kafka_side import ANSWER_TIMEOUT_S, QUIET, log_ends, write_replay
from streams.demo.retail import History, read_history
from streams.demo.shop import AFTERWARDS_MS, SOURCES, ShopRecord, replay
from streams.demo.topics import demo_topics
from streams.errors import OperationError
from streams.segmentation.timeline import DAY_MS, EpochMs
from streams.testing.kafka import create_topics

WORTH_SLEEPING_S: Final = 0.02
"""A shorter pause costs more than it slows."""


def missing_topics_made(bootstrap: str, partitions: int) -> list[str]:
    """Create the demo's topics that are not there yet; return their names.

    Args:
        bootstrap: the brokers' address.
        partitions: of every topic but the dead letters, which have one.

    Raises:
        OperationError: no broker answers, a topic is there with another number of partitions, or none is created.
    """
    there = _partition_counts(bootstrap)
    made = []
    for name, topic in demo_topics(partitions).items():
        if name not in there:
            create_topics(bootstrap, {name: topic.partitions}, config=topic.config)
            made.append(name)
        elif there[name] != topic.partitions:
            raise OperationError(
                f"the topic {name} has {there[name]} partitions, not {topic.partitions}",
                hint=f"feed it with --partitions {there[name]}, or delete the topic",
            )
    return made


def records_there(bootstrap: str) -> int:
    """Return how many records the two input topics hold.

    Raises:
        OperationError: no broker answers.
    """
    counts = _partition_counts(bootstrap)
    places = [TopicPartition(topic, number) for topic in SOURCES for number in range(counts.get(topic, 0))]
    return sum(log_ends(bootstrap, places).values())


def moved_to_yesterday(history: History, now_ms: EpochMs) -> History:
    """Return *history* moved by whole days, so that the replay's last word is one to two days older than *now_ms*.

    That word comes a day after the last event. Times of day stay; weekdays do not.
    """
    last_ms = max(invoice.time_ms for invoice in history.invoices)
    by_ms = (now_ms - DAY_MS - AFTERWARDS_MS - last_ms) // DAY_MS * DAY_MS
    moved = [msgspec.structs.replace(one, time_ms=one.time_ms + by_ms) for one in history.invoices]
    return History(moved, history.counts)


def paced(
    records: Iterable[ShopRecord],
    per_second: int,
    *,
    clock_s: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[ShopRecord]:
    """Yield *records*, on average not more than *per_second* of them in a second; 0: as fast as they are taken."""
    began_s = clock_s()
    for number, record in enumerate(records):
        if per_second:
            early_s = began_s + number / per_second - clock_s()
            if early_s > WORTH_SLEEPING_S:
                sleep(early_s)
        yield record


def feed(
    bootstrap: str,
    *,
    browsing: int,
    seed: int,
    partitions: int,
    per_second: int,
    now_ms: EpochMs | None,
    told: Callable[[int, int], None],
) -> int:
    """Write the shop's year into its topics, which exist; return how many records that were.

    Args:
        bootstrap: the brokers' address.
        browsing: simulated events for each real order on average.
        seed: of everything simulated.
        partitions: of the input topics.
        per_second: records in a second; 0: as fast as it goes.
        now_ms: move the year close to this instant; None: it stays where it was, in 2010 and 2011.
        told: called now and then with the records written and those there are.

    Raises:
        OperationError: a record was not taken within a minute.
    """
    history = read_history()
    if now_ms is not None:
        history = moved_to_yesterday(history, now_ms)
    records = replay(history, browsing=browsing, seed=seed, partitions=partitions).records
    write_replay(bootstrap, paced(records, per_second), lambda written: told(written, len(records)))
    return len(records)


def _partition_counts(bootstrap: str) -> dict[str, int]:
    try:
        topics = AdminClient({**QUIET, "bootstrap.servers": bootstrap}).list_topics(timeout=ANSWER_TIMEOUT_S)
    except KafkaException as error:
        raise OperationError(
            f"no broker answers at {bootstrap}: {error.args[0].str()}",
            hint="is it up, and reachable from here? `streams broker` starts one on this machine",
        ) from None
    return {name: len(topic.partitions) for name, topic in topics.topics.items() if topic.error is None}
