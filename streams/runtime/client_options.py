"""The librdkafka options of each handle, made from the settings. Options of the operator win, but for the protected.

Secrets pass through here (sasl.password, ssl.key.password): nothing in this module prints or logs an option's value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.errors import SettingsError

PROTECTED = frozenset(
    {
        "auto.offset.reset",
        "bootstrap.servers",
        "check.crcs",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.idempotence",
        "enable.partition.eof",
        "group.id",
        "group.instance.id",
        "group.protocol",
        "isolation.level",
        "max.poll.interval.ms",
        "partition.assignment.strategy",
        "session.timeout.ms",
        "transaction.timeout.ms",
        "transactional.id",
    }
)
"""Exactly once rests on these: they have a setting of their own, or none."""

CONSUMER_ONLY = re.compile(r"^(fetch\.|queued\.|max\.partition|heartbeat\.|check\.crcs|receive\.)")
PRODUCER_ONLY = re.compile(
    r"^(batch\.|linger\.|compression\.|queue\.buffering|acks$|message\.timeout|partitioner|retries)"
)
SECRET = re.compile(r"password|secret|\.key\.pem|\.key$|jaas|token|oauthbearer\.config", re.IGNORECASE)


def redacted(options: Mapping[str, str]) -> dict[str, str]:
    """Copy *options* with every secret's value replaced."""
    return {name: "***" if SECRET.search(name) else value for name, value in options.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """What every client handle of one worker is made from.

    Attributes:
        bootstrap: host:port pairs of the brokers.
        application_id: the consumer group, and the prefix of the transactional id.
        instance_id: stable name of this worker; a restart with it fences the killed predecessor.
        inputs: input topics.
        changelog: the topic that restores the state.
        transaction_timeout_ms: after it the broker aborts an open transaction; less than the session timeout, so that
            a dead worker's transaction is gone when its partitions move.
        session_timeout_ms: after it the group takes a silent worker's partitions away.
        max_poll_interval_ms: the same for a worker whose thread does not come back.
        static_membership: join with the instance id as group.instance.id: a restart keeps its partitions.
        extra: options of the operator, by librdkafka's names (TLS, SASL, sizes).
    """

    bootstrap: str
    application_id: str
    instance_id: str
    inputs: tuple[str, ...]
    changelog: str
    transaction_timeout_ms: int = 8_000
    session_timeout_ms: int = 10_000
    max_poll_interval_ms: int = 120_000
    static_membership: bool = False
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Raise `SettingsError` for options that would break exactly once."""
        if self.transaction_timeout_ms >= self.session_timeout_ms:
            raise SettingsError(
                f"transaction_timeout_ms ({self.transaction_timeout_ms}) must be less than session_timeout_ms"
                f" ({self.session_timeout_ms})",
                hint="else a dead worker's open transaction outlives its membership and delays the next owner",
            )
        if self.session_timeout_ms >= self.max_poll_interval_ms:
            raise SettingsError(
                f"session_timeout_ms ({self.session_timeout_ms}) must be less than max_poll_interval_ms"
                f" ({self.max_poll_interval_ms})"
            )
        for name in self.extra:
            if name in PROTECTED:
                raise SettingsError(
                    f"the client option {name} is fixed: exactly once rests on it",
                    hint="leave it out, or use the worker's own setting of that name",
                )

    def common(self) -> dict[str, Any]:
        """Options of every handle, and of the admin client."""
        return {
            "bootstrap.servers": self.bootstrap,
            "client.id": f"{self.application_id}-{self.instance_id}",
            "reconnect.backoff.ms": 500,  # else librdkafka logs a line per failed connect, many a second
            "reconnect.backoff.max.ms": 5_000,
            **self._extra_without(CONSUMER_ONLY, PRODUCER_ONLY),
        }

    def reader(self, *, committed: bool) -> dict[str, Any]:
        """Options of a consumer that never joins the group.

        Args:
            committed: read committed records only, and see pending offset commits; else see the log's true end.
        """
        return {
            **self.common(),
            "group.id": self.application_id,
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "check.crcs": True,  # else a bit that flipped on a disk would be taken for the state, without a word
            "fetch.wait.max.ms": 20,
            **self._extra_without(PRODUCER_ONLY),
        }

    def main_consumer(self) -> dict[str, Any]:
        """Options of the consumer that joins the group."""
        static = {"group.instance.id": self.instance_id} if self.static_membership else {}
        return {
            "queued.max.messages.kbytes": 65_536,
            "queued.min.messages": 100_000,
            "heartbeat.interval.ms": min(1_000, self.session_timeout_ms // 4),
            **self.reader(committed=True),
            **static,
            "partition.assignment.strategy": "range",  # gives a worker the same numbers in every input topic
            "session.timeout.ms": self.session_timeout_ms,
            "max.poll.interval.ms": self.max_poll_interval_ms,
        }

    def producer(self) -> dict[str, Any]:
        """Options of the transactional producer."""
        return {
            "linger.ms": 5,
            "compression.type": "lz4",
            "queue.buffering.max.messages": 1_000_000,
            "partitioner": "murmur2_random",  # as Java's producers place keys
            "delivery.report.only.error": True,
            **self.common(),
            **self._extra_without(CONSUMER_ONLY),
            "transactional.id": self.transactional_id,
            "transaction.timeout.ms": self.transaction_timeout_ms,
        }

    @property
    def transactional_id(self) -> str:
        """Name under which the broker fences this worker's predecessor."""
        return f"{self.application_id}-{self.instance_id}"

    def _extra_without(self, *kinds: re.Pattern[str]) -> dict[str, str]:
        return {
            name: value for name, value in self.extra.items() if not any(kind.match(name) for kind in kinds)
        }
