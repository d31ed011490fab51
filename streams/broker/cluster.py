"""A real Apache Kafka of one or three nodes on this machine: started, watched, and ended with its program."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from streams.broker.configuration import NodeAddress, render, server_properties
from streams.broker.jars import KAFKA_VERSION, cache_dir, kafka_classpath
from streams.broker.java import find_java
from streams.broker.node import Node, Watchdog
from streams.broker.ports import LOOPBACK, claim_ports, free_ports
from streams.broker.readiness import accepts_topics, listens
from streams.errors import OperationError, SettingsError

START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 10.0
_FORMAT_TIMEOUT_S = 60
_JVM_OPTIONS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")


class KafkaCluster:
    """Apache Kafka in KRaft mode, every node both broker and controller, reachable from this machine only.

    Use it as a context manager, or call :meth:`start` and :meth:`stop`. However the program ends, its nodes end
    with it, and a data directory that was not given is removed.
    """

    def __init__(
        self,
        *,
        nodes: int = 1,
        port: int | None = None,
        data_dir: Path | None = None,
        settings: Mapping[str, str | int | bool] | None = None,
        heap_mb: int = 512,
    ) -> None:
        """Describe a cluster; nothing is started or downloaded.

        Args:
            nodes: 1, or 3 with replication factor 3 and two in-sync replicas.
            port: where the first node listens for clients, the others on the ports after it; free ports are
                chosen when it is left out.
            data_dir: where the data stays between starts; temporary when left out.
            settings: Kafka broker settings that win over ours.
            heap_mb: the most heap each node may take, in megabytes.

        Raises:
            SettingsError: there is no such cluster.
        """
        if nodes not in (1, 3):
            raise SettingsError(f"A cluster of {nodes} nodes is not offered.", hint="Choose 1 or 3 nodes.")
        self._size = nodes
        self._port = port
        self._given_data_dir = data_dir
        self._settings = dict(settings or {})
        self._heap_mb = heap_mb
        self._addresses: list[NodeAddress] = []
        self._nodes: dict[int, Node] = {}
        self._watchdog: Watchdog | None = None
        self._data_dir: Path | None = None
        self._lock: IO[str] | None = None

    @property
    def bootstrap(self) -> str:
        """The address for clients, as in `bootstrap.servers`.

        Raises:
            OperationError: the cluster was not started.
        """
        if not self._addresses:
            raise OperationError("The cluster is not running.", hint="Start it first.")
        return ",".join(f"{LOOPBACK}:{address.port}" for address in self._addresses)

    @property
    def data_dir(self) -> Path:
        """Where the nodes keep their data and their logs.

        Raises:
            OperationError: the cluster was not started.
        """
        if self._data_dir is None:
            raise OperationError("The cluster is not running.", hint="Start it first.")
        return self._data_dir

    def pids(self) -> dict[int, int]:
        """The process id of every node that runs or is paused."""
        return {number: node.pid for number, node in self._nodes.items() if node.pid is not None}

    def start(self, node: int | None = None) -> None:
        """Start the cluster, or one *node* of it that was killed, and wait until it answers.

        Raises:
            OperationError: it does not start; the message shows the end of its log.
        """
        if node is not None:
            self._start_again(self._node(node))
            return
        if self._nodes:
            raise OperationError("The cluster runs already.", hint="Stop it first.")
        try:
            self._prepare()
            for each in self._nodes.values():
                each.start(self._running_watchdog())
            self._await_ready()
        except BaseException:
            self.stop(timeout_s=0)
            raise

    def stop(self, *, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Stop all nodes; those that have not ended in order after *timeout_s* seconds are killed.

        Does nothing when the cluster is not running.
        """
        if timeout_s > 0:
            for node in self._nodes.values():
                node.terminate()
            deadline = time.monotonic() + timeout_s
            for node in self._nodes.values():
                node.wait(max(0.0, deadline - time.monotonic()))
        for node in self._nodes.values():
            node.kill()
        self._nodes, self._addresses = {}, []
        if self._data_dir is not None and self._given_data_dir is None:
            shutil.rmtree(self._data_dir, ignore_errors=True)
        self._data_dir = None
        if self._watchdog is not None:
            self._watchdog.close()
            self._watchdog = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def kill(self, node: int) -> None:
        """End *node* at once, as a power cut would; its data stays for :meth:`start`."""
        self._node(node).kill()

    def pause(self, node: int) -> None:
        """Freeze *node*: its connections stay open, and nothing answers."""
        self._node(node).pause()

    def resume(self, node: int) -> None:
        """Let a paused *node* go on."""
        self._node(node).resume()

    def __enter__(self) -> Self:
        """Start the cluster."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the cluster."""
        self.stop()

    def _node(self, number: int) -> Node:
        if number not in self._nodes:
            raise OperationError(
                f"There is no running node {number}.", hint=f"Nodes: {sorted(self._nodes) or 'none'}."
            )
        return self._nodes[number]

    def _running_watchdog(self) -> Watchdog:
        assert self._watchdog is not None
        return self._watchdog

    def _prepare(self) -> None:
        """Everything before the first process: files, ports, settings, formatted storage."""
        java = find_java()
        classpath = kafka_classpath(cache_dir())
        self._addresses = self._choose_addresses()
        if self._given_data_dir is None:
            self._data_dir = Path(tempfile.mkdtemp(prefix="segment-streams-kafka-"))
            self._watchdog = Watchdog(remove_at_end=[self._data_dir])
        else:
            self._data_dir = self._given_data_dir.expanduser().resolve()
            self._lock = _locked(self._data_dir)
            self._watchdog = Watchdog()
        cluster_id = _cluster_id(self._data_dir, self._size)
        program = [str(java.executable), f"-Xmx{self._heap_mb}m", *_JVM_OPTIONS]
        program += ["-cp", os.pathsep.join(map(str, classpath))]
        for address in self._addresses:
            folder = self._data_dir / f"node-{address.node_id}"
            folder.mkdir(exist_ok=True)
            properties = server_properties(address, self._addresses, folder / "data", self._settings)
            configuration = folder / "server.properties"
            configuration.write_text(render(properties), encoding="ascii")
            _format(program, configuration, cluster_id, folder / "data")
            command = [*program, "kafka.Kafka", str(configuration)]
            self._nodes[address.node_id] = Node(address.node_id, command, folder / "server.log")

    def _choose_addresses(self) -> list[NodeAddress]:
        ports = [] if self._port is None else claim_ports(self._port, self._size)
        ports += free_ports(2 * self._size - len(ports), avoid=ports)
        numbers = range(1, self._size + 1)
        return [NodeAddress(n, ports[n - 1], ports[self._size + n - 1]) for n in numbers]

    def _start_again(self, node: Node) -> None:
        node.start(self._running_watchdog())
        address = self._addresses[node.node_id - 1]
        self._await(lambda: listens(address.port), [node])

    def _await_ready(self) -> None:
        nodes = list(self._nodes.values())
        self._await(lambda: all(listens(address.port) for address in self._addresses), nodes)
        self._await(lambda: accepts_topics(self.bootstrap, copies=self._size), nodes)

    def _await(self, ready: Callable[[], bool], nodes: list[Node]) -> None:
        """Wait for *ready*; a node that ends before, or too long a wait, is an error with the node's log."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while not ready():
            for node in nodes:
                if node.returncode is not None:
                    raise _failed(node, f"ended with status {node.returncode}")
            if time.monotonic() > deadline:
                raise _failed(nodes[0], f"does not answer after {START_TIMEOUT_S:.0f} s")
            time.sleep(0.02)


def _failed(node: Node, what: str) -> OperationError:
    return OperationError(
        f"Kafka node {node.node_id} {what}. The end of its log:\n{node.log_tail()}",
        hint="The log says why; common causes are a full disk, too little memory, or a setting it does not take.",
    )


def _locked(data_dir: Path) -> IO[str]:
    """Make *data_dir* ours until the returned file is closed.

    Raises:
        OperationError: another cluster works there, or the folder cannot be written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        handle = (data_dir / "cluster.lock").open("w")
    except OSError as error:
        raise OperationError(
            f"The data directory {data_dir} cannot be used: {error}", hint="Give a folder you may write to."
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise OperationError(
            f"Another embedded Kafka works in {data_dir}.", hint="Stop it, or give another data directory."
        ) from error
    return handle


def _cluster_id(data_dir: Path, nodes: int) -> str:
    """The id of the cluster in *data_dir*: a new one the first time, then always the same.

    Raises:
        OperationError: the folder holds a cluster of another size.
    """
    record = data_dir / "cluster.json"
    if record.exists():
        known = json.loads(record.read_text(encoding="utf-8"))
        if known["nodes"] != nodes:
            raise OperationError(
                f"{data_dir} holds a cluster of {known['nodes']} node(s), not {nodes}.",
                hint=f"Start it with {known['nodes']} node(s), or give another data directory.",
            )
        return str(known["cluster_id"])
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
    record.write_text(json.dumps({"cluster_id": cluster_id, "nodes": nodes, "kafka": KAFKA_VERSION}))
    return cluster_id


def _format(program: list[str], configuration: Path, cluster_id: str, log_dir: Path) -> None:
    """Format the storage of a node, unless that was done."""
    if (log_dir / "meta.properties").exists():
        return
    tool = [*program, "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(configuration)]
    done = subprocess.run(tool, capture_output=True, text=True, timeout=_FORMAT_TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise OperationError(
            f"Kafka's storage in {log_dir} could not be formatted:\n{done.stdout}{done.stderr}",
            hint="The output above says why; common causes are a full disk or a setting it does not take.",
        )
