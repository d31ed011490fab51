"""`streams feed` against a Kafka that runs already."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result
from confluent_kafka.admin import AdminClient

from streams.cli.main import main
from streams.demo.feeding import records_there
from streams.demo.topics import demo_topics

pytestmark = pytest.mark.integration


def run(bootstrap: str, *arguments: str) -> Result:
    """Run ``streams feed`` against *bootstrap*."""
    return CliRunner().invoke(main, ["feed", "--bootstrap", bootstrap, *arguments])


@pytest.fixture
def without_demo_topics(kafka: str) -> Iterator[str]:
    """A Kafka that has none of the demo's topics, and has none afterwards."""

    def delete() -> None:
        admin = AdminClient({"bootstrap.servers": kafka})
        there = [name for name in demo_topics(1) if name in admin.list_topics(timeout=10).topics]
        for done in admin.delete_topics(there, operation_timeout=20).values() if there else ():
            done.result(20)

    delete()
    yield kafka
    delete()


def test_topics_are_created_once_and_the_year_is_written_once(without_demo_topics: str) -> None:
    """Topics first; then the records; a second time nothing is written, and other partition counts are refused."""
    kafka = without_demo_topics
    first = run(kafka, "--topics-only", "--partitions", "2")
    assert first.exit_code == 0, first.output
    assert all(name in first.output for name in demo_topics(2))

    fed = run(kafka, "--browsing", "0", "--partitions", "2")
    assert fed.exit_code == 0, fed.output
    assert "all topics are there" in fed.output
    written = records_there(kafka)
    assert written == 18_532 + 4_551 + 4 * 2  # orders, credits, and a heartbeat for each source and partition

    again = run(kafka, "--browsing", "0", "--partitions", "2")
    assert again.exit_code == 0
    assert "nothing written" in again.output
    assert records_there(kafka) == written

    other = run(kafka, "--partitions", "3")
    assert other.exit_code == 1
    assert "has 2 partitions, not 3" in other.output
    assert "--partitions 2" in other.output


def test_a_broker_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the address and what to do."""
    monkeypatch.setattr("streams.demo.feeding.ANSWER_TIMEOUT_S", 0.5)
    told = run("127.0.0.1:1", "--topics-only")
    assert told.exit_code == 1
    assert "no broker answers at 127.0.0.1:1" in told.output
