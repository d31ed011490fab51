"""The embedded Kafka is a real one: it starts, acknowledges, commits, keeps data, survives losses, leaves nothing."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.broker import KafkaCluster
from streams.broker.ports import free_ports
from streams.errors import OperationError
from streams.testing.kafka import create_topics

pytestmark = pytest.mark.integration

PATIENCE_S = 30.0
QUIET = {"log_level": 0}


def send(bootstrap: str, topic: str, values: list[bytes]) -> None:
    """Produce *values* to partition 0 with all acknowledgements; fails when one is not acknowledged."""
    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failed.append(error)

    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 0, **QUIET})
    for value in values:
        producer.produce(topic, value, partition=0, on_delivery=delivered)
    assert producer.flush(PATIENCE_S) == 0
    assert failed == []


def committed(bootstrap: str, topic: str, count: int) -> list[bytes]:
    """Return the first *count* committed values of partition 0."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "assigned by hand",
            "isolation.level": "read_committed",
            **QUIET,
        }
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    values: list[bytes] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(values) < count and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        value = None if message is None or message.error() is not None else message.value()
        if value is not None:
            values.append(value)
    consumer.close()
    return values


def gone(pid: int) -> bool:
    """Return whether *pid* has ended; a zombie that nobody has asked for yet counts as ended."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return state.stdout.strip()[:1] in {"", "Z"}


def soon(condition: Callable[[], bool]) -> bool:
    """Return whether *condition* comes true in time."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def children_of(pid: int) -> list[int]:
    """Return the processes that *pid* started."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    pairs = (line.split() for line in listed.stdout.splitlines())
    return [int(child) for child, parent in pairs if int(parent) == pid]


class Command:
    """A running `streams broker`."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.ready_file = folder / "ready"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "streams", "broker", "--ready-file", str(self.ready_file), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.bootstrap = self.process.stdout.readline().strip()

    def end(self, request: signal.Signals) -> tuple[int, str]:
        """Send *request*; return the exit status and what was written to stderr."""
        self.process.send_signal(request)
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, errors


@pytest.fixture
def run_command(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """A function that runs `streams broker` with arguments; ends what a failing test leaves."""
    started: list[Command] = []

    def run(*arguments: str) -> Command:
        started.append(Command(tmp_path, *arguments))
        return started[-1]

    yield run
    for each in started:
        if each.process.poll() is None:
            each.end(signal.SIGTERM)


def test_a_record_is_acknowledged_and_read_back(kafka: str, topic_name: Callable[[str], str]) -> None:
    """The broker of the test session stores what it acknowledges."""
    topic = topic_name("acks")
    create_topics(kafka, {topic: 1})
    send(kafka, topic, [b"one", b"two"])
    assert committed(kafka, topic, 2) == [b"one", b"two"]


def test_a_transaction_commits_and_another_aborts(kafka: str, topic_name: Callable[[str], str]) -> None:
    """Readers of committed records see the committed transaction and nothing of the aborted one."""
    topic = topic_name("transactions")
    create_topics(kafka, {topic: 1})
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": topic, **QUIET})
    producer.init_transactions(PATIENCE_S)
    for value, end in (
        (b"kept", producer.commit_transaction),
        (b"dropped", producer.abort_transaction),
        (b"kept too", producer.commit_transaction),
    ):
        producer.begin_transaction()
        producer.produce(topic, value)
        producer.flush(PATIENCE_S)
        end(PATIENCE_S)
    assert committed(kafka, topic, 2) == [b"kept", b"kept too"]


def test_created_topics_have_their_partitions_and_settings(
    kafka: str, topic_name: Callable[[str], str]
) -> None:
    """Topics are there with all partitions when the call returns; a name that is taken is an error."""
    first, second = topic_name("first"), topic_name("second")
    create_topics(kafka, {first: 3, second: 5}, config={"cleanup.policy": "compact"})
    topics = AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=PATIENCE_S).topics
    assert (len(topics[first].partitions), len(topics[second].partitions)) == (3, 5)
    with pytest.raises(OperationError, match=f"topic {first} was not created"):
        create_topics(kafka, {first: 1})


