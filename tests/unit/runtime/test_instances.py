"""The stable name of a worker that was given none."""

from __future__ import annotations

from pathlib import Path

from streams.runtime.instances import InstanceName


def test_workers_on_one_machine_get_different_names(tmp_path: Path) -> None:
    """Each takes the first free number."""
    first = InstanceName("shop", directory=tmp_path, host="node")
    second = InstanceName("shop", directory=tmp_path, host="node")

    assert (first.name, second.name) == ("node-0", "node-1")


def test_a_restart_gets_the_name_of_the_worker_it_replaces(tmp_path: Path) -> None:
    """The name is free as soon as its holder is gone, so that the transactional id is the same."""
    first = InstanceName("shop", directory=tmp_path, host="node")
    other = InstanceName("shop", directory=tmp_path, host="node")
    first.release()

    assert InstanceName("shop", directory=tmp_path, host="node").name == "node-0"
    assert other.name == "node-1"


def test_applications_do_not_disturb_each_other(tmp_path: Path) -> None:
    """The number is counted for each application."""
    InstanceName("shop", directory=tmp_path, host="node")

    assert InstanceName("other", directory=tmp_path, host="node").name == "node-0"


def test_odd_host_names_become_valid_ids(tmp_path: Path) -> None:
    """A transactional id and a group instance id take no blanks or slashes."""
    assert InstanceName("shop", directory=tmp_path, host="my host/1").name == "my_host_1-0"
