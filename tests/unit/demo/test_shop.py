"""The demo's records, as they reach Kafka."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import msgspec
import pytest

from streams.demo.retail import History
from streams.demo.shop import SOURCES, Replay, heartbeats, replay
from streams.segmentation.timeline import DAY_MS, rfc3339


@pytest.fixture(scope="module")
def alone(shop: History) -> Replay:
    """The real shop without any simulation."""
    return replay(shop, browsing=0, seed=7, partitions=4)


def test_the_replay_ends_with_a_heartbeat_for_every_source_and_partition(whole_replay: Replay) -> None:
    """S4: a replay producer ends with a heartbeat for every source and partition, a day after the last event."""
    told = [
        msgspec.json.decode(r.value)["properties"]
        for r in whole_replay.records[whole_replay.customer_events :]
    ]
    promised = {(source, n) for sources in SOURCES.values() for source in sources for n in range(4)}
    assert {(p["source"], p["partition"]) for p in told} == promised
    assert {p["watermark"] for p in told} == {rfc3339(whole_replay.end_ms + DAY_MS)}


def test_a_heartbeat_goes_to_the_partition_it_speaks_for() -> None:
    """Only heartbeats name their partition; customers' records go by key."""
    for shop_record in heartbeats(1_000, 3):
        assert msgspec.json.decode(shop_record.value)["properties"]["partition"] == shop_record.partition


def test_customers_records_go_by_key(whole_replay: Replay) -> None:
    """The key is the customer's identifier, the same in both topics."""
    for shop_record in whole_replay.records[:2_000]:
        event = msgspec.json.decode(shop_record.value)
        assert shop_record.partition is None
        assert shop_record.key.decode() == event.get("userId", event.get("anonymousId"))


def test_the_real_events_are_all_there_unchanged(alone: Replay, whole_replay: Replay) -> None:
    """Simulation adds records and delays some; it changes and loses none of the real ones."""
    assert alone.customer_events == 18_532 + 4_551
    real = [r for r in whole_replay.records[: whole_replay.customer_events] if r.topic == "demo.orders"]
    assert Counter(real) == Counter(alone.records[: alone.customer_events])


def test_without_browsing_everything_is_on_time(alone: Replay) -> None:
    """The real shop alone arrives in the order of its times."""
    times = [r.timestamp_ms for r in alone.records]
    assert times == sorted(times)


def test_some_real_orders_arrive_behind_younger_ones(whole_replay: Replay) -> None:
    """With browsing, some order records come after records with later times: what makes orders late."""
    orders = [r.timestamp_ms for r in whole_replay.records if r.topic == "demo.orders"]
    behind = sum(earlier > later for earlier, later in pairwise(orders))
    assert 100 < behind < 1_000


def test_about_ten_simulated_events_for_an_order(whole_replay: Replay) -> None:
    """By default an order comes with about ten simulated events."""
    simulated = sum(r.topic == "demo.behaviour" for r in whole_replay.records)
    assert 9.0 < simulated / 18_532 < 11.5
