"""What may happen to a partition of customers: the inputs of the core.

A stimulus is a value. It carries its own time; nothing here reads a clock.
"""

from __future__ import annotations

from typing import Any

import msgspec

from streams.segmentation.timeline import EpochMs


class EventObserved(msgspec.Struct, gc=False):
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

    event_type: str
    event_time_ms: EpochMs
    event_id: str
    shop_id: str
    customer_id: str
    source: str
    properties: dict[str, Any]

    @property
    def key(self) -> str:
        """The profile's key, ``shop_id/customer_id``."""
        return f"{self.shop_id}/{self.customer_id}"


class WatermarkAdvanced(msgspec.Struct, gc=False):
    """A source proved, by a heartbeat record, that it has nothing older than *watermark_ms*."""

    source: str
    watermark_ms: EpochMs
