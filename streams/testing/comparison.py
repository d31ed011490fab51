"""Tells one history to the engine and to the oracle, and says where they part.

What is compared, after every stimulus: all transitions in their order (segment, version, kind, origin, time, cause,
sequence, what is retracted, since when) and all memberships. Cause and origin are left out for customers of whom an event
was older than one already read: after a repeated walk the engine names the event that made it walk again, because its
journals keep no event ids; the oracle, which keeps everything, names each evidence itself (decision 2, point 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import rfc3339
from streams.segmentation.transitions import Transition
from streams.testing.driver import SegmentationTestDriver
from streams.testing.histories import History
from streams.testing.oracle import Oracle, OracleTransition
from streams.testing.random_conditions import SOURCES


def compare(history: History, *, restarts: bool = False) -> None:
    """Tell *history* to both; with *restarts* the engine is restored from its changelog after every stimulus.

    Raises:
        AssertionError: they disagree; the message holds the first difference and the history as Python.
    """
    oracle = Oracle(
        history.catalogue,
        sources=SOURCES,
        out_of_orderness_ms=history.out_of_orderness_ms,
        shared_watermark=history.shared_watermark,
    )
    driver = SegmentationTestDriver(
        history.catalogue,
        sources=SOURCES,
        out_of_orderness_ms=history.out_of_orderness_ms,
        shared_watermark=history.shared_watermark,
    )
    newest: dict[str, int] = {}
    disordered: set[str] = set()
    for number, stimulus in enumerate(history.stimuli, start=1):
        if isinstance(stimulus, EventObserved):
            if stimulus.event_time_ms < newest.get(stimulus.key, stimulus.event_time_ms):
                disordered.add(stimulus.key)
            newest[stimulus.key] = max(newest.get(stimulus.key, 0), stimulus.event_time_ms)
        for side in (oracle, driver):
            if isinstance(stimulus, EventObserved):
                side.observe(stimulus)
            else:
                side.advance(stimulus.source, stimulus.watermark_ms)
        said = comparable(as_expected(driver.transitions), disordered)
        expected = comparable(oracle.transitions, disordered)
        members = {f"default/{customer}": segments for customer, segments in driver.memberships().items()}
        if said != expected or members != oracle.memberships():
            raise AssertionError(
                f"after stimulus {number} the engine and the oracle disagree\n"
                + difference(said, expected)
                + f"engine's members: {members}\noracle's members: {oracle.memberships()}\n{history}"
            )
        if restarts:
            driver.restart()


def comparable(transitions: Sequence[OracleTransition], disordered: set[str]) -> list[OracleTransition]:
    """Return *transitions* without cause and origin for the customers *disordered*."""
    return [replace(t, cause="", origin="event") if t.customer in disordered else t for t in transitions]


def as_expected(transitions: Sequence[Transition]) -> list[OracleTransition]:
    """Return the engine's transitions as the oracle writes them."""
    names = {t.transition_id: (t.segment_id, t.sequence) for t in transitions}
    return [
        OracleTransition(
            customer=f"{t.shop_id}/{t.customer_id}",
            segment_id=t.segment_id,
            version=t.segment_version,
            kind=t.kind,
            origin=t.origin,
            occurred_at_ms=t.occurred_at_ms,
            cause=t.cause,
            sequence=t.sequence,
            retracts=names[t.retracts] if t.retracts else None,
            entered_at_ms=t.entered_at_ms,
        )
        for t in transitions
    ]


def difference(said: Sequence[OracleTransition], expected: Sequence[OracleTransition]) -> str:
    """Return both from the first transition on at which they part, one to a line."""
    same = next(
        (place for place, (one, other) in enumerate(zip(said, expected, strict=False)) if one != other),
        min(len(said), len(expected)),
    )
    lines = [f"the first {same} transitions agree\n"]
    for name, transitions in (("engine", said), ("oracle", expected)):
        lines += [f"{name}: {_line(transition)}\n" for transition in transitions[same:]] or [
            f"{name}: no more\n"
        ]
    return "".join(lines)


def _line(t: OracleTransition) -> str:
    retracts = "" if t.retracts is None else f" retracts {t.retracts[0]}#{t.retracts[1]}"
    since = "" if t.entered_at_ms is None else f" since {rfc3339(t.entered_at_ms)}"
    name = f"{t.customer} {t.segment_id}#{t.sequence}"
    return f"{name} {t.kind} {rfc3339(t.occurred_at_ms)} ({t.origin}, by {t.cause}){since}{retracts}"
