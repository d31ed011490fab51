"""``streams explain`` beside a running worker: the customer's partition of the changelog, read from a real broker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from streams.runtime.placing import partition_of
from streams.segmentation.timeline import SECOND_MS, rfc3339
from streams.settings import PREFIX, Settings
from streams.testing.kafka import create_topics
from streams.testing.workers import Committed, Workers

PARTITIONS = 3
CUSTOMERS = tuple(f"c{number}" for number in range(6))
CATALOGUE = """
segments:
  - id: cart.full
    label: "Cart filled, 1h, no order"
    when:
      - {did: Product Added, within: 1h}
      - {did_not: Order Completed, since: Product Added}
    gate: none
"""


def explained(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``streams explain`` with *arguments* and no settings but theirs."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    command = [sys.executable, "-m", "streams", "explain", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=environment, timeout=60, check=False
    )


@pytest.mark.integration
@pytest.mark.timeout(120)
def test_a_running_application_is_explained(
    kafka: str, topic_name: Callable[[str], str], tmp_path: Path
) -> None:
    """Each customer is found in the partition where its producer put it, and the clauses hold what the worker decided."""
    name = topic_name("explain")
    topics = {kind: f"{name}.{kind}" for kind in ("events", "transitions", "memberships", "dead-letter")}
    create_topics(kafka, dict.fromkeys(topics.values(), PARTITIONS))
    definitions = tmp_path / "segments"
    definitions.mkdir()
    (definitions / "cart.yaml").write_text(CATALOGUE)
    chosen: dict[str, Any] = {
        "application_id": name, "bootstrap": kafka, "inputs": topics["events"], "metrics_port": "0",
        "transitions_topic": topics["transitions"], "memberships_topic": topics["memberships"],
        "dead_letter_topic": topics["dead-letter"], "output_format": "json", "catalogue_dir": str(definitions),
    }  # fmt: skip
    at_ms = time.time_ns() // 1_000_000 - 10 * SECOND_MS
    producer = Producer({"bootstrap.servers": kafka, "partitioner": "murmur2_random"})
    for customer in CUSTOMERS:
        event = {"messageId": customer, "type": "track", "event": "Product Added", "userId": customer,
                 "timestamp": rfc3339(at_ms), "properties": {}}  # fmt: skip
        producer.produce(topics["events"], msgspec.json.encode(event), customer)
    producer.flush()
    with Workers(chosen, tmp_path) as workers, Committed(Settings.load(**chosen), PARTITIONS) as committed:
        workers.run_until(lambda: committed.records() == len(CUSTOMERS), 60)
        application = ("--application", name, "--bootstrap", kafka, "--catalogue", str(definitions))
        for customer in CUSTOMERS[:2]:
            answer = explained(tmp_path, customer, "cart.full", *application, "--json")
            assert answer.returncode == 0, answer.stderr
            told = json.loads(answer.stdout)
            (one,) = told["segments"]
            place = partition_of(customer.encode(), PARTITIONS)

            assert told["source"] == f"{name}.changelog, partition {place}"
            assert (one["status"], one["since"], one["truth"]) == ("member", rfc3339(at_ms), "true")
            assert one["tree"]["parts"][0]["evidence"][0]["times"] == [rfc3339(at_ms)]
        before = explained(
            tmp_path, CUSTOMERS[0], "cart.full", *application, "--at", rfc3339(at_ms - 1), "--json"
        )
        nobody = explained(tmp_path, "nobody", *application)
        other = explained(tmp_path, CUSTOMERS[0], *application[:-2])

    (one,) = json.loads(before.stdout)["segments"]
    assert (one["past"]["status"], one["past"]["witness"], one["status"]) == ("out", "state", "member")
    assert (other.returncode, "give the worker's own" in other.stderr) == (1, True)
    assert nobody.returncode == 1
    assert "knows no customer 'nobody'" in nobody.stderr
