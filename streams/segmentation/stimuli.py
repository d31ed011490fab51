"""What may happen to a partition of customers: the inputs of the core.

A stimulus is a value. It carries its own time; nothing here reads a clock.
"""

from __future__ import annotations

from typing import Any

from streams.segmentation.timeline import EpochMs


class EventObserved:
    """A customer event was read from an input.

    Attributes:
        event_type: canonical name, e.g. ``Order Completed`` (see `streams.segmentation.vocabulary`).
        event_time_ms: when it happened.
        event_id: the producer's `messageId`; the same id again changes nothing.
        shop_id: the shop; ``default`` when the producer names none.
        customer_id: `userId`, else `anonymousId`.
        source: the source its event type belongs to, e.g. ``orders``.
        properties: the event's own fields, money still as the producer wrote it.
    """

    __slots__ = ("customer_id", "event_id", "event_time_ms", "event_type", "properties", "shop_id", "source")

    def __init__(  # noqa: PLR0917 - in the order of its fields, for every event
        self,
        event_type: str,
        event_time_ms: EpochMs,
        event_id: str,
        shop_id: str,
        customer_id: str,
        source: str,
        properties: dict[str, Any],
    ) -> None:
        """Take what was read."""
        self.event_type = event_type
        self.event_time_ms = event_time_ms
        self.event_id = event_id
        self.shop_id = shop_id
        self.customer_id = customer_id
        self.source = source
        self.properties = properties

    @property
    def key(self) -> str:
        """The profile's key, ``shop_id/customer_id``."""
        return f"{self.shop_id}/{self.customer_id}"

    def fields(self) -> tuple[Any, ...]:
        """Return all of it, in order."""
        return (
            self.event_type,
            self.event_time_ms,
            self.event_id,
            self.shop_id,
            self.customer_id,
            self.source,
            self.properties,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EventObserved) and self.fields() == other.fields()

    def __hash__(self) -> int:
        return hash((self.shop_id, self.event_id))

    def __repr__(self) -> str:
        return f"EventObserved{self.fields()!r}"


class WatermarkAdvanced:
    """A source proved, by a heartbeat record, that it has nothing older than *watermark_ms*."""

    __slots__ = ("source", "watermark_ms")

    def __init__(self, source: str, watermark_ms: EpochMs) -> None:
        """Take what was read."""
        self.source, self.watermark_ms = source, watermark_ms

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WatermarkAdvanced):
            return False
        return (self.source, self.watermark_ms) == (other.source, other.watermark_ms)

    def __hash__(self) -> int:
        return hash((self.source, self.watermark_ms))

    def __repr__(self) -> str:
        return f"WatermarkAdvanced({self.source!r}, {self.watermark_ms})"
