"""Runs scenarios in simulated time, with the evaluator that also runs live, and lines up what came with what should have.

What a scenario claims to show is checked against what happened: whoever says ``late`` must have read a late event.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from streams.catalogue.moments import written
from streams.catalogue.scenarios import Expected, Scenario, ShownKind, Step
from streams.segmentation.options import InputSpec
from streams.segmentation.partition import Partition
from streams.segmentation.plans import Plan
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import EpochMs
from streams.segmentation.transitions import Transition

Pair = tuple[Expected | None, Expected | None]
"""A transition that should come and the one that came; None where one of them is missing."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What should have come and what came at one step, or (*says* empty) over the whole scenario."""

    says: str
    expected: tuple[Expected, ...]
    got: tuple[Expected, ...]

    @property
    def agrees(self) -> bool:
        """Whether they are the same, in the same order."""
        return len(self.expected) == len(self.got) and all(map(_alike, self.expected, self.got))

    def side_by_side(self) -> list[Pair]:
        """Return both, lined up: what stands beside each other is alike, the rest stands alone."""
        return list(_lined_up(self.expected, self.got))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a scenario went.

    Attributes:
        moments: what was compared.
        untrue: what it claims to show and did not, each as a sentence.
    """

    scenario: Scenario
    moments: tuple[Moment, ...]
    untrue: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether everything came as expected and every claim is true."""
        return not self.untrue and all(moment.agrees for moment in self.moments)


def rehearse(scenario: Scenario, plan: Plan, sources: Mapping[str, str]) -> Outcome:
    """Run *scenario* from an empty partition.

    Args:
        scenario: what happens and what should come of it.
        plan: the compiled catalogue, everything known (coverage ``complete``).
        sources: event type → source.
    """
    return _Rehearsal(scenario, plan, sources).outcome()


class _Rehearsal:
    """One run of one scenario."""

    def __init__(self, scenario: Scenario, plan: Plan, sources: Mapping[str, str]) -> None:
        self.scenario, self.sources = scenario, sources
        disorder_ms = scenario.out_of_orderness_ms
        names = tuple(dict.fromkeys(name for name in sources.values() if name))
        if scenario.by_source:
            inputs = tuple(InputSpec(name, frozenset({name}), disorder_ms) for name in names)
        else:
            inputs = (InputSpec("all", frozenset(), disorder_ms),)
        self.positions = {name: i if scenario.by_source else 0 for i, name in enumerate(names)}
        self.partition = Partition(plan, inputs)
        self.late = False
        self.crossed = False

    def outcome(self) -> Outcome:
        """Run every step and compare."""
        scenario = self.scenario
        moments: list[Moment] = []
        everything: list[Expected] = []
        for step in scenario.steps:
            for says, expected, got in self._step(step):
                everything += got
                if step.expect is not None or (scenario.expect is None and got):
                    moments.append(Moment(says, expected, got))
        if scenario.expect is not None:
            moments.append(Moment("", scenario.expect, tuple(everything)))
        return Outcome(scenario, tuple(moments), tuple(self._untrue(everything)))

    def _step(self, step: Step) -> Iterator[tuple[str, tuple[Expected, ...], tuple[Expected, ...]]]:
        """Yield what a step says, what should come of it, and what came."""
        expect = step.expect or ()
        if step.head == "did":
            self._observe(step)
            yield step.says, expect, self._taken()
        elif step.head == "time passes until":
            self._advance(step.at_ms, step.source)
            yield step.says, expect, self._taken()
        else:
            for offset_ms, due in ((-1, ()), (0, expect), (1, ())):
                self._advance(step.at_ms + offset_ms, step.source)
                got = self._taken()
                self.crossed = self.crossed or bool(got and due)
                yield f"{step.says}: {offset_ms:+d} ms" if offset_ms else step.says, due, got

    def _observe(self, step: Step) -> None:
        if step.arrives_ms is not None:
            self._advance(step.arrives_ms - self.scenario.out_of_orderness_ms, "")
        source = self.sources[step.event_type]
        position = self.positions.get(source, 0)
        self.late = self.late or step.at_ms < self.partition.watermarks.inputs[position]
        event = EventObserved(
            step.event_type,
            step.at_ms,
            step.event_id,
            "default",
            step.customer,
            source,
            dict(step.properties or {}),
        )
        self.partition.observe(event, position)

    def _advance(self, watermark_ms: EpochMs, source: str) -> None:
        for position in sorted({self.positions[source]} if source else set(self.positions.values())):
            self.partition.advance(position, watermark_ms)

    def _taken(self) -> tuple[Expected, ...]:
        watched = self.scenario.watched
        return tuple(_seen(t) for t in self.partition.take_effects() if t.segment_id in watched)

    def _untrue(self, got: Iterable[Expected]) -> Iterator[str]:
        """Yield the claims of the scenario that the run does not bear out; exclusion is the author's word."""
        mine = {(t.kind, t.origin) for t in got if t.segment_id == self.scenario.segment_id}
        shown: Mapping[ShownKind, bool] = {
            "entry": any(kind == "entered" for kind, _ in mine),
            "exit_by_event": ("exited", "event") in mine,
            "exit_by_time": ("exited", "timer") in mine,
            "boundary": self.crossed or _tried_around(self.scenario),
            "exclusion": True,
            "late": self.late,
        }
        missing: Mapping[ShownKind, str] = {
            "entry": "nobody entered",
            "exit_by_event": "no event made anybody leave",
            "exit_by_time": "time made nobody leave",
            "boundary": "at no 'time passes over' did anything come, nor are there events at -1, 0 and +1 ms",
            "late": "no event was late",
        }
        for kind in self.scenario.shows:
            if not shown[kind]:
                yield f"it says that it shows {kind}, but {missing[kind]}"


