"""The Faust shell: a real Faust application whose agents receive batches, and whose offsets Faust never commits.

Faust never sees a rebalance. It is told once, at the start, that it owns every partition of the input topics, so that
its Conductor has a callback for each; which of them deliver anything is the coordinator's affair. What is overridden,
and why, stands at each method. Of Faust's own, `Stream.ack`, `faust.Table` and rebalancing must never be used.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import faust
from faust.app.base import BootStrategy
from faust.transport import base
from faust.transport.consumer import Consumer
from faust.transport.producer import Producer
from faust.types import TP, ConsumerMessage

from streams.runtime.batches import DeliveredBatch
from streams.runtime.engine import Engine

logger = logging.getLogger(__name__)


class BatchConsumer(Consumer):  # type: ignore[misc]
    """Hands the coordinator's batches to Faust's Conductor."""

    _inbox: asyncio.Queue[DeliveredBatch] | None = None

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Start the engine, once. Faust calls again 45 s after an agent restart: a second engine would be wrong."""
        if self._inbox is not None:
            return
        inbox = self._inbox = asyncio.Queue()
        loop = asyncio.get_running_loop()
        engine: Engine = self.app.engine
        place = self.app.delivery_topic
        self.app.known_partitions = await loop.run_in_executor(None, engine.prepare)
        self.add_future(self._announce({TP(place, number) for number in range(self.app.known_partitions)}))
        engine.start(
            deliver=lambda batch: loop.call_soon_threadsafe(inbox.put_nowait, batch),
            crashed=lambda error: asyncio.run_coroutine_threadsafe(self.app.crash(error), loop),
        )

    async def _announce(self, places: set[TP]) -> None:
        """Tell Faust once that all is ours; afterwards its rebalance, recovery and flow control never run again."""
        self.app.on_rebalance_start()
        await self.on_partitions_revoked(set())
        await self.on_partitions_assigned(places, 0)

    async def _drain_messages(self, fetcher: Any) -> None:
        """Deliver every batch. Faust's own drops offsets it has seen, and cancels deliveries when it suspends."""
        while self._inbox is None:  # noqa: ASYNC110 (Faust starts the fetcher before it subscribes)
            await asyncio.sleep(0.01)
        place = self.app.delivery_topic
        while not fetcher.should_stop:
            batch = await self._inbox.get()
            tp = TP(place, batch.partition)
            message = ConsumerMessage(
                place, batch.partition, 0, time.time(), 0, None, None, batch, None, 0, 0, tp,
                generation_id=self.app.consumer_generation_id,
            )  # fmt: skip
            await self.callback(message)

    def assignment(self) -> set[TP]:
        """Say nothing is assigned: else Faust's stop would clear the queues before our last commit."""
        return set()

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: FBT001, FBT002
        """Commit nothing: the coordinator does."""
        return True

    async def wait_empty(self) -> None:
        """Wait for nothing: no message is acknowledged."""

    async def perform_seek(self) -> None:
        """Seek nothing: the coordinator sets the positions."""

    def _to_message(self, tp: TP, record: Any) -> Any:
        raise AssertionError("batches are not made from records here")

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:
        raise AssertionError("the coordinator reads")

    async def _commit(self, offsets: Any) -> bool:
        return True

    async def seek_to_committed(self) -> dict[TP, int]:
        """Seek nothing."""
        return {}

    async def _seek(self, partition: TP, offset: int) -> None:
        """Seek nothing."""

    async def seek_wait(self, partitions: Any) -> None:
        """Seek nothing."""

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    async def create_topic(self, *_: Any, **__: Any) -> None:
        """Create nothing: topics are checked and made before the start."""

    async def position(self, tp: TP) -> int | None:
        """Know no position."""
        return None

    def highwater(self, tp: TP) -> int:
        """Know no end."""
        return 0

    def topic_partitions(self, topic: str) -> int | None:
        """Say how many partitions the inputs have, once that is known."""
        partitions: int | None = self.app.known_partitions
        return partitions

    async def earliest_offsets(self, *partitions: TP) -> dict[TP, int]:
        """Know no beginning."""
        return {}

    async def highwaters(self, *partitions: TP) -> dict[TP, int]:
        """Know no end."""
        return {}

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Place nothing."""
        return partition


class RefusingProducer(Producer):  # type: ignore[misc]
    """Refuses to send: what is not in the open transaction would not be exactly once."""

    async def send(self, *_: Any, **__: Any) -> Awaitable[Any]:
        """Refuse."""
        raise AssertionError("outputs go through batch.out, into the open transaction")

    async def send_and_wait(self, *_: Any, **__: Any) -> Any:
        """Refuse."""
        raise AssertionError("outputs go through batch.out, into the open transaction")

    async def flush(self) -> None:
        """Flush nothing."""

    async def create_topic(self, *_: Any, **__: Any) -> None:
        """Create nothing."""

    def key_partition(self, topic: str, key: bytes) -> TP:
        """Place nothing."""
        return TP(topic, 0)


class BatchTransport(base.Transport):  # type: ignore[misc]
    """Faust's way in: stock Conductor and Fetcher, our consumer and producer."""

    Consumer = BatchConsumer
    Producer = RefusingProducer
    driver_version = "segment-streams (confluent-kafka)"
    default_port = 9092


class BatchSchema(faust.Schema):  # type: ignore[misc]
    """Gives the batch to the agent as it is: there is nothing to decode."""

    def compile(self, app: Any, **_: Any) -> Callable[..., Awaitable[Any]]:
        """Make the decoder Faust calls for every message."""

        async def decode(message: Any, *, propagate: bool = False) -> Any:  # noqa: ARG001
            return app.create_event(message.key, message.value, message.headers, message)

        return decode


class NoWebBoot(BootStrategy):  # type: ignore[misc]
    """Starts no web server, whatever the command line says: Faust's shows state to anybody, on all interfaces."""

    enable_web = False


class QuietWorker(faust.Worker):  # type: ignore[misc]
    """Faust's worker, with a banner that does not announce the web server that is not there, and without a spinner.

    The spinner writes into the log, and sets the root logger to debug so that it turns at every line.
    """

    def __init__(self, app: Any, *services: Any, **options: Any) -> None:
        app.conf.web_enabled = False
        super().__init__(app, *services, **options)
        self.spinner = None


class SegmentApp(faust.App):  # type: ignore[misc]
    """A Faust application over the transactional transport.

    Attributes:
        engine: consumer, producer, coordinator and restore, in a thread of their own.
        delivery_topic: the input topic under whose name Faust sees the batches.
        known_partitions: partitions of every input topic; None before the start.
    """

    BootStrategy = NoWebBoot

    def __init__(self, application_id: str, *, engine: Engine, delivery_topic: str, **options: Any) -> None:
        super().__init__(
            application_id,
            store="memory://",
            web_enabled=False,
            topic_disable_leader=True,
            stream_wait_empty=False,
            autodiscover=False,
            Worker=QuietWorker,
            **options,
        )
        self.engine = engine
        self.delivery_topic = delivery_topic
        self.known_partitions: int | None = None
        self.transport = self.producer_transport = BatchTransport([], self)

    async def on_stop(self) -> None:
        """Drain, commit and leave the group while the agents still run; only then let Faust stop."""
        await asyncio.get_running_loop().run_in_executor(None, self.engine.stop)
        await super().on_stop()

    def _create_directories(self) -> None:
        """Make none: no state lies on this machine's disk."""
