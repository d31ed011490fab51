"""A customer's state: journals, machine states, the ids already seen, and when to wake up.

The profile's class is made per plan (`streams.catalogue.profilecode`), with one field per journal list. Its state at rest,
which is its changelog record, is MessagePack of what `Profile.pack` returns.

These classes may be compiled (`setup.py`): then their integers lie in the object itself, and a step over a customer who was
not touched for long reaches for a few cache lines instead of one for each number.
"""

from __future__ import annotations

from typing import Any

from mypy_extensions import mypyc_attr

from streams.segmentation.timeline import BEFORE_ALL, NEVER, EpochMs

OUT, PENDING, MEMBER = 0, 1, 2

OWN_FIELDS = ("key", "dirty", "rest", "chunk", "wake", "wakes", "newest", "seen", "created", "states")
"""The fields of every profile; no journal is named like one."""

NONE: list[Any] = []
"""What stands where a profile has no entries: one list for all of them, never changed in place, so that a profile costs
memory, and time to reach it, only for what it holds. Who adds the first entry puts a list of its own there."""

NO_ENTRIES: dict[Any, Any] = {}
"""The same for mappings."""

Waiting = tuple[EpochMs, str, bool, bool]
"""Evidence not walked over yet: event time, event id, late, undoing."""


class MachineState:
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
        sequence: how many transitions of a plain segment were emitted.
        sequences: the same per member of a group; replaced, never changed in place.
        waiting: evidence behind an undecided instant, by event time.
        first: event time of the earliest event that the machine saw, where a filter may have kept it out of the
            journals: from then on the customer is known to it. Else `NEVER`.
        entries: where a segment has a door (`streams/decisions/0005`), event times of the newest entries of the walk,
            ascending, no more than the definition counts; replaced, never changed in place.
        exits: there, event time of the walk's last exit; empty before the first.
    """

    __slots__ = (
        *("status", "winner", "since", "entered", "left", "at", "due", "cause", "late", "entry", "sequence"),
        *("sequences", "waiting", "first", "entries", "exits"),
    )

    def __init__(self, at: EpochMs = BEFORE_ALL, due: EpochMs = NEVER, first: EpochMs = NEVER) -> None:
        """Stand outside, where event time was walked up to *at* and time alone does nothing before *due*."""
        self.status = OUT
        self.winner = -1
        self.since: EpochMs = BEFORE_ALL
        self.entered: EpochMs = BEFORE_ALL
        self.left: EpochMs = BEFORE_ALL
        self.at = at
        self.due = due
        self.cause = ""
        self.late = False
        self.entry = b""
        self.sequence = 0
        self.sequences: list[int] = NONE
        self.waiting: list[Waiting] = NONE
        self.first = first
        self.entries: list[EpochMs] = NONE
        self.exits: list[EpochMs] = NONE

    def copy(self) -> MachineState:
        """Return another one that stands where this one does."""
        other = MachineState(self.at, self.due, self.first)
        other.status, other.winner, other.since = self.status, self.winner, self.since
        other.entered, other.left = self.entered, self.left
        other.cause, other.late, other.entry = self.cause, self.late, self.entry
        other.sequence, other.sequences, other.waiting = self.sequence, self.sequences, self.waiting[:]
        other.entries, other.exits = self.entries, self.exits
        return other

    def pack(self, index: int) -> list[object]:
        """Return the state of machine *index* as plain values, without what stands at the end and says nothing."""
        packed: list[object] = [
            index,
            self.status,
            None if self.at == BEFORE_ALL else self.at,
            None if self.due == NEVER else self.due,
        ]
        plain_winner = 0 if self.status == MEMBER else -1
        rare = (
            bool(self.cause or self.late or self.waiting or self.sequences or self.entries or self.exits)
            or self.first != NEVER
            or self.winner != plain_winner
        )
        if rare or self.sequence or self.since != BEFORE_ALL:
            packed.append(None if self.since == BEFORE_ALL else self.since)
            packed.append(None if self.entered == BEFORE_ALL else self.entered)
            packed.append(None if self.left == BEFORE_ALL else self.left)
            packed.append(self.sequence)
            packed.append(self.entry)
        if rare:
            packed.append(self.winner)
            packed.append(None if self.first == NEVER else self.first)
            packed += [self.cause, self.late, self.sequences, self.waiting, self.entries, self.exits]
        return packed


def unpacked(packed: list[Any]) -> MachineState:
    """Return the state that `MachineState.pack` made plain values of."""
    at, due = packed[2], packed[3]
    state = MachineState(BEFORE_ALL if at is None else at, NEVER if due is None else due)
    state.status = packed[1]
    state.winner = 0 if state.status == MEMBER else -1
    if len(packed) > 4:
        since, entered, left, state.sequence, state.entry = packed[4:9]
        state.since = BEFORE_ALL if since is None else since
        state.entered = BEFORE_ALL if entered is None else entered
        state.left = BEFORE_ALL if left is None else left
    if len(packed) > 9:
        state.winner = packed[9]
        state.first = NEVER if packed[10] is None else packed[10]
        state.cause, state.late = packed[11], packed[12]
        state.sequences = packed[13] or NONE
        state.waiting = [(t, event_id, late, undoing) for t, event_id, late, undoing in packed[14]] or NONE
        state.entries, state.exits = packed[15] or NONE, packed[16] or NONE
    return state


@mypyc_attr(allow_interpreted_subclasses=True)
class Profile:
    """What every profile has; a plan's own class adds its journals.

    Attributes:
        key: the customer, ``shop_id/customer_id``; not part of what is written.
        dirty: touched since the last commit.
        rest: its state as it was committed last; empty: it never was.
        chunk: the chunk of the changelog that holds it (`streams.segmentation.chunks`).
        wake: the deadline armed at the first gate; `NEVER` when none is.
        wakes: the deadlines armed at the other gates, in order.
        newest: greatest event time applied.
        seen: 8-byte hashes of the last event ids.
        created: when the customer came into being; `BEFORE_ALL`: not known.
        states: per machine of the plan, where it stands; None: it has nothing to remember.
    """

    __slots__ = OWN_FIELDS

    def __init__(self, key: str, machines: int, gates: int) -> None:
        """Begin the profile of a customer of whom nothing is known.

        Args:
            key: the customer.
            machines: how many machines the plan has.
            gates: how many gates it has.
        """
        self.key = key
        self.dirty = False
        self.rest = b""
        self.chunk = 0
        self.wake: EpochMs = NEVER
        self.wakes: list[EpochMs] = [NEVER] * (gates - 1) if gates > 1 else NONE
        self.newest: EpochMs = BEFORE_ALL
        self.seen = b""
        self.created: EpochMs = BEFORE_ALL
        self.states: list[MachineState | None] = [None] * machines

    def journals(self) -> list[object]:
        """Return the journals' lists, in the plan's order."""
        return []

    def take_journals(self, lists: list[Any]) -> None:
        """Take what `journals` returned."""

    def armed(self, gate: int) -> EpochMs:
        """Return the deadline armed at *gate*."""
        return self.wakes[gate - 1] if gate else self.wake

    def arm(self, gate: int, deadline: EpochMs) -> None:
        """Note *deadline* as the one armed at *gate*."""
        if gate:
            self.wakes[gate - 1] = deadline
        else:
            self.wake = deadline

    def pack(self) -> list[object]:
        """Return the profile as plain values, to be written."""
        states: list[object] = []
        for index, state in enumerate(self.states):
            if state is not None:
                states.append(state.pack(index))
        return [
            None if self.wake == NEVER else self.wake,
            self.wakes,
            self.newest,
            None if self.created == BEFORE_ALL else self.created,
            self.seen,
            states,
            *self.journals(),
        ]

    def unpack(self, packed: list[Any]) -> None:
        """Take what `pack` returned."""
        wake, wakes, self.newest, created, self.seen, states = packed[:6]
        self.wake = NEVER if wake is None else wake
        self.wakes = wakes or NONE
        self.created = BEFORE_ALL if created is None else created
        for one in states:
            self.states[one[0]] = unpacked(one)
        self.take_journals(packed[6:])