def test_the_command_runs_until_it_is_asked_to_stop(run_command: Callable[..., Command]) -> None:
    """It prints its address when it is ready; Ctrl-C ends it and everything it started, with status 0."""
    broker = run_command()
    assert re.fullmatch(r"127\.0\.0\.1:\d+", broker.bootstrap)
    create_topics(broker.bootstrap, {"orders": 1})
    send(broker.bootstrap, "orders", [b"one"])
    assert soon(broker.ready_file.exists)
    assert broker.ready_file.read_text() == f"{broker.bootstrap}\n"
    children = children_of(broker.process.pid)
    status, errors = broker.end(signal.SIGINT)
    assert status == 0
    assert "Traceback" not in errors
    assert children
    assert all(gone(child) for child in children)
    assert not broker.ready_file.exists()
    assert not Path(re.findall(r"data and logs in (\S+);", errors)[0]).exists()


def test_a_given_folder_and_port_survive_a_restart(
    run_command: Callable[..., Command], tmp_path: Path
) -> None:
    """Records of the first run are there in the second, at the same address; SIGTERM ends with status 0."""
    port = free_ports(1)[0]
    arguments = ("--port", str(port), "--data-dir", str(tmp_path / "data"))
    for run in (1, 2):
        broker = run_command(*arguments)
        assert broker.bootstrap == f"127.0.0.1:{port}"
        if run == 1:
            create_topics(broker.bootstrap, {"orders": 1})
            send(broker.bootstrap, "orders", [b"from the first run"])
        else:
            assert committed(broker.bootstrap, "orders", 1) == [b"from the first run"]
            refused = run_command("--data-dir", str(tmp_path / "data"))
            assert "Another embedded Kafka works in" in refused.process.communicate(timeout=PATIENCE_S)[1]
        assert broker.end(signal.SIGTERM)[0] == 0


def test_nothing_is_left_when_the_command_is_killed(run_command: Callable[..., Command]) -> None:
    """SIGKILL of the command takes Kafka along, though nothing could clean up."""
    broker = run_command()
    children = children_of(broker.process.pid)
    assert len(children) == 2
    assert broker.end(signal.SIGKILL)[0] == -signal.SIGKILL
    assert soon(lambda: all(gone(child) for child in children))


def test_a_taken_port_is_left_alone(run_command: Callable[..., Command]) -> None:
    """When something listens on the wanted port, the command says so, with what to do, and ends with status 1."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        refused = run_command("--port", str(port))
        _, errors = refused.process.communicate(timeout=PATIENCE_S)
    assert refused.process.returncode == 1
    assert f"Port {port} on 127.0.0.1 is in use" in errors
    assert "hint: " in errors


def test_a_node_that_does_not_start_shows_its_log() -> None:
    """A setting that Kafka refuses ends in an error with Kafka's own words, and nothing is left running."""
    cluster = KafkaCluster(settings={"num.io.threads": "many"})
    with pytest.raises(OperationError, match="Invalid value many for configuration"):
        cluster.start()
    assert cluster.pids() == {}


def test_three_nodes_survive_the_loss_of_one() -> None:
    """Every partition has three replicas; with one node killed writes to all go on, and it comes back."""
    # A node is missed after three seconds here; Kafka's default is nine.
    watchful = {"broker.session.timeout.ms": 3000, "broker.heartbeat.interval.ms": 500}
    with KafkaCluster(nodes=3, settings=watchful) as cluster:
        create_topics(cluster.bootstrap, {"orders": 1})
        send(cluster.bootstrap, "orders", [b"with three"])
        described = (
            AdminClient({"bootstrap.servers": cluster.bootstrap}).list_topics("orders").topics["orders"]
        )
        partition = described.partitions[0]
        assert sorted(partition.isrs) == [1, 2, 3]
        follower = next(node for node in partition.replicas if node != partition.leader)
        cluster.kill(follower)
        cluster.check()
        send(cluster.bootstrap, "orders", [b"with two"])
        cluster.start(follower)
        pids = cluster.pids()
        assert sorted(pids) == [1, 2, 3]
        assert committed(cluster.bootstrap, "orders", 2) == [b"with three", b"with two"]
        os.kill(pids[follower], signal.SIGKILL)
        assert soon(lambda: follower not in cluster.pids())
        with pytest.raises(OperationError, match=f"Kafka node {follower} ended with status -9"):
            cluster.check()
    assert all(gone(pid) for pid in pids.values())
