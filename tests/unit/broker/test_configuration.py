"""The settings of a node, and how they are written down for Java."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.broker.configuration import NodeAddress, Setting, render, server_properties
from streams.errors import SettingsError

ONE = [NodeAddress(1, 20_001, 20_101)]
THREE = [NodeAddress(n, 20_000 + n, 20_100 + n) for n in (1, 2, 3)]


def properties(
    cluster: list[NodeAddress], node: int = 1, overrides: dict[str, Setting] | None = None
) -> dict[str, str]:
    """Return the settings of one node of *cluster*."""
    return server_properties(cluster[node - 1], cluster, Path("/somewhere/data"), overrides or {})


@pytest.mark.parametrize("cluster", [ONE, THREE], ids=["one", "three"])
def test_every_listener_is_on_the_loopback_interface(cluster: list[NodeAddress]) -> None:
    """No other machine can reach a node, whatever its role."""
    written = properties(cluster)
    for name in ("listeners", "advertised.listeners", "controller.quorum.voters"):
        for address in written[name].split(","):
            assert "127.0.0.1:" in address


def test_one_node_keeps_one_copy() -> None:
    """A single node can store offsets and transactions: one replica, one in sync."""
    written = properties(ONE)
    assert written["transaction.state.log.replication.factor"] == "1"
    assert written["transaction.state.log.min.isr"] == "1"
    assert written["offsets.topic.replication.factor"] == "1"
    assert written["min.insync.replicas"] == "1"


def test_three_nodes_keep_three_copies_and_write_with_two() -> None:
    """With three nodes everything survives the loss of one: three replicas, two in sync."""
    written = properties(THREE, node=2)
    assert written["node.id"] == "2"
    assert written["default.replication.factor"] == "3"
    assert written["min.insync.replicas"] == "2"
    assert written["transaction.state.log.replication.factor"] == "3"
    assert written["transaction.state.log.min.isr"] == "2"
    assert written["controller.quorum.voters"] == "1@127.0.0.1:20101,2@127.0.0.1:20102,3@127.0.0.1:20103"


def test_given_settings_win() -> None:
    """A caller's broker setting replaces ours; numbers and truth values are written as Kafka reads them."""
    written = properties(ONE, overrides={"message.max.bytes": 30_000_000, "auto.create.topics.enable": True})
    assert written["message.max.bytes"] == "30000000"
    assert written["auto.create.topics.enable"] == "true"


@pytest.mark.parametrize("name", ["node.id", "log.dirs", "process.roles", "controller.quorum.voters"])
def test_what_ties_the_cluster_together_cannot_be_changed(name: str) -> None:
    """A setting that could only break the cluster is refused by name."""
    with pytest.raises(SettingsError, match=name):
        properties(ONE, overrides={name: "7"})


def test_the_file_is_one_setting_a_line() -> None:
    """Each setting is a line name=value, in the given order."""
    assert render({"b": "2", "a": "x,y"}) == "b=2\na=x,y\n"


def test_backslashes_and_foreign_letters_survive_java() -> None:
    """Java's properties take a backslash for an escape and read Latin-1: both are escaped."""
    assert render({"log.dirs": "/tmp/a\\b"}) == "log.dirs=/tmp/a\\\\b\n"
    assert render({"log.dirs": "/tmp/gäste"}) == "log.dirs=/tmp/g\\u00e4ste\n"
    assert render({"log.dirs": "/tmp/🛒"}) == "log.dirs=/tmp/\\ud83d\\uded2\n"
