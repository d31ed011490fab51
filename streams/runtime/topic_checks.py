"""What must be true of the topics before the worker joins the group; it refuses to start otherwise.

The partition number is the unit of everything: all input topics and the changelog must have the same number of
partitions. The changelog is created when it is missing and that is allowed: compacted, never deleted by age.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import confluent_kafka as ck
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from streams.errors import OperationError
from streams.runtime.client_errors import client_logger
from streams.runtime.client_options import ClientOptions

ANSWER_WAIT_S = 10.0
APPEAR_WAIT_S = 10.0


def check_topics(
    options: ClientOptions,
    *,
    outputs: tuple[str, ...] = (),
    create_changelog: bool = True,
    log: Callable[[str], None] = print,
) -> int:
    """Check inputs, outputs and changelog; create the changelog if it is missing and *create_changelog*.

    Returns:
        The number of partitions of every input topic.

    Raises:
        OperationError: no broker answers, a topic is missing, or partition counts differ.
    """
    admin = AdminClient(options.common(), logger=client_logger)
    partitions = _partition_counts(admin, options)
    missing = [topic for topic in (*options.inputs, *outputs) if topic not in partitions]
    if missing:
        raise OperationError(
            f"missing topics: {', '.join(missing)}",
            hint="create them first (`streams topics apply`), or correct STREAMS_INPUTS",
        )
    count = _common_count({topic: partitions[topic] for topic in options.inputs})
    if options.changelog not in partitions:
        if not create_changelog:
            raise OperationError(
                f"missing changelog topic: {options.changelog}",
                hint=f"create it compacted, with {count} partitions",
            )
        _create_changelog(admin, options.changelog, count)
        log(f"created the changelog {options.changelog} with {count} partitions")
    elif partitions[options.changelog] != count:
        raise OperationError(
            f"the changelog {options.changelog} has {partitions[options.changelog]} partitions, the inputs have {count}",
            hint="the state of a customer lives in the partition of its key: partition counts cannot change under a"
            " running application; use a new application id, or the former number of partitions",
        )
    else:
        _check_compacted(admin, options.changelog)
    return count


def _partition_counts(admin: AdminClient, options: ClientOptions) -> dict[str, int]:
    try:
        topics = admin.list_topics(timeout=ANSWER_WAIT_S).topics
    except ck.KafkaException as failure:
        raise OperationError(
            f"no broker answers at {options.bootstrap}: {failure.args[0].str()}",
            hint="check STREAMS_BOOTSTRAP, the network, and the TLS and SASL options (STREAMS_KAFKA_...)",
        ) from None
    return {name: len(topic.partitions) for name, topic in topics.items() if topic.error is None}


def _common_count(inputs: Mapping[str, int]) -> int:
    if len(set(inputs.values())) != 1:
        counts = ", ".join(f"{topic} has {count}" for topic, count in inputs.items())
        raise OperationError(
            f"the input topics have different partition counts: {counts}",
            hint="a customer's events must share one partition number in every topic: make the counts equal",
        )
    return next(iter(inputs.values()))


def _create_changelog(admin: AdminClient, changelog: str, count: int) -> None:
    topic = NewTopic(changelog, num_partitions=count, config={"cleanup.policy": "compact"})
    try:
        admin.create_topics([topic], operation_timeout=APPEAR_WAIT_S)[changelog].result()
    except ck.KafkaException as failure:
        if failure.args[0].code() != ck.KafkaError.TOPIC_ALREADY_EXISTS:  # another worker was quicker
            raise OperationError(
                f"cannot create the changelog {changelog}: {failure.args[0].str()}",
                hint=f"create it compacted, with {count} partitions, or grant the right to create it",
            ) from None


def _check_compacted(admin: AdminClient, changelog: str) -> None:
    """Refuse a changelog that forgets by age. Not being allowed to look is no reason to refuse."""
    resource = ConfigResource(ResourceType.TOPIC, changelog)
    try:
        entries = admin.describe_configs([resource], request_timeout=ANSWER_WAIT_S)[resource].result()
    except ck.KafkaException:
        return
    policy = entries["cleanup.policy"].value if "cleanup.policy" in entries else "compact"
    if policy != "compact":
        raise OperationError(
            f"the changelog {changelog} has cleanup.policy={policy}",
            hint="state would be lost with time: set cleanup.policy=compact",
        )
