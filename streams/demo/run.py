"""The demo's course: Kafka, topics, the shop's year into them, the worker on it, and what came out."""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Final, Self

import msgspec
from confluent_kafka import Consumer

from streams.broker import KAFKA_VERSION, KafkaCluster
from streams.broker.ports import LOOPBACK, free_ports
from streams.demo.board import Board
from streams.demo.engine_process import EngineProcess
from streams.demo.kafka_side import (
    GroupWatch,
    Progress,
    committed_messages,
    committed_reader,
    values,
    write_replay,
)
from streams.demo.outcome import Outcome
from streams.demo.real_orders import builtin_plan, real_orders
from streams.demo.retail import read_history
from streams.demo.screen import Picture, Screen
from streams.demo.shop import SOURCES, Replay, replay
from streams.demo.topics import (
    APPLICATION_ID,
    CHANGELOG_TOPIC,
    DEAD_LETTER_TOPIC,
    TRANSITIONS_TOPIC,
    create_demo_topics,
    worker_environment,
)
from streams.errors import OperationError

READY_TIMEOUT_S: Final = 60.0
LOOK_EVERY_S: Final = 0.25
QUIET_S: Final = 2.5
"""So long nothing more comes out after the last record is committed: longer than any idle wait of the worker."""

RATE_OVER_S: Final = 5.0
STUCK_AFTER_S: Final = 120.0


class DemoOptions(msgspec.Struct, frozen=True):
    """What one may choose.

    Attributes:
        browsing: simulated events for each real order on average; 0: the real shop alone.
        seed: of everything simulated.
        partitions: of every topic.
        metrics_port: where the worker serves its metrics; 0: a free port.
    """

    browsing: int = 10
    seed: int = 7
    partitions: int = 4
    metrics_port: int = 0


