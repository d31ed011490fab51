"""What the keys of a definition say about each other, and definitions about one another, and is probably not meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

from streams.catalogue.changes import meaning
from streams.catalogue.listing import suppressed
from streams.catalogue.mending import Reading
from streams.catalogue.reachability import Said
from streams.segmentation.conditions import All, Condition, Otherwise, Performed, rests_on_absence
from streams.segmentation.definitions import Catalogue, SegmentDefinition
from streams.segmentation.timeline import DurationMs, duration_text


def incoherent(reading: Reading) -> Iterator[Said]:
    """Yield warnings and notes about the segments of *reading* that hold no mistake, each at its key."""
    catalogue = reading.catalogue
    sound = [segment for segment in catalogue.segments if segment.segment_id not in reading.broken]

    def say(level: str, segment: SegmentDefinition, key: str, *words: str) -> Said:
        nodes = reading.document.nodes[segment.segment_id].mapping()
        return level, nodes.get(key, reading.document.segment_nodes[segment.segment_id]).error(*words)

    whens = {segment.segment_id: segment.when for segment in catalogue.segments}
    for segment in sound:
        if not reading.mistakes:  # a reference may lead nowhere else
            yield from _graces(segment, whens, say)
        yield from _dwells(segment, say)
        yield from _ranks(segment, catalogue, say)
        if segment.entity == "account":
            yield say(
                "note",
                segment,
                "entity",
                f"{segment.segment_id} is about accounts, and is decided for each customer",
            )
    yield from _silent_together(sound, catalogue, say)
    yield from _twins(sound, catalogue, say)
    yield from _populations(reading)


Say = Callable[..., Said]


def _graces(segment: SegmentDefinition, whens: dict[str, Condition], say: Say) -> Iterator[Said]:
    """Warn of a grace that nothing waits for."""
    if isinstance(segment.when, Otherwise) or not segment.grace_ms:
        return
    if not segment.gated or not rests_on_absence(segment.when, whens):
        why = (
            "'gate: none' waits for nothing"
            if not segment.gated
            else "'when' rests on nothing that did not happen"
        )
        yield say(
            "warning",
            segment,
            "grace",
            f"the grace of {segment.segment_id} has no effect: {why}",
            "leave one of the two out" if not segment.gated else "leave it out; 'dwell' delays an entry",
        )


def _dwells(segment: SegmentDefinition, say: Say) -> Iterator[Said]:
    """Warn of a dwell that no single event outlives."""
    window_ms = min(_windows(segment.when), default=None)
    if window_ms is not None and segment.dwell_ms >= window_ms:
        yield say(
            "warning",
            segment,
            "dwell",
            f"a dwell of {duration_text(segment.dwell_ms)} outlasts the window of {duration_text(window_ms)}: "
            "only who does it again meanwhile enters",
            "make the window longer than the dwell",
        )


def _windows(condition: Condition) -> Iterator[DurationMs]:
    """Yield how long each event that must be there keeps *condition* true by itself."""
    match condition:
        case All(parts):
            for part in parts:
                yield from _windows(part)
        case Performed(at_most=None, age=age) if age.to_ms is not None:
            yield age.to_ms - age.from_ms


def _ranks(segment: SegmentDefinition, catalogue: Catalogue, say: Say) -> Iterator[Said]:
    """Warn of a member without a rank, and of a rank without a group."""
    if segment.group and not segment.rank:
        alone = sum(other.group == segment.group for other in catalogue.segments) == 1
        if not alone:
            yield say(
                "warning",
                segment,
                "group",
                f"{segment.segment_id} has no rank in {segment.group}: it comes before all that have one",
                "add 'rank: 10'",
            )
    elif segment.rank and not segment.group:
        yield say(
            "warning",
            segment,
            "rank",
            f"{segment.segment_id} has a rank and is in no group",
            "add 'group: NAME', or leave the rank out",
        )


def _silent_together(sound: list[SegmentDefinition], catalogue: Catalogue, say: Say) -> Iterator[Said]:
    """Warn of two segments that suppress each other."""
    silences = {segment.segment_id: set(suppressed(segment, catalogue)) for segment in sound}
    for one, other in combinations(sound, 2):
        if other.segment_id in silences[one.segment_id] and one.segment_id in silences[other.segment_id]:
            yield say(
                "warning",
                other,
                "suppresses",
                f"{other.segment_id} and {one.segment_id} suppress each other: who is in both hears of neither",
                "let one of them speak",
            )


def _twins(sound: list[SegmentDefinition], catalogue: Catalogue, say: Say) -> Iterator[Said]:
    """Warn of two segments that mean the same."""
    meanings = [(segment, meaning(segment, catalogue)) for segment in sound]
    for (one, first), (other, second) in combinations(meanings, 2):
        if first == second and not isinstance(one.when, Otherwise):
            yield say(
                "warning",
                other,
                "id",
                f"{other.segment_id} and {one.segment_id} have always the same members",
                "keep one of them, or say what differs",
            )


def _populations(reading: Reading) -> Iterator[Said]:
    """Warn of the population of a group that has none."""
    kinds = {group.name: group.kind for group in reading.catalogue.groups}
    for root in reading.roots.values():
        groups = root.mapping().get("groups")
        for name, node in groups.mapping().items() if groups is not None else ():
            population = node.mapping().get("population") if node.is_mapping else None
            if population is not None and kinds.get(name) == "arbitrated":
                yield (
                    "warning",
                    population.error(
                        f"{name} is arbitrated: its population is not looked at",
                        "leave it out, or write 'kind: partition'",
                    ),
                )
