"""The thread that runs the coordinator, and what it owns: client, restore, collector. No Faust in here."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

from streams.errors import OperationError, StreamsError
from streams.runtime.batches import DeliveredBatch
from streams.runtime.client_options import ClientOptions
from streams.runtime.coordinator import Coordinator
from streams.runtime.garbage import CollectorPauses
from streams.runtime.kafka_client import KafkaClient
from streams.runtime.limits import Limits
from streams.runtime.observing import Observer
from streams.runtime.ports import StateFactory
from streams.runtime.restore import ChangelogRestore
from streams.runtime.topic_checks import check_topics

logger = logging.getLogger(__name__)

STOP_WAIT_S = 25.0
CRASH_EXIT_WAIT_S = 20.0
CRASH_EXIT_CODE = 70


class SystemClock:
    """The machine's clocks."""

    def monotonic_ms(self) -> int:
        """Milliseconds that never go back."""
        return time.monotonic_ns() // 1_000_000

    def wall_ms(self) -> int:
        """Milliseconds since the epoch."""
        return time.time_ns() // 1_000_000


class Engine:
    """One worker's consumer, producer and states, run by one thread."""

    def __init__(
        self,
        options: Callable[[], ClientOptions],
        limits: Limits,
        state_factory: StateFactory,
        observer: Observer,
        *,
        outputs: tuple[str, ...] = (),
        create_changelog: bool = True,
        restore_threads: int = 2,
    ) -> None:
        self._make_options, self._limits, self._factory, self._observer = (
            options,
            limits,
            state_factory,
            observer,
        )
        self._outputs, self._create_changelog, self._restore_threads = (
            outputs,
            create_changelog,
            restore_threads,
        )
        self._options: ClientOptions | None = None
        self._clock = SystemClock()
        self._coordinator: Coordinator | None = None
        self._client: KafkaClient | None = None
        self._thread: threading.Thread | None = None
        self._stopping = False

    def prepare(self) -> int:
        """Check the topics; return the number of partitions.

        Raises:
            OperationError: the worker cannot start; it says why and what to do.
        """
        self._options = self._make_options()
        return check_topics(
            self._options, outputs=self._outputs, create_changelog=self._create_changelog, log=logger.info
        )

    def start(
        self, deliver: Callable[[DeliveredBatch], object], crashed: Callable[[BaseException], object]
    ) -> None:
        """Start the thread.

        Args:
            deliver: hands a batch to the agent; called from the thread.
            crashed: told of the error that ended the thread; called from the thread.
        """
        if self._stopping:
            return
        self._thread = threading.Thread(
            target=self._run, args=(deliver, crashed), name="coordinator", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Drain, commit, leave the group; return when that is done, or after 25 s."""
        self._stopping = True
        if self._coordinator is not None:
            self._coordinator.stop()
        if self._client is not None:
            self._client.cancel()
        if self._thread is not None:
            self._thread.join(STOP_WAIT_S)
            if self._thread.is_alive():
                logger.error("the last commit did not end in time: what it held will be read again")

    @property
    def ready(self) -> bool:
        """At least one partition is processed here, and none waits for its state."""
        coordinator = self._coordinator
        if coordinator is None:
            return False
        return bool(coordinator.owned_partitions) and not coordinator.restoring_partitions

    def _run(
        self, deliver: Callable[[DeliveredBatch], object], crashed: Callable[[BaseException], object]
    ) -> None:
        try:
            self._cycle(deliver)
        except BaseException as error:
            message = str(error) if isinstance(error, StreamsError) else repr(error)
            logger.critical("the worker stops: %s", message, exc_info=not isinstance(error, OperationError))
            self._exit_if_nobody_does()
            crashed(error)

    def _cycle(self, deliver: Callable[[DeliveredBatch], object]) -> None:
        options = self._options
        assert options is not None, "prepare() comes before start()"
        client = self._client = KafkaClient(options, logger.warning)
        restore = ChangelogRestore(
            options, self._factory, self._observer, logger.warning, threads=self._restore_threads
        )
        coordinator = self._coordinator = Coordinator(
            client,
            restore,
            deliver,
            inputs=options.inputs,
            clock=self._clock,
            limits=self._limits,
            observer=self._observer,
            run_id=os.urandom(8).hex(),
            log=logger.warning,
        )
        if self._stopping:  # it was asked for before there was anything to stop
            coordinator.stop()
            client.cancel()
        pauses = CollectorPauses()
        try:
            client.start(coordinator)
            pauses.start(self._clock.monotonic_ms())
            coordinator.run(
                lambda: pauses.note(
                    self._clock.monotonic_ms(),
                    quiet=coordinator.quiet,
                    owned=len(coordinator.owned_partitions),
                    restoring=len(coordinator.restoring_partitions),
                )
            )
        finally:
            pauses.stop()
            restore.close()

    def _exit_if_nobody_does(self) -> None:
        """End the process from a timer, if a stuck agent keeps Faust's loop from ending it."""
        timer = threading.Timer(CRASH_EXIT_WAIT_S, os._exit, (CRASH_EXIT_CODE,))
        timer.daemon = True
        timer.start()
