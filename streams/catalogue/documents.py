"""Reads definitions from YAML.

The grammar, in one look:

    time_zone: NAME
    tables:   NAME: {default: T, VALUE: T, …}
    facts:    NAME: {events, where, key, amount, undone_by}
    groups:   NAME: {kind: partition|arbitrated, population: CONDITION, description, owner}
    segments: - {id, version, label, description, owner, group, rank, when, until, hysteresis: N, exclude,
                 dwell, grace, gate, min_membership, cooldown, max_entries: N per T,
                 context: {NAME: EVENT.PROPERTY, …}, tests,
                 entity: customer|account, channels: [email, sms, push, ads, web],
                 suppresses: [SEGMENT or GROUP, …], holdout: {share: N, salt}, actions: {retention, support, review},
                 size: {share: [N, N], at_least: N}}

    CONDITION
      all: [CONDITION, …]     any: [CONDITION, …]     not: CONDITION     in: SEGMENT     otherwise: true
      if: "EXPRESSION"        the short form, such as count(orders within 60d) >= 2: `streams.catalogue.expressions`
      did: EVENT              at_least | at_most | exactly: N, within: T | ago: {from, to}, since: EVENT,
                              before: EVENT, where: {PROPERTY: TEST}, same: PROPERTY
      did_not: EVENT          within | ago, since, before, where
      last: EVENT             within: T | ago: {from: T, to: T}, among: {PROPERTY: TEST}, where: {PROPERTY: TEST}
      trait: NAME             is: VALUE, or any TEST
      consent: CHANNEL        is: granted|denied|pending|unknown, purpose: NAME
      score: NAME             at_least | at_most: N, confidence: N, within | ago
      count: EVENT            within | ago, where, and a LIMIT
      sum | avg | min | max: EVENT.PROPERTY (a fact with an amount needs none), distinct: EVENT.PROPERTY   likewise
      most_frequent: EVENT.PROPERTY   likewise, in %, is: VALUE or [VALUE, …]
      days_since: EVENT       where, at_least | more_than | at_most | less_than: T
      did | did_not: EVENT    during: today | yesterday | this week | last month | … | {from: DATE, to: DATE}, zone, where
      now: {month: [jan, …], weekday: [mon, …], hour: {from, to}, from: DATE, to: DATE}     zone: customer | shop | NAME
      cadence: EVENT          by: PROPERTY, intervals: N, variation: N, due: {from: N%, to: N%}, within | ago, where
      bucket: SALT            percent: [FROM, TO]
      sequence: [STEP, …]     by: PROPERTY, gap: T, without: STEP, within | ago
      first: EVENT            within | ago, where
      stopped: EVENT          for: T, after: T, at_least: N, where
      restarted: EVENT        after: T, within: T, where
      regularly: EVENT        in: N, of: N, every: T, where

    T         a duration; of did, did_not and last also {lookup: TABLE, by: PROPERTY, percent: N}
    STEP      EVENT, or {event: EVENT, where: {PROPERTY: TEST}}
    LIMIT     at_least | more_than | at_most | less_than: N, or N% with of: AGGREGATE, or AGGREGATE
    TEST      VALUE, or {not, below, at_most, above, at_least, in, exists, has, contains: …}; of a list of items
              {any: {PROPERTY: TEST}, all: {PROPERTY: TEST}} or {sum: quantity | price | price x quantity, LIMIT}

A PROPERTY of an aggregate may be a path to the items of a list: orders.products.category.
An EVENT is an event type or a fact. What cannot be read raises `DefinitionError` at its place. Which keys a form has
stands in `streams.catalogue.grammar`, from where the JSON Schema has them too; a new key is written there first.
What each means, with an example that is tried, stands in `streams/catalogue/REFERENCE.md`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from streams.catalogue.grammar import FORMS
from streams.catalogue.hysteresis import read_hysteresis
from streams.catalogue.metadata_keys import (
    read_actions,
    read_channels,
    read_entity,
    read_holdout,
    read_size,
)
from streams.catalogue.nodes import Node, read
from streams.catalogue.parts import read_filters, required
from streams.catalogue.phrases import ConditionReader
from streams.catalogue.segment_keys import read_context, read_cooldown, read_max_entries
from streams.segmentation.conditions import InSegment, Otherwise, leaves
from streams.segmentation.definitions import (
    FactDefinition,
    GroupDefinition,
    SegmentDefinition,
    Undoing,
)
from streams.segmentation.readings import events_of


class Section(NamedTuple):
    """One file, opened: its facts, groups and segments, not yet read."""

    facts: dict[str, Node]
    groups: dict[str, Node]
    segments: list[Node]
    time_zone: Node | None = None
    tables: dict[str, Node] = {}  # noqa: RUF012 - nobody changes it


def sections(file: str, text: str) -> Section:
    """Open *text* of *file*.

    Raises:
        DefinitionError: it is no YAML, or has other keys than facts, groups and segments.
    """
    return opened(read(file, text))


def opened(node: Node) -> Section:
    """Open the whole of a file; see `sections`."""
    parts = node.mapping(FORMS["file"])
    return Section(
        parts["facts"].mapping() if "facts" in parts else {},
        parts["groups"].mapping() if "groups" in parts else {},
        parts["segments"].items() if "segments" in parts else [],
        parts.get("time_zone"),
        parts["tables"].mapping() if "tables" in parts else {},
    )


class Document(ConditionReader):
    """Reads definitions, knowing which events exist; facts are read first, conditions may name them.

    Attributes:
        segment_nodes: segment id → where it says its id.
        tests: segment id → the files of scenarios that it names.
    """

    def __init__(self, events: Collection[str]) -> None:
        """Accept *events* (canonical event types)."""
        super().__init__(events)
        self.segment_nodes: dict[str, Node] = {}
        self.tests: dict[str, list[Node]] = {}

    def fact(self, name: str, node: Node) -> FactDefinition:
        """Return the fact *name*, which conditions may name from now on."""
        if name in self.events:
            raise node.error(f"{name!r} is an event", "give the fact a name of its own")
        parts = node.mapping(FORMS["fact"])
        undoing = [self._undoing(item) for item in parts["undone_by"].items()] if "undone_by" in parts else []
        key = parts["key"].text() if "key" in parts else None
        if undoing and key is None:
            raise parts["undone_by"].error("what can be undone needs a key", "add 'key: order_id'")
        events = required(node, parts, "events")
        if not events.items():
            raise events.error("expected at least one event")
        found = self.facts[name] = FactDefinition(
            name=name,
            events=tuple(item.one_of(self.events, "event") for item in events.items()),
            where=read_filters(parts),
            key=key,
            amount=tuple(item.text() for item in parts["amount"].items()) if "amount" in parts else (),
            undone_by=tuple(undoing),
        )
        return found

    def _undoing(self, node: Node) -> Undoing:
        if not node.is_mapping:
            return Undoing(node.one_of(self.events, "event"))
        parts = node.mapping(FORMS["undoing"])
        return Undoing(required(node, parts, "event").one_of(self.events, "event"), read_filters(parts))

    def group(self, name: str, node: Node) -> GroupDefinition:
        """Return the group *name*."""
        parts = node.mapping(FORMS["group"])
        kind = required(node, parts, "kind").one_of(("partition", "arbitrated"), "kind of group")
        population = self.condition(parts["population"]) if "population" in parts else None
        description, owner = (parts[key].text() if key in parts else "" for key in ("description", "owner"))
        return GroupDefinition(
            name, "partition" if kind == "partition" else "arbitrated", population, description, owner
        )

    def segment(self, node: Node) -> SegmentDefinition:
        """Return one segment."""
        parts = node.mapping(FORMS["segment"])
        segment_id = required(node, parts, "id").text()
        if not segment_id.replace(".", "").replace("_", "").isalnum():
            raise parts["id"].error(
                f"{segment_id[:80]!r} is no segment id", "letters, digits, '_' and '.' only"
            )
        if segment_id in self.segment_nodes:
            raise parts["id"].error(
                f"segment {segment_id!r} is defined twice", "a new version replaces the old one"
            )
        self.segment_nodes[segment_id] = parts["id"]
        self.tests[segment_id] = parts["tests"].items() if "tests" in parts else []
        group = parts["group"].text() if "group" in parts else ""
        if group:
            self.references.append((parts["group"], "group", group))

        def duration(key: str) -> int:
            return parts[key].duration() if key in parts else 0

        def text(key: str) -> str:
            return parts[key].text() if key in parts else ""

        when = self.condition(required(node, parts, "when"))
        if not any(events_of(leaf) or isinstance(leaf, InSegment | Otherwise) for leaf in leaves(when)):
            raise parts["when"].error(
                "no event is read here, so nobody would ever be asked",
                "add for whom, such as '{did: acquisition}'",
            )
        entries_max, entries_within_ms = read_max_entries(parts)
        until = self.condition(parts["until"]) if "until" in parts else None
        return SegmentDefinition(
            segment_id=segment_id,
            version=parts["version"].whole(1) if "version" in parts else 1,
            label=required(node, parts, "label").text(),
            description=text("description"),
            owner=text("owner"),
            when=when,
            until=read_hysteresis(parts, when) if "hysteresis" in parts else until,
            exclude=tuple(map(self._segment, parts["exclude"].items())) if "exclude" in parts else (),
            dwell_ms=duration("dwell"),
            grace_ms=duration("grace"),
            gated="gate" not in parts or parts["gate"].one_of(("sources", "none"), "gate") == "sources",
            min_membership_ms=duration("min_membership"),
            cooldown_ms=read_cooldown(parts),
            entries_max=entries_max,
            entries_within_ms=entries_within_ms,
            context=read_context(parts, self._event_and_property),
            group=group or None,
            rank=parts["rank"].whole(1) if "rank" in parts else 0,
            entity=read_entity(parts),
            channels=read_channels(parts),
            suppresses=self._neighbours(parts),
            holdout=read_holdout(parts),
            actions=read_actions(parts),
            size=read_size(parts),
        )

    def _neighbours(self, parts: dict[str, Node]) -> tuple[str, ...]:
        """Return the segments and groups that a segment suppresses."""
        nodes = parts["suppresses"].items() if "suppresses" in parts else []
        self.references += [(node, "segment or group", node.text()) for node in nodes]
        return tuple(node.text() for node in nodes)
