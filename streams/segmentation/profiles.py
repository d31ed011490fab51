"""A customer's state: journals, machine states, the ids already seen, and when to wake up.

The profile's type is made per plan, with one field per journal list. It is a `msgspec.Struct` in array form: the same
object is the working state and, encoded, the changelog record and the state at rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from streams.segmentation.journals import JournalSpec
from streams.segmentation.timeline import BEFORE_ALL, NEVER, EpochMs

OUT, PENDING, MEMBER = 0, 1, 2

OWN_FIELDS = ("wakes", "newest", "seen", "created", "states")
"""The fields of every profile; no journal is named like one."""

NONE: list[Any] = []
"""What stands where a profile has no entries: one list for all of them, never changed in place, so that a profile costs
memory, and time to reach it, only for what it holds. Who adds the first entry puts a list of its own there."""

NO_ENTRIES: dict[Any, Any] = {}
"""The same for mappings."""

ZERO = [0]
"""The sequences of a plain segment before its first transition; never changed in place."""

Waiting = tuple[EpochMs, str, bool, bool]
"""Evidence not walked over yet: event time, event id, late, undoing."""


def _none() -> list[Any]:
    return NONE


def _no_entries() -> dict[Any, Any]:
    return NO_ENTRIES


class MachineState(msgspec.Struct, array_like=True, gc=False):
    """Where one machine stands for one customer (`streams/decisions/0002`).

    Attributes:
        status: `OUT`, `PENDING` or `MEMBER`.
        winner: index of the member it is in; -1 when none (a plain segment: 0 while `MEMBER`).
        since: `PENDING`: start of the pending time; `MEMBER`: when the membership began.
        entered: event time of the entry that was emitted; `since` may have been corrected (S14).
        left: event time of the last exit that was emitted.
        at: instant up to and including whose evidence event time has been walked.
        due: next instant at which time alone may change something.
        cause, late: event id that began the pending time (empty: time did), and whether that event was late.
        entry: transition id of the entry now standing, as bytes.
        sequences: per member, how many transitions were emitted; replaced, never changed in place.
        waiting: evidence behind an undecided instant, by event time.
        first: event time of the earliest event that the machine saw, where a filter may have kept it out of the
            journals: from then on the customer is known to it. Else `NEVER`.
    """

    status: int = OUT
    winner: int = -1
    since: EpochMs = BEFORE_ALL
    entered: EpochMs = BEFORE_ALL
    left: EpochMs = BEFORE_ALL
    at: EpochMs = BEFORE_ALL
    due: EpochMs = NEVER
    cause: str = ""
    late: bool = False
    entry: bytes = b""
    sequences: list[int] = []
    waiting: list[Waiting] = msgspec.field(default_factory=_none)
    first: EpochMs = NEVER


class DoorState(MachineState, array_like=True, gc=False):
    """Where a machine stands whose segment has a door (`streams/decisions/0005`).

    Both lists are of the walk, not of what was emitted, and are replaced, never changed in place.

    Attributes:
        entries: event times of the newest entries, ascending, no more than the definition counts.
        exits: event time of the last exit; empty before the first.
    """

    entries: list[EpochMs] = msgspec.field(default_factory=_none)
    exits: list[EpochMs] = msgspec.field(default_factory=_none)


class Header(msgspec.Struct, array_like=True, gc=False):
    """The leading fields of every profile: enough to arm its wake-ups without decoding the rest."""

    wakes: list[EpochMs]


class PartitionRecord(msgspec.Struct, array_like=True):
    """The partition's own state in the changelog."""

    plan_hash: str
    watermarks: list[list[int]]
    coverage: list[int]


def profile_type(
    journals: Iterable[JournalSpec], gates: int, state: type[MachineState] = MachineState
) -> type:
    """Return the profile type of a plan.

    Fields: ``wakes`` (per gate, the deadline armed; `NEVER` when none), ``newest`` (greatest event time applied),
    ``seen`` (8-byte hashes of the last event ids), ``created`` (when the customer came into being; `BEFORE_ALL`: not
    known), ``states`` (machine index → *state*), then each journal's lists,
    ``<journal>_folded`` (entries beyond the longest journal: count, amount) and, for journals that can be undone,
    ``<journal>_stray`` (key → time of an undoing event that came before its occurrence).
    """
    nowhere = [NEVER] * gates
    states: Any = dict[int, state]  # type: ignore[valid-type]
    own: tuple[Any, ...] = (
        (list[int], msgspec.field(default_factory=lambda: list(nowhere))),
        (int, BEFORE_ALL),
        (bytes, b""),
        (int, BEFORE_ALL),
        (states, msgspec.field(default_factory=_no_entries)),
    )
    fields: list[Any] = [(name, *rest) for name, rest in zip(OWN_FIELDS, own, strict=True)]
    for journal in journals:
        fields.append((journal.name, list[int], msgspec.field(default_factory=_none)))
        for column in journal.columns:
            counts = column in {f"{journal.name}_undone", f"{journal.name}_amount"}
            kind = list[int] if counts else list[Any]
            fields.append((column, kind, msgspec.field(default_factory=_none)))
        fields.append((f"{journal.name}_folded", list[int], msgspec.field(default_factory=_none)))
        if journal.undone_by:
            fields.append(
                (f"{journal.name}_stray", dict[str, int], msgspec.field(default_factory=_no_entries))
            )
    return msgspec.defstruct("Profile", fields, array_like=True, gc=False)
