"""What a changelog holds beside profiles, and what is read of them at a restore.

Apart from the code that fills it, which may be compiled: types are read here.
"""

from __future__ import annotations

import msgspec

from streams.segmentation.timeline import EpochMs


class Header(msgspec.Struct, array_like=True, gc=False):
    """The leading values of every profile (`streams.segmentation.profiles`): enough to arm its wake-ups."""

    wake: EpochMs | None
    wakes: list[EpochMs]


class PartitionRecord(msgspec.Struct, array_like=True):
    """The partition's own state in the changelog."""

    plan_hash: str
    watermarks: list[list[int]]
    coverage: list[int]
