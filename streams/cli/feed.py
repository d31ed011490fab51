"""`streams feed`: the demo's records into a Kafka of your own, for workers that run elsewhere."""

from __future__ import annotations

import sys
import time

import click

from streams.cli.stopping import tidy_end
from streams.demo.feeding import feed, missing_topics_made, records_there

INTERRUPTED = 130


@click.command()
@click.option(
    "--bootstrap",
    envvar="STREAMS_BOOTSTRAP",
    default="127.0.0.1:9092",
    show_default=True,
    help="The brokers, without TLS or a password. [env: STREAMS_BOOTSTRAP]",
)
@click.option("--topics-only", is_flag=True, help="Create the topics that are missing, and stop.")
@click.option(
    "--browsing",
    type=click.IntRange(0, 1_000),
    default=10,
    show_default=True,
    help="Simulated events around each real order, on average. 0: the real shop alone.",
)
@click.option("--seed", type=int, default=7, show_default=True, help="Of everything simulated.")
@click.option("--partitions", type=click.IntRange(1, 64), default=4, show_default=True, help="Of each topic.")
@click.option(
    "--rate",
    type=click.IntRange(0, 1_000_000),
    default=0,
    show_default=True,
    help="Records in a second. 0: as fast as it goes.",
)
@click.option(
    "--recent", is_flag=True, help="Move the year so that it ends two or three days ago, not in 2011."
)
@click.option("--again", is_flag=True, help="Write even if the topics hold records already.")
def command(
    bootstrap: str,
    topics_only: bool,
    browsing: int,
    seed: int,
    partitions: int,
    rate: int,
    recent: bool,
    again: bool,
) -> None:
    """Write the year of the demo's shop into a Kafka that runs already, at the pace you choose.

    Topics that are missing are created: demo.orders and demo.behaviour, and the outputs. If the inputs hold records
    already, nothing is written. A worker for them needs STREAMS_CLOCK=event and STREAMS_COVERAGE=complete;
    docker-compose.yml shows all of its settings.

    \b
    Examples:
      streams feed --bootstrap kafka:9092 --topics-only       create the topics
      streams feed --bootstrap kafka:9092                     the year, as fast as it goes
      streams feed --rate 500 --recent                        the last year, 500 records a second
    """
    try:
        with tidy_end():
            made = missing_topics_made(bootstrap, partitions)
            click.echo(f"topics created: {', '.join(made)}" if made else "all topics are there")
            if topics_only:
                return
            if not again and (there := records_there(bootstrap)):
                click.echo(
                    f"the inputs hold {there:,} records: nothing written; --again writes on top of them"
                )
                return
            written = feed(
                bootstrap,
                browsing=browsing,
                seed=seed,
                partitions=partitions,
                per_second=rate,
                now_ms=int(time.time() * 1_000) if recent else None,
                told=lambda now, of: click.echo(f"{now:,} of {of:,} records"),
            )
            click.echo(f"written: {written:,} records, the end of the replay among them")
    except KeyboardInterrupt:
        click.echo("stopped: what was written stays", err=True)
        sys.exit(INTERRUPTED)
