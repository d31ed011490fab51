"""The server.properties of a node: KRaft, combined roles, loopback only, fit for exactly-once work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from streams.broker.ports import LOOPBACK
from streams.errors import SettingsError

# What ties the nodes to each other and to their files; a different value could only break the cluster.
_OWNED = frozenset({"node.id", "process.roles", "controller.quorum.voters", "log.dirs"})


Setting = str | int | bool
"""The value of a Kafka broker setting."""


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """Where one node listens: clients on *port*, its fellow controllers on *controller_port*."""

    node_id: int
    port: int
    controller_port: int


def server_properties(
    node: NodeAddress, cluster: Sequence[NodeAddress], log_dir: Path, overrides: Mapping[str, Setting]
) -> dict[str, str]:
    """All settings of one node.

    Args:
        node: the node the settings are for.
        cluster: every node of the cluster, *node* among them.
        log_dir: where the node keeps its partitions.
        overrides: Kafka broker settings that win over ours.

    Raises:
        SettingsError: an override would change what ties the cluster together.
    """
    if refused := sorted(_OWNED & overrides.keys()):
        raise SettingsError(
            f"The embedded Kafka sets {', '.join(refused)} itself.", hint="Leave these settings out."
        )
    voters = ",".join(f"{peer.node_id}@{LOOPBACK}:{peer.controller_port}" for peer in cluster)
    properties = {
        "process.roles": "broker,controller",
        "node.id": str(node.node_id),
        "controller.quorum.voters": voters,
        "listeners": f"BROKER://{LOOPBACK}:{node.port},CONTROLLER://{LOOPBACK}:{node.controller_port}",
        "advertised.listeners": f"BROKER://{LOOPBACK}:{node.port}",
        "inter.broker.listener.name": "BROKER",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(log_dir),
        **_durability(len(cluster)),
        **_SMALL_AND_QUICK,
    }
    return properties | {name: _text(value) for name, value in overrides.items()}


def render(properties: Mapping[str, str]) -> str:
    """*properties* as the text of a Java properties file."""
    return "".join(f"{_escaped(name)}={_escaped(value)}\n" for name, value in properties.items())


def _durability(nodes: int) -> dict[str, str]:
    """How many copies: one on a single node; on three, every write survives the loss of any one node."""
    copies, in_sync = str(nodes), str(2 if nodes >= 3 else 1)
    return {
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
    }


_SMALL_AND_QUICK = {
    # A misspelt topic name must be an error, not a new topic.
    "auto.create.topics.enable": "false",
    # Groups come and go all the time here; each of these partitions costs a start some milliseconds.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    # Workers that are killed on purpose should be missed, and their transactions aborted, soon.
    "group.min.session.timeout.ms": "1000",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    # A replay writes records with the time stamps of years ago, which retention by age would delete at once.
    "log.retention.ms": "-1",
    # Kafka's default takes 128 MB of memory for compaction; this is room for some 700,000 keys a pass.
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
}


def _text(value: Setting) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _escaped(text: str) -> str:
    """Java reads these files as Latin-1 with escapes; a backslash escapes, a leading space is dropped."""
    pieces = []
    for character in text.replace("\\", "\\\\").replace("\n", "\\n"):
        if character.isascii():
            pieces.append(character)
        else:
            units = character.encode("utf-16-be")
            pieces.extend(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
    return "".join(pieces)
