"""``streams topics check`` and ``apply`` against a real broker: what is created, raised, and never touched."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from confluent_kafka.admin import AdminClient

from streams.cli.main import main
from streams.operations.topic_admin import TopicAdmin
from streams.operations.topic_plan import Sizing, planned_topics
from streams.settings import Settings
from streams.testing.kafka import create_topics

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(kafka: str, topic_name: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An application whose topics do not exist yet; its settings are the environment's."""
    name = topic_name("topics")
    chosen = {
        "application_id": name, "bootstrap": kafka, "inputs": f"{name}.orders=orders;{name}.events=behaviour",
        "transitions_topic": f"{name}.transitions", "memberships_topic": f"{name}.memberships",
        "dead_letter_topic": f"{name}.dead",
    }  # fmt: skip
    monkeypatch.setattr(
        "os.environ", {"PATH": "", **{f"STREAMS_{name.upper()}": text for name, text in chosen.items()}}
    )
    return Settings.load({}, **chosen)


def topics(*arguments: str) -> Result:
    """Run ``streams topics`` with *arguments*."""
    return CliRunner().invoke(main, ("topics", *arguments))


def test_apply_creates_what_check_misses(settings: Settings) -> None:
    """A dry run changes nothing; --yes creates everything as planned; then check is content, and apply has nothing to do."""
    missing = topics("check")
    dry = topics("apply", "--partitions", "3")
    still = topics("check", "--json")
    done = topics("apply", "--partitions", "3", "--yes")
    again = topics("apply", "--yes")
    checked = topics("check", "--strict")

    assert (missing.exit_code, missing.stdout.count("topic is missing")) == (1, 6)
    assert (dry.exit_code, dry.stdout.splitlines()[-1]) == (0, "with --yes: 6 topics created")
    assert len(json.loads(still.stdout)["differences"]) == 6
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "6 topics created")
    assert again.stdout.splitlines()[-1] == "nothing to do"
    assert checked.exit_code == 0, checked.stdout
    planned = planned_topics(settings, Sizing(partitions=3, replication=1))
    actual = TopicAdmin(settings).actual(one.name for one in planned)
    assert {name: one.partitions for name, one in actual.items()} == {one.name: 3 for one in planned}
    for one in planned:
        assert one.config.items() <= dict(actual[one.name].config).items()


def test_apply_raises_and_deletes_nothing(settings: Settings, kafka: str) -> None:
    """What is too low is raised; a longer retention stays, and a policy that may delete is left to people."""
    short, long = f"{settings.application_id}.orders", f"{settings.application_id}.events"
    create_topics(kafka, {short: 2}, config={"retention.ms": "60000", "max.message.bytes": "2000"})
    create_topics(kafka, {long: 2}, config={"retention.ms": "-1", "cleanup.policy": "compact"})
    create_topics(kafka, {settings.transitions_topic: 5})
    done = topics("apply", "--yes")
    actual = TopicAdmin(settings).actual([short, long, settings.transitions_topic, settings.changelog_topic])

    assert done.exit_code == 1  # the compacted input would lose events
    assert done.stdout.splitlines()[-1] == "3 topics created, 2 settings set"
    assert f"kafka-configs.sh --alter --topic {long} --add-config cleanup.policy=delete" in done.stdout
    assert (actual[short].config["retention.ms"], actual[short].config["max.message.bytes"]) == (
        "604800000", "1048588",
    )  # fmt: skip
    assert (actual[long].config["retention.ms"], actual[long].config["cleanup.policy"]) == ("-1", "compact")
    assert actual[settings.transitions_topic].partitions == 5
    assert actual[settings.changelog_topic].partitions == 2  # as many as the inputs


def test_check_names_unequal_inputs(settings: Settings, kafka: str) -> None:
    """Inputs with different partition counts are an error that `apply` does not mend."""
    create_topics(kafka, {f"{settings.application_id}.orders": 2, f"{settings.application_id}.events": 3})
    checked = topics("check")
    count = len(AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=10).topics)
    topics("apply")

    assert checked.exit_code == 1
    assert "error   partitions is 2; planned: 3" in checked.stdout
    assert len(AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=10).topics) == count


@pytest.mark.usefixtures("settings")
def test_more_copies_than_brokers_are_refused() -> None:
    """Before anything is created."""
    refused = topics("apply", "--replication", "9", "--yes")

    assert refused.exit_code == 1
    assert "9 replicas need as many brokers" in refused.stderr
