"""When the worker refuses to start, when it must stop, and what the Faust command line shows."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import confluent_kafka as ck
import pytest
from confluent_kafka.admin import AdminClient

from streams.testing.hashing_cluster import HashingCluster
from streams.testing.kafka import create_topics

pytestmark = pytest.mark.integration

REFUSAL_WAIT_S = 40.0


def refusal(cluster: HashingCluster, **settings: str) -> str:
    """Start a worker that must refuse; return what it printed."""
    worker = cluster.start(0, **settings)

    assert worker.wait(REFUSAL_WAIT_S) != 0

    return cluster.log_of(0).read_text()


def test_input_topics_with_different_partition_counts_are_refused(
    kafka: str, tmp_path: Path, topic_name: Callable[[str], str]
) -> None:
    """A customer's events would not share a partition number: the worker says which topic has how many."""
    odd = topic_name("odd")
    create_topics(kafka, {odd: 3})
    with HashingCluster(kafka, tmp_path) as cluster:
        log = refusal(cluster, STREAMS_INPUTS=f"{cluster.inputs[0]};{odd}")

        assert "different partition counts" in log
        assert f"{odd} has 3" in log


def test_a_missing_input_topic_is_refused(kafka: str, tmp_path: Path) -> None:
    """The worker names the missing topic."""
    with HashingCluster(kafka, tmp_path) as cluster:
        log = refusal(cluster, STREAMS_INPUTS=f"{cluster.inputs[0]};no-such-topic")

        assert "missing topics: no-such-topic" in log


def test_a_changelog_of_another_partition_count_is_refused(kafka: str, tmp_path: Path) -> None:
    """State would be looked for in the wrong partition: the worker names both counts."""
    with HashingCluster(kafka, tmp_path) as cluster:
        create_topics(kafka, {cluster.changelog: 2}, config={"cleanup.policy": "compact"})

        assert "has 2 partitions, the inputs have 4" in refusal(cluster)


def test_a_changelog_that_forgets_by_age_is_refused(kafka: str, tmp_path: Path) -> None:
    """A changelog that is not compacted only would lose state."""
    with HashingCluster(kafka, tmp_path) as cluster:
        create_topics(kafka, {cluster.changelog: 4})

        assert "cleanup.policy=delete" in refusal(cluster)


def test_the_changelog_is_made_compacted_with_the_inputs_partition_count(kafka: str, tmp_path: Path) -> None:
    """A first start makes the changelog itself."""
    with HashingCluster(kafka, tmp_path) as cluster:
        cluster.send(10)
        cluster.start(0)
        cluster.wait_until_done(30)
        topics = AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=10).topics

        assert len(topics[cluster.changelog].partitions) == 4
        assert cluster.stop_all() == [0]


def test_a_broker_that_does_not_answer_is_named(kafka: str, tmp_path: Path) -> None:
    """The worker says where nobody answers, and stops."""
    with HashingCluster(kafka, tmp_path) as cluster:
        log = refusal(cluster, STREAMS_BOOTSTRAP="127.0.0.1:9")

        assert "no broker answers at 127.0.0.1:9" in log


def test_a_committed_offset_out_of_retention_stops_the_worker(kafka: str, tmp_path: Path) -> None:
    """Records deleted before they were processed are a loss the operator must know of: no silent jump."""
    with HashingCluster(kafka, tmp_path, partitions=1) as cluster:
        cluster.send(200)
        cluster.start(0)
        cluster.wait_until_done(30)
        cluster.stop_all()
        cluster.send(200)
        last = ck.TopicPartition(cluster.inputs[0], 0, ck.OFFSET_END)
        admin = AdminClient({"bootstrap.servers": kafka})
        admin.delete_records([last])[last].result()
        log = refusal(cluster)

        assert f"topic {cluster.inputs[0]}, partition 0: the committed offset" in log
        assert "is outside the log" in log


def test_a_second_process_with_the_same_instance_id_is_told_apart(kafka: str, tmp_path: Path) -> None:
    """Two processes that fence each other for ever end with an error that names the cause."""
    with HashingCluster(kafka, tmp_path) as cluster:
        first = cluster.start(0)
        second = cluster.start(1, STREAMS_INSTANCE_ID="worker-0")
        deadline = time.monotonic() + 60
        while first.poll() is None and second.poll() is None:
            assert time.monotonic() < deadline, "neither process has noticed the other"
            cluster.send(50)
            time.sleep(0.1)
        log = cluster.log_of(0 if first.poll() is not None else 1).read_text()

        assert "another process uses the same application id and instance id" in log
        assert "STREAMS_INSTANCE_ID" in log


def test_no_web_server_is_started(kafka: str, tmp_path: Path) -> None:
    """Faust's web server shows state to anybody: it stays off although nobody says --without-web."""
    with HashingCluster(kafka, tmp_path) as cluster:
        cluster.send(10)
        cluster.start(0)
        cluster.wait_until_done(30)
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", 6066)) != 0
        assert cluster.stop_all() == [0]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(["agents"], "segment-customers"), (["worker", "--help"], "--loglevel"), (["--help"], "agents")],
    ids=["agents", "worker --help", "--help"],
)
def test_the_faust_command_line_works(arguments: list[str], expected: str) -> None:
    """It is a real Faust application: its own commands know it, without a broker."""
    command = [sys.executable, "-m", "faust", "-A", "streams.testing.hashing_worker", *arguments]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert expected in shown.stdout
