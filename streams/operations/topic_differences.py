"""What the brokers have beside what is planned: each difference, how grave it is, and what mends it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from streams.operations.topic_plan import PlannedTopic, TopicSetting

Mending = Literal["create", "set", "by hand"]


@dataclass(frozen=True, slots=True)
class ActualTopic:
    """One topic as the brokers have it.

    Attributes:
        partitions: how many.
        replication: copies of its partitions: the least.
        config: its settings by name, the brokers' defaults among them; empty when they may not be seen.
    """

    partitions: int
    replication: int
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as planned.

    Attributes:
        topic: where.
        subject: ``topic``, ``partitions``, ``replication``, or the name of a setting.
        planned: what it should be, with its bound.
        actual: what it is; empty: nothing.
        needed: the application needs it; else it is only better so.
        mending: what `apply` does about it: `create` the topic, `set` the setting; or a person, by hand.
        what_to_do: for people.
    """

    topic: str
    subject: str
    planned: str
    actual: str
    needed: bool
    mending: Mending
    what_to_do: str


def with_actual_partitions(
    planned: Sequence[PlannedTopic], actual: Mapping[str, ActualTopic], *, chosen: int | None
) -> tuple[tuple[PlannedTopic, ...], list[Difference]]:
    """Give what is planned the number of partitions that the inputs already have; their number decides.

    Args:
        planned: the topics.
        actual: what the brokers have.
        chosen: the number that the operator asked for; None: none in particular.

    Returns:
        The topics with the right number, and what contradicts: inputs among themselves, or the operator.
    """
    inputs = {
        one.name: actual[one.name].partitions for one in planned if one.role == "input" and one.name in actual
    }
    number = max(inputs.values(), default=planned[0].partitions)
    if chosen is not None:
        number = chosen
    what = (
        "a customer's events must share one partition number in every input: make the counts equal;"
        " more partitions move keys, so do it before the first start"
    )
    found = [
        Difference(name, "partitions", str(number), str(count), True, "by hand", what)
        for name, count in inputs.items()
        if count != number
    ]
    return tuple(replace(one, partitions=number) for one in planned), found


def differences(planned: Sequence[PlannedTopic], actual: Mapping[str, ActualTopic]) -> list[Difference]:
    """Return what differs of each topic but the inputs' partition counts, in the order of *planned*."""
    found: list[Difference] = []
    for topic in planned:
        there = actual.get(topic.name)
        if there is None:
            found.append(_missing(topic))
            continue
        found += _counts(topic, there)
        found += [
            _setting(topic, one, there.config[one.name])
            for one in topic.settings
            if one.name in there.config and not one.holds(there.config[one.name])
        ]
    return found


def _missing(topic: PlannedTopic) -> Difference:
    planned = f"{topic.partitions} partitions, {topic.replication} replicas"
    return Difference(topic.name, "topic", planned, "", needed=True, mending="create",
                      what_to_do="create it: streams topics apply --yes")  # fmt: skip


def _counts(topic: PlannedTopic, there: ActualTopic) -> list[Difference]:
    found = []
    if topic.role == "changelog" and there.partitions != topic.partitions:
        what = (
            "the state of a customer lies at the partition number of its events: use a new STREAMS_APPLICATION_ID,"
            " or the former number of partitions"
        )
        found.append(Difference(topic.name, "partitions", str(topic.partitions), str(there.partitions), needed=True,
                                mending="by hand", what_to_do=what))  # fmt: skip
    if there.replication < topic.replication:
        what = "raise it with kafka-reassign-partitions.sh, or ask for fewer with --replication"
        found.append(Difference(topic.name, "replication", f"at least {topic.replication}", str(there.replication),
                                needed=False, mending="by hand", what_to_do=what))  # fmt: skip
    return found


def _setting(topic: PlannedTopic, one: TopicSetting, actual: str) -> Difference:
    planned = one.value if one.bound == "exactly" else f"{one.bound} {one.value}"
    if one.harmless:
        mending: Mending = "set"
        what = "set it: streams topics apply --yes"
    else:
        mending = "by hand"
        command = f"kafka-configs.sh --alter --topic {topic.name} --add-config {one.name}={one.value}"
        what = f"it may delete records or fill a disk, so it is yours to decide: {command}"
    return Difference(topic.name, one.name, planned, actual, needed=one.needed, mending=mending,
                      what_to_do=f"{one.why}; {what}")  # fmt: skip
