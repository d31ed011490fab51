"""Reads scenarios: short stories of a customer, with the transitions that a segment must answer with.

    segment: checkout.abandon
    cannot: {KIND: why this segment has no such scenario, …}
    scenarios:
      - name: A checkout left alone is abandoned after half an hour
        shows: [entry, exit_by_time]
        steps:
          - {at: 10:00, did: Checkout Started}
          - {at: 10:20, did: Order Completed, with: {order_id: 1, total: 10}, arrives: 10:50}
          - {time passes until: 11:00}
          - {time passes over: 12:00, expect: [{exited: checkout.abandon, at: 12:00, origin: timer}]}
        expect:
          - {entered: checkout.abandon, at: 10:30, origin: timer}

Steps stand in order of arrival. ``time passes over`` an instant looks at the millisecond before it, at it and after it;
what its ``expect`` says must come at the instant itself. The ``expect`` of a step is what this step brings about; that of
the scenario is everything, in order. Without the latter a step without ``expect`` must bring nothing about. Only the
file's segment and those that some ``expect`` names are looked at; ``arbitration_changed`` and ``eligibility_changed`` only
where some ``expect`` of the scenario names that kind. `streams.catalogue.rehearsal` runs them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

from streams.catalogue.moments import START_MS, moment, written
from streams.catalogue.nodes import Node, nearest, read
from streams.catalogue.scenario_grammar import SCENARIO_FORMS
from streams.segmentation.definitions import Channel
from streams.segmentation.effects import MOVES, Kind, Origin
from streams.segmentation.timeline import DurationMs, EpochMs

ShownKind = Literal["entry", "exit_by_event", "exit_by_time", "boundary", "exclusion", "late"]
SHOWN_KINDS: tuple[ShownKind, ...] = get_args(ShownKind)
"""What a scenario may show of a segment."""

STEPS = ("did", "time passes until", "time passes over")
"""The key that says what a step is."""

_VERBS: tuple[Kind, ...] = get_args(Kind)


Told = bool | str | tuple[str, ...] | None
"""A value that is said of how a membership stands."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A transition that must come.

    Attributes:
        origin: None: of any origin.
        stance: what is said of how the membership stands: key of the file → value; of the rest anything may hold.
    """

    kind: Kind
    segment_id: str
    at_ms: EpochMs
    origin: Origin | None
    customer: str
    stance: tuple[tuple[str, Told], ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        head: one of `STEPS`.
        at_ms: event time, or the instant that time passes until or over.
        event_type, customer, event_id, properties: of an event.
        arrives_ms: when an event arrives; None: at once.
        source: whose time passes; empty: all.
        expect: what it brings about; None: not said.
        says: the step in words.
    """

    head: str
    at_ms: EpochMs
    says: str
    event_type: str = ""
    customer: str = ""
    event_id: str = ""
    properties: Mapping[str, Any] | None = None
    arrives_ms: EpochMs | None = None
    source: str = ""
    expect: tuple[Expected, ...] | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story and what is expected of it.

    Attributes:
        segment_id: the segment that it is about.
        place: file, line, column.
        shows: what it claims to show.
        start_ms: what its times count from.
        out_of_orderness_ms: how far the watermark stays behind the highest event time.
        by_source: each source has a watermark of its own.
        expect: everything that comes, in order; None: the steps say it.
    """

    segment_id: str
    name: str
    place: tuple[str, int, int]
    shows: tuple[ShownKind, ...]
    start_ms: EpochMs
    out_of_orderness_ms: DurationMs
    by_source: bool
    steps: tuple[Step, ...]
    expect: tuple[Expected, ...] | None

    @property
    def watched(self) -> frozenset[str]:
        """The segments whose transitions are compared."""
        return frozenset({self.segment_id, *(e.segment_id for e in self.expected)})

    @property
    def expected(self) -> tuple[Expected, ...]:
        """Every transition that any part of it expects."""
        return (*(self.expect or ()), *(e for step in self.steps for e in step.expect or ()))

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds that are compared: what changes a membership, and what else some expectation names."""
        return MOVES | {e.kind for e in self.expected}

    @property
    def told(self) -> frozenset[str]:
        """What some expectation says of how a membership stands, by key."""
        return frozenset(key for e in self.expected for key, _ in e.stance)


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """The scenarios of one segment; *cannot* says, for a kind that it lacks, why."""

    file: str
    segment_id: str
    cannot: Mapping[ShownKind, str]
    scenarios: tuple[Scenario, ...]


