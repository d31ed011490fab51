"""The changelog of profiles as a log of chunks: many profiles in one record, the oldest chunks cleaned away.

Theory of operation. A commit writes the profiles it touched in chunks, records of up to `CHUNK_PROFILES` profiles each under
a key that is never used again. A profile's newest state stands in the chunk that was written last with it; older ones
are outdated. When more than half of all entries are outdated, the oldest chunks are cleaned: what still counts in them is
written again, with the others, and the chunk's key gets a tombstone, in the same transaction. So the log stays within twice
the state, a restart reads a thousandth of the records, and a commit costs no record for each profile
(`streams/decisions/0007`; the circular log of M. Rosenblum and J. Ousterhout, "The design and implementation of a
log-structured file system", ACM TOCS 10 (1992), is the idea).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

CHUNK_PREFIX = "\x00chunk "
"""Begins the keys of chunks; no customer's key has a zero byte."""

CHUNK_PROFILES = 1_000
CHUNK_BYTES = 400_000
"""A chunk is closed when it has so many profiles, or so many bytes: well below the broker's limit for a record."""

Chunk = tuple[int, list[str]]
"""The number of a chunk and the customers in it, outdated or not."""

_encode: Callable[[Any], bytes] = msgspec.msgpack.Encoder().encode
_decode: Callable[[bytes], Any] = msgspec.msgpack.Decoder().decode


def chunk_key(number: int) -> str:
    """Return the key of chunk *number*."""
    return f"{CHUNK_PREFIX}{number}"


def chunk_number(key: str) -> int:
    """Return the number of the chunk with this *key*."""
    return int(key[len(CHUNK_PREFIX) :])


def chunk_entries(value: bytes) -> list[tuple[str, bytes | None]]:
    """Return customer and state of all entries of a chunk; None: nothing is known of the customer any more."""
    flat: list[Any] = _decode(value)
    return list(zip(flat[::2], flat[1::2], strict=True))


def entries_in(key: str, value: bytes | None) -> list[tuple[str, bytes | None]]:
    """Return what one record of a changelog says: name and state; None: nothing is known under that name any more."""
    if not key.startswith(CHUNK_PREFIX):
        return [(key, value)]
    return (
        [] if value is None else chunk_entries(value)
    )  # what counted in a chunk that ends was written again before


def states_in(records: Iterable[tuple[str, bytes | None]]) -> dict[str, bytes]:
    """Return the newest state of each name in a changelog's *records*, given in the log's order."""
    found: dict[str, bytes] = {}
    for key, value in records:
        for name, state in entries_in(key, value):
            if state is None:
                found.pop(name, None)
            else:
                found[name] = state
    return found


class ChunkWriter:
    """Collects the entries of one commit into chunks.

    Attributes:
        records: the chunks that are full, as changelog records.
        chunks: the same, as they will be remembered.
        number: of the chunk that the next entry goes into.
    """

    def __init__(self, number: int) -> None:
        """Begin with chunk *number*."""
        self.records: list[tuple[str, bytes | None]] = []
        self.chunks: list[Chunk] = []
        self.number = number
        self._flat: list[object] = []
        self._keys: list[str] = []
        self._bytes = 0

    def add(self, key: str, value: bytes | None) -> int:
        """Put an entry into the open chunk; return that chunk's number."""
        number = self.number
        self._flat.append(key)
        self._flat.append(value)
        self._keys.append(key)
        self._bytes += len(key) + (0 if value is None else len(value))
        if len(self._keys) >= CHUNK_PROFILES or self._bytes >= CHUNK_BYTES:
            self.close()
        return number

    def close(self) -> None:
        """Close the open chunk, if anything is in it."""
        if self._keys:
            self.records.append((chunk_key(self.number), _encode(self._flat)))
            self.chunks.append((self.number, self._keys))
            self.number += 1
            self._flat, self._keys, self._bytes = [], [], 0


class ChunkLog:
    """The chunks of one partition that are not cleaned away, oldest first.

    Attributes:
        chunks: them.
        entries: how many entries they hold, outdated ones too.
        next_number: of the chunk that is written next.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.chunks: deque[Chunk] = deque()
        self.entries = 0
        self.next_number = 1

    def cleaning(self, profiles: int, touched: int) -> int:
        """Return how many of the oldest chunks a commit should clean.

        Args:
            profiles: customers of whom something is known.
            touched: how many of them the commit writes anyway; cleaning reads about as many again.
        """
        surplus = self.entries + touched - 2 * profiles - CHUNK_PROFILES
        allowed = max(CHUNK_PROFILES, 2 * touched)
        count = 0
        for _, keys in self.chunks:
            if surplus <= 0 or allowed <= 0:
                break
            surplus -= len(keys)
            allowed -= len(keys)
            count += 1
        return count

    def take(self, chunks: list[Chunk], cleaned: int) -> None:
        """Add *chunks*, which a commit wrote, and forget the *cleaned* oldest ones."""
        for _ in range(cleaned):
            self.entries -= len(self.chunks.popleft()[1])
        for number, keys in chunks:
            self.chunks.append((number, keys))
            self.entries += len(keys)
            self.next_number = number + 1

    def restored(self, number: int, keys: list[str]) -> None:
        """Take up a chunk that the changelog holds."""
        self.take([(number, keys)], 0)

    def removed(self, number: int) -> None:
        """Forget a chunk whose tombstone the changelog holds; it is among the oldest ones."""
        for position, (other, keys) in enumerate(self.chunks):
            if other == number:
                self.entries -= len(keys)
                del self.chunks[position]
                return
