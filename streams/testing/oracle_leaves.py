"""The leaves of conditions as the oracle answers them, beyond counts and comparisons: plain loops over all events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from streams.segmentation.conditions import (
    AgeRange,
    Compare,
    Condition,
    Consent,
    InSegment,
    Last,
    Leaf,
    Otherwise,
    Performed,
    Trait,
    leaves,
)
from streams.segmentation.stimuli import EventObserved
from streams.testing.oracle_events import View, in_range, newest_ms, passes

Occurrences = Callable[[str, View], Sequence[EventObserved]]
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
            raise TypeError(type(leaf).__name__)


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
        case Last() | Trait():
            yield leaf.event
        case Consent():
            yield from (leaf.updates, *leaf.grants, *leaf.denials)
        case Compare():
            yield from (side.event for side in (leaf.left, leaf.right) if side is not None)
        case InSegment() | Otherwise():
            return


def bounds_ms(conditions: Iterable[Condition]) -> set[int]:
    """Return every age at which an event begins or ceases to count in *conditions*."""
    ages: list[AgeRange] = []
    for condition in conditions:
        for leaf in leaves(condition):
            match leaf:
                case Performed() | Last():
                    ages.append(leaf.age)
                case Compare():
                    ages.extend(side.age for side in (leaf.left, leaf.right) if side is not None)
                case _:
                    pass
    return {bound for age in ages for bound in (age.from_ms, age.to_ms) if bound}
