"""Random small catalogues and random histories for them, and a failing case written as Python.

Times lie on a coarse grid, so that windows end where events happen and events meet at one instant; now and then one is
a millisecond off. There are few event types, products, orders and customers, so that they concern each other.

All is drawn through one function that chooses from a sequence: Hypothesis' (`histories`, which shrinks: the first
options are the simple ones) or `random.Random(seed).choice`, which is many times as fast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from hypothesis import strategies as st

from streams.segmentation.conditions import (
    All,
    Condition,
    InSegment,
    Otherwise,
    Performed,
    leaves,
)
from streams.segmentation.definitions import Catalogue, GroupDefinition, SegmentDefinition
from streams.segmentation.readings import events_of
from streams.segmentation.stimuli import EventObserved, WatermarkAdvanced
from streams.segmentation.timeline import DAY_MS, DurationMs, EpochMs
from streams.testing.oracle_truth import Truths
from streams.testing.random_conditions import (
    CORE,
    FACTS,
    SOURCES,
    TICK_MS,
    Choose,
    Construct,
    Option,
    random_condition,
    random_performed,
)

START_MS: EpochMs = 1_772_409_600_000
"""2026-03-02T00:00:00Z."""

END_MS: EpochMs = START_MS + 40 * DAY_MS
"""Later than everything that a history and its definitions speak of."""

Stimulus = EventObserved | WatermarkAdvanced
Language = Mapping[str, Construct]

_SOURCES = tuple(dict.fromkeys(SOURCES.values()))


@dataclass(frozen=True)
class History:
    """A catalogue, how its inputs run, and what happens: all that a comparison needs."""

    catalogue: Catalogue
    stimuli: tuple[Stimulus, ...]
    out_of_orderness_ms: DurationMs = 0
    shared_watermark: bool = True

    def __str__(self) -> str:
        """Return the history as Python, ready for a regression test."""
        stimuli = "".join(f"        {_call(stimulus)},\n" for stimulus in self.stimuli)
        return (
            f"History(\n    catalogue={_call(self.catalogue)},\n    stimuli=(\n{stimuli}    ),\n"
            f"    out_of_orderness_ms={self.out_of_orderness_ms},\n"
            f"    shared_watermark={self.shared_watermark},\n)"
        )

    __repr__ = __str__


def _call(value: Any) -> str:
    """Return *value* as the shortest call that makes it; fields at their defaults are left out."""
    if isinstance(value, msgspec.Struct):
        fields = [
            f"{field.name}={_call(getattr(value, field.name))}"
            for field in msgspec.structs.fields(value)
            if field.required or getattr(value, field.name) != field.default
        ]
        return f"{type(value).__name__}({', '.join(fields)})"
    if isinstance(value, tuple):
        return f"({''.join(f'{_call(item)}, ' for item in value).rstrip()})"
    if isinstance(value, int) and not isinstance(value, bool) and value >= START_MS:
        return f"START_MS + {value - START_MS:_}"
    return repr(value)


def grounded(condition: Condition) -> Condition:
    """Return *condition*, with an event beside it if it reads none: nobody would ever be asked about it."""
    reads = any(events_of(leaf) or isinstance(leaf, InSegment) for leaf in leaves(condition))
    return condition if reads else All((Performed("Product Viewed"), condition))


# -- catalogues -------------------------------------------------------------------------------------------------

_DELAYS = (0, 0, 1, 2, 3)


def random_segment(
    choose: Choose, place: int, referable: Sequence[str], language: Language = CORE
) -> SegmentDefinition:
    """Choose a segment that stands alone and may refer to those before it."""
    exclude = choose(((), (), *((other,) for other in referable)))
    entries_max, entries_within_ticks = choose(((0, 0), (0, 0), (0, 0), (1, 3), (1, 20), (2, 8), (3, 60)))
    return SegmentDefinition(
        segment_id=f"s{place}",
        version=1,
        label=f"s{place}",
        when=grounded(random_condition(choose, referable, language=language)),
        until=random_condition(choose, referable, language=language)
        if choose((False, False, True))
        else None,
        exclude=exclude,
        dwell_ms=choose(_DELAYS) * TICK_MS,
        grace_ms=choose(_DELAYS) * TICK_MS,
        gated=choose((True, True, True, False)),
        min_membership_ms=choose((0, 0, 0, 2, 6)) * TICK_MS,
        cooldown_ms=choose((0, 0, 0, 1, 2, 5, 30)) * TICK_MS,
        entries_max=entries_max,
        entries_within_ms=entries_within_ticks * TICK_MS,
    )


def random_catalogue(choose: Choose, language: Language = CORE) -> Catalogue:
    """Choose a few definitions: segments that stand alone, a partition group, or both."""
    shape = choose(("alone", "alone", "group", "both"))
    alone: list[SegmentDefinition] = []
    for place in range(1, 1 + (0 if shape == "group" else choose((1, 1, 2, 3)))):
        alone.append(random_segment(choose, place, [other.segment_id for other in alone], language))
    if shape == "alone":
        return Catalogue(facts=FACTS, segments=tuple(alone))
    group = GroupDefinition(
        "G",
        "partition",
        population=random_performed(choose) if choose((False, True)) else None,
    )
    referable = [segment.segment_id for segment in alone]
    conditions = [random_condition(choose, referable, language=language) for _ in range(choose((1, 2)))]
    whens = [grounded(condition) for condition in conditions]
    members = [
        SegmentDefinition(f"g{rank}", 1, f"g{rank}", when, group="G", rank=rank)
        for rank, when in enumerate([*whens, Otherwise()], start=1)
    ]
    return Catalogue(facts=FACTS, groups=(group,), segments=(*alone, *members))


# -- histories --------------------------------------------------------------------------------------------------

_SHOES = {"category": "shoes", "price": "9.99", "quantity": 2}
_HAT = {"category": "hats", "price": 10.5}
_BROWSING: tuple[dict[str, Any], ...] = (
    {"product_id": "p1"},
    {"product_id": "p2", "quantity": 2, "tags": ["new", "sale"], "products": [_SHOES]},
    {"products": [_HAT, "no item", {"price": "n/a"}]},
    {},
)
_ORDERS: tuple[dict[str, Any], ...] = (
    {"order_id": "o1", "total": "10.00", "products": [_SHOES, _HAT]},
    {"order_id": "o2", "total": 30.01, "product_id": "p1", "products": [_HAT]},
    {"order_id": "o3", "value": "20", "is_full": True, "products": [_SHOES]},
    {"order_id": "o1", "is_full": True, "total": "3.000001"},
    {"order_id": "o2", "is_test": True},
    {"total": "7.5"},
)
_PROFILE: tuple[dict[str, Any], ...] = (
    {"timezone": "Nowhere/Land"},
    {"timezone": "America/New_York", "country": "DE", "channel": "email", "state": "granted"},
    {
        "country": "AT",
        "points": 100,
        "channel": "email",
        "state": "denied",
        "purpose": "marketing",
    },
    {"points": "99", "tags": ["new"], "channel": "email", "state": "granted", "purpose": "marketing"},
    {"timezone": "Asia/Kathmandu", "tags": ["old"], "channel": "sms", "state": "granted"},
    {},
)
_PROPERTIES = {"orders": _ORDERS, "profile": _PROFILE}
_NEXT = ("event", "event", "event", "event", "behind", "behind", "again", "silence", "watermark")


@dataclass
class _Telling:
    """What has been told so far."""

    now_ms: EpochMs = START_MS
    events: list[EventObserved] = field(default_factory=list)


def _told(choose: Choose, telling: _Telling, event_types: Sequence[str]) -> Stimulus:
    """Choose what comes next: an event in order or not, the same event again, or a watermark."""
    kind = choose(_NEXT)
    if kind == "again" and telling.events:
        return choose(telling.events)
    telling.now_ms += choose((60, 13) if kind == "silence" else (1, 0, 2, 3)) * TICK_MS
    if kind == "watermark":
        return WatermarkAdvanced(choose(_SOURCES), telling.now_ms - choose((0, 1, 3)) * TICK_MS)
    at_ms = telling.now_ms + choose((0, 0, 0, 0, 0, 0, 1, -1))
    if kind == "behind":
        at_ms -= choose((1, 2, 3, 5, 8, 20)) * TICK_MS
    event_type = choose(event_types)
    event = EventObserved(
        event_type=event_type,
        event_time_ms=at_ms,
        event_id=f"e{len(telling.events) + 1}",
        shop_id="default",
        customer_id=choose(("a", "a", "a", "b")),
        source=SOURCES[event_type],
        properties=choose(_PROPERTIES.get(SOURCES[event_type], _BROWSING)),
    )
    telling.events.append(event)
    return event


def _types_read(catalogue: Catalogue) -> tuple[str, ...]:
    """Return the event types that *catalogue* reads, and one that changes nothing."""
    conditions = [c for s in catalogue.segments for c in (s.when, s.until) if c is not None]
    conditions += [group.population for group in catalogue.groups if group.population is not None]
    read, _ = Truths(catalogue).readings(conditions)
    if any(segment.channels for segment in catalogue.segments):
        read |= {"Consent Updated", "Email Subscribed", "Email Unsubscribed"}
        read |= {"Profile Suppressed", "Profile Unsuppressed"}
    return (*(event_type for event_type in SOURCES if event_type in read), "Email Opened")


def random_history(choose: Choose, catalogue: Catalogue | None = None, language: Language = CORE) -> History:
    """Choose a catalogue (unless given) and what happens to it; at the end every watermark passes `END_MS`."""
    catalogue = catalogue or random_catalogue(choose, language)
    telling = _Telling()
    shared = choose((True, False))
    out_of_orderness_ms = choose((0, 0, 3, 100)) * TICK_MS
    event_types = _types_read(catalogue)
    stimuli = [_told(choose, telling, event_types) for _ in range(choose(range(1, 16)))]
    stimuli += [WatermarkAdvanced(source, END_MS) for source in _SOURCES]
    return History(catalogue, tuple(stimuli), out_of_orderness_ms, shared)


@st.composite
def histories(draw: st.DrawFn, catalogue: Catalogue | None = None, language: Language = CORE) -> History:
    """Draw a history through Hypothesis, which shrinks a failing one."""

    def choose(options: Sequence[Option], /) -> Option:
        return draw(st.sampled_from(options))

    return random_history(choose, catalogue, language)
