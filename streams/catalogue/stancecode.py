"""Generates what a plan says of who is arbitrated, suppressed, held out or speaks somewhere; nothing where nobody is.

The rules themselves are the engine's (`streams.segmentation.stances`); here stands who takes part in them, and which events
say something about a channel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from streams.catalogue.codegen import Writer
from streams.catalogue.listing import by_rank, suppressed
from streams.catalogue.phrases import OPTING
from streams.segmentation.definitions import Catalogue, SegmentDefinition

CONSENTS = "Consent Updated"
SUPPRESSIONS = {"Profile Suppressed": True, "Profile Unsuppressed": False}
"""Event → whether it silences a channel, or ends that."""

Machines = Mapping[str, tuple[int, int]]
"""Segment id → the machine that decides about it, and its place among the machine's members."""


def concerned(catalogue: Catalogue) -> dict[str, list[str]]:
    """Return the segments beside whose memberships something may stand, each with those that suppress it."""
    arbitrated = {group.name for group in catalogue.groups if group.kind == "arbitrated"}
    suppressors: dict[str, list[str]] = {}
    for one in catalogue.segments:
        for other in suppressed(one, catalogue):
            suppressors.setdefault(other, []).append(one.segment_id)
    return {
        one.segment_id: suppressors.get(one.segment_id, [])
        for one in catalogue.segments
        if one.channels or one.holdout or one.group in arbitrated or one.segment_id in suppressors
    }


def channels_of(catalogue: Catalogue) -> frozenset[str]:
    """Return every channel that some definition speaks in."""
    return frozenset(channel for segment in catalogue.segments for channel in segment.channels)


def heard_events(catalogue: Catalogue, known: Mapping[str, str]) -> dict[str, str]:
    """Return, by event type, the call that takes what it says about a channel; of the *known* event types."""
    channels = channels_of(catalogue)
    found: dict[str, str] = {}
    if channels:
        found[CONSENTS] = 'x.hear_consent(p, get("channel"), t, granted=str(get("state")) == "granted")'
        for event, silences in SUPPRESSIONS.items():
            found[event] = f'x.hear_suppression(p, get("channel"), t, silences={silences})'
    for channel, opting in OPTING.items():
        if channel in channels:
            for event, granted in zip(opting, (True, False), strict=True):
                found[event] = f"x.hear_consent(p, {channel!r}, t, granted={granted})"
    return {event: call for event, call in found.items() if event in known}


def with_heard(
    properties: Mapping[str, frozenset[str]], heard: Mapping[str, str]
) -> dict[str, frozenset[str]]:
    """Return, by event type, the *properties* that handlers read, and those that the calls of `heard_events` read."""
    found = dict(properties)
    for event, call in heard.items():
        names = frozenset(name for name in ("channel", "state") if f'get("{name}")' in call)
        found[event] = found.get(event, frozenset()) | names
    return found


def write_stances(write: Writer, catalogue: Catalogue, machines: Machines) -> None:
    """Write ``STANCES``: who takes part."""
    silenced = concerned(catalogue)
    silencing = {one for suppressors in silenced.values() for one in suppressors}
    taking_part = [s for s in catalogue.segments if s.segment_id in silenced or s.segment_id in silencing]
    numbers = {segment.segment_id: number for number, segment in enumerate(taking_part)}
    write.start("STANCES: Final = StancePlan((")
    write("# number, segment, version, machine, member, and what is said of it")
    for segment in taking_part:
        machine, member = machines[segment.segment_id]
        number, words = numbers[segment.segment_id], _words(segment, catalogue, numbers, silenced)
        first = f"{number}, {segment.segment_id!r}, {segment.version}, {machine}, {member}"
        write(f"Place({', '.join((first, *words))}),")
    write.level = 0
    write("))")


def _words(
    segment: SegmentDefinition,
    catalogue: Catalogue,
    numbers: Mapping[str, int],
    silenced: Mapping[str, list[str]],
) -> Iterator[str]:
    """Yield what is said of one segment beyond its name."""
    if segment.segment_id not in silenced:
        yield "concerned=False"
        return
    if any(group.name == segment.group and group.kind == "arbitrated" for group in catalogue.groups):
        members = [one.segment_id for one in by_rank(str(segment.group), catalogue)]
        ahead = tuple(numbers[one] for one in members[: members.index(segment.segment_id)])
        yield f"group={segment.group!r}, rank={segment.rank}, ahead={ahead}"
    if segment.channels:
        yield f"channels={segment.channels}"
    if silenced[segment.segment_id]:
        yield f"suppressors={tuple(numbers[one] for one in silenced[segment.segment_id])}"
    if segment.holdout is not None:
        yield f"holdout_ppm={segment.holdout.share_ppm}, salt={segment.holdout.salt!r}"
