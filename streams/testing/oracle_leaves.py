"""The leaves of conditions as the oracle answers them, beyond counts and comparisons: plain loops over all events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Sequence as Several
from itertools import pairwise

from streams.segmentation.conditions import (
    AgeRange,
    Bucket,
    Cadence,
    Compare,
    Condition,
    Consent,
    During,
    First,
    InSegment,
    Last,
    Leaf,
    LookedUp,
    Now,
    Otherwise,
    Performed,
    Regularly,
    Resumed,
    Sequence,
    Step,
    Trait,
    leaves,
)
from streams.segmentation.stimuli import EventObserved
from streams.testing.oracle_calendar import calendar_holds
from streams.testing.oracle_events import View, in_range, newest_ms, passes
from streams.testing.oracle_rhythm import rhythm_holds

Occurrences = Callable[[str, View], Several[EventObserved]]
"""The events of a type or fact that count in a view."""


def leaf_holds(occurrences: Occurrences, leaf: Leaf, view: View) -> bool:
    """Return whether *leaf* is true in *view*."""
    match leaf:
        case Last():
            among = [event for event in occurrences(leaf.event, view) if passes(leaf.where, event)]
            newest = newest_ms(among)
            if newest is None or not in_range(leaf.age, view.at_ms - newest):
                return False
            return any(passes(leaf.test, event) for event in among if event.event_time_ms == newest)
        case Trait():
            said = [e for e in occurrences(leaf.event, view) if e.properties.get(leaf.name) is not None]
            newest = newest_ms(said)
            nobody = EventObserved("", 0, "", "", "", "", {})
            known = [event for event in said if event.event_time_ms == newest] or [nobody]
            return any(passes(leaf.test, event) for event in known)
        case Consent():
            return consent_state(occurrences, leaf, view) == leaf.state
        case _:
            return pattern_holds(occurrences, leaf, view)


def pattern_holds(occurrences: Occurrences, leaf: Leaf, view: View) -> bool:
    """Return whether a pattern over time, the calendar's, a rhythm's or one of chance is true in *view*."""
    match leaf:
        case During() | Now():
            return calendar_holds(occurrences, leaf, view)
        case Cadence() | LookedUp() | Bucket():
            return rhythm_holds(occurrences, leaf, view)
        case First():
            times = sorted(e.event_time_ms for e in occurrences(leaf.event, view) if passes(leaf.where, e))
            return bool(times) and in_range(leaf.age, view.at_ms - times[0])
        case Resumed():
            times = sorted(e.event_time_ms for e in occurrences(leaf.event, view) if passes(leaf.where, e))
            age = AgeRange(0, leaf.within_ms)
            resumed = (b for a, b in pairwise(times) if b - a >= leaf.pause_ms)
            return any(in_range(age, view.at_ms - b) for b in resumed)
        case Regularly():
            ages = [
                view.at_ms - e.event_time_ms for e in occurrences(leaf.event, view) if passes(leaf.where, e)
            ]
            hit = [
                any(n * leaf.length_ms <= a < (n + 1) * leaf.length_ms for a in ages)
                for n in range(leaf.periods)
            ]
            return sum(hit) >= leaf.at_least
        case Sequence():
            return any(in_sequence(occurrences, leaf, view, ()))
        case _:
            raise TypeError(type(leaf).__name__)


def in_sequence(
    occurrences: Occurrences, leaf: Sequence, view: View, before: tuple[EventObserved, ...]
) -> Iterator[bool]:
    """Yield, for every way to go on from the steps *before*, whether it makes the sequence true: all are tried."""
    if len(before) == len(leaf.steps):
        yield sequence_holds(occurrences, leaf, view, before)
        return
    step = leaf.steps[len(before)]
    for event in occurrences(step.event, view):
        key = None if leaf.by is None else event.properties.get(leaf.by)
        if not passes(step.where, event) or (leaf.by is not None and key is None):
            continue
        if before:
            wait_ms = event.event_time_ms - before[-1].event_time_ms
            both = event.event_type in {
                t for s in leaf.steps[: len(before)] for t in types_of(occurrences, s, view)
            }
            if wait_ms < 0 or (both and wait_ms == 0) or (leaf.gap_ms is not None and wait_ms >= leaf.gap_ms):
                continue
            if leaf.by is not None and before[-1].properties.get(leaf.by) != key:
                continue
        yield from in_sequence(occurrences, leaf, view, (*before, event))


def types_of(occurrences: Occurrences, step: Step, view: View) -> set[str]:
    """Return the event types that the events of *step* have."""
    return {event.event_type for event in occurrences(step.event, view)}


def sequence_holds(
    occurrences: Occurrences, leaf: Sequence, view: View, steps: tuple[EventObserved, ...]
) -> bool:
    """Return whether the ages of a finished sequence are right and nothing took it away."""
    ages = [view.at_ms - event.event_time_ms for event in steps]
    if ages[-1] < leaf.age.from_ms or (leaf.age.to_ms is not None and ages[0] >= leaf.age.to_ms):
        return False
    if leaf.without is None:
        return True
    return not any(
        passes(leaf.without.where, event)
        and event.event_time_ms >= steps[-1].event_time_ms
        and (leaf.by is None or event.properties.get(leaf.by) == steps[-1].properties.get(leaf.by))
        for event in occurrences(leaf.without.event, view)
    )


def consent_state(occurrences: Occurrences, leaf: Consent, view: View) -> str:
    """Return what was said last about a channel; of two words at one millisecond the less willing one."""
    said: list[tuple[int, str]] = []
    for event in occurrences(leaf.updates, view):
        purpose = leaf.purpose is None or event.properties.get("purpose") == leaf.purpose
        if event.properties.get("channel") == leaf.channel and purpose:
            said.append((event.event_time_ms, str(event.properties.get("state"))))
    for names, state in ((leaf.grants, "granted"), (leaf.denials, "denied")):
        said += [(event.event_time_ms, state) for name in names for event in occurrences(name, view)]
    last = {state for at_ms, state in said if at_ms == max(said)[0]}
    for state in ("denied", *sorted(last - {"denied", "pending", "granted"}, reverse=True), "pending"):
        if state in last:
            return state
    return "granted" if last else "unknown"


# -- what a leaf reads ----------------------------------------------------------------------------------------------


def names_in(leaf: Leaf) -> Iterator[str]:
    """Yield the event types and facts that *leaf* mentions."""
    match leaf:
        case Performed():
            yield from (name for name in (leaf.event, leaf.since, leaf.before) if name is not None)
        case Cadence() | LookedUp() | Last() | Trait() | First() | Resumed() | Regularly():
            yield leaf.event
        case Sequence():
            yield from (step.event for step in leaf.steps)
            yield from () if leaf.without is None else (leaf.without.event,)
        case Consent():
            yield from (leaf.updates, *leaf.grants, *leaf.denials)
        case Compare():
            yield from (side.event for side in (leaf.left, leaf.right) if side is not None)
        case During():
            yield from (leaf.event, *(() if leaf.zone.event is None else (leaf.zone.event,)))
        case Now():
            yield from () if leaf.zone.event is None else (leaf.zone.event,)
        case InSegment() | Otherwise() | Bucket():
            return


def bounds_ms(conditions: Iterable[Condition]) -> set[int]:
    """Return every age at which an event begins or ceases to count in *conditions*."""
    ages: list[AgeRange] = []
    for condition in conditions:
        for leaf in leaves(condition):
            match leaf:
                case Performed() | Last() | First() | Sequence():
                    ages.append(leaf.age)
                case Resumed():
                    ages.append(AgeRange(0, leaf.within_ms))
                case Cadence():
                    ages.append(leaf.age)
                case LookedUp():
                    tables = [table for table in (leaf.begin, leaf.end) if table is not None]
                    ages.extend(AgeRange(ms) for table in tables for _, ms in table.rows)
                    ages.extend(AgeRange(table.default_ms or 0) for table in tables)
                case Regularly():
                    ages.extend(AgeRange(n * leaf.length_ms) for n in range(1, leaf.periods + 1))
                case Compare():
                    ages.extend(side.age for side in (leaf.left, leaf.right) if side is not None)
                case _:
                    pass
    return {bound for age in ages for bound in (age.from_ms, age.to_ms) if bound}
