"""Batches in, outputs and offsets out: dead letters, idle sources, quarantine, roll back, with fakes of the records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from streams.catalogue.compiler import compile_catalogue
from streams.codecs.transitions import TransitionEncoder
from streams.errors import OperationError, RecordError
from streams.runtime.batches import DeliveredBatch, RecordFailed, ThreadSignal
from streams.runtime.ports import Headers, InputRecord
from streams.runtime.processor import LOG_APPEND_TIME, PartitionProcessor, Report, Topics, Wiring
from streams.segmentation.chunks import chunk_key, states_in
from streams.segmentation.options import InputSpec, Options
from streams.segmentation.residence import PARTITION_KEY
from streams.segmentation.stimuli import EventObserved, WatermarkAdvanced
from streams.segmentation.timeline import MINUTE_MS
from streams.testing.shop import SOURCES, builtin, instant

TEN = instant("2026-03-02 10:00")
BEHAVIOUR, ORDERS = "shop.behaviour", "shop.orders"
INPUTS = (InputSpec(BEHAVIOUR, frozenset({"behaviour"})), InputSpec(ORDERS, frozenset({"orders"})))
TOPICS = Topics("segments.transitions", "segments.memberships", "dead", "changelog")


class FakeRecord:
    """A record whose value is what the fake decoder makes of it."""

    def __init__(self, topic: str, offset: int, value: Mapping[str, Any] | None, kind: int = 1) -> None:
        self._topic, self._offset, self._kind = topic, offset, kind
        self._value = None if value is None else msgspec.json.encode(value)

    def topic(self) -> str:
        """Return the topic."""
        return self._topic

    def partition(self) -> int:
        """Return the partition number."""
        return 3

    def offset(self) -> int:
        """Return the offset."""
        return self._offset

    def key(self) -> bytes | None:
        """Return a key."""
        return b"k"

    def value(self) -> bytes | None:
        """Return the value."""
        return self._value

    def timestamp(self) -> tuple[int, int]:
        """Return the kind of time and an instant."""
        return self._kind, 77

    def headers(self) -> Headers | None:
        """Return none."""
        return None


def decode(value: bytes, reference_ms: int) -> EventObserved | WatermarkAdvanced:
    """Read a fake value: ``{type, at, id, ...}``, ``{watermark}``, ``{bad}`` or ``{break}``."""
    if not value:
        raise RecordError("undecodable", "no value")
    fields: dict[str, Any] = msgspec.json.decode(value)
    if "watermark" in fields:
        return WatermarkAdvanced("orders", fields["watermark"])
    if "bad" in fields:
        raise RecordError("undecodable", f"reference {reference_ms}")
    if "break" in fields:
        raise ZeroDivisionError
    if "operator" in fields:
        raise OperationError("the registry is away")
    event_type = fields.pop("type")
    at, event_id = fields.pop("at"), fields.pop("id", "")
    customer = fields.pop("customer", "c")
    return EventObserved(
        event_type, at, event_id or f"{event_type}@{at}", "default", customer, SOURCES[event_type], fields
    )


def processor(
    *,
    wall: bool = False,
    reports: list[Report] | None = None,
    inputs: tuple[InputSpec, ...] = INPUTS,
    topics: Topics = TOPICS,
) -> PartitionProcessor:
    """Return the processor of partition 3 on the built-in catalogue."""
    wiring = Wiring(
        plan=compile_catalogue(builtin(), SOURCES),
        options=Options(wall=wall),
        inputs=inputs,
        decoders={spec.name: decode for spec in inputs},
        encoder=TransitionEncoder("json"),
        topics=topics,
        idle_after_ms=5_000,
        counted=lambda processor, report: (reports if reports is not None else []).append(report),
    )
    return PartitionProcessor(3, wiring)


def batch(
    state: PartitionProcessor,
    records: Mapping[str, list[FakeRecord]] | None = None,
    *,
    caught_up: Mapping[str, int] | None = None,
    now: int = TEN,
    quarantined: Mapping[str, frozenset[int]] | None = None,
    empty: frozenset[str] = frozenset(),
) -> DeliveredBatch:
    """Let *state* handle one batch; return it."""
    given: dict[str, list[InputRecord]] = {topic: list(found) for topic, found in (records or {}).items()}
    made = DeliveredBatch(3, given, state, ThreadSignal())
    made.caught_up_ms = dict({BEHAVIOUR: 0, ORDERS: 0} if caught_up is None else caught_up)
    made.now_ms, made.quarantined, made.never_had_a_record = now, quarantined or {}, empty
    state.handle(made)
    return made


def written(made: DeliveredBatch, topic: str) -> list[dict[str, Any]]:
    """Return the values that *made* writes to *topic*."""
    return [msgspec.json.decode(record.value or b"") for record in made.out if record.topic == topic]


def reasons(made: DeliveredBatch) -> list[bytes]:
    """Return the reasons of the dead letters."""
    return [dict(record.headers or [])["reason"] for record in made.out if record.topic == "dead"]


def order(offset: int, at: int = TEN, **more: Any) -> FakeRecord:
    """Return an order's record."""
    return FakeRecord(
        ORDERS, offset, {"type": "Order Completed", "at": at, "order_id": str(offset), "total": "5", **more}
    )


