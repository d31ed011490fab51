"""The changelog as a log of chunks: it holds the newest state of everybody, and never much more."""

from __future__ import annotations

from random import Random

import pytest

import streams.segmentation.chunks as chunks_module
from streams.segmentation.chunks import (
    CHUNK_PREFIX,
    ChunkLog,
    ChunkWriter,
    chunk_entries,
    chunk_key,
    chunk_number,
    entries_in,
    states_in,
)
from streams.segmentation.partition import Partition
from streams.testing.shop import driver, instant

TEN = instant("2026-03-02 10:00")
Log = dict[str, bytes]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of four, so that a few customers fill several."""
    monkeypatch.setattr(chunks_module, "CHUNK_PROFILES", 4)


def written(partition: Partition, log: Log) -> None:
    """Commit, and let *log* become what a compacted topic would keep."""
    for key, value in partition.flush():
        if value is None:
            log.pop(key, None)
        else:
            log.pop(key, None)
            log[key] = value
    partition.commit()


@pytest.mark.usefixtures("small_chunks")
def test_a_chunk_is_closed_when_it_is_full() -> None:
    """Its entries come back in order; the next chunk has the next number."""
    writer = ChunkWriter(7)
    numbers = [writer.add(f"c{i}", b"x") for i in range(5)]
    writer.close()

    assert numbers == [7, 7, 7, 7, 8]
    assert [key for key, _ in writer.records] == [chunk_key(7), chunk_key(8)]
    (_, first), (_, second) = writer.records
    assert chunk_entries(first or b"") == [(f"c{i}", b"x") for i in range(4)]
    assert chunk_entries(second or b"") == [("c4", b"x")]


def test_a_large_profile_closes_a_chunk_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """No record of the changelog comes near the broker's limit."""
    monkeypatch.setattr(chunks_module, "CHUNK_BYTES", 100)
    writer = ChunkWriter(1)
    writer.add("a", b"x" * 120)
    writer.add("b", b"y")
    writer.close()

    assert [number for number, _ in writer.chunks] == [1, 2]


def test_keys_and_numbers_go_back_and_forth() -> None:
    """The number stands in the key, and no customer's key looks like it."""
    assert chunk_number(chunk_key(123)) == 123
    assert chunk_key(1).startswith(CHUNK_PREFIX)
    assert "\x00" in CHUNK_PREFIX


def test_what_a_record_says() -> None:
    """A chunk: its entries; its tombstone: nothing; another key: itself."""
    writer = ChunkWriter(1)
    writer.add("a", b"1")
    writer.add("b", None)
    writer.close()
    ((key, value),) = writer.records

    assert entries_in(key, value) == [("a", b"1"), ("b", None)]
    assert entries_in(key, None) == []
    assert entries_in("x", b"2") == [("x", b"2")]
    assert states_in([("b", b"0"), (key, value), ("c", b"3"), ("c", None)]) == {"a": b"1"}


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize(("surplus", "cleaned"), [(0, 0), (1, 1), (4, 1), (5, 2)])
def test_cleaning_starts_when_more_than_half_is_outdated(surplus: int, cleaned: int) -> None:
    """As many of the oldest chunks as bring the log back within twice the state and one chunk."""
    log = ChunkLog()
    for number in range(1, 6):
        log.restored(number, [f"{number}{i}" for i in range(4)])
    profiles = 8  # 20 entries: 2 x 8 + 4

    assert log.cleaning(profiles, surplus) == cleaned


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("seed", range(20))
def test_the_log_holds_everybody_and_never_more_than_twice(seed: int) -> None:
    """Random commits, roll backs and restarts: the log restores the state, and stays within its bound."""
    random = Random(seed)
    shop, log = driver(), dict[str, bytes]()
    at = TEN
    shop.happen("Product Viewed", at, "c0", product_id="p")
    written(shop.partition, log)
    expected = shop.partition.changelog()
    for _ in range(60):
        for _ in range(random.randrange(6)):
            at += 1
            shop.happen("Product Viewed", at, f"c{random.randrange(12)}", product_id="p")
        if random.random() < 0.2:
            shop.partition.flush()
            shop.partition.rollback()
        else:
            written(shop.partition, log)
            expected = shop.partition.changelog()
        assert states_in(log.items()) == expected
        entries = sum(len(chunk_entries(v)) for k, v in log.items() if k.startswith(CHUNK_PREFIX))
        assert entries <= 2 * shop.partition.customers + 4 + 12
        if random.random() < 0.2:
            restarted = Partition(shop.partition.plan, shop.partition.watermarks.specs)
            for key, value in log.items():
                restarted.load(key, value)
            restarted.ready()
            assert restarted.changelog() == expected
            shop.partition = restarted


@pytest.mark.usefixtures("small_chunks")
def test_a_rollback_forgets_what_was_flushed() -> None:
    """The next commit writes the same chunk again, under the same number."""
    shop = driver()
    shop.happen("Product Viewed", TEN, "a")
    first = shop.partition.flush()
    shop.partition.rollback()
    shop.happen("Product Viewed", TEN, "a")

    assert shop.partition.flush() == first
