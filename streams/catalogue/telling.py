"""Tells one definition: in sentences for people, and as a picture (Mermaid) of how a customer moves through it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from streams.catalogue.checks import referred
from streams.catalogue.listing import by_rank as members
from streams.catalogue.listing import in_words
from streams.catalogue.wording import describe, door_in_words
from streams.segmentation.conditions import (
    All,
    Any_,
    Condition,
    Filter,
    Not,
    Otherwise,
    Performed,
    leaves,
    rests_on_absence,
)
from streams.segmentation.definitions import Catalogue, GroupDefinition, SegmentDefinition
from streams.segmentation.readings import readings
from streams.segmentation.timeline import duration_text


class Setting(NamedTuple):
    """What a definition is told with: its catalogue, and the sources that its entries wait for."""

    catalogue: Catalogue
    sources: tuple[str, ...]


def tell(segment: SegmentDefinition, setting: Setting) -> list[str]:
    """Return *segment* in words, line by line."""
    lines = [f"{segment.segment_id}, version {segment.version}", f"  {segment.label}"]
    lines += [
        f"  {text}" for text in (segment.description, segment.owner and f"owner: {segment.owner}") if text
    ]
    lines += ["", *_entry(segment, setting), "", *_exit(segment, setting), ""]
    lines += _facts(segment, setting)
    lines += _looks_back(segment)
    if segment.context:
        carried = (f"{one.name} from {one.event}.{one.property}" for one in segment.context)
        lines.append(f"carries:      {', '.join(carried)}")
    lines += _group(segment, setting)
    return [*lines, *_others(segment, setting), *in_words(segment, setting.catalogue)]


def _entry(segment: SegmentDefinition, setting: Setting) -> Iterator[str]:
    group = _partition(segment, setting)
    if isinstance(segment.when, Otherwise):
        yield "A customer is in it when no other segment of the group is true."
    else:
        yield "A customer enters when"
        yield from condition_lines(segment.when, "  ")
        for other in segment.exclude:
            yield f"  - and not in {other} (excluded)"
        if group is not None and members(group.name, setting.catalogue)[0] is not segment:
            yield f"  - and none of {group.name} that comes before it is true"
    if segment.dwell_ms:
        yield f"This must hold for {duration_text(segment.dwell_ms)} (dwell); at its end the entry is due."
    if segment.has_door:
        yield f"There is {door_in_words(segment)}; an entry that comes too soon waits, if it stays true."
    if _waits(segment, setting):
        grace = f"{duration_text(segment.grace_ms)} after it (grace)" if segment.grace_ms else "that instant"
        why = "a switch of the group is one decision" if group else "it rests on what did not happen"
        yield f"The entry is told when all that {_listed(setting.sources)} may say up to {grace} has come: {why}."
    elif not segment.gated:
        yield "The entry waits for no source (gate: none)."


def _waits(segment: SegmentDefinition, setting: Setting) -> bool:
    whens = {other.segment_id: other.when for other in setting.catalogue.segments}
    absent = rests_on_absence(segment.when, whens)
    return segment.gated and (_partition(segment, setting) is not None or absent)


def _exit(segment: SegmentDefinition, setting: Setting) -> Iterator[str]:
    shortest = duration_text(segment.min_membership_ms)
    least = f", not earlier than {shortest} after the entry" if segment.min_membership_ms else ""
    if segment.until is None:
        before = ", or one that comes before it in the group is" if _partition(segment, setting) else ""
        yield f"A member leaves as soon as this is no longer true{before}{least}."
        return
    yield f"A member leaves{least} when"
    yield from condition_lines(segment.until, "  ")
    for other in segment.exclude:
        yield f"  - or in {other} (excluded)"


def condition_lines(condition: Condition, indent: str, *, negated: bool = False) -> Iterator[str]:
    """Yield *condition* as an indented list, what is negated pushed down to the clauses."""
    match condition:
        case All(parts) | Any_(parts) if len(parts) == 1:
            yield from condition_lines(parts[0], indent, negated=negated)
        case All(parts) | Any_(parts):
            every = isinstance(condition, All) != negated
            yield f"{indent}- {'all' if every else 'any'} of"
            for part in parts:
                yield from condition_lines(part, indent + "  ", negated=negated)
        case Not(part):
            yield from condition_lines(part, indent, negated=not negated)
        case _:
            yield f"{indent}- {describe(condition, negated=negated)}"


def _facts(segment: SegmentDefinition, setting: Setting) -> Iterator[str]:
    """Yield what the facts mean that the definition names."""
    conditions = [c for c in (segment.when, segment.until) if c is not None]
    named = {reading.event for c in conditions for leaf in leaves(c) for reading in readings(leaf)}
    for fact in setting.catalogue.facts:
        if fact.name in named:
            undone = [_filtered(undoing.event, undoing.where) for undoing in fact.undone_by]
            back = f", taken back by {' or '.join(undone)} of the same {fact.key}" if undone else ""
            yield f"{fact.name}: {_filtered(' or '.join(fact.events), fact.where)}{back}"


def _filtered(event: str, where: tuple[Filter, ...]) -> str:
    return describe(Performed(event, where=where)).removeprefix("did ")


def _looks_back(segment: SegmentDefinition) -> Iterator[str]:
    found: dict[str, int | None] = {}
    for condition in (segment.when, segment.until):
        for leaf in leaves(condition) if condition is not None else ():
            for reading in readings(leaf):
                if reading.looks:
                    before = found.get(reading.event, 0)
                    longest = (
                        None if reading.looks_ms is None or before is None else max(before, reading.looks_ms)
                    )
                    found[reading.event] = longest
    if found:
        spans = (f"{event} {'for ever' if ms is None else duration_text(ms)}" for event, ms in found.items())
        yield f"looks back:   {', '.join(spans)}"


def _partition(segment: SegmentDefinition, setting: Setting) -> GroupDefinition | None:
    return next(
        (g for g in setting.catalogue.groups if g.name == segment.group and g.kind == "partition"), None
    )


def _group(segment: SegmentDefinition, setting: Setting) -> Iterator[str]:
    if segment.group is None:
        return
    kind = (
        "a partition: always exactly one"
        if _partition(segment, setting)
        else "all are members, one is active"
    )
    yield f"group:        {segment.group} ({kind}), rank {segment.rank}"
    told = next((g for g in setting.catalogue.groups if g.name == segment.group), None)
    if told is not None and (told.description or told.owner):
        yield f"  {'; '.join(filter(None, (told.description, told.owner and f'owner: {told.owner}')))}"
    others = members(segment.group, setting.catalogue)
    earlier = [s.segment_id for s in others if s.rank < segment.rank]
    later = [s.segment_id for s in others if s.rank > segment.rank]
    if earlier:
        yield f"  comes after:  {', '.join(earlier)}"
    if later:
        yield f"  comes before: {', '.join(later)}"


def _others(segment: SegmentDefinition, setting: Setting) -> Iterator[str]:
    mine = segment.segment_id
    excluded_by = [s.segment_id for s in setting.catalogue.segments if mine in s.exclude]
    named_by = [
        s.segment_id for s in setting.catalogue.segments if mine in referred(s) and mine not in s.exclude
    ]
    if segment.exclude:
        yield f"excludes:     {', '.join(segment.exclude)}"
    if excluded_by:
        yield f"excluded from: {', '.join(excluded_by)}"
    if named_by:
        yield f"named by:     {', '.join(named_by)}"


def _listed(words: tuple[str, ...]) -> str:
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else "".join(words)


# ---- pictures -----------------------------------------------------------------------------------------------------


def picture(segment: SegmentDefinition, setting: Setting) -> list[str]:
    """Return a Mermaid picture: the states of one segment, or how a partition group chooses its member."""
    group = _partition(segment, setting)
    return _choice(group, setting, segment.segment_id) if group is not None else _states(segment, setting)


def _states(segment: SegmentDefinition, setting: Setting) -> list[str]:
    """Return the states OUT, PENDING and MEMBER, and what moves a customer between them."""
    entry = _short(_parts(segment.when, segment.exclude))
    leaves_when = "no longer true" if segment.until is None else _short(_flat(segment.until))
    if segment.min_membership_ms:
        leaves_when += f", {duration_text(segment.min_membership_ms)} after the entry at the earliest"
    lines = ["stateDiagram-v2", f"    %% {segment.segment_id}, version {segment.version}", "    [*] --> OUT"]
    if segment.dwell_ms or _waits(segment, setting):
        held = f"true for {duration_text(segment.dwell_ms)}" if segment.dwell_ms else "due"
        grace = f" and {duration_text(segment.grace_ms)} of grace are over" if segment.grace_ms else ""
        seen = f", {_listed(setting.sources)} seen" if _waits(segment, setting) else ""
        lines += [
            f"    OUT --> PENDING: {entry}",
            f"    PENDING --> MEMBER: entered when {held}{grace}{seen}",
            "    PENDING --> OUT: no longer true, nothing is told",
        ]
    else:
        lines.append(f"    OUT --> MEMBER: entered when {entry}")
    return [
        *lines,
        f"    MEMBER --> OUT: exited when {leaves_when}",
        "    MEMBER --> OUT: retracted by late evidence that it was never true",
    ]


def _choice(group: GroupDefinition, setting: Setting, chosen: str) -> list[str]:
    """Return how a partition group tries its members from the top."""
    lines = ["flowchart TD", f"    %% the partition group {group.name}: the first that is true"]
    begin = "customer" if group.population is None else _short(_flat(group.population))
    lines.append(f'    start{{"{_quoted(begin)}"}}')
    if group.population is not None:
        lines.append('    start -- no --> none(["in none"])')
    previous = "start"
    for number, member in enumerate(members(group.name, setting.catalogue), 1):
        box = f'member{number}(["{_quoted(member.segment_id)}"])'
        if isinstance(member.when, Otherwise):
            lines.append(f"    {previous} -- {'yes' if previous == 'start' else 'no'} --> {box}")
        else:
            question = f'try{number}{{"{_quoted(_short(_parts(member.when, member.exclude)))}"}}'
            lines.append(f"    {previous} -- {'yes' if previous == 'start' else 'no'} --> {question}")
            lines.append(f"    try{number} -- yes --> {box}")
            previous = f"try{number}"
        if member.segment_id == chosen:
            lines.append(f"    style member{number} stroke-width:4px")
    return lines


def _parts(condition: Condition, exclude: tuple[str, ...]) -> str:
    return " and ".join([_flat(condition), *(f"not in {other}" for other in exclude)])


def _flat(condition: Condition, *, negated: bool = False) -> str:
    """Return *condition* on one line."""
    match condition:
        case All(parts) | Any_(parts):
            word = " and " if isinstance(condition, All) != negated else " or "
            inside = [_flat(part, negated=negated) for part in parts]
            nested = [
                f"({text})" if isinstance(part, All | Any_) else text
                for part, text in zip(parts, inside, strict=True)
            ]
            return word.join(nested)
        case Not(part):
            return _flat(part, negated=not negated)
        case _:
            return describe(condition, negated=negated)


def _short(text: str) -> str:
    """Return *text* without what ends a label in Mermaid."""
    return text.replace(":", " ").replace(";", ",").replace("\n", " ")


def _quoted(text: str) -> str:
    return text.replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