def view(offset: int, at: int = TEN, **more: Any) -> FakeRecord:
    """Return a view's record."""
    return FakeRecord(BEHAVIOUR, offset, {"type": "Product Viewed", "at": at, **more})


def test_an_event_becomes_transitions_memberships_and_state() -> None:
    """One order: transitions keyed by customer, an offset to go on from, memberships and the profile at the flush."""
    state = processor()
    made = batch(state, {ORDERS: [order(7)]})
    flushed = list(state.flush())

    assert {t["segment_id"] for t in written(made, TOPICS.transitions)} >= {
        "post_purchase.24h",
        "buyer.first_time",
    }
    assert {record.key for record in made.out} == {b"default/c"}
    assert made.offsets == {ORDERS: 8}
    assert made.changed
    changelog = [((r.key or b"").decode(), r.value) for r in flushed if r.topic == "changelog"]
    assert [key for key, _ in changelog] == [chunk_key(1), PARTITION_KEY]
    assert list(states_in(changelog)) == ["default/c", PARTITION_KEY]
    assert {r.partition for r in flushed if r.topic == "changelog"} == {3}
    assert [r.key for r in flushed if r.topic == TOPICS.memberships] == [b"default/c"]


def test_what_cannot_be_used_is_a_dead_letter_in_the_same_batch() -> None:
    """Undecodable, without a value, refused by the core: each is written once with its reason, the others go on."""
    reports: list[Report] = []
    state = processor(reports=reports)
    made = batch(
        state,
        {
            ORDERS: [
                FakeRecord(ORDERS, 1, {"bad": 1}),
                FakeRecord(ORDERS, 2, None),
                order(3, total="lots"),
                order(4),
            ]
        },
    )

    assert reasons(made) == [b"undecodable", b"undecodable", b"invalid_property"]
    assert written(made, TOPICS.transitions)
    assert made.offsets == {ORDERS: 5}
    assert (reports[0].records, reports[0].dead_letters) == (
        4,
        ["undecodable", "undecodable", "invalid_property"],
    )


@pytest.mark.parametrize(("kind", "reference"), [(LOG_APPEND_TIME, 77), (1, TEN)])
def test_the_reference_is_the_log_where_the_log_stamps_its_records(kind: int, reference: int) -> None:
    """S3: the record's timestamp under LogAppendTime, else the worker's clock."""
    made = batch(processor(), {ORDERS: [FakeRecord(ORDERS, 1, {"bad": 1}, kind)]})

    assert dict(made.out[0].headers or [])["detail"] == f"reference {reference}".encode()


def test_a_quarantined_record_is_not_touched() -> None:
    """What failed again and again becomes a dead letter without being decoded."""
    made = batch(
        processor(),
        {ORDERS: [FakeRecord(ORDERS, 5, {"break": 1}), order(6)]},
        quarantined={ORDERS: frozenset({5})},
    )

    assert reasons(made) == [b"processing_failed"]
    assert made.offsets == {ORDERS: 7}


@pytest.mark.parametrize("inputs", [INPUTS, (InputSpec(ORDERS),)])
def test_a_defect_names_its_record(inputs: tuple[InputSpec, ...]) -> None:
    """Our own failure on a record says which one it was, so that no search is needed."""
    with pytest.raises(RecordFailed) as failed:
        batch(processor(inputs=inputs), {ORDERS: [order(4), FakeRecord(ORDERS, 5, {"break": 1})]})

    assert (failed.value.topic, failed.value.offset) == (ORDERS, 5)


def test_what_the_operator_must_mend_is_not_a_record_s_fault() -> None:
    """An operational error goes up as it is."""
    with pytest.raises(OperationError, match="registry"):
        batch(processor(), {ORDERS: [FakeRecord(ORDERS, 5, {"operator": 1})]})


def test_offsets_go_no_further_than_what_was_processed() -> None:
    """A record that waits for another topic is not committed; when the topic speaks, both are."""
    state = processor()
    held = batch(state, {BEHAVIOUR: [view(1)]}, caught_up={})
    then = batch(state, {ORDERS: [order(1, TEN + 5)]}, caught_up={BEHAVIOUR: 0})

    assert (held.offsets, held.waiting, held.changed) == ({}, True, False)
    assert then.offsets == {BEHAVIOUR: 2, ORDERS: 2}