class ScenarioReader:
    """Reads scenario files, knowing which segments, events and sources exist."""

    def __init__(self, segments: Collection[str], sources: Mapping[str, str]) -> None:
        """Accept *segments* (ids) and the events of *sources* (event type → source)."""
        self.segments, self.sources = segments, sources

    def read(self, file: str, text: str) -> ScenarioFile:
        """Return the scenarios in *text* of *file*.

        Raises:
            DefinitionError: it is no YAML, or says something that no scenario says.
        """
        top = read(file, text)
        parts = _form(top, "scenario file")
        segment_id = parts["segment"].one_of(self.segments, "segment")
        base = Scenario(segment_id, "", (file, 1, 1), (), START_MS, 0, by_source=False, steps=(), expect=None)
        base = self._setting(base, parts)
        cannot: dict[ShownKind, str] = {}
        for key, why in parts["cannot"].mapping(SHOWN_KINDS).items() if "cannot" in parts else ():
            if len(why.text()) < 10:
                raise why.error(
                    "expected a reason", "say in a sentence why this segment has no such scenario"
                )
            cannot[cast("ShownKind", key)] = why.text()
        scenarios = tuple(self._scenario(base, item) for item in parts["scenarios"].items())
        names: set[str] = set()
        for item, scenario in zip(parts["scenarios"].items(), scenarios, strict=True):
            if scenario.name in names:
                raise item.error(f"two scenarios are named {scenario.name!r}", "say what differs")
            names.add(scenario.name)
        return ScenarioFile(file, segment_id, cannot, scenarios)

    def _setting(self, base: Scenario, parts: Mapping[str, Node]) -> Scenario:
        """Return *base* with the start, the out-of-orderness and the watermarks that *parts* set."""
        if "start" in parts:
            base = replace(base, start_ms=moment(parts["start"], base.start_ms))
        if "out_of_orderness" in parts:
            base = replace(base, out_of_orderness_ms=parts["out_of_orderness"].duration())
        if "watermarks" in parts:
            by = parts["watermarks"].one_of(("shared", "by source"), "kind of watermarks")
            base = replace(base, by_source=by == "by source")
        return base

    def _scenario(self, base: Scenario, node: Node) -> Scenario:
        parts = _form(node, "scenario")
        base = self._setting(base, parts)
        steps = tuple(self._step(item, number, base) for number, item in enumerate(parts["steps"].items(), 1))
        expect = self._expected(parts["expect"], base.start_ms) if "expect" in parts else None
        if expect is None and all(step.expect is None for step in steps):
            raise node.error("nothing is expected", "add 'expect:', if need be 'expect: nothing'")
        shows = parts["shows"].items() if "shows" in parts else []
        return replace(
            base,
            name=parts["name"].text(),
            place=node.place,
            shows=tuple(cast("ShownKind", item.one_of(SHOWN_KINDS, "kind")) for item in shows),
            steps=steps,
            expect=expect,
        )

    def _step(self, node: Node, number: int, base: Scenario) -> Step:
        heads = [key for key in node.mapping() if key in STEPS]
        if len(heads) != 1:
            unknown = next((key for key in node.mapping() if key not in STEPS), "")
            raise node.error("a step needs exactly one of " + ", ".join(STEPS), nearest(unknown, STEPS))
        head = heads[0]
        parts = _form(node, f"step {head}")
        expect = self._expected(parts["expect"], base.start_ms) if "expect" in parts else None
        if head != "did":
            at_ms = moment(parts[head], base.start_ms)
            source = parts["source"].one_of(set(self.sources.values()), "source") if "source" in parts else ""
            if source and not base.by_source:
                raise parts["source"].error("all sources share one watermark", "add 'watermarks: by source'")
            says = f"{head} {written(at_ms, base.start_ms)}"
            return Step(head, at_ms, says, source=source, expect=expect)
        at_ms = moment(parts["at"], base.start_ms)
        arrives = moment(parts["arrives"], base.start_ms) if "arrives" in parts else None
        if arrives is not None and arrives < at_ms:
            raise parts["arrives"].error("nothing arrives before it happens")
        event_type = parts["did"].one_of(self.sources, "event")
        return Step(
            head,
            at_ms,
            f"{written(at_ms, base.start_ms)} {event_type}",
            event_type=event_type,
            customer=parts["customer"].text() if "customer" in parts else "c",
            event_id=parts["id"].text() if "id" in parts else f"step {number}",
            properties={key: _plain(value) for key, value in parts["with"].mapping().items()}
            if "with" in parts
            else {},
            arrives_ms=arrives,
            expect=expect,
        )

    def _expected(self, node: Node, start_ms: EpochMs) -> tuple[Expected, ...]:
        if not node.is_list and not node.is_mapping:
            node.one_of(("nothing",), "expectation")
            return ()
        return tuple(self._transition(item, start_ms) for item in node.items())

    def _transition(self, node: Node, start_ms: EpochMs) -> Expected:
        parts = _form(node, "expected")
        verbs = [verb for verb in _VERBS if verb in parts]
        if len(verbs) != 1:
            raise node.error("expected exactly one of " + ", ".join(_VERBS))
        return Expected(
            kind=verbs[0],
            segment_id=parts[verbs[0]].one_of(self.segments, "segment"),
            at_ms=moment(parts["at"], start_ms),
            origin=cast("Origin", parts["origin"].one_of(("event", "timer", "late", "consent"), "origin"))
            if "origin" in parts
            else None,
            customer=parts["customer"].text() if "customer" in parts else "c",
            stance=tuple(self._stance(parts)),
        )

    def _stance(self, parts: Mapping[str, Node]) -> Iterator[tuple[str, Told]]:
        """Yield what an expectation says of how the membership stands."""
        if "active" in parts:
            yield "active", parts["active"].flag()
        if "shadowed_by" in parts:
            yield "shadowed_by", parts["shadowed_by"].one_of(self.segments, "segment")
        for key, known, what in (
            ("suppressions", tuple(self.segments), "segment"),
            ("eligible_channels", get_args(Channel), "channel"),
        ):
            if key in parts:
                items = parts[key].items() if parts[key].is_list or parts[key].text() != "nothing" else []
                yield key, tuple(item.one_of(known, what) for item in items)
        if "arm" in parts:
            yield "arm", parts["arm"].one_of(("holdout", "treatment"), "arm")


def lacking(files: Collection[ScenarioFile], segments: Collection[str]) -> dict[str, list[ShownKind]]:
    """Return segment id → the kinds that no scenario shows and no `cannot` gives a reason for."""
    found = {}
    for segment_id in segments:
        mine = [file for file in files if file.segment_id == segment_id]
        shown = {kind for file in mine for scenario in file.scenarios for kind in scenario.shows}
        told = shown | {kind for file in mine for kind in file.cannot}
        if missing := [kind for kind in SHOWN_KINDS if kind not in told]:
            found[segment_id] = missing
    return found


def _form(node: Node, name: str) -> dict[str, Node]:
    """Return the parts of *node*, a form of the scenarios' grammar."""
    form = SCENARIO_FORMS[name]
    parts = node.mapping(form)
    for key, entry in form.items():
        if entry.required and key not in parts:
            raise node.error(f"{key!r} is missing")
    return parts


def _plain(node: Node) -> Any:
    """Return *node* as plain values, as a producer's JSON would have them."""
    if node.is_mapping:
        return {key: _plain(value) for key, value in node.mapping().items()}
    return [_plain(item) for item in node.items()] if node.is_list else node.scalar()
