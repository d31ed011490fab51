"""A real Apache Kafka of one or three nodes on this machine: started, watched, and ended with its program."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from streams.broker.class_archive import ClassArchive
from streams.broker.configuration import NodeAddress, Setting, render, server_properties
from streams.broker.jars import cache_dir, kafka_classpath, kafka_home
from streams.broker.java import find_java
from streams.broker.ports import LOOPBACK, claim_ports, free_ports
from streams.broker.processes import GuardedProcess, Watchdog
from streams.broker.readiness import accepts_topics, has_joined, listens
from streams.broker.storage import claimed, cluster_id, format_storage, storage_template
from streams.errors import OperationError, SettingsError

START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 10.0
STOP_TEMPORARY_TIMEOUT_S = (
    2.0  # three nodes that stop at once wait for each other, and here for nothing's sake
)
_POLL_S = 0.02
_CLASS_LIST = "loaded-classes.txt"
_LOGGER = "-Dorg.slf4j.simpleLogger."
_LOGGING = (f"{_LOGGER}showDateTime=true", f"{_LOGGER}dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX")


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
        settings: Mapping[str, Setting] | None = None,
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
        if nodes not in {1, 3}:
            raise SettingsError(f"A cluster of {nodes} nodes is not offered.", hint="Choose 1 or 3 nodes.")
        self._size = nodes
        self._port = port
        self._given_data_dir = data_dir
        self._settings = dict(settings or {})
        self._jvm_options = (f"-Xmx{heap_mb}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
        self._addresses: list[NodeAddress] = []
        self._nodes: dict[int, GuardedProcess] = {}
        self._expected_down: set[int] = set()
        self._watchdog: Watchdog | None = None
        self._archive: ClassArchive | None = None
        self._data_dir: Path | None = None
        self._claim: IO[str] | None = None

    @property
    def bootstrap(self) -> str:
        """The address for clients, as in `bootstrap.servers`.

        Raises:
            OperationError: the cluster is not running.
        """
        if not self._addresses:
            raise _not_running()
        return ",".join(f"{LOOPBACK}:{address.port}" for address in self._addresses)

    @property
    def data_dir(self) -> Path:
        """Where the nodes keep their data and, in `node-<n>/server.log`, their logs.

        Raises:
            OperationError: the cluster is not running.
        """
        if self._data_dir is None:
            raise _not_running()
        return self._data_dir

    def pids(self) -> dict[int, int]:
        """The process id of every node that runs or is paused, by node number (from 1)."""
        return {number: node.pid for number, node in self._nodes.items() if node.pid is not None}

    def start(self, node: int | None = None) -> None:
        """Start what is down, the whole cluster or one *node* of a running one, and wait until it answers.

        Raises:
            OperationError: it does not start (the message shows the end of its log), or a port is taken.
        """
        if node is not None:
            self._launch([node])
            address = self._addresses[node - 1]
            self._await(lambda: has_joined(f"{LOOPBACK}:{address.port}", node_id=node), [node])
            return
        if self._nodes:
            self._start_all()
            return
        for attempts_left in (2, 1, 0):
            try:
                self._prepare()
                self._start_all()
            except BaseException:
                lost_a_port = any(
                    "Address already in use" in each.log_tail() for each in self._nodes.values()
                )
                self.stop(timeout_s=0)
                # Between the choice of a port and its use another program was quicker: choose again.
                if not (lost_a_port and attempts_left):
                    raise
            else:
                return

    def stop(self, *, timeout_s: float | None = None) -> None:
        """Stop all nodes; those that have not ended in order after *timeout_s* seconds are killed.

        Does nothing when the cluster is not running.

        Args:
            timeout_s: 10 s when left out, 2 s when the data is temporary.
        """
        if timeout_s is None:
            timeout_s = STOP_TIMEOUT_S if self._given_data_dir else STOP_TEMPORARY_TIMEOUT_S
        if self._archive is not None:
            self._archive.stop()
        if timeout_s > 0:
            for node in self._nodes.values():
                node.terminate()
            deadline = time.monotonic() + timeout_s
            for node in self._nodes.values():
                node.wait(max(0.0, deadline - time.monotonic()))
        for node in self._nodes.values():
            node.kill()
        if self._data_dir is not None and self._given_data_dir is None:
            shutil.rmtree(self._data_dir, ignore_errors=True)
        if self._watchdog is not None:
            self._watchdog.close()
        if self._claim is not None:
            self._claim.close()
        self._nodes, self._addresses, self._expected_down = {}, [], set()
        self._archive = self._data_dir = self._watchdog = self._claim = None

    def kill(self, node: int) -> None:
        """End *node* at once, as a power cut would; its data stays, and :meth:`start` brings it back."""
        self._expected_down.add(node)
        self._node(node).kill()

    def pause(self, node: int) -> None:
        """Freeze *node*: its connections stay open, and nothing answers."""
        self._node(node).pause()

    def resume(self, node: int) -> None:
        """Let a paused *node* go on."""
        self._node(node).resume()

    def check(self) -> None:
        """See to it that every node that should run does.

        Raises:
            OperationError: a node has ended by itself; the message shows the end of its log.
        """
        for number in self._nodes.keys() - self._expected_down:
            self._refuse_ended(number)

    def __enter__(self) -> Self:
        """Start the cluster."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the cluster."""
        self.stop()

    def _prepare(self) -> None:
        """Everything before the first node starts: Java, jars, ports, files, settings, formatted storage."""
        self._addresses = self._chosen_addresses()  # first: who asks for a taken port waits for no download
        java, home = find_java(), kafka_home(cache_dir())
        classpath = os.pathsep.join(map(str, kafka_classpath(home)))
        self._data_dir = self._prepared_data_dir()
        self._archive = ClassArchive(home, java, classpath, self._jvm_options)
        jvm = [
            str(java.executable),
            *self._jvm_options,
            *_LOGGING,
            *self._archive.options(),
            "-cp",
            classpath,
        ]
        template = storage_template(home, jvm)
        cluster = cluster_id(self._data_dir, self._size)
        for address in self._addresses:
            folder = self._data_dir / f"node-{address.node_id}"
            folder.mkdir(exist_ok=True)
            configuration = folder / "server.properties"
            properties = server_properties(address, self._addresses, folder / "data", self._settings)
            configuration.write_text(render(properties), encoding="ascii")
            format_storage(template, folder / "data", cluster=cluster, node_id=address.node_id)
            recording = self._archive.recording_options(folder / _CLASS_LIST) if address.node_id == 1 else []
            self._nodes[address.node_id] = GuardedProcess(
                f"Kafka node {address.node_id}",
                [jvm[0], *recording, *jvm[1:], "kafka.Kafka", str(configuration)],
                folder=folder,
                log_file=folder / "server.log",
            )

    def _prepared_data_dir(self) -> Path:
        if self._given_data_dir is None:
            data_dir = Path(tempfile.mkdtemp(prefix="segment-streams-kafka-"))
            self._watchdog = Watchdog(remove_at_end=[data_dir])
        else:
            data_dir = self._given_data_dir.expanduser().resolve()
            self._claim = claimed(data_dir)
            self._watchdog = Watchdog()
        return data_dir

    def _chosen_addresses(self) -> list[NodeAddress]:
        ports = [] if self._port is None else claim_ports(self._port, self._size)
        ports += free_ports(2 * self._size - len(ports), avoid=ports)
        return [NodeAddress(n + 1, ports[n], ports[self._size + n]) for n in range(self._size)]

    def _start_all(self) -> None:
        everyone = list(self._nodes)
        self._launch([number for number, node in self._nodes.items() if node.pid is None])
        self._await(lambda: all(listens(address.port) for address in self._addresses), everyone)
        self._await(lambda: accepts_topics(self.bootstrap, copies=self._size), everyone)
        if self._archive is not None and self._watchdog is not None:
            self._archive.make_in_background(self.data_dir / "node-1" / _CLASS_LIST, self._watchdog)

    def _launch(self, numbers: Collection[int]) -> None:
        for number in numbers:
            node = self._node(number)
            assert self._watchdog is not None
            node.start(self._watchdog)
            self._expected_down.discard(number)

    def _await(self, ready: Callable[[], bool], numbers: Collection[int]) -> None:
        """Wait for *ready*; a node that ends before, or too long a wait, is an error with the node's log."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while not ready():
            for number in numbers:
                self._refuse_ended(number)
            if time.monotonic() > deadline:
                raise _failed(self._node(min(numbers)), f"does not answer after {START_TIMEOUT_S:.0f} s")
            time.sleep(_POLL_S)

    def _refuse_ended(self, number: int) -> None:
        node = self._node(number)
        if node.returncode is not None:
            raise _failed(node, f"ended with status {node.returncode}")

    def _node(self, number: int) -> GuardedProcess:
        if number not in self._nodes:
            raise OperationError(
                f"There is no node {number} here.", hint=f"Nodes: {sorted(self._nodes) or 'none is running'}."
            )
        return self._nodes[number]


def _not_running() -> OperationError:
    return OperationError("The embedded Kafka is not running.", hint="Start it first.")


def _failed(node: GuardedProcess, what: str) -> OperationError:
    return OperationError(
        f"{node.name} {what}. The end of its log:\n{node.log_tail()}",
        hint="The log says why; common causes are a full disk, little memory, and a setting it does not take.",
    )