def test_topics_are_merged_by_event_time() -> None:
    """S7: the order of 10:00 comes before the views of 10:01, though its topic was read later: nobody is late."""
    state = processor()
    batch(
        state,
        {
            BEHAVIOUR: [view(1, TEN + MINUTE_MS, id="1"), view(2, TEN + MINUTE_MS, id="2")],
            ORDERS: [order(1, TEN)],
        },
    )

    assert state.core.counts["late"] == 0
    assert "browse.first_purchase_intent" not in {m.segment_id for m in state.core.memberships("default/c")}


def test_a_heartbeat_moves_a_source_that_is_silent() -> None:
    """Behaviour alone does not open the gate; a heartbeat of the orders does."""
    state = processor()
    started = {"type": "Checkout Started", "at": TEN}
    batch(state, {BEHAVIOUR: [FakeRecord(BEHAVIOUR, 1, started), view(2, TEN + 60 * MINUTE_MS)]})
    made = batch(state, {ORDERS: [FakeRecord(ORDERS, 1, {"watermark": TEN + 45 * MINUTE_MS})]})

    assert [t["segment_id"] for t in written(made, TOPICS.transitions)] == ["checkout.abandon"]
    assert made.offsets == {ORDERS: 2}


@pytest.mark.parametrize(("quiet_ms", "entered"), [(4_999, False), (5_000, True)])
def test_a_source_read_to_its_end_follows_the_wall_clock(quiet_ms: int, *, entered: bool) -> None:
    """S4: idle and caught up for long enough, the orders follow the clock, and the entry comes on time."""
    state = processor(wall=True)
    batch(state, {BEHAVIOUR: [FakeRecord(BEHAVIOUR, 1, {"type": "Checkout Started", "at": TEN})]})
    list(state.flush())
    state.commit()
    made = batch(state, caught_up={BEHAVIOUR: quiet_ms, ORDERS: quiet_ms}, now=TEN + 45 * MINUTE_MS)

    assert [t["kind"] for t in written(made, TOPICS.transitions)] == (["entered"] if entered else [])
    assert made.changed is entered


def test_a_source_that_is_behind_never_follows() -> None:
    """S4: a topic that is not read to its end holds the gate, however long it has been silent."""
    state = processor(wall=True)
    batch(state, {BEHAVIOUR: [FakeRecord(BEHAVIOUR, 1, {"type": "Checkout Started", "at": TEN})]})
    made = batch(state, caught_up={BEHAVIOUR: 60_000}, now=TEN + 90 * MINUTE_MS)

    assert made.out == []


@pytest.mark.parametrize(("never", "entered"), [(frozenset[str](), False), (frozenset({ORDERS}), True)])
def test_in_a_replay_a_source_without_any_record_follows_at_once(
    never: frozenset[str], *, entered: bool
) -> None:
    """S4, clock event: what never had a record takes the watermark of the others."""
    state = processor()
    started = {"type": "Checkout Started", "at": TEN}
    made = batch(
        state,
        {BEHAVIOUR: [FakeRecord(BEHAVIOUR, 1, started), view(2, TEN + 60 * MINUTE_MS, customer="d")]},
        empty=never,
    )

    assert bool(written(made, TOPICS.transitions)) is entered


def test_a_roll_back_forgets_state_and_buffers() -> None:
    """After a roll back the same records bring about the same, as if they had never been here."""
    state = processor()
    first = batch(state, {ORDERS: [order(1)], BEHAVIOUR: [view(1, TEN + 1)]})
    batch(state, {BEHAVIOUR: [view(9)]}, caught_up={})
    state.rollback()
    again = batch(state, {ORDERS: [order(1)], BEHAVIOUR: [view(1, TEN + 1)]})

    assert again.out == first.out
    assert again.offsets == first.offsets


def test_a_restart_goes_on_from_the_changelog() -> None:
    """What one processor flushed, another loads; a record read again is a duplicate."""
    state, heir = processor(), processor()
    batch(state, {ORDERS: [order(1)]})
    for record in state.flush():
        if record.topic == "changelog":
            heir.load(record.key or b"", record.value)
    heir.ready()
    made = batch(heir, {ORDERS: [order(1)]})

    assert made.out == []
    assert made.offsets == {ORDERS: 2}
    assert heir.core.counts["duplicates"] == 1


def test_memberships_are_written_only_where_a_topic_is_named() -> None:
    """Without a memberships topic the flush holds the changelog alone."""
    state = processor(topics=replace(TOPICS, memberships=None))
    batch(state, {ORDERS: [order(1)]})

    assert {record.topic for record in state.flush()} == {"changelog"}


def test_an_outgoing_record_that_is_too_large_becomes_a_dead_letter() -> None:
    """S19: it never fails the transaction."""
    reports: list[Report] = []
    state = processor(reports=reports)
    made = batch(state, {ORDERS: [order(1, id="x" * 1_100_000)]})

    assert set(reasons(made)) == {b"too_large"}
    assert written(made, TOPICS.transitions) == []
    assert set(reports[0].dead_letters) == {"too_large"}
