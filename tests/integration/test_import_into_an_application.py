"""``streams import`` on a real broker: the state is what workers would have made, and consumers are not flooded."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Consumer, Producer, TopicPartition

from streams.cli.main import main
from streams.segmentation.timeline import DAY_MS, SECOND_MS, rfc3339
from streams.settings import Settings
from streams.testing.kafka import create_topics
from streams.testing.workers import Committed, Workers

pytestmark = pytest.mark.integration

PARTITIONS = 2
CUSTOMERS = tuple(f"c{number}" for number in range(8))
CATALOGUE = """
segments:
  - {id: buyer.lately, label: "Bought, 30d", when: [{did: Order Completed, within: 30d}], gate: none}
  - id: cart.left
    label: "Cart left, 7d, no order"
    when: [{did: Product Added, within: 7d}, {did_not: Order Completed, since: Product Added}]
"""


def events(now_ms: int) -> list[dict[str, Any]]:
    """Return the past of all customers: each has ordered, half of them long ago, and every third has left a cart."""
    found = []
    for number, customer in enumerate(CUSTOMERS):
        ordered_ms = now_ms - (90 if number % 2 else 3) * DAY_MS
        found.append(
            event(
                f"o{number}",
                "Order Completed",
                customer,
                ordered_ms,
                {"order_id": f"o{number}", "total": "5"},
            )
        )
        if number % 3 == 0:
            found.append(event(f"a{number}", "Product Added", customer, now_ms - DAY_MS, {"product_id": "p"}))
    return found


def event(event_id: str, name: str, customer: str, at_ms: int, properties: dict[str, Any]) -> dict[str, Any]:
    """Return one message of the Segment spec."""
    return {"messageId": event_id, "type": "track", "event": name, "userId": customer, "timestamp": rfc3339(at_ms),
            "properties": properties}  # fmt: skip


def run(command: str, settings: dict[str, Any], *arguments: str) -> Result:
    """Run a command with *settings* as its environment."""
    environment = {f"STREAMS_{name.upper()}": str(value) for name, value in settings.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.environ", {"PATH": "", **environment})
        return CliRunner().invoke(main, (command, *arguments))


@pytest.fixture
def application(
    kafka: str, topic_name: Callable[[str], str], tmp_path: Path
) -> Callable[[str], dict[str, Any]]:
    """Makes the topics of an application, and returns its settings."""
    (tmp_path / "segments").mkdir()
    (tmp_path / "segments" / "buyers.yaml").write_text(CATALOGUE)

    def make(kind: str) -> dict[str, Any]:
        name = topic_name(kind)
        topics = {topic: f"{name}.{topic}" for topic in ("events", "transitions", "memberships", "dead")}
        create_topics(kafka, dict.fromkeys(topics.values(), PARTITIONS))
        return {
            "application_id": name, "bootstrap": kafka, "metrics_port": "0", "output_format": "json",
            "inputs": topics["events"], "clock": "event", "out_of_orderness_ms": "0ms",
            "transitions_topic": topics["transitions"],
            "memberships_topic": topics["memberships"], "dead_letter_topic": topics["dead"],
            "catalogue_dir": str(tmp_path / "segments"),
        }  # fmt: skip

    return make


def read_all(kafka: str, topic: str) -> dict[bytes, bytes | None]:
    """Return the newest committed value of every key of *topic*; each record of a topic that is not compacted."""
    reader = Consumer({"bootstrap.servers": kafka, "group.id": "nobody", "enable.partition.eof": True})
    reader.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    found: dict[bytes, bytes | None] = {}
    ended = 0
    while ended < PARTITIONS:
        for message in reader.consume(100, 1.0):
            if message.error() is None:
                found[message.key() or b""] = message.value()
            else:
                ended += 1
    reader.close()
    return found


def send(kafka: str, topic: str, messages: list[dict[str, Any]]) -> None:
    """Produce *messages* as Java's producers place them, keyed by the customer."""
    producer = Producer({"bootstrap.servers": kafka, "partitioner": "murmur2_random"})
    for message in messages:
        producer.produce(topic, msgspec.json.encode(message), message["userId"])
    assert producer.flush(20) == 0


def break_off(kafka: str, application_id: str) -> None:
    """Leave behind what an import does that was killed: a transaction that nobody ended, with records of the changelog."""
    changelog = f"{application_id}.changelog"
    create_topics(kafka, {changelog: PARTITIONS}, config={"cleanup.policy": "compact"})
    killed = Producer({"bootstrap.servers": kafka, "transactional.id": f"{application_id}-import"})
    killed.init_transactions(20)
    killed.begin_transaction()
    killed.produce(changelog, b"half", b"default/c0", 0)
    assert killed.flush(20) == 0


@pytest.mark.timeout(180)
def test_an_imported_past(kafka: str, application: Callable[[str], dict[str, Any]], tmp_path: Path) -> None:
    """An application with an imported past is where one that read it from the log is, but has told nobody; it goes on."""
    now_ms = time.time_ns() // 1_000_000 - 10 * SECOND_MS
    past = sorted(events(now_ms), key=lambda message: str(message["timestamp"]))
    file = tmp_path / "past.jsonl"
    file.write_bytes(b"\n".join(map(msgspec.json.encode, reversed(past))))  # in any order
    imported, lived = application("imported"), application("lived")
    break_off(kafka, imported["application_id"])
    checked = run("import", imported, str(file))
    done = run("import", imported, str(file), "--since", "2020-01-01T00:00:00Z", "--yes", "--json")
    again = run("import", imported, str(file), "--yes")
    send(kafka, lived["inputs"], past)
    with Workers(lived, tmp_path) as workers, Committed(Settings.load({}, **lived), PARTITIONS) as committed:
        workers.run_until(lambda: committed.records() == len(past), 60)
    before = json.loads(run("status", imported, "--members", "--json").stdout)
    memberships = {
        key: json.loads(value or b"null")
        for key, value in read_all(kafka, imported["memberships_topic"]).items()
    }
    silent = read_all(kafka, imported["transitions_topic"])
    send(
        kafka,
        imported["inputs"],
        [event("new", "Order Completed", "c0", now_ms + SECOND_MS, {"order_id": "n", "total": "5"})],
    )
    with Workers(imported, tmp_path) as workers:
        workers.run_until(lambda: bool(read_all(kafka, imported["transitions_topic"])), 60)
    ((key, value),) = read_all(kafka, imported["transitions_topic"]).items()
    told = json.loads(value or b"")

    assert "nothing is written without --yes" in checked.stdout
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["members"] == {"buyer.lately": 4, "cart.left": 3}
    assert (again.exit_code, "has committed offsets" in again.stderr) == (1, True)
    assert before["members"] == {"buyer.lately": 4, "cart.left": 3}
    assert silent == {}  # nobody was flooded
    in_carts = {key for key, one in memberships.items() if "cart.left" in str(one)}
    assert in_carts == {b"default/c0", b"default/c3", b"default/c6"}
    assert (key, told["kind"], told["segment_id"], told["sequence"]) == (
        b"default/c0",
        "exited",
        "cart.left",
        2,
    )
    assert told["entered_at"] == rfc3339(now_ms - DAY_MS)
    known = {
        key: value for key, value in read_all(kafka, lived["memberships_topic"]).items() if value is not None
    }
    assert {key: json.loads(value)["memberships"] for key, value in known.items()} == {
        key: one["memberships"] for key, one in memberships.items() if one is not None
    }
