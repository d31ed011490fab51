"""Whether a starting Kafka answers: first its port, then its controller."""

from __future__ import annotations

import logging
import socket

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streams.broker.ports import LOOPBACK

_ANSWER_TIMEOUT_S = 5.0
_PROBE_TOPIC = "readiness-probe"
# The client reports refused connections, which are what one expects of a Kafka that is starting.
_silent = logging.getLogger(f"{__name__}.client")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


def listens(port: int) -> bool:
    """Whether something accepts connections on *port* of the loopback interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0


def accepts_topics(bootstrap: str, *, copies: int) -> bool:
    """Whether the cluster would create a topic with *copies* replicas now; none is created.

    Stronger than an answer to a metadata request: the controller must be elected, and as many brokers as there are
    copies must have joined.
    """
    admin = _client(bootstrap)
    topic = NewTopic(_PROBE_TOPIC, num_partitions=1, replication_factor=copies)
    try:
        if len(admin.list_topics(timeout=_ANSWER_TIMEOUT_S).brokers) < copies:
            return False
        outcomes = admin.create_topics([topic], validate_only=True, request_timeout=_ANSWER_TIMEOUT_S)
        outcomes[_PROBE_TOPIC].result(_ANSWER_TIMEOUT_S)
    except (KafkaException, TimeoutError):
        return False
    return True


def has_joined(address: str, *, node_id: int) -> bool:
    """Whether the node at *address* answers and counts itself among the brokers of its cluster."""
    try:
        return node_id in _client(address).list_topics(timeout=_ANSWER_TIMEOUT_S).brokers
    except KafkaException:
        return False


def _client(bootstrap: str) -> AdminClient:
    quick = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100}
    return AdminClient({"bootstrap.servers": bootstrap, **quick}, logger=_silent)
