"""What everybody in the race agrees on: how many events, where they lie, which definitions, which settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from streams.bench.generator import BenchEvent, generated
from streams.errors import OperationError

EVENTS_TOPIC: Final = "bench.events"
DEFINITIONS: Final = Path("tests", "benchmarks")
CATALOGUE: Final = DEFINITIONS / "job"
STOCK_FAUST_APP: Final = DEFINITIONS / "stock_faust_app.py"


class Race(msgspec.Struct, frozen=True):
    """One race.

    Attributes:
        bootstrap: the brokers' address.
        folder: where processes write logs and results.
        events: how many records the topic holds.
        seed: of the stream.
        partitions: of the topic.
        catalogue: folder of the job's definitions.
        commit_interval_ms: longest time between two commits of our worker.
        workers: the runs of ours: how many workers, of how many processes each.
    """

    bootstrap: str
    folder: Path
    events: int
    seed: int
    partitions: int
    catalogue: Path
    commit_interval_ms: int
    workers: tuple[tuple[int, int], ...] = ((1, 1),)

    def stream(self) -> Iterator[BenchEvent]:
        """Yield the events, made anew."""
        return generated(self.events, seed=self.seed)

    def settings(
        self,
        run: str,
        *,
        topic: str = EVENTS_TOPIC,
        commit_interval_ms: int | None = None,
        processes: int = 1,
    ) -> dict[str, str]:
        """Return the settings of a worker as environment variables; every *run* has its own group and topics.

        Time is event time alone, the watermark is stream time, and the topic holds all there is. The job has one
        output topic and no reasons in it, so memberships and clauses are not written; everything else is as a worker
        comes.
        """
        interval_ms = commit_interval_ms or self.commit_interval_ms
        return {
            "STREAMS_APPLICATION_ID": f"bench-{run}",
            "STREAMS_BOOTSTRAP": self.bootstrap,
            "STREAMS_INPUTS": f"{topic}=*:compact",
            "STREAMS_TRANSITIONS_TOPIC": transitions_topic(run),
            "STREAMS_DEAD_LETTER_TOPIC": dead_letters_topic(run),
            "STREAMS_CATALOGUE_DIR": str(self.catalogue),
            "STREAMS_OUTPUT_FORMAT": "json",
            "STREAMS_CLAUSES": "false",
            "STREAMS_MEMBERSHIPS": "false",
            "STREAMS_CLOCK": "event",
            "STREAMS_COVERAGE": "complete",
            "STREAMS_OUT_OF_ORDERNESS_MS": "0",
            "STREAMS_COMMIT_INTERVAL_MS": str(interval_ms),
            "STREAMS_CATCHUP_COMMIT_INTERVAL_MS": str(max(interval_ms, 1_000)),
            "STREAMS_METRICS_PORT": "0",
            "STREAMS_PROCESSES": str(processes),
        }


def transitions_topic(run: str) -> str:
    """Return where the worker of *run* writes."""
    return f"bench.{run}.transitions"


def dead_letters_topic(run: str) -> str:
    """Return where the worker of *run* puts what it cannot use; nothing, if all is right."""
    return f"bench.{run}.dead-letter"


def changelog_topic(run: str) -> str:
    """Return where the worker of *run* keeps its state."""
    return f"bench-{run}.changelog"


def in_checkout(path: Path) -> Path:
    """Return *path* of the project's checkout as an absolute path.

    Raises:
        OperationError: the package is not run from a checkout, which alone holds the job.
    """
    for root in (Path.cwd(), Path(__file__).parents[2]):
        if root.joinpath(path).exists():
            return root.joinpath(path).resolve()
    raise OperationError(
        f"{path} is not here.", hint="Run the race in a checkout of the project, or name --catalogue."
    )
