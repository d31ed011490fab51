"""Definitions as values: facts, groups and segments. Parsed from YAML by `streams.catalogue.documents`.

A *fact* names a set of events that definitions read as one: several event types together, filtered, and, when it
has a key, undone by later events with the same key (a cancelled order no longer counts from the cancellation on).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from streams.segmentation.conditions import Condition, Filter
from streams.segmentation.timeline import DurationMs


class Undoing(msgspec.Struct, frozen=True):
    """Events that undo a fact's event with the same key, from their own event time on (S15)."""

    event: str
    where: tuple[Filter, ...] = ()


class FactDefinition(msgspec.Struct, frozen=True):
    """A named set of events.

    Attributes:
        events: event types it consists of.
        where: filters on each event.
        key: property that identifies an occurrence (``order_id``); needed by *undone_by*.
        amount: money properties, the first present one is the event's amount.
        undone_by: what takes an occurrence back.
    """

    name: str
    events: tuple[str, ...]
    where: tuple[Filter, ...] = ()
    key: str | None = None
    amount: tuple[str, ...] = ()
    undone_by: tuple[Undoing, ...] = ()


class GroupDefinition(msgspec.Struct, frozen=True):
    """A group of segments: ``partition`` (exactly one member at every instant) or ``arbitrated``.

    Attributes:
        population: for a partition group, who is in it at all; None means everyone with a profile.
        description, owner: for people.
    """

    name: str
    kind: Literal["partition", "arbitrated"]
    population: Condition | None = None
    description: str = ""
    owner: str = ""


class ContextValue(msgspec.Struct, frozen=True):
    """What a transition carries under *name*: *property* of the newest *event* (or fact) by then."""

    name: str
    event: str
    property: str


Channel = Literal["email", "sms", "push", "ads", "web"]
Subject = Literal["customer", "account"]


class Holdout(msgspec.Struct, frozen=True):
    """A share of the members who get nothing, to compare with: *share_ppm* millionths, dealt by *salt*."""

    share_ppm: int
    salt: str


class Actions(msgspec.Struct, frozen=True):
    """What people do for the members: each a name, empty when there is none.

    Attributes:
        retention: of marketing, such as a flow.
        support: of the support team.
        review: the queue in which a person looks first.
    """

    retention: str = ""
    support: str = ""
    review: str = ""


class ExpectedSize(msgspec.Struct, frozen=True):
    """How many members are expected: from and to which share of all customers in millionths, and how many at least.

    Attributes:
        share_ppm: None when nothing is said.
        least: 0 when nothing is said.
    """

    share_ppm: tuple[int, int] | None = None
    least: int = 0


class SegmentDefinition(msgspec.Struct, frozen=True):
    """One version of a segment. Versions are immutable: a change is a new version.

    Attributes:
        label: by convention ``Intent, window, exclusions``.
        when: the condition of entry; while `until` is None also of staying.
        until: the condition of exit, when it is not simply ``not when``.
        exclude: segments whose truth makes this one false.
        dwell_ms: how long the truth must hold before the entry; the entry is due at its end.
        grace_ms: how long after the due time evidence may still cancel the entry.
        gated: whether entries wait for the watermarks of the sources (False: ``gate: none``).
        min_membership_ms: no exit earlier than this after the entry.
        cooldown_ms: no entry earlier than this after an exit.
        entries_max: at most so many entries in `entries_within_ms`; 0: any number.
        context: what its transitions carry of the customer's newest events.
        group, rank: where it stands among others; rank 1 is tried first.
        entity: whom it is about.
        channels: where it may speak to its members; empty: not said.
        suppresses: segments, and groups for all of their members, that are silent while it holds.
        holdout: who of its members gets nothing; None: nobody.
        actions: what people do for its members.
        size: how many members are expected.
    """

    segment_id: str
    version: int
    label: str
    when: Condition
    description: str = ""
    owner: str = ""
    until: Condition | None = None
    exclude: tuple[str, ...] = ()
    dwell_ms: DurationMs = 0
    grace_ms: DurationMs = 0
    gated: bool = True
    min_membership_ms: DurationMs = 0
    cooldown_ms: DurationMs = 0
    entries_max: int = 0
    entries_within_ms: DurationMs = 0
    context: tuple[ContextValue, ...] = ()
    group: str | None = None
    rank: int = 0
    entity: Subject = "customer"
    channels: tuple[Channel, ...] = ()
    suppresses: tuple[str, ...] = ()
    holdout: Holdout | None = None
    actions: Actions = Actions()
    size: ExpectedSize = ExpectedSize()

    @property
    def has_door(self) -> bool:
        """Whether it may have to wait before it is entered again (`streams/decisions/0005`)."""
        return bool(self.cooldown_ms or self.entries_max)


class Catalogue(msgspec.Struct, frozen=True):
    """Facts, groups and segments that are compiled together."""

    facts: tuple[FactDefinition, ...] = ()
    groups: tuple[GroupDefinition, ...] = ()
    segments: tuple[SegmentDefinition, ...] = ()
