"""Series of partitions on a real broker: who has a partition shows them and nobody else, before and after a rebalance."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from confluent_kafka import Producer
from prometheus_client.parser import text_string_to_metric_families

from streams.broker.ports import LOOPBACK, free_ports
from streams.testing.kafka import create_topics
from streams.testing.measured_shop import order
from streams.testing.workers import Workers, environment_of

CUSTOMERS = 40


def partitions_shown(port: int) -> set[str]:
    """Return the partitions that any series of a worker names; empty while it does not answer."""
    try:
        with urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=5) as answer:
            families = text_string_to_metric_families(answer.read().decode())
    except (ConnectionError, URLError):
        return set()
    labels = (sample.labels.get("partition") for family in families for sample in family.samples)
    return {partition for partition in labels if partition is not None}


def members_shown(*ports: int) -> float:
    """Return the members of all segments that the workers at *ports* show together."""
    total = 0.0
    for port in ports:
        with urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=5) as answer:
            for family in text_string_to_metric_families(answer.read().decode()):
                if family.name == "streams_segment_members":
                    total += sum(s.value for s in family.samples if s.labels["segment"] == "buyer.first_time")
    return total


@contextmanager
def second_worker(settings: dict[str, Any], folder: Path) -> Iterator[None]:
    """Let another worker run with *settings* for as long as the context lasts."""
    with (folder / "second.log").open("wb") as log:
        command = [sys.executable, "-m", "streams", "worker", "--log-level", "warn"]
        process = subprocess.Popen(command, env=environment_of(settings), stdout=log, stderr=log, cwd=folder)
        try:
            yield
        finally:
            process.terminate()
            process.wait(40)


@pytest.mark.integration
@pytest.mark.timeout(240)
def test_series_follow_their_partition(kafka: str, topic_name: Callable[[str], str], tmp_path: Path) -> None:
    """A partition that moves takes all of its series along, and every customer is counted once."""
    name = topic_name("follow")
    ports = free_ports(2)
    topics = {end: f"{name}.{end}" for end in ("orders", "transitions", "memberships", "dead-letter")}
    create_topics(kafka, dict.fromkeys(topics.values(), 2))
    settings: dict[str, Any] = {
        "application_id": name, "bootstrap": kafka, "inputs": f"{topics['orders']}=*:compact",
        "transitions_topic": topics["transitions"], "memberships_topic": topics["memberships"],
        "dead_letter_topic": topics["dead-letter"], "coverage": "complete", "metrics_port": ports[0],
    }  # fmt: skip
    producer = Producer({"bootstrap.servers": kafka})
    for number in range(CUSTOMERS):
        producer.produce(topics["orders"], order(f"c{number}", time.time_ns() // 1_000_000), f"c{number}")
    producer.flush()

    with Workers(settings, tmp_path) as workers:
        workers.run_until(lambda: partitions_shown(ports[0]) == {"0", "1"}, 60)
        with second_worker(settings | {"instance_id": "second", "metrics_port": ports[1]}, tmp_path):
            workers.run_until(
                lambda: (
                    sorted(map(len, map(partitions_shown, ports))) == [1, 1]
                    and partitions_shown(ports[0]) != partitions_shown(ports[1])
                ),
                60,
            )
            workers.run_until(lambda: members_shown(*ports) == CUSTOMERS, 30)
        workers.run_until(lambda: partitions_shown(ports[0]) == {"0", "1"}, 60)
        workers.run_until(lambda: members_shown(ports[0]) == CUSTOMERS, 30)
        assert workers.stop() == [0]
