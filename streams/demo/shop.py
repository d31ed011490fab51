"""The whole demo shop as Kafka records, in the order in which they reach Kafka.

Real orders and credit notes go to `demo.orders`, simulated behaviour to `demo.behaviour`. Both have the same number
of partitions and are keyed alike, so all records of a customer share a partition number. The replay ends with a
heartbeat for every source and partition: nothing older than a day after the last event is still to come.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from streams.demo.browsing import BEHAVIOUR_TOPIC, arrival_of_order_ms, simulated_events
from streams.demo.order_events import ORDERS_TOPIC, ShopEvent, order_events
from streams.demo.retail import History
from streams.segmentation.timeline import DAY_MS, DurationMs, EpochMs, rfc3339
from streams.segmentation.vocabulary import HEARTBEAT

SOURCES: Final = {ORDERS_TOPIC: ("orders",), BEHAVIOUR_TOPIC: ("behaviour", "engagement", "profile")}
"""The sources that each topic carries; each ends with its own heartbeats."""

ENCODER: Final = msgspec.json.Encoder()

AFTERWARDS_MS: Final[DurationMs] = DAY_MS
"""How far time moves on after the last event: every cart and checkout ends, nobody's week or month does."""


class ShopRecord(NamedTuple):
    """One record to produce. *partition* None: by the key, as every producer of a customer's events does."""

    topic: str
    partition: int | None
    key: bytes
    value: bytes
    timestamp_ms: EpochMs


class Replay(msgspec.Struct, frozen=True):
    """All records of the demo, in order of arrival.

    Attributes:
        customer_events: how many of them are events of customers; the rest are heartbeats.
        end_ms: event time of the last event; the heartbeats say `AFTERWARDS_MS` later.
    """

    records: list[ShopRecord]
    customer_events: int
    end_ms: EpochMs


def record(event: ShopEvent) -> tuple[EpochMs, ShopRecord]:
    """Return *event* encoded, with its arrival to sort by."""
    value = ENCODER.encode(event.event)
    return event.arrival_ms, ShopRecord(event.topic, None, event.key.encode(), value, event.event_time_ms)


def heartbeats(watermark_ms: EpochMs, partitions: int) -> Iterator[ShopRecord]:
    """Yield, for every source and partition, the promise that nothing older than *watermark_ms* is to come."""
    for topic, sources in SOURCES.items():
        for source in sources:
            for partition in range(partitions):
                event = {
                    "messageId": f"heartbeat-{source}-{partition}-{watermark_ms}",
                    "type": "track",
                    "event": HEARTBEAT,
                    "timestamp": rfc3339(watermark_ms),
                    "properties": {
                        "source": source,
                        "partition": partition,
                        "watermark": rfc3339(watermark_ms),
                    },
                }
                key = f"heartbeat-{source}".encode()
                yield ShopRecord(topic, partition, key, ENCODER.encode(event), watermark_ms)


def replay(history: History, *, browsing: int, seed: int, partitions: int) -> Replay:
    """Return the records of the demo.

    Args:
        history: the real shop.
        browsing: simulated events for each real order on average. With 0 only the real events remain, all on time.
        seed: of everything simulated.
        partitions: of both topics; only heartbeats name theirs.
    """
    arriving: list[tuple[EpochMs, ShopRecord]] = []
    end_ms = 0
    for event in order_events(history):
        end_ms = max(end_ms, event.event_time_ms)
        arrival_ms = arrival_of_order_ms(event, seed) if browsing else event.arrival_ms
        arriving.append(record(event._replace(arrival_ms=arrival_ms)))
    arriving.extend(record(event) for event in simulated_events(history, browsing, seed))
    arriving.sort(key=lambda pair: pair[0])  # stable: what arrives together keeps its order
    records = [shop_record for _, shop_record in arriving]
    customer_events = len(records)
    records.extend(heartbeats(end_ms + AFTERWARDS_MS, partitions))
    return Replay(records, customer_events, end_ms)
