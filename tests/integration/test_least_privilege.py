"""The planned rights, no more and no less: a real worker with just these, on a broker that refuses everything else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import confluent_kafka as ck
import msgspec
import pytest
from click.testing import CliRunner, Result

from streams.broker import KafkaCluster
from streams.broker.configuration import NodeAddress
from streams.broker.ports import LOOPBACK, free_ports
from streams.cli.main import main
from streams.operations.access_plan import consumer_access, operator_access, producer_access, worker_access
from streams.operations.topic_admin import TopicAdmin
from streams.operations.topic_plan import Sizing, planned_topics
from streams.segmentation.timeline import rfc3339
from streams.settings import Settings
from streams.testing.workers import Workers

pytestmark = pytest.mark.integration

NAMES = ("worker", "shop", "crm", "desk")
_LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
CATALOGUE = 'segments: [{id: cart.full, label: "Cart filled, 1h", when: [{did: Product Added, within: 1h}], gate: none}]'


class GuardedCluster(KafkaCluster):
    """A broker with a second listener, at which everybody logs in and may do only what was granted."""

    def __init__(self) -> None:
        broker, controller, self.guarded_port = free_ports(3)
        self._one = NodeAddress(1, broker, controller)
        logins = " ".join(f'user_{name}="{name}-secret"' for name in NAMES)
        super().__init__(settings={
            "listeners": f"BROKER://{LOOPBACK}:{broker},CONTROLLER://{LOOPBACK}:{controller},GUARDED://{LOOPBACK}:{self.guarded_port}",
            "advertised.listeners": f"BROKER://{LOOPBACK}:{broker},GUARDED://{LOOPBACK}:{self.guarded_port}",
            "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_PLAINTEXT",
            "listener.name.guarded.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.guarded.plain.sasl.jaas.config": f"{_LOGIN} {logins};",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",  # the operator, at the first listener
        })  # fmt: skip

    def _chosen_addresses(self) -> list[NodeAddress]:
        return [self._one]

    def login(self, name: str) -> dict[str, str]:
        """Return the client's options to log in as *name*."""
        return {
            "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": name,
            "sasl.password": f"{name}-secret",
        }  # fmt: skip


@pytest.fixture(scope="module")
def cluster() -> Iterator[GuardedCluster]:
    """A broker that asks who is there."""
    with GuardedCluster() as running:
        yield running


LOOKS = (("status", "--members", "--json"), ("topics", "check"))


def look(settings: dict[str, Any], *words: str) -> Result:
    """Run a command with *settings* as its environment."""
    environment = {f"STREAMS_{name.upper()}": str(value) for name, value in settings.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.environ", {"PATH": "", **environment})
        return CliRunner().invoke(main, words)


def chosen(cluster: GuardedCluster, folder: Path, name: str = "worker") -> dict[str, Any]:
    """Return the settings of a worker that logs in as *name*."""
    (folder / "segments").mkdir(exist_ok=True)
    (folder / "segments" / "cart.yaml").write_text(CATALOGUE)
    return {
        "application_id": "segments", "bootstrap": f"{LOOPBACK}:{cluster.guarded_port}", "metrics_port": "0",
        "catalogue_dir": str(folder / "segments"),
        **{f"kafka_{option.replace('.', '_')}": value for option, value in cluster.login(name).items()},
    }  # fmt: skip


@pytest.mark.timeout(120)
def test_a_worker_lives_on_the_planned_rights(cluster: GuardedCluster, tmp_path: Path) -> None:
    """Producer, worker and consumer each do their work with what is planned for them, and cannot do another's."""
    settings = Settings.load({}, application_id="segments", bootstrap=cluster.bootstrap)
    admin = TopicAdmin(settings)
    planned = planned_topics(settings, Sizing(partitions=2, replication=1))
    admin.create(
        [one for one in planned if one.role != "changelog"], dry=False
    )  # that one the worker creates
    admin.grant(worker_access(settings, "User:worker"))
    admin.grant(producer_access(settings, "User:shop"))
    admin.grant(consumer_access(settings, "User:crm", "crm-"))
    admin.grant(operator_access(settings, "User:desk"))
    guarded = {"bootstrap.servers": f"{LOOPBACK}:{cluster.guarded_port}"}
    event = {"messageId": "m1", "type": "track", "event": "Product Added", "userId": "u1", "properties": {},
             "timestamp": rfc3339(time.time_ns() // 1_000_000 - 1_000)}  # fmt: skip
    producer = ck.Producer({**guarded, **cluster.login("shop")})
    producer.produce("customers.events", msgspec.json.encode(event), "u1")
    assert producer.flush(20) == 0
    consumer = ck.Consumer(
        {**guarded, **cluster.login("crm"), "group.id": "crm-mail", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe(["segments.transitions"])
    found: list[Any] = []
    try:
        with Workers(chosen(cluster, tmp_path), tmp_path) as workers:
            workers.run_until(lambda: bool(found), 60, each=lambda: found.extend(consumer.consume(1, 0.2)))
            assert found[0].error() is None, found[0].error()
            assert found[0].key() == b"default/u1"
            looked = [look(chosen(cluster, tmp_path, "desk"), *words) for words in LOOKS]
            assert workers.stop() == [0]
    finally:
        consumer.close()
    assert [result.exit_code for result in looked] == [0, 0], [result.output for result in looked]
    assert '"workers":1' in looked[0].stdout
    assert may_not_write(cluster, "desk", "segments.transitions")
    assert may_not_write(cluster, "crm", "segments.transitions")
    assert may_not_write(cluster, "worker", "customers.events")
    assert may_not_write(cluster, "shop", "segments.memberships")


def may_not_write(cluster: GuardedCluster, name: str, topic: str) -> bool:
    """Try to write to *topic* as *name*; say whether it was refused."""
    errors: list[ck.KafkaError | None] = []
    producer = ck.Producer({
        "bootstrap.servers": f"{LOOPBACK}:{cluster.guarded_port}", **cluster.login(name), "message.timeout.ms": 20_000,
    })  # fmt: skip
    producer.produce(topic, b"x", on_delivery=lambda error, _: errors.append(error))
    producer.flush(25)
    return [error.code() for error in errors if error is not None] == [
        ck.KafkaError.TOPIC_AUTHORIZATION_FAILED
    ]