class Demo:
    """One run, as a context manager: when it ends, Kafka, worker and files are gone."""

    def __init__(self, options: DemoOptions, screen: Screen) -> None:
        """Describe a run; nothing is started."""
        self.options, self.screen = options, screen
        self.board = Board()
        self._things = ExitStack()
        self._cluster = KafkaCluster()
        self._engine: EngineProcess | None = None
        self._metrics_port = options.metrics_port

    @property
    def metrics(self) -> str:
        """Where the worker's metrics are."""
        return f"http://{LOOPBACK}:{self._metrics_port}/metrics"

    def run(self) -> Outcome:
        """Replay the shop's year and return what came out; Kafka and the worker go on running.

        Raises:
            OperationError: Kafka or the worker does not start, or stops by itself.
        """
        prepared = in_background(self.options)
        self.screen.step(f"Starting Apache Kafka {KAFKA_VERSION} on this machine")
        self._things.enter_context(self._cluster)
        bootstrap = self._cluster.bootstrap
        create_demo_topics(bootstrap, self.options.partitions)
        self.screen.step(
            "Reading a UK gift shop's year: 541,909 invoice lines; simulating the browsing around it"
        )
        shop = prepared.result()
        self.screen.step(f"Writing {len(shop.records):,} records to {' and '.join(SOURCES)} at {bootstrap}")
        write_replay(bootstrap, shop.records, lambda _written: self._cluster.check())
        self.screen.step("Starting the worker")
        self._start_engine(bootstrap)
        watch = self._things.enter_context(closing(GroupWatch(bootstrap, APPLICATION_ID, SOURCES)))
        started_s = self._await_ready(watch)
        reader = self._things.enter_context(closing(committed_reader(bootstrap, TRANSITIONS_TOPIC)))
        progress, seconds = self._follow(watch, reader, started_s)
        self.screen.close()
        return Outcome(
            events=progress.committed - (len(shop.records) - shop.customer_events),
            seconds=round(seconds, 3),
            events_per_s=round(progress.committed / seconds, 1),
            transitions=self.board.transitions,
            kinds=dict(self.board.kinds),
            origins=dict(self.board.origins),
            segments=self.board.members(),
            dead_letters=sum(1 for _ in committed_messages(bootstrap, DEAD_LETTER_TOPIC)),
            real_orders=real_orders(builtin_plan(), _records(bootstrap, CHANGELOG_TOPIC)),
            bootstrap=bootstrap,
            metrics=self.metrics,
        )

    def check(self) -> None:
        """See to it that Kafka and the worker still run.

        Raises:
            OperationError: one of them has ended by itself.
        """
        self._cluster.check()
        if self._engine is not None:
            self._engine.check()

    def _start_engine(self, bootstrap: str) -> None:
        """Start the worker; whether it works shows later."""
        folder = Path(self._things.enter_context(tempfile.TemporaryDirectory(prefix="segment-streams-demo-")))
        self._metrics_port = self._metrics_port or free_ports(1)[0]
        self._engine = EngineProcess(worker_environment(bootstrap, self._metrics_port), folder)
        self._things.callback(self._engine.stop)
        self._engine.start()

    def _await_ready(self, watch: GroupWatch) -> float:
        """Wait until the worker has its partitions; return when that was, on the monotonic clock."""
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        while not watch.is_ready():
            self.check()
            if time.monotonic() > deadline_s:
                raise OperationError(
                    f"the worker has not joined its group within {READY_TIMEOUT_S:.0f} s",
                    hint="the machine may be very busy; `streams worker` alone shows what it waits for",
                )
            time.sleep(LOOK_EVERY_S / 5)
        return time.monotonic()

    def _follow(self, watch: GroupWatch, reader: Consumer, started_s: float) -> tuple[Progress, float]:
        """Show the replay until everything is committed and nothing more comes out; return the seconds it took."""
        seen: deque[tuple[float, int]] = deque([(started_s, 0)])
        progress, moved_s, looked_s = Progress(0, 1), started_s, 0.0
        while True:
            if self.board.take(values(reader, LOOK_EVERY_S / 2)):
                moved_s = time.monotonic()
            now_s = time.monotonic()
            if now_s - looked_s < LOOK_EVERY_S:
                continue
            looked_s, before = now_s, progress
            progress = watch.progress()
            if progress != before:
                moved_s = now_s
            seen.append((now_s, progress.committed))
            while len(seen) > 2 and now_s - seen[0][0] > RATE_OVER_S:
                seen.popleft()
            rate = (seen[-1][1] - seen[0][1]) / max(0.001, seen[-1][0] - seen[0][0])
            address = self._cluster.bootstrap
            self.screen.show(Picture(self.board, progress, rate, now_s - started_s, address, self.metrics))
            self.check()
            if progress.lag == 0 and now_s - moved_s > QUIET_S:
                return progress, max(0.001, moved_s - started_s)
            if now_s - moved_s > STUCK_AFTER_S:
                raise OperationError(
                    f"nothing has moved for {STUCK_AFTER_S:.0f} s, {progress.lag:,} records before the end",
                    hint=f"look at the metrics: {self.metrics}",
                )

    def __enter__(self) -> Self:
        """Begin."""
        self._things.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the worker, then Kafka, and remove what they wrote."""
        self.screen.close()
        self._things.__exit__(kind, error, trace)


def in_background(options: DemoOptions) -> Future[Replay]:
    """Read and simulate the shop's year beside what else is to be done; an interrupted demo does not wait for it."""
    prepared: Future[Replay] = Future()

    def prepare() -> None:
        try:
            history = read_history()
            made = replay(
                history, browsing=options.browsing, seed=options.seed, partitions=options.partitions
            )
            prepared.set_result(made)
        except BaseException as error:  # noqa: BLE001  whoever waits for the result gets it
            prepared.set_exception(error)

    Thread(target=prepare, name="shop", daemon=True).start()
    return prepared


def _records(bootstrap: str, topic: str) -> Iterator[tuple[str, bytes | None]]:
    """Yield key and value of every committed record of *topic*; keys of chunks are those of a partition alone."""
    for message in committed_messages(bootstrap, topic):
        yield (message.key() or b"").decode(), message.value()
