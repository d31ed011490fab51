"""What differs between a plan and the brokers' topics, how grave it is, and who mends it."""

from __future__ import annotations

from dataclasses import replace

from streams.operations.topic_differences import ActualTopic, Difference, differences, with_actual_partitions
from streams.operations.topic_plan import PlannedTopic, Sizing, planned_topics
from streams.settings import Settings

PLAN = planned_topics(Settings.load({}, inputs="a;b"), Sizing(partitions=4, replication=2))


def as_planned() -> dict[str, ActualTopic]:
    """Return topics that are just as planned."""
    return {one.name: ActualTopic(one.partitions, one.replication, one.config) for one in PLAN}


def changed(name: str, **settings: str) -> list[Difference]:
    """Return what differs when *settings* (underscores for dots) of the topic *name* are others."""
    actual = as_planned()
    others = {setting.replace("_", "."): value for setting, value in settings.items()}
    actual[name] = replace(actual[name], config={**actual[name].config, **others})
    return differences(PLAN, actual)


def test_what_is_as_planned_does_not_differ() -> None:
    """Nor does what is better than planned."""
    assert differences(PLAN, as_planned()) == []
    assert changed("a", retention_ms="-1", max_message_bytes="9999999") == []


def test_a_missing_topic_is_created() -> None:
    """It is needed, and nothing else is said of it."""
    actual = as_planned()
    del actual["segments.transitions"]
    (found,) = differences(PLAN, actual)

    assert (found.topic, found.subject, found.needed, found.mending) == (
        "segments.transitions", "topic", True, "create",
    )  # fmt: skip


def test_what_is_too_low_is_set() -> None:
    """A bound is raised; it says what is, what should be, and why."""
    (found,) = changed("a", retention_ms="1000")

    assert (found.subject, found.planned, found.actual) == ("retention.ms", "at least 604800000", "1000")
    assert (found.needed, found.mending) == (False, "set")
    assert "refuses to start" in found.what_to_do


def test_what_may_delete_is_left_to_people() -> None:
    """A cleanup policy is never changed by us; the command is told."""
    (found,) = changed("segment-streams.changelog", cleanup_policy="delete")

    assert (found.needed, found.mending) == (True, "by hand")
    assert "kafka-configs.sh --alter --topic segment-streams.changelog" in found.what_to_do


def test_settings_that_may_not_be_seen_are_not_judged() -> None:
    """Without DescribeConfigs there is nothing to compare."""
    actual = {name: replace(one, config={}) for name, one in as_planned().items()}

    assert differences(PLAN, actual) == []


def test_fewer_copies_are_a_warning() -> None:
    """Raising them is work of the brokers' operator."""
    actual = as_planned()
    actual["a"] = replace(actual["a"], replication=1)
    (found,) = differences(PLAN, actual)

    assert (found.subject, found.needed, found.mending) == ("replication", False, "by hand")


def test_a_changelog_of_another_partition_count_is_an_error() -> None:
    """State would be looked for in the wrong place; more partitions would not mend it."""
    actual = as_planned()
    actual["segment-streams.changelog"] = replace(actual["segment-streams.changelog"], partitions=3)
    (found,) = differences(PLAN, actual)

    assert (found.subject, found.needed, found.mending) == ("partitions", True, "by hand")
    assert "STREAMS_APPLICATION_ID" in found.what_to_do


def numbers(plan: tuple[PlannedTopic, ...]) -> set[int]:
    """Return the partition counts of *plan*."""
    return {one.partitions for one in plan}


def test_the_inputs_decide_the_number_of_partitions() -> None:
    """Inputs that exist say how many partitions everything has."""
    plan, found = with_actual_partitions(PLAN, {"a": ActualTopic(7, 2)}, chosen=None)

    assert (numbers(plan), found) == ({7}, [])


def test_inputs_that_disagree() -> None:
    """The one with fewer is named: it must have as many, before the first start."""
    plan, (found,) = with_actual_partitions(
        PLAN, {"a": ActualTopic(7, 2), "b": ActualTopic(5, 2)}, chosen=None
    )

    assert numbers(plan) == {7}
    assert (found.topic, found.planned, found.actual, found.needed) == ("b", "7", "5", True)


def test_an_input_that_contradicts_the_operator() -> None:
    """Who asks for another number than there is, is told."""
    plan, (found,) = with_actual_partitions(PLAN, {"a": ActualTopic(7, 2)}, chosen=8)

    assert numbers(plan) == {8}
    assert (found.topic, found.planned, found.actual) == ("a", "8", "7")


def test_without_any_input_the_plan_decides() -> None:
    """Or the operator, through the plan."""
    assert numbers(with_actual_partitions(PLAN, {}, chosen=None)[0]) == {4}
