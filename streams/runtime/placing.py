"""Where a record lies: the partition that Java's producers, and ours, choose for a key."""

from __future__ import annotations

_M, _R, _SEED, _MASK = 0x5BD1E995, 24, 0x9747B28C, 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Return the 32-bit hash of *data* that Kafka's default partitioner takes, unsigned."""
    whole = len(data) - len(data) % 4
    h = (_SEED ^ len(data)) & _MASK
    for start in range(0, whole, 4):
        k = int.from_bytes(data[start : start + 4], "little") * _M & _MASK
        k = (k ^ k >> _R) * _M & _MASK
        h = (h * _M & _MASK) ^ k
    if len(data) > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of *key* among *partitions*."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
