"""The rules of an event's envelope (SEMANTICS S3, S18), the same for every wire format.

The readers of the formats (`streams.codecs.customer_events`) bring what they read into an `Envelope`; here it becomes
a stimulus of the core, or a `RecordError` that says what is missing.
"""

from __future__ import annotations

from typing import Any, Final

from streams.codecs.times import EARLIEST_MS, read_time, write_time
from streams.errors import RecordError, RecordReason
from streams.segmentation.stimuli import EventObserved, WatermarkAdvanced
from streams.segmentation.timeline import DurationMs, EpochMs
from streams.segmentation.vocabulary import HEARTBEAT, EventType, Vocabulary

SHOP_DEFAULT: Final = "default"
IDENTIFIER_CHARS_MAX: Final = 512
"""Longest event, shop or customer id. Ids are kept in state and in every key; this is far above any real one."""

SPELLINGS_MAX: Final = 4_096
"""Spellings of event names that are remembered."""

Id = str | int | float | None
"""An id as producers write it; a number becomes text."""


class Envelope:
    """What every format brings: ids as the producer wrote them, properties that are this event's own."""

    __slots__ = ("customer_id", "event_id", "properties", "shop_id")

    def __init__(self, event_id: Id, customer_id: Id, shop_id: Id, properties: dict[str, Any]) -> None:
        """Take what was read."""
        self.event_id, self.customer_id, self.shop_id = event_id, customer_id, shop_id
        self.properties = properties


class EnvelopeRules:
    """Turns envelopes into stimuli."""

    def __init__(self, vocabulary: Vocabulary, *, max_clock_skew_ms: DurationMs) -> None:
        """Take the vocabulary, and how far ahead of its reference an event may be (S3: 5 minutes)."""
        self._find = vocabulary.find
        self._seen: dict[
            str | None, tuple[str, str]
        ] = {}  # spelling → event and source, for all but heartbeats
        self._sources = frozenset(vocabulary.sources)
        self._skew_ms = max_clock_skew_ms

    def _event_type(self, name: str | None) -> EventType:
        """Return the event that a producer's *name* means.

        Raises:
            RecordError: there is no name, or no event has it.
        """
        found = None if name is None else self._find(name)
        if found is None:
            if name is None or not name.strip():
                raise RecordError("missing_event_type", "the record does not say which event it is")
            raise RecordError("unknown_event", f"no event is called {name[:80]!r}")
        return found

    def stimulus(
        self, envelope: Envelope, name: str | None, event_time_ms: EpochMs | None, reference_ms: EpochMs
    ) -> EventObserved | WatermarkAdvanced:
        """Return the stimulus that *envelope* is.

        Args:
            envelope: the ids and properties.
            name: what happened, in the producer's words.
            event_time_ms: when; None when the record does not say.
            reference_ms: the time that the event may be ahead of by `max_clock_skew_ms`, not more.

        Raises:
            RecordError: no event has the name, an id or the time is missing or wrong, or the time is too far ahead.
        """
        seen = self._seen.get(name)
        if seen is None:
            event_type = self._event_type(name)
            if event_type.name == HEARTBEAT:
                return self._heartbeat(envelope.properties, event_time_ms, reference_ms)
            seen = (event_type.name, event_type.source)
            if len(self._seen) < SPELLINGS_MAX:
                self._seen[name] = seen
        event_id = envelope.event_id
        if event_id.__class__ is not str or len(event_id) > IDENTIFIER_CHARS_MAX or not event_id.strip():
            event_id = _identifier(event_id, "missing_event_id", "event id")
        customer_id = envelope.customer_id
        if (
            customer_id.__class__ is not str
            or len(customer_id) > IDENTIFIER_CHARS_MAX
            or not customer_id.strip()
        ):
            customer_id = _identifier(customer_id, "missing_customer", "customer")
        shop_id = envelope.shop_id
        if event_time_ms is None or not EARLIEST_MS <= event_time_ms <= reference_ms + self._skew_ms:
            event_time_ms = self._refuse_time(event_time_ms, reference_ms)
        return EventObserved(
            seen[0],
            event_time_ms,
            event_id,
            SHOP_DEFAULT if shop_id is None else _shop(shop_id),
            customer_id,
            seen[1],
            envelope.properties,
        )

    def _heartbeat(
        self, properties: dict[str, Any], event_time_ms: EpochMs | None, reference_ms: EpochMs
    ) -> WatermarkAdvanced:
        source = properties.get("source")
        if not isinstance(source, str) or source not in self._sources:
            known = ", ".join(sorted(self._sources))
            raise RecordError("invalid_property", f"a heartbeat's property `source` must be one of {known}")
        watermark = properties.get("watermark")
        if watermark is None:
            watermark_ms = event_time_ms
        elif isinstance(watermark, str):
            watermark_ms = event_time(watermark)
        elif isinstance(watermark, int) and not isinstance(watermark, bool):
            watermark_ms = watermark
        else:
            raise RecordError(
                "invalid_timestamp", "a heartbeat's `watermark` must be RFC 3339 text or milliseconds"
            )
        if watermark_ms is None or not EARLIEST_MS <= watermark_ms <= reference_ms + self._skew_ms:
            watermark_ms = self._refuse_time(watermark_ms, reference_ms)
        return WatermarkAdvanced(source, watermark_ms)

    def _refuse_time(self, event_time_ms: EpochMs | None, reference_ms: EpochMs) -> EpochMs:
        if event_time_ms is None:
            raise RecordError("missing_timestamp", "the record does not say when the event happened")
        if event_time_ms < EARLIEST_MS:
            raise RecordError("invalid_timestamp", "the event claims to have happened before 1970")
        ahead_ms = event_time_ms - reference_ms
        raise RecordError(
            "too_far_ahead",
            f"the event is {ahead_ms} ms ahead of its reference, {write_time(reference_ms)};"
            f" at most {self._skew_ms} ms are allowed",
        )


def event_time(text: str) -> EpochMs:
    """Return the instant that *text* names, or raise `RecordError` (invalid_timestamp)."""
    try:
        return read_time(text)
    except ValueError as error:
        raise RecordError("invalid_timestamp", str(error)) from None


def _identifier(value: Id, reason: RecordReason, what: str) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**IDENTIFIER_CHARS_MAX:
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise RecordError(reason, f"the record has no {what}")
    if len(value) > IDENTIFIER_CHARS_MAX:
        raise RecordError("too_large", f"the {what} is longer than {IDENTIFIER_CHARS_MAX} characters")
    return value


def _shop(value: Id) -> str:
    shop_id = _identifier(value, "invalid_property", "shop id, although it names the field")
    if "/" in shop_id:
        raise RecordError("invalid_property", "a shop id must not contain '/': keys are shop/customer")
    return shop_id
