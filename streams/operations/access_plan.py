"""The rights that an application needs in Kafka, and no others: of workers, producers, consumers, of who only looks.

Kafka implies some: Read and Write include Describe; a transactional producer needs no IdempotentWrite on the cluster
once it may write to a topic (Kafka 2.8 and newer). `tests/integration/test_least_privilege.py` runs a real worker with
just these.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal

from streams.settings import Settings

Resource = Literal["topic", "group", "transactional-id"]
Operation = Literal["Read", "Write", "Create", "Describe", "DescribeConfigs"]


@dataclass(frozen=True, slots=True)
class Access:
    """One right.

    Attributes:
        principal: who has it, e.g. ``User:segment-streams``.
        resource: of what kind the thing is.
        name: which one.
        prefixed: *name* is the beginning of the names that are meant.
        operation: what may be done.
        why: what for.
    """

    principal: str
    resource: Resource
    name: str
    operation: Operation
    why: str
    prefixed: bool = False


def worker_access(settings: Settings, principal: str) -> tuple[Access, ...]:
    """Return what the workers of the application need, as *principal* (``User:name``)."""
    outputs = [settings.transitions_topic, settings.dead_letter_topic]
    if settings.memberships:
        outputs.insert(1, settings.memberships_topic)
    changelog = settings.changelog_topic
    needed = [
        *[Access(principal, "topic", name, "Read", "read events") for name in settings.input_topics],
        *[Access(principal, "topic", name, "Write", "write what was decided") for name in outputs],
        Access(principal, "topic", changelog, "Write", "keep the state"),
        Access(principal, "topic", changelog, "Read", "restore the state"),
        Access(principal, "topic", changelog, "DescribeConfigs", "refuse a changelog that forgets by age"),
    ]
    if settings.create_changelog:
        why = "create the changelog; not needed where it exists or STREAMS_CREATE_CHANGELOG=false"
        needed.append(Access(principal, "topic", changelog, "Create", why))
    group = settings.application_id
    needed += [
        Access(principal, "group", group, "Read", "share the partitions, commit offsets"),
        Access(
            principal, "transactional-id", f"{group}-", "Write", "exactly once: one id for each worker", prefixed=True
        ),
    ]  # fmt: skip
    return tuple(needed)


def consumer_access(settings: Settings, principal: str, group: str) -> tuple[Access, ...]:
    """Return what a consumer of the outputs needs, as *principal*, in groups whose names begin with *group*."""
    topics = [settings.transitions_topic, *([settings.memberships_topic] if settings.memberships else [])]
    return (
        *[Access(principal, "topic", name, "Read", "follow the segments") for name in topics],
        Access(principal, "group", group, "Read", "commit its own offsets", prefixed=True),
    )


def producer_access(settings: Settings, principal: str) -> tuple[Access, ...]:
    """Return what the producers of the inputs need, as *principal*."""
    return tuple(Access(principal, "topic", name, "Write", "send events") for name in settings.input_topics)


def operator_access(settings: Settings, principal: str) -> tuple[Access, ...]:
    """Return what who only looks needs, with `streams status`, `explain` and `topics check`, as *principal*."""
    topics = [*settings.input_topics, settings.transitions_topic, settings.dead_letter_topic]
    if settings.memberships:
        topics.append(settings.memberships_topic)
    changelog = settings.changelog_topic
    return (
        *[Access(principal, "topic", name, "Describe", "see offsets and partitions") for name in topics],
        *[
            Access(principal, "topic", name, "DescribeConfigs", "see settings")
            for name in (*topics, changelog)
        ],
        Access(principal, "topic", changelog, "Read", "see the state"),
        Access(principal, "group", settings.application_id, "Describe", "see offsets and owners"),
    )


def command_of(access: Access, bootstrap: str) -> str:
    """Return the call of Kafka's own `kafka-acls.sh` that grants *access*."""
    words = [
        "kafka-acls.sh", "--bootstrap-server", bootstrap, "--command-config", "admin.properties", "--add",
        "--allow-principal", access.principal, "--operation", access.operation, f"--{access.resource}", access.name,
    ]  # fmt: skip
    if access.prefixed:
        words += ["--resource-pattern-type", "prefixed"]
    return shlex.join(words)
