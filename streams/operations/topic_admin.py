"""Asks the brokers what topics they have, and brings about what a plan asks for. Never deletes or shrinks anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final

import confluent_kafka as ck
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from streams.errors import OperationError
from streams.operations.access_plan import Access
from streams.operations.topic_differences import ActualTopic, Difference
from streams.operations.topic_plan import PlannedTopic
from streams.runtime.client_errors import client_logger
from streams.runtime.hosting import client_options_from
from streams.settings import Settings

ANSWER_WAIT_S: Final = 15.0

_RESOURCES: Final = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
}
_OPERATIONS: Final = {
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
    "Create": AclOperation.CREATE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
}


class TopicAdmin:
    """The brokers of one application, asked and changed with the credentials of the settings.

    Attributes:
        brokers: how many there are.
    """

    def __init__(self, settings: Settings, *, open_admin: Callable[..., Any] = AdminClient) -> None:
        """Connect.

        Args:
            settings: where the brokers are, and the options of the client.
            open_admin: makes the client.

        Raises:
            OperationError: no broker answers.
            SettingsError: an option of the client is not allowed.
        """
        self._admin = open_admin(client_options_from(settings, "topics").common(), logger=client_logger)
        try:
            self._metadata = self._admin.list_topics(timeout=ANSWER_WAIT_S)
        except ck.KafkaException as failure:
            raise OperationError(
                f"no broker answers at {settings.bootstrap}: {failure.args[0].str()}",
                hint="check STREAMS_BOOTSTRAP, the network, and the TLS and SASL options (STREAMS_KAFKA_...)",
            ) from None
        self.brokers = len(self._metadata.brokers)

    def actual(self, names: Iterable[str]) -> dict[str, ActualTopic]:
        """Return those of the topics *names* that exist and may be seen."""
        known = {name: self._metadata.topics.get(name) for name in names}
        there = {name: topic for name, topic in known.items() if topic is not None and topic.error is None}
        configs = self._configs(list(there))
        return {
            name: ActualTopic(
                len(topic.partitions),
                min((len(one.replicas) for one in topic.partitions.values()), default=0),
                configs.get(name, {}),
            )
            for name, topic in there.items()
        }

    def _configs(self, names: list[str]) -> dict[str, dict[str, str]]:
        """Return the settings of each topic that may be seen; not being allowed to look is no error here."""
        if not names:
            return {}
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        found = {}
        for resource, answer in self._admin.describe_configs(
            resources, request_timeout=ANSWER_WAIT_S
        ).items():
            try:
                entries: Mapping[str, Any] = answer.result()
            except ck.KafkaException:
                continue
            found[resource.name] = {name: str(entry.value) for name, entry in entries.items()}
        return found

    def create(self, topics: Sequence[PlannedTopic], *, dry: bool) -> None:
        """Create *topics*; *dry*: only ask whether the brokers would.

        Raises:
            OperationError: one cannot be created; the others may be.
        """
        wanted = [
            NewTopic(
                one.name, num_partitions=one.partitions, replication_factor=one.replication, config=one.config
            )
            for one in topics
        ]
        if wanted:
            answers = self._admin.create_topics(
                wanted, validate_only=dry, operation_timeout=ANSWER_WAIT_S, request_timeout=ANSWER_WAIT_S
            )
            _finish(answers, "create the topic", "Create on the topic or the cluster")

    def set(self, changes: Iterable[Difference], planned: Sequence[PlannedTopic], *, dry: bool) -> None:
        """Set the settings of *changes* to what is *planned*; *dry*: only ask whether the brokers would.

        Raises:
            OperationError: one cannot be set; the others may be.
        """
        configs = {one.name: one.config for one in planned}
        entries: dict[str, list[ConfigEntry]] = {}
        for change in changes:
            value = configs[change.topic][change.subject]
            entry = ConfigEntry(change.subject, value, incremental_operation=AlterConfigOpType.SET)
            entries.setdefault(change.topic, []).append(entry)
        resources = [
            ConfigResource(ResourceType.TOPIC, name, incremental_configs=changed)
            for name, changed in entries.items()
        ]
        if resources:
            answers = self._admin.incremental_alter_configs(
                resources, validate_only=dry, request_timeout=ANSWER_WAIT_S
            )
            _finish({one.name: answer for one, answer in answers.items()}, "set", "AlterConfigs on the topic")

    def grant(self, rights: Iterable[Access]) -> None:
        """Grant *rights*; those that exist already stay as they are.

        Raises:
            OperationError: the brokers have no authorizer, or do not let us.
        """
        bindings = {_binding(right): right for right in rights}
        answers = self._admin.create_acls(list(bindings), request_timeout=ANSWER_WAIT_S)
        named = {
            f"{bindings[one].name} ({bindings[one].operation})": answer for one, answer in answers.items()
        }
        _finish(named, "grant rights on", "Alter on the cluster, and an authorizer in the brokers")


def _binding(right: Access) -> AclBinding:
    return AclBinding(
        _RESOURCES[right.resource],
        right.name,
        ResourcePatternType.PREFIXED if right.prefixed else ResourcePatternType.LITERAL,
        right.principal,
        "*",
        _OPERATIONS[right.operation],
        AclPermissionType.ALLOW,
    )


def _finish(answers: Mapping[str, Future[Any]], doing: str, right: str) -> None:
    """Wait for all *answers*; raise one error that names every failure."""
    failures = []
    for name, answer in answers.items():
        try:
            answer.result(ANSWER_WAIT_S)
        except ck.KafkaException as failure:
            error = failure.args[0]
            if error.code() != ck.KafkaError.TOPIC_ALREADY_EXISTS:  # somebody was quicker
                failures.append(f"cannot {doing} {name}: {error.str()}")
        except TimeoutError:
            failures.append(f"cannot {doing} {name}: the brokers did not answer in {ANSWER_WAIT_S:.0f} s")
    if failures:
        raise OperationError(
            "\n".join(failures), hint=f"the principal needs {right}; the brokers' logs say more"
        )
