"""A cluster's files: one user at a time, one identity for ever, formatted once."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.broker.storage import claimed, cluster_id, format_storage
from streams.errors import OperationError


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """Formatted storage as Kafka's tool leaves it: ids, and a read-only checkpoint."""
    metadata = tmp_path / "template" / "__cluster_metadata-0"
    metadata.mkdir(parents=True)
    checkpoint = metadata / "00000000000000000000-0000000000.checkpoint"
    checkpoint.write_bytes(b"features")
    checkpoint.chmod(0o400)
    (tmp_path / "template" / "meta.properties").write_text("cluster.id=none\nnode.id=1\n")
    return tmp_path / "template"


def ids_in(log_dir: Path) -> dict[str, str]:
    """Return the ids of a node's storage."""
    lines = (log_dir / "meta.properties").read_text().splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def test_a_node_gets_its_own_ids_and_the_features(tmp_path: Path, template: Path) -> None:
    """New storage has the template's checkpoint, the cluster's id, the node's number and a directory id."""
    for node_id in (1, 2):
        format_storage(template, tmp_path / str(node_id), cluster="abc", node_id=node_id)
    first, second = ids_in(tmp_path / "1"), ids_in(tmp_path / "2")
    assert (first["cluster.id"], second["cluster.id"]) == ("abc", "abc")
    assert (first["node.id"], second["node.id"]) == ("1", "2")
    assert len(first["directory.id"]) == 22
    assert first["directory.id"] != second["directory.id"]
    [checkpoint] = (tmp_path / "1" / "__cluster_metadata-0").iterdir()
    assert checkpoint.read_bytes() == b"features"


def test_formatted_storage_is_left_alone(tmp_path: Path, template: Path) -> None:
    """A second start changes nothing of what the first one made."""
    log_dir = tmp_path / "data"
    format_storage(template, log_dir, cluster="abc", node_id=1)
    before = ids_in(log_dir)
    (log_dir / "orders-0").mkdir()
    format_storage(template, log_dir, cluster="other", node_id=1)
    assert ids_in(log_dir) == before
    assert (log_dir / "orders-0").exists()


def test_a_format_that_was_cut_off_is_done_again(tmp_path: Path, template: Path) -> None:
    """Storage without ids was never used: it is made anew, read-only files and all."""
    log_dir = tmp_path / "data"
    format_storage(template, log_dir, cluster="abc", node_id=1)
    (log_dir / "meta.properties").unlink()
    format_storage(template, log_dir, cluster="abc", node_id=1)
    assert ids_in(log_dir)["cluster.id"] == "abc"


def test_a_folder_keeps_its_cluster(tmp_path: Path) -> None:
    """The id is made once for each folder, and folders have different ones."""
    (tmp_path / "other").mkdir()
    first = cluster_id(tmp_path, 1)
    assert cluster_id(tmp_path, 1) == first
    assert cluster_id(tmp_path / "other", 1) != first


def test_a_folder_of_another_size_is_refused(tmp_path: Path) -> None:
    """Three nodes cannot start on what one node wrote; the hint says with how many to start."""
    cluster_id(tmp_path, 1)
    with pytest.raises(OperationError, match=r"cluster of 1 node\(s\), not 3") as refused:
        cluster_id(tmp_path, 3)
    assert "with 1 node(s)" in refused.value.hint


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    """A record that is not ours is not overwritten."""
    (tmp_path / "cluster.json").write_text("[]")
    with pytest.raises(OperationError, match="not what an embedded Kafka wrote"):
        cluster_id(tmp_path, 1)
    assert (tmp_path / "cluster.json").read_text() == "[]"


def test_a_folder_has_one_user_at_a_time(tmp_path: Path) -> None:
    """While a cluster works in a folder a second one is refused; afterwards it may."""
    with claimed(tmp_path / "new"), pytest.raises(OperationError, match="Another embedded Kafka works in"):
        claimed(tmp_path / "new")
    claimed(tmp_path / "new").close()


def test_a_folder_that_cannot_be_made_is_an_error_for_people(tmp_path: Path) -> None:
    """The error names the folder and the reason."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OperationError, match="cannot be used"):
        claimed(tmp_path / "file" / "below")
