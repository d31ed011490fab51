"""A real schema registry: what is registered and refused, a producer's schema that grows, and a registry that hangs."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import confluent_kafka as ck
import pytest
from click.testing import CliRunner, Result

from streams.broker.ports import free_ports
from streams.broker.registry import RegistryServer
from streams.cli.main import main
from streams.codecs.avro import RecordCodec
from streams.codecs.registry import RegistrySchemas
from streams.codecs.schema_sources import Schema, bundled_schema
from streams.errors import OperationError
from streams.settings import Settings
from streams.testing.kafka import create_topics
from streams.testing.workers import Workers

pytestmark = pytest.mark.integration

EVENT = bundled_schema("customer_event")


def grown(**field: Any) -> Schema:
    """Return the schema of events with one field more."""
    schema = deepcopy(EVENT)
    schema["fields"].append(field)
    return schema


OPTIONAL = grown(name="campaign", type=["null", "string"], default=None)


def schemas(registry: RegistryServer, *arguments: str, **settings: str) -> Result:
    """Run ``streams schemas`` with the registry and *settings*, and no others."""
    chosen = {"schema_registry_url": registry.url, **settings}
    environment = {f"STREAMS_{name.upper()}": text for name, text in chosen.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.environ", {"PATH": "", **environment})
        return CliRunner().invoke(main, ("schemas", *arguments))


def test_register_and_check(schema_registry: RegistryServer, topic_name: Callable[[str], str]) -> None:
    """What check misses, register registers with a mode (this registry has none by itself); then all is well."""
    topics = {kind: topic_name(kind) for kind in ("transitions", "memberships", "events")}
    chosen = {
        "transitions_topic": topics["transitions"], "memberships_topic": topics["memberships"],
        "inputs": f"{topics['events']}=*:avro",
    }  # fmt: skip
    before = schemas(schema_registry, "check", "--json", **chosen)
    registered = schemas(schema_registry, "register", "--inputs", **chosen)
    again = schemas(schema_registry, "register", "--inputs", **chosen)
    after = schemas(schema_registry, "check", "--json", **chosen)

    assert before.exit_code == 0
    assert [one["standing"] for one in json.loads(before.stdout)] == ["ok"] * 3 + ["warning"] * 3
    assert registered.exit_code == 0, registered.output
    assert [line.split()[-1] for line in registered.stdout.splitlines()] == ["BACKWARD"] * 3
    assert again.stdout == registered.stdout
    assert [one["standing"] for one in json.loads(after.stdout)] == ["ok"] * 6


def test_a_schema_that_breaks_readers_is_refused(
    schema_registry: RegistryServer, topic_name: Callable[[str], str]
) -> None:
    """The mode that register sets lets an optional field in, and keeps a required one out."""
    subject = f"{topic_name('events')}-value"
    registry = RegistrySchemas(schema_registry.url)
    registry.register(subject, EVENT)

    assert registry.accepts(subject, OPTIONAL)
    assert not registry.accepts(subject, grown(name="campaign", type="string"))
    with pytest.raises(OperationError, match=f"refuses the schema of {subject}"):
        registry.register(subject, grown(name="campaign", type="string"))
    assert registry.latest(subject) == EVENT


class Shop:
    """Writes events as Avro, each with a schema and to a partition of the test's choice."""

    def __init__(self, kafka: str, topic: str, registry: RegistrySchemas) -> None:
        self._producer = ck.Producer({"bootstrap.servers": kafka})
        self._topic = topic
        self._codecs = [
            RecordCodec(registry, schema, registry.register(f"{topic}-value", schema))
            for schema in (EVENT, OPTIONAL)
        ]
        self._sent = 0

    def send(self, count: int, *, partition: int, grown: bool = False) -> None:
        """Send *count* events, written with the schema that has one field more or the one that has not."""
        codec = self._codecs[1 if grown else 0]
        for _ in range(count):
            self._sent += 1
            fields = {
                "event_id": f"m{self._sent}", "event": "Product Viewed", "timestamp": time.time_ns() // 1_000_000,
                "user_id": f"customer-{partition}", "anonymous_id": None, "shop_id": "default", "properties": {},
                "campaign": "spring",
            }  # fmt: skip
            self._producer.produce(self._topic, codec.write(fields), f"customer-{partition}", partition)
        assert self._producer.flush(20) == 0


def readiness(port: int) -> tuple[int, str]:
    """Return what /readyz says."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


@pytest.mark.timeout(180)
def test_a_schema_grows_while_the_registry_hangs(
    kafka: str, schema_registry: RegistryServer, topic_name: Callable[[str], str], tmp_path: Path
) -> None:
    """What is written with a known schema goes on; what is not waits, readiness says so, and nothing is lost or buried."""
    name = topic_name("growing")
    topics = {kind: f"{name}.{kind}" for kind in ("events", "transitions", "memberships", "dead")}
    create_topics(kafka, dict.fromkeys(topics.values(), 2))
    (port,) = free_ports(1)
    chosen = {
        "application_id": name, "bootstrap": kafka, "inputs": f"{topics['events']}=*:avro", "metrics_port": str(port),
        "transitions_topic": topics["transitions"], "memberships_topic": topics["memberships"],
        "dead_letter_topic": topics["dead"], "schema_registry_url": schema_registry.url,
        "schema_registry_timeout_ms": "1s", "log_format": "json",
    }  # fmt: skip
    shop = Shop(kafka, topics["events"], RegistrySchemas(schema_registry.url))
    shop.send(5, partition=0)
    shop.send(5, partition=1)
    group = ck.Consumer({"bootstrap.servers": kafka, "group.id": Settings.load({}, **chosen).application_id})

    def committed() -> list[int]:
        places = [ck.TopicPartition(topics["events"], number) for number in (0, 1)]
        try:
            return [place.offset for place in group.committed(places, 10)]
        except ck.KafkaException:
            return []  # no coordinator yet

    with Workers(chosen, tmp_path) as workers:
        workers.run_until(lambda: committed() == [5, 5], 60)
        schema_registry.pause()
        try:
            shop.send(5, partition=1, grown=True)
            workers.run_until(lambda: readiness(port)[0] == 503, 30)
            shop.send(5, partition=0)
            workers.run_until(lambda: committed()[:1] == [10], 30)

            assert committed() == [10, 5]
            assert readiness(port)[1].startswith("records wait: the schema registry cannot be asked")
        finally:
            schema_registry.resume()
        workers.run_until(lambda: committed() == [10, 10], 60)
        workers.run_until(lambda: readiness(port) == (200, "ok\n"), 30)
        assert workers.stop() == [0]
    ends = [group.get_watermark_offsets(ck.TopicPartition(topics["dead"], number), 10) for number in (0, 1)]
    group.close()

    assert ends == [(0, 0), (0, 0)]
    log = (tmp_path / "worker-0.log").read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    assert "customer-" not in log
    assert {line["level"] for line in lines} == {"warning"}
    assert [line["message"] for line in lines if line["logger"] == "streams.codecs.registry"] == [
        "the schema registry cannot be asked: ReadTimeout; records with unknown schemas wait"
    ]
    assert {line.get("partition") for line in lines if line["message"].startswith("rolled back")} == {1}
