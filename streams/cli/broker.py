"""`streams broker`: a real Apache Kafka on this machine, until Ctrl-C."""

from __future__ import annotations

import time
from pathlib import Path

import click

from streams.broker import KAFKA_VERSION, KafkaCluster
from streams.cli.stopping import tidy_end

_CHECK_EVERY_S = 0.5


@click.command()
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    help="Port of the first node, on 127.0.0.1; further nodes take the ports after it. [default: a free one]",
)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the data here between starts. [default: a temporary folder, removed at the end]",
)
@click.option(
    "--nodes",
    type=click.Choice(["1", "3"]),
    default="1",
    show_default=True,
    help="3 replicates every partition three times and writes with two in-sync replicas.",
)
@click.option(
    "--ready-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the address here too, once the broker is ready; removed at the end.",
)
def command(port: int | None, data_dir: Path | None, nodes: str, ready_file: Path | None) -> None:
    """Run a real Apache Kafka on this machine, reachable from this machine only.

    Prints its address on standard output as soon as it is ready, then runs until Ctrl-C or SIGTERM.
    The first start downloads Kafka (45 MB) into ~/.cache/segment-streams (or STREAMS_CACHE_DIR); later starts
    need no network. A Java of version 17 or newer is used if there is one, else the one that came with
    the extra `broker`.

    \b
    Examples:
      streams broker                                    a free port, nothing kept
      streams broker --port 9092 --data-dir ./kafka     a fixed port, data kept
      streams broker --nodes 3                          a cluster that survives the loss of a node
    """
    cluster = KafkaCluster(nodes=int(nodes), port=port, data_dir=data_dir)
    try:
        with tidy_end():
            cluster.start()
            _announce(cluster, ready_file)
            while True:
                time.sleep(_CHECK_EVERY_S)
                cluster.check()
    except KeyboardInterrupt:
        click.echo("Stopping Kafka", err=True)
    finally:
        cluster.stop()
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)


def _announce(cluster: KafkaCluster, ready_file: Path | None) -> None:
    click.echo(cluster.bootstrap)
    click.echo(
        f"Apache Kafka {KAFKA_VERSION} is ready; data and logs in {cluster.data_dir}; Ctrl-C stops it",
        err=True,
    )
    if ready_file is not None:
        unfinished = ready_file.with_name(f"{ready_file.name}.partial")
        unfinished.write_text(f"{cluster.bootstrap}\n", encoding="ascii")
        unfinished.rename(ready_file)  # who waits for the file never reads half of it
