"""The transitions topic as any consumer reads it: committed records only, Avro by the registry's schemas."""

from __future__ import annotations

from typing import Any

from streams.codecs.avro import RecordReader
from streams.codecs.registry import RegistrySchemas
from streams.codecs.schema_sources import bundled_schema
from streams.demo.kafka_side import committed_reader
from streams.demo.topics import TRANSITIONS_TOPIC

RECORDS_AT_ONCE = 5_000


class Entries:
    """Follows the topic from its beginning and keeps the entries of the customers whose name begins with a word."""

    def __init__(self, bootstrap: str, registry_url: str, name: str) -> None:
        """Begin to read.

        Args:
            bootstrap: the brokers' address.
            registry_url: the schema registry's.
            name: with which the customers' names begin.
        """
        self._avro = RecordReader(RegistrySchemas(registry_url), bundled_schema("segment_transition"))
        self._reader = committed_reader(bootstrap, TRANSITIONS_TOPIC)
        self._name = f"/{name}".encode()
        self._found: list[dict[str, Any]] = []

    def of(self, customer: str, segment: str) -> list[dict[str, Any]]:
        """Read what is there, and return the entries of *customer* into *segment* so far."""
        while messages := self._reader.consume(RECORDS_AT_ONCE, 0.2):
            for message in messages:
                if message.error() is None and self._name in (message.key() or b""):
                    self._found.append(self._avro.read(message.value() or b""))
            if all(message.error() is not None for message in messages):  # nothing but the ends of partitions
                break
        return [
            one
            for one in self._found
            if (one["customer_id"], one["segment_id"], one["kind"]) == (customer, segment, "entered")
        ]

    def close(self) -> None:
        """Let go of the connections."""
        self._reader.close()
