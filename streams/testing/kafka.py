"""What tests need of a real Kafka beside its address: topics that are ready, and Docker where it answers."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streams.errors import OperationError

BOOTSTRAP_VARIABLE = "STREAMS_TEST_BOOTSTRAP"
_POLL_S = 0.02
_DOCKER_PATIENCE_S = 2
_CONTAINER_START_S = 120
_serial = itertools.count(1)

# The broker settings that the embedded Kafka has too and that tests rest on.
_CONTAINER_SETTINGS = {
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
    "KAFKA_LOG_RETENTION_MS": "-1",
    "KAFKA_TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS": "1000",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS": "4",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
}


def unique_name(prefix: str) -> str:
    """A topic, group or transactional id that no other test of this or another process has: `<prefix>-...`."""
    return f"{prefix}-{os.getpid()}-{os.urandom(3).hex()}-{next(_serial)}"


def create_topics(
    bootstrap: str,
    topics: Mapping[str, int],
    *,
    config: Mapping[str, str] | None = None,
    timeout_s: float = 30.0,
) -> None:
    """Create *topics* and return when every partition has a leader, so that the next call can use them.

    Args:
        bootstrap: the brokers' address.
        topics: number of partitions by topic name; each is replicated as the broker's default says.
        config: topic settings (`cleanup.policy`, ...) for all of them.
        timeout_s: the longest wait for each step, in seconds.

    Raises:
        OperationError: a topic exists already, or the brokers do not create it in time.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap})
    wanted = [
        NewTopic(name, num_partitions=count, config=dict(config or {})) for name, count in topics.items()
    ]
    for name, outcome in admin.create_topics(wanted, operation_timeout=timeout_s).items():
        try:
            outcome.result(timeout_s)
        except (KafkaException, TimeoutError) as error:
            raise OperationError(
                f"The topic {name} was not created: {error}", hint="Is the broker up, and the name new?"
            ) from error
    deadline = time.monotonic() + timeout_s
    while not all(_led(admin, name, count) for name, count in topics.items()):
        if time.monotonic() > deadline:
            raise OperationError(
                f"Some partitions of {', '.join(topics)} have no leader after {timeout_s:.0f} s.",
                hint="Are enough brokers up?",
            )
        time.sleep(_POLL_S)


def _led(admin: AdminClient, topic: str, partitions: int) -> bool:
    described = admin.list_topics(topic, timeout=5.0).topics[topic]
    return (
        described.error is None
        and len(described.partitions) == partitions
        and all(partition.leader >= 0 for partition in described.partitions.values())
    )


def docker_answers() -> bool:
    """Whether a Docker engine answers, within two seconds; a client without an engine does not count."""
    try:
        import docker  # type: ignore[import-untyped]  # noqa: PLC0415  comes with testcontainers
    except ImportError:
        return False
    try:
        engine = docker.from_env(timeout=_DOCKER_PATIENCE_S)
        try:
            return bool(engine.ping())
        finally:
            engine.close()
    except (docker.errors.DockerException, OSError):
        return False


@contextmanager
def kafka_container() -> Iterator[str]:
    """The address of a Kafka in a container (testcontainers), for as long as the context lasts.

    Raises:
        OperationError: the engine does not start it: no image and no way to get one, most of the time.
    """
    from testcontainers.community.kafka import KafkaContainer  # noqa: PLC0415  comes with the extra `dev`

    with ExitStack() as cleanup:
        try:
            container = KafkaContainer().with_kraft()
            for name, value in _CONTAINER_SETTINGS.items():
                container = container.with_env(name, value)
            cleanup.callback(container.stop)
            container.start(timeout=_CONTAINER_START_S)
            bootstrap = str(container.get_bootstrap_server())
        except Exception as error:  # whatever the engine, its client and the wait for the log raise
            raise OperationError(
                f"Docker answers, but does not start a Kafka: {str(error)[:400]}",
                hint=f"Can the engine pull images? A broker that runs already goes into {BOOTSTRAP_VARIABLE}.",
            ) from error
        yield bootstrap
