"""What is planned for the topics of an application, and which value of a setting is as planned."""

from __future__ import annotations

import pytest

from streams.operations.topic_plan import PlannedTopic, Sizing, TopicSetting, planned_topics
from streams.settings import Settings


def planned(sizing: Sizing | None = None, **settings: object) -> dict[str, PlannedTopic]:
    """Return the topics of *settings* by name."""
    return {one.name: one for one in planned_topics(Settings.load({}, **settings), sizing or Sizing())}


def test_every_topic_of_the_settings_is_planned() -> None:
    """Inputs, outputs, dead letters and changelog, whatever they are called."""
    topics = planned(inputs="a=orders;b=behaviour", application_id="shop", transitions_topic="out")

    assert [(name, one.role) for name, one in topics.items()] == [
        ("a", "input"), ("b", "input"), ("out", "transitions"), ("segments.memberships", "memberships"),
        ("customers.events.dead-letter", "dead letters"), ("shop.changelog", "changelog"),
    ]  # fmt: skip


def test_memberships_that_are_not_written_need_no_topic() -> None:
    """STREAMS_MEMBERSHIPS=false."""
    assert "segments.memberships" not in planned(memberships=False)


def test_only_memberships_and_changelog_are_compacted() -> None:
    """Events and transitions of one customer have one key: compaction would lose them."""
    assert [name for name, one in planned().items() if one.compacted] == [
        "segments.memberships", "segment-streams.changelog",
    ]  # fmt: skip


def test_what_the_sizing_says() -> None:
    """Partitions, copies and times are the operator's."""
    sizing = Sizing(
        partitions=6, replication=1, input_retention_ms=1_000, output_retention_ms=2_000, erasure_ms=3_000
    )
    topics = planned(sizing)

    assert {(one.partitions, one.replication) for one in topics.values()} == {(6, 1)}
    assert topics["customers.events"].config["retention.ms"] == "1000"
    assert topics["segments.transitions"].config["retention.ms"] == "2000"
    assert topics["segments.memberships"].config["max.compaction.lag.ms"] == "3000"
    assert topics["segments.memberships"].config["min.insync.replicas"] == "1"
    assert planned()["segments.memberships"].config["min.insync.replicas"] == "2"


def test_a_larger_limit_of_the_producer_is_the_topics_limit_too() -> None:
    """STREAMS_KAFKA_MESSAGE_MAX_BYTES raises what the topics must take; a smaller one lowers nothing."""
    for chosen, expected in (("5000000", "5000000"), ("1000", "1048588")):
        topics = planned(kafka_options={"message.max.bytes": chosen})
        assert topics["segment-streams.changelog"].config["max.message.bytes"] == expected


@pytest.mark.parametrize(
    ("bound", "value", "actual", "holds"),
    [
        ("exactly", "compact", "compact", True), ("exactly", "compact", "compact,delete", False),
        ("at least", "100", "99", False), ("at least", "100", "100", True), ("at least", "100", "101", True),
        ("at least", "100", "-1", True), ("at least", "-1", "100", False), ("at least", "-1", "-1", True),
        ("at most", "100", "99", True), ("at most", "100", "100", True), ("at most", "100", "101", False),
        ("at most", "100", "-1", False), ("at least", "100", "plenty", False),
    ],
)  # fmt: skip
def test_bounds(bound: str, value: str, actual: str, holds: bool) -> None:  # noqa: FBT001
    """A value holds within its bound; -1 is no limit."""
    setting = TopicSetting("retention.ms", value, bound, needed=True, why="")  # type: ignore[arg-type]

    assert setting.holds(actual) is holds


def test_what_may_be_set_on_a_living_topic() -> None:
    """Only what can delete nothing: raising a bound, and forbidding unclean leaders; never the cleanup policy."""
    harmless = {one.name for topic in planned().values() for one in topic.settings if one.harmless}

    assert harmless == {
        "retention.ms", "delete.retention.ms", "max.message.bytes", "min.insync.replicas",
        "unclean.leader.election.enable",
    }  # fmt: skip


def test_every_setting_says_why() -> None:
    """In a sentence that people read."""
    assert all(len(one.why) > 20 for topic in planned().values() for one in topic.settings)
