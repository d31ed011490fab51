"""``streams status`` beside a running worker on a real broker, and after it has gone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer

from streams.cli.main import main
from streams.segmentation.timeline import SECOND_MS, rfc3339
from streams.settings import Settings
from streams.testing.kafka import create_topics
from streams.testing.workers import Committed, Workers

PARTITIONS = 3
CUSTOMERS = tuple(f"c{number}" for number in range(6))
CATALOGUE = """
segments:
  - {id: cart.full, label: "Cart filled, 1h", when: [{did: Product Added, within: 1h}], gate: none}
  - id: cart.left
    label: "Cart left, 1d, no order"
    when: [{did: Product Added, within: 1d}, {did_not: Order Completed, since: Product Added}]
"""


def status(settings: dict[str, Any], *arguments: str) -> Result:
    """Run ``streams status`` with *settings* as its environment."""
    environment = {f"STREAMS_{name.upper()}": str(value) for name, value in settings.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.environ", {"PATH": "", **environment})
        return CliRunner().invoke(main, ("status", *arguments))


@pytest.mark.integration
@pytest.mark.timeout(120)
def test_where_an_application_stands(kafka: str, topic_name: Callable[[str], str], tmp_path: Path) -> None:
    """Before it starts, while it runs, and when nobody owns anything any more: what it shows is what there is."""
    name = topic_name("status")
    topics = {kind: f"{name}.{kind}" for kind in ("events", "orders", "transitions", "memberships", "dead")}
    create_topics(kafka, dict.fromkeys(topics.values(), PARTITIONS))
    create_topics(kafka, {f"{name}.changelog": PARTITIONS}, config={"cleanup.policy": "compact"})
    (tmp_path / "segments").mkdir()
    (tmp_path / "segments" / "cart.yaml").write_text(CATALOGUE)
    chosen: dict[str, Any] = {
        "application_id": name, "bootstrap": kafka, "metrics_port": "0", "output_format": "json",
        "inputs": f"{topics['events']}=behaviour;{topics['orders']}=orders", "clock": "event", "coverage": "complete",
        "transitions_topic": topics["transitions"], "memberships_topic": topics["memberships"],
        "dead_letter_topic": topics["dead"], "catalogue_dir": str(tmp_path / "segments"),
    }  # fmt: skip
    at_ms = time.time_ns() // 1_000_000 - 10 * SECOND_MS
    producer = Producer({"bootstrap.servers": kafka, "partitioner": "murmur2_random"})
    for customer in CUSTOMERS:
        event = {"messageId": customer, "type": "track", "event": "Product Added", "userId": customer,
                 "timestamp": rfc3339(at_ms), "properties": {}}  # fmt: skip
        producer.produce(topics["events"], msgspec.json.encode(event), customer)
    producer.flush()
    before = json.loads(status(chosen, "--json").stdout)
    with (
        Workers(chosen, tmp_path) as workers,
        Committed(Settings.load({}, **chosen), PARTITIONS) as committed,
    ):
        workers.run_until(lambda: committed.records() == len(CUSTOMERS), 60)
        running = status(chosen, "--json", "--members")
        shown = status(chosen, "--members").stdout
        assert workers.stop() == [0]
    after = json.loads(status(chosen, "--json").stdout)
    other = status({**chosen, "catalogue_dir": ""}, "--members")

    assert (before["workers"], before["lag"], before["partitions"]) == (0, len(CUSTOMERS), [])
    assert running.exit_code == 0, running.output
    told = json.loads(running.stdout)
    assert (told["workers"], told["group_state"], told["lag"]) == (1, "stable", 0)
    assert {one["owner"].split(" at ")[0] for one in told["inputs"]} == {f"{name}-worker-0"}
    assert sum(one["committed"] or 0 for one in told["inputs"]) == len(CUSTOMERS)
    assert told["members"]["cart.full"] == told["profiles"] == len(CUSTOMERS)
    assert {mark for one in told["partitions"] for mark in one["watermarks"].values()} <= {
        rfc3339(at_ms - 5_000), None
    }  # fmt: skip
    assert f"{name}: 1 workers, group stable, 0 records behind" in shown
    assert (after["workers"], {one["owner"] for one in after["inputs"]}) == (0, {""})
    assert "the state was made with other definitions" in other.stdout


@pytest.mark.integration
def test_an_application_that_never_was(kafka: str, topic_name: Callable[[str], str]) -> None:
    """Its changelog is missing: a sentence with what to do, no traceback."""
    told = status({"bootstrap": kafka, "application_id": topic_name("never")})

    assert told.exit_code == 1
    assert "there is no topic" in told.stderr
    assert "--application" in told.stderr
