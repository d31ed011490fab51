"""``streams topics plan``, which asks no broker; what it refuses, and the file that is made of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from streams.cli.main import main

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody's settings play a part."""
    monkeypatch.setattr("os.environ", {"PATH": ""})


def topics(*arguments: str) -> Result:
    """Run ``streams topics`` with *arguments*."""
    return CliRunner().invoke(main, ("topics", *arguments))


def test_plan_names_every_topic_with_its_reasons() -> None:
    """For people: partitions, settings, why, and the rights."""
    shown = topics("plan", "--partitions", "24", "--input-retention", "30d").stdout

    assert "customers.events  (input: events of all sources)\n  24 partitions, 3 replicas" in shown
    assert "* cleanup.policy = compact" in shown
    assert "retention.ms >= 2592000000 (30d)" in shown
    assert "transactional-id segment-streams-*" in shown


def test_plan_for_programs() -> None:
    """One JSON object; the settings as Kafka takes them."""
    shown = json.loads(topics("plan", "--set", "inputs=a;b", "--json").stdout)

    assert [one["name"] for one in shown["topics"]][:2] == ["a", "b"]
    assert shown["topics"][0]["config"]["retention.ms"] == "604800000"
    assert {one["operation"] for one in shown["rights"]} == {"Read", "Write", "Create", "DescribeConfigs"}


def test_plan_as_commands() -> None:
    """One call of kafka-acls.sh a right: of workers, producers and consumers."""
    lines = topics(
        "plan", "--acl-commands", "--principal", "User:w", "--producer", "User:p", "--consumer", "User:c=crm-"
    ).stdout.splitlines()

    assert all(line.startswith("kafka-acls.sh --bootstrap-server 127.0.0.1:9092 ") for line in lines)
    assert {line.split("--allow-principal ")[1].split()[0] for line in lines} == {
        "User:w",
        "User:p",
        "User:c",
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("plan", "--set", "inputs"), "no NAME=VALUE"),
        (("plan", "--input-retention", "soon"), "--input-retention"),
        (("plan", "--consumer", "User:c"), "no PRINCIPAL=GROUP"),
        (("check", "--set", "bootstrap=127.0.0.1:9", "--set", "kafka_enable_idempotence=false"), "is fixed"),
    ],
)
def test_what_is_refused(arguments: tuple[str, ...], words: str) -> None:
    """A sentence, what to do, and exit status 2."""
    result = topics(*arguments)

    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_the_file_for_deployments_is_current() -> None:
    """`deploy/kafka/topics.yml` is what `streams topics plan --yaml` prints, and plain YAML."""
    file = ROOT / "deploy" / "kafka" / "topics.yml"

    assert topics("plan", "--yaml").stdout == file.read_text()
    assert len(yaml.safe_load(file.read_text())["topics"]) == 5
