"""A real Apache Kafka for demo, tests and development, with nothing installed but Python."""

from __future__ import annotations

from streams.broker.cluster import KafkaCluster
from streams.broker.pins import KAFKA_VERSION

__all__ = ["KAFKA_VERSION", "KafkaCluster"]
