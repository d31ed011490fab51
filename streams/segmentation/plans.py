"""The compiled form of a catalogue: what the engine needs and nothing else.

`streams.catalogue.compiler` makes a plan by generating Python source; the engine only calls the functions.

An evaluation function takes ``(profile, t, seen, coverage)``: the truth at instant *t* when only events with event
time ≤ *seen* are looked at. *seen* is *t*, or *t* - 1 where time goes before the evidence of the same instant. It returns
``(value, next_change)``: *next_change* > *t* is an instant before which time alone changes nothing (`NEVER`: none).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from streams.segmentation.effects import Clause
from streams.segmentation.journals import JournalSpec
from streams.segmentation.profiles import Profile
from streams.segmentation.timeline import DurationMs, EpochMs

Coverage = tuple[EpochMs, ...]
"""Per source of the plan, since when it was watched; `BEFORE_ALL` when everything is known."""

Evaluate = Callable[[Profile, EpochMs, EpochMs, Coverage], tuple[int, EpochMs]]
Instants = Callable[[Profile], list[EpochMs]]
Context = Callable[[Profile, EpochMs], dict[str, str]]
"""``(profile, seen)``: what a transition carries, by name, as JSON texts, of the events with event time ≤ *seen*."""

Why = Callable[[Profile, EpochMs, EpochMs, Coverage], list[Clause]]


class MemberPlan(msgspec.Struct, frozen=True):
    """One segment as transitions name it.

    Attributes:
        why: returns its clauses with their values.
        context: returns what its transitions carry; None: nothing.
        reaches: source → how far back it looks; `NEVER`: for ever (S10).
    """

    segment_id: str
    version: int
    why: Why
    reaches: Mapping[str, DurationMs] = {}
    context: Context | None = None


class MachinePlan(msgspec.Struct, frozen=True):
    """What the engine needs of one segment, or of one partition group (all of its members together).

    Attributes:
        index: position in the plan; the key of its state in a profile.
        members: the segments; exactly one unless a partition group.
        gate: index into `Plan.gates`: the sources whose watermarks it waits for.
        partition_group: whether it is one.
        entry: truth of entering; for a partition group the index of the winning member, -1 for none.
        stay: truth of staying.
        instants: event times of all evidence that the profile's journals still hold for it, ascending, each once.
        gated: whether an entry waits for the gate (S5).
        filtered: whether it may see events that no journal of its keeps.
        kind: the generated class of the machine, a `streams.segmentation.machines.Machine`.
        cooldown_ms, entries_max, entries_within_ms: when it may be entered again (`streams/decisions/0005`).
    """

    index: int
    members: tuple[MemberPlan, ...]
    gate: int
    partition_group: bool
    entry: Evaluate
    stay: Evaluate
    instants: Instants
    gated: bool
    kind: type
    filtered: bool = False
    dwell_ms: DurationMs = 0
    grace_ms: DurationMs = 0
    min_membership_ms: DurationMs = 0
    cooldown_ms: DurationMs = 0
    entries_max: int = 0
    entries_within_ms: DurationMs = 0

    @property
    def has_door(self) -> bool:
        """Whether it may have to wait before it is entered again."""
        return bool(self.cooldown_ms or self.entries_max)


Handler = Callable[[Any, Profile, Any, bool], bool]
"""``(partition, profile, event, late)``: update the journals and let the machines see it; False when too late."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class Plan(msgspec.Struct, frozen=True):
    """A compiled catalogue.

    Attributes:
        plan_hash: of the generated source; the state of one plan is not read by another.
        source: the generated Python, for people (`streams catalogue show --code`).
        profile_type: the generated class of a customer's state; made with the customer's key.
        handlers: event type → handler; event types that no definition reads are absent.
        gates: sets of sources.
        sources: all sources, in the order of `Coverage`.
        properties: event type → properties that the plan reads.
    """

    plan_hash: str
    source: str
    profile_type: Callable[[str], Profile]
    machines: tuple[MachinePlan, ...]
    handlers: Mapping[str, Handler]
    gates: tuple[frozenset[str], ...]
    sources: tuple[str, ...]
    journals: tuple[JournalSpec, ...]
    properties: Mapping[str, frozenset[str]]

    def write(self, profile: Profile) -> bytes:
        """Return the state of *profile* as it is written."""
        return _encode(profile.pack())

    def read(self, key: str, value: bytes) -> Profile:
        """Return the profile of the customer *key* that `write` wrote."""
        profile = self.profile_type(key)
        profile.unpack(_decode(value))
        return profile

    @property
    def properties_read(self) -> frozenset[str]:
        """Every property that any handler reads."""
        return frozenset().union(*self.properties.values())
