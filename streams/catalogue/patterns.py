"""Reads patterns from YAML: sequences, the first time, stopped, restarted, regularly."""

from __future__ import annotations

from collections.abc import Callable

from streams.catalogue.grammar import CONDITIONS, FORMS
from streams.catalogue.nodes import Node
from streams.catalogue.parts import read_age, read_filters, required
from streams.segmentation.conditions import (
    AgeRange,
    All,
    Condition,
    First,
    Not,
    Performed,
    Regularly,
    Resumed,
    Sequence,
    Step,
)

STEPS_MAX = 10
PERIODS_MAX = 1_000


class PatternReader:
    """Reads patterns; whoever inherits knows the events."""

    def _event(self, node: Node) -> str:
        raise TypeError(type(self))

    @property
    def _patterns(self) -> dict[str, Callable[[Node], Condition]]:
        return {
            "sequence": self._sequence,
            "first": self._first,
            "stopped": self._stopped,
            "restarted": self._restarted,
            "regularly": self._regularly,
        }

    def _sequence(self, node: Node) -> Condition:
        parts = node.mapping(CONDITIONS["sequence"])
        steps = parts["sequence"].items()
        if not 1 <= len(steps) <= STEPS_MAX:
            raise parts["sequence"].error(f"expected 1 to {STEPS_MAX} steps")
        return Sequence(
            tuple(map(self._step, steps)),
            by=parts["by"].text() if "by" in parts else None,
            gap_ms=_positive(parts["gap"]) if "gap" in parts else None,
            without=self._step(parts["without"]) if "without" in parts else None,
            age=read_age(parts),
        )

    def _step(self, node: Node) -> Step:
        if not node.is_mapping:
            return Step(self._event(node))
        parts = node.mapping(FORMS["step"])
        return Step(self._event(required(node, parts, "event")), read_filters(parts))

    def _first(self, node: Node) -> Condition:
        parts = node.mapping(CONDITIONS["first"])
        return First(self._event(parts["first"]), read_age(parts), read_filters(parts))

    def _stopped(self, node: Node) -> Condition:
        parts = node.mapping(CONDITIONS["stopped"])
        event, where = self._event(parts["stopped"]), read_filters(parts)
        lately_ms, before_ms = (
            _positive(required(node, parts, "for")),
            _positive(required(node, parts, "after")),
        )
        least = parts["at_least"].whole(1) if "at_least" in parts else 1
        before = Performed(event, least, age=AgeRange(lately_ms, lately_ms + before_ms), where=where)
        return All((before, Not(Performed(event, age=AgeRange(0, lately_ms), where=where))))

    def _restarted(self, node: Node) -> Condition:
        parts = node.mapping(CONDITIONS["restarted"])
        pause_ms = _positive(required(node, parts, "after"))
        within_ms = _positive(parts["within"]) if "within" in parts else None
        return Resumed(self._event(parts["restarted"]), pause_ms, within_ms, read_filters(parts))

    def _regularly(self, node: Node) -> Condition:
        parts = node.mapping(CONDITIONS["regularly"])
        least, periods = required(node, parts, "in").whole(1), required(node, parts, "of").whole(1)
        if least > periods:
            raise parts["in"].error(f"{least} of {periods} periods cannot be")
        if periods > PERIODS_MAX:
            raise parts["of"].error(f"at most {PERIODS_MAX} periods are counted")
        every_ms = _positive(required(node, parts, "every"))
        return Regularly(self._event(parts["regularly"]), least, periods, every_ms, read_filters(parts))


def _positive(node: Node) -> int:
    """Return a duration that is not nothing."""
    length_ms = node.duration()
    if not length_ms:
        raise node.error("nothing lies within no time")
    return length_ms
