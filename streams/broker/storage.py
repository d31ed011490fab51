"""The files of a cluster on disk: who may use them, which cluster they belong to, and formatted storage.

Kafka's own tool formats storage once for each Kafka version, into the cache. What it writes there (the feature levels
of that version) is the same for every cluster but for three ids in meta.properties, so each new node gets a copy
with ids of its own: a copy takes milliseconds, the tool takes a second of Java.
"""

from __future__ import annotations

import base64
import fcntl
import json
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from streams.broker.configuration import NodeAddress, render, server_properties
from streams.broker.jars import exclusive
from streams.broker.pins import KAFKA_VERSION
from streams.errors import OperationError

_FORMAT_TIMEOUT_S = 60
_IDS = "meta.properties"


def claimed(data_dir: Path) -> IO[str]:
    """Make *data_dir* ours until the returned file is closed or this program ends; creates it when needed.

    Raises:
        OperationError: another cluster works there, or the folder cannot be written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        handle = (data_dir / "cluster.lock").open("w", encoding="ascii")
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


def cluster_id(data_dir: Path, nodes: int) -> str:
    """The id of the cluster in *data_dir*: a new one the first time, then always the same.

    Raises:
        OperationError: the folder holds a cluster of another size, or something else.
    """
    record = data_dir / "cluster.json"
    if not record.exists():
        known = {"cluster_id": _random_id(), "nodes": nodes, "kafka": KAFKA_VERSION}
        record.write_text(json.dumps(known), encoding="utf-8")
        return str(known["cluster_id"])
    try:
        known = json.loads(record.read_text(encoding="utf-8"))
        size, identity = int(known["nodes"]), str(known["cluster_id"])
    except (ValueError, TypeError, KeyError) as error:
        raise OperationError(
            f"{record} is not what an embedded Kafka wrote.", hint="Give another data directory."
        ) from error
    if size != nodes:
        raise OperationError(
            f"{data_dir} holds a cluster of {size} node(s), not {nodes}.",
            hint=f"Start it with {size} node(s), or give another data directory.",
        )
    return identity


def format_storage(template: Path, log_dir: Path, *, cluster: str, node_id: int) -> None:
    """Make *log_dir* the empty storage of a node, unless it is formatted already.

    Args:
        template: what :func:`storage_template` returned.
        log_dir: where the node keeps its partitions.
        cluster: the cluster's id.
        node_id: the node's number.
    """
    if (log_dir / _IDS).exists():
        return
    shutil.rmtree(
        log_dir, ignore_errors=True
    )  # left by a start that was cut off; without ids it holds no data
    shutil.copytree(template, log_dir, ignore=shutil.ignore_patterns(_IDS))
    ids = {"version": "1", "cluster.id": cluster, "node.id": str(node_id), "directory.id": _random_id()}
    unfinished = log_dir / f"{_IDS}.partial"
    unfinished.write_text(render(ids), encoding="ascii")
    unfinished.rename(log_dir / _IDS)


def storage_template(home: Path, program: Sequence[str]) -> Path:
    """Storage formatted by Kafka's own tool, made once below *home*.

    Args:
        home: the folder of this Kafka version in the cache.
        program: Java with its options and class path.

    Raises:
        OperationError: the tool fails.
    """
    template = home / "storage"
    if template.exists():
        return template
    with exclusive(home / "storage.lock"):
        if template.exists():
            return template
        unfinished = home / "storage.partial"
        shutil.rmtree(unfinished, ignore_errors=True)
        configuration = home / "storage.properties"
        address = NodeAddress(node_id=1, port=9092, controller_port=9093)  # required there, used by nobody
        configuration.write_text(
            render(server_properties(address, [address], unfinished, {})), encoding="ascii"
        )
        _run_format_tool(program, configuration)
        unfinished.rename(template)
    return template


def _run_format_tool(program: Sequence[str], configuration: Path) -> None:
    tool = [*program, "kafka.tools.StorageTool", "format", "-t", _random_id(), "-c", str(configuration)]
    try:
        done = subprocess.run(tool, capture_output=True, text=True, timeout=_FORMAT_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OperationError(
            f"Kafka's storage tool did not run: {error}", hint="Try again; if it fails again, check the Java."
        ) from error
    if done.returncode != 0:
        raise OperationError(
            f"Kafka's storage could not be formatted:\n{done.stdout}{done.stderr}".rstrip(),
            hint="The output above says why; common causes are a full disk and a Java that is too old.",
        )


def _random_id() -> str:
    """An id in Kafka's form: 16 random bytes in URL-safe base64, not starting with the dash of an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
        if not text.startswith("-"):
            return text