def _tried_around(scenario: Scenario) -> bool:
    """Return whether the same event comes a millisecond before an instant, at it and a millisecond after it."""
    events = {(step.event_type, step.at_ms) for step in scenario.steps if step.event_type}
    return any({(name, at - 1), (name, at + 1)} <= events for name, at in events)


def _seen(transition: Transition) -> Expected:
    return Expected(
        transition.kind,
        transition.segment_id,
        transition.occurred_at_ms,
        transition.origin,
        transition.customer_id,
    )


def _alike(expected: Expected, got: Expected) -> bool:
    same = (expected.kind, expected.segment_id, expected.at_ms, expected.customer) == (
        got.kind,
        got.segment_id,
        got.at_ms,
        got.customer,
    )
    return same and expected.origin in (None, got.origin)


def _lined_up(expected: tuple[Expected, ...], got: tuple[Expected, ...]) -> Iterator[Pair]:
    """Yield the longest common part lined up, and what is missing or too much in its place."""
    rows, columns = len(expected), len(got)
    longest = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        for j in range(columns - 1, -1, -1):
            alike = _alike(expected[i], got[j])
            longest[i][j] = 1 + longest[i + 1][j + 1] if alike else max(longest[i + 1][j], longest[i][j + 1])
    i = j = 0
    while i < rows or j < columns:
        if i < rows and j < columns and _alike(expected[i], got[j]):
            yield expected[i], got[j]
            i, j = i + 1, j + 1
        elif i < rows and (j == columns or longest[i + 1][j] >= longest[i][j + 1]):
            yield expected[i], None
            i += 1
        else:
            yield None, got[j]
            j += 1


def difference(outcome: Outcome) -> list[str]:
    """Return, as lines, what a failed scenario expected and what it got, side by side and in order."""
    lines = [f"  {sentence}" for sentence in outcome.untrue]
    for moment in outcome.moments:
        if moment.agrees:
            continue
        lines.append(f"  {moment.says or 'all in all'}:")
        pairs = [
            tuple("" if side is None else _row(side, outcome.scenario) for side in pair)
            for pair in moment.side_by_side()
        ]
        width = max([len("expected"), *(len(left) for left, _ in pairs)])
        lines.append(f"      {'expected':<{width}}   got")
        for left, right in pairs:
            sign = "=" if left and right else "-" if left else "+"
            lines.append(f"    {sign} {left:<{width}} {'|' if right and left else ' '} {right}".rstrip())
    return lines


def _row(transition: Expected, scenario: Scenario) -> str:
    at = written(transition.at_ms, scenario.start_ms)
    customer = "" if transition.customer == "c" else f" {transition.customer}"
    origin = f" {transition.origin}" if transition.origin else ""
    return f"{at} {transition.kind} {transition.segment_id}{origin}{customer}"
