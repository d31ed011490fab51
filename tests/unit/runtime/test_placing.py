"""Where Kafka's default partitioner places a key."""

from __future__ import annotations

import pytest

from streams.runtime.placing import murmur2, partition_of


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_kafkas(key: bytes, value: int) -> None:
    """The values that Apache Kafka's own test of its hash expects (UtilsTest, Apache-2.0), as signed integers."""
    assert murmur2(key) == value & 0xFFFFFFFF


def test_a_partition_is_never_negative() -> None:
    """The sign bit is dropped, not the sign taken."""
    assert partition_of(b"21", 4) == (-973932308 & 0x7FFFFFFF) % 4
