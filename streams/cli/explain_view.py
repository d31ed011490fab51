"""How an explanation is printed: plain lines, a tree in a terminal, JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text
from rich.tree import Tree

from streams.catalogue.evidence import Evidence
from streams.catalogue.explaining import TreeNode
from streams.catalogue.past import Past
from streams.catalogue.stance_words import all_words
from streams.catalogue.standing import Explanation, Standing
from streams.codecs.times import write_time
from streams.segmentation.timeline import (
    BEFORE_ALL,
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    SECOND_MS,
    DurationMs,
    EpochMs,
)

STYLES = {"true": "green", "false": "red", "unknown": "yellow"}
REASONS_MAX = 2
NOT_LOOKED_AT = (
    "nothing that it reads has come from this customer: it is looked at from the first such event on"
)
_ROLES = {"until": "not ended: ", "exclude": "exclusion: ", "population": "population: "}


class Report(NamedTuple):
    """What is printed.

    Attributes:
        customer, shop: who.
        source: where the state was read, in words.
        as_of_ms: how far that state has come.
        explanations: one for each segment asked about, in the catalogue's order.
        whole: print the tree of those too that the customer is not in.
        came_later: events of the customer from before *as_of_ms* that were read after it.
    """

    customer: str
    shop: str
    source: str
    as_of_ms: EpochMs
    explanations: list[Explanation]
    whole: bool
    came_later: int = 0


# ---- JSON -----------------------------------------------------------------------------------------------------------


def as_json(report: Report) -> str:
    """Return *report* as one JSON object on one line; times are RFC 3339, what there is none of is null."""
    return msgspec.json.encode(
        {
            "customer": report.customer,
            "shop": report.shop,
            "source": report.source,
            "as_of": write_time(report.as_of_ms),
            "came_later": report.came_later,
            "segments": [_segment(one) for one in report.explanations],
        }
    ).decode()


def _segment(one: Explanation) -> dict[str, Any]:
    standing = one.standing
    return {
        "segment": one.segment_id,
        "version": one.segment_version,
        "label": one.label,
        "status": standing.status,
        "known": standing.known,
        "since": _time(standing.since_ms),
        "left": _time(standing.left_ms),
        "due": _time(standing.due_ms),
        "decided_at": _time(standing.decided_at_ms),
        "waits_for": [
            {"input": held.input, "sources": held.sources, "watermark": _time(held.watermark_ms)}
            for held in standing.waits_for
        ],
        "at": write_time(one.at_ms),
        "past": None
        if one.past is None
        else {
            "status": one.past.status,
            "since": _time(one.past.since_ms),
            "witness": one.past.witness,
            "kept_back_to": _time(one.past.kept_back_to_ms),
            "clauses_known": is_told(one),
        },
        **_stance(one),
        "truth": one.tree.truth,
        "stays": one.stays,
        "tree": _node(one.tree),
    }


def _stance(one: Explanation) -> dict[str, Any]:
    """Return how the membership stands now; null where nothing stands beside it."""
    stance = one.stance
    if stance is None:
        return {"stance": None}
    return {
        "stance": {
            "eligible_channels": stance.eligible_channels,
            "silent_channels": dict(one.silent),
            "suppressions": stance.suppressions,
            "arbitration": stance.arbitration,
            "arm": stance.arm or None,
        }
    }


def _node(node: TreeNode) -> dict[str, Any]:
    return {
        "kind": node.kind,
        "role": node.role,
        "text": node.text,
        "truth": node.truth,
        "value": node.value,
        "changes_at": _time(node.changes_at_ms),
        "becomes": node.becomes or None,
        "evidence": [
            {
                "event": seen.event,
                "count": seen.count,
                "times": [_time(at) for at in seen.times_ms],
                "before": _time(seen.before_ms),
                "folded": seen.folded,
                "full": seen.full,
            }
            for seen in node.evidence
        ],
        "parts": [_node(part) for part in node.parts],
    }


def _time(at_ms: EpochMs | None) -> str | None:
    return None if at_ms is None or at_ms == BEFORE_ALL else write_time(at_ms)


# ---- plain text -----------------------------------------------------------------------------------------------------


def as_text(report: Report) -> str:
    """Return *report* as lines: the truth of each clause in the first column, then the tree."""
    lines = [_head(report), *_later(report)]
    for one in _told(report):
        first, *more = _standing(one, report.as_of_ms)
        tree = _lines(one.tree, one.at_ms, 0) if is_told(one) else ()
        lines += ["", first, *(f"  {line}" for line in more), *tree]
    others = _others(report)
    if others:
        lines += ["", "was not in:" if others[0].past is not None else "not in:"]
        lines += [f"  {one.segment_id:<28}  {_why_not(one)}" for one in others]
    return "\n".join(lines)


def _lines(node: TreeNode, at_ms: EpochMs, depth: int, said: EpochMs | None = None) -> Iterator[str]:
    note = _note(node, at_ms, said)
    yield f"  {node.truth:<7}  {'  ' * depth}{_said(node)}{f'  -- {note}' if note else ''}"
    for part in node.parts:
        yield from _lines(part, at_ms, depth + 1, node.changes_at_ms)


def _head(report: Report) -> str:
    shop = "" if report.shop == "default" else f" of {report.shop}"
    return f"customer {report.customer}{shop}, as of {_at(report.as_of_ms)} ({report.source})"


def _later(report: Report) -> list[str]:
    if not report.came_later:
        return []
    events = "event" if report.came_later == 1 else "events"
    return [
        f"{report.came_later} {events} of this customer from before then came later (--hindsight counts them)"
    ]


def is_told(one: Explanation) -> bool:
    """Return whether the clauses can be told at the instant asked about: the journals still hold what they read."""
    return one.past is None or one.at_ms >= one.past.kept_back_to_ms


def _status(one: Explanation) -> str:
    return one.standing.status if one.past is None else one.past.status


def _told(report: Report) -> list[Explanation]:
    """Return what is told with its tree: all, or those that the customer is in or may soon be."""
    return [one for one in report.explanations if report.whole or _status(one) != "out"]


def _others(report: Report) -> list[Explanation]:
    return [] if report.whole else [one for one in report.explanations if _status(one) == "out"]


def _standing(one: Explanation, as_of_ms: EpochMs) -> list[str]:
    """Return where the customer stands, or stood, on one line, and what more there is to say about it."""
    if one.past is not None:
        return [
            f"{one.segment_id} (version {one.segment_version}): {_stood(one.past)}",
            *_witnessed(one, as_of_ms),
        ]
    standing, what = one.standing, "a change"
    since = "" if standing.since_ms is None else f" since {_moment(standing.since_ms, as_of_ms)}"
    if standing.status == "member":
        status = f"MEMBER{since}"
    elif standing.status == "pending":
        shut = standing.since_ms is not None and standing.since_ms > as_of_ms
        status, what = "PENDING, it may not be entered again yet" if shut else f"PENDING{since}", "the entry"
    else:
        left = f"; left {_moment(standing.left_ms, as_of_ms)}" if standing.left_ms is not None else ""
        status = f"NOT A MEMBER{left}"
    lines = [
        f"{one.segment_id} (version {one.segment_version}): {status}",
        *_waiting(standing, as_of_ms, what),
    ]
    if standing.status == "member" and one.stance is not None:
        lines += all_words(one.stance)
        lines += [f"not by {channel}: {why}" for channel, why in one.silent]
    if not standing.known and one.tree.truth == "true":
        lines.append(NOT_LOOKED_AT)
    if standing.status == "member" and one.stays == "true" != one.tree.truth:
        lines.append("it stays a member, though it could not enter:")
    if one.at_ms != as_of_ms:
        lines.append(f"if nothing happens until {_at(one.at_ms)}:")
    return lines


def _stood(past: Past) -> str:
    since = "" if past.since_ms is None else f" since {_at(past.since_ms)}"
    words = {
        "member": f"WAS A MEMBER{since}",
        "pending": f"WAS PENDING{since}",
        "out": "WAS NO MEMBER",
        "unknown": "NOT KNOWN any more",
    }
    return words[past.status]


def _witnessed(one: Explanation, as_of_ms: EpochMs) -> Iterator[str]:
    """Yield how a past standing is known, what is now, and how far back the clauses can be told."""
    past = one.past
    assert past is not None
    if past.status != "unknown":
        by = (
            "the last entry and exit"
            if past.witness == "state"
            else "the events that are kept, late ones included"
        )
        yield f"at {_at(one.at_ms)}, by {by}; {_now(one.standing, as_of_ms)}"
    else:
        yield f"at {_at(one.at_ms)}: the last entry and exit are newer, and what was before is not kept"
        yield _now(one.standing, as_of_ms)
    if past.kept_back_to_ms > BEFORE_ALL:
        end = "" if is_told(one) else ": they cannot be told"
        yield f"what its clauses read is kept back to {_at(past.kept_back_to_ms)}{end}"


def _now(standing: Standing, as_of_ms: EpochMs) -> str:
    since = "" if standing.since_ms is None else f" since {_moment(standing.since_ms, as_of_ms)}"
    return f"now {'no member' if standing.status == 'out' else standing.status}{since}"


def _waiting(standing: Standing, as_of_ms: EpochMs, what: str) -> Iterator[str]:
    if standing.due_ms is None or standing.decided_at_ms is None:
        return
    due, decided = _moment(standing.due_ms, as_of_ms), _at(standing.decided_at_ms)
    yield f"{what} is due {due}"
    for held in standing.waits_for:
        come = "nothing was read" if held.watermark_ms == BEFORE_ALL else f"now at {_at(held.watermark_ms)}"
        yield f"it waits for {', '.join(held.sources)} ({held.input}) to reach {decided}; {come}"


def _why_not(one: Explanation) -> str:
    if not is_told(one):
        return "by the last entry and exit; what its clauses read is no longer kept"
    if not one.standing.known and one.tree.truth == "true":
        return NOT_LOOKED_AT
    reasons = list(one.tree.reasons())
    told = "; ".join(f"{node.truth}: {_said(node)}" for node in reasons[:REASONS_MAX])
    return told + (f" (and {len(reasons) - REASONS_MAX} more)" if len(reasons) > REASONS_MAX else "")


def _said(node: TreeNode) -> str:
    return f"{_ROLES.get(node.role, '')}{node.text}"


def _note(node: TreeNode, at_ms: EpochMs, said: EpochMs | None) -> str:
    """Return the events behind a node, its value where it says more, and when time changes it.

    Nodes between the root and the clauses are silent about a change that was *said* above them.
    """
    told = [at for seen in node.evidence for at in (*seen.times_ms, seen.before_ms)]
    shown = {write_time(at) for at in told if at is not None}
    parts = [_evidence(seen, at_ms) for seen in node.evidence]
    if node.value and node.value not in shown:
        parts.insert(0, f"= {node.value}")
    if node.changes_at_ms is not None and (node.kind == "clause" or node.changes_at_ms != said):
        parts.append(f"{node.becomes} from {_moment(node.changes_at_ms, at_ms)}")
    return "; ".join(parts)


def _evidence(seen: Evidence, at_ms: EpochMs) -> str:
    limits = f" (and {seen.folded} long ago)" if seen.folded else ""
    limits += " (journal full: older ones may be missing)" if seen.full else ""
    if not seen.count:
        before = "" if seen.before_ms is None else f", the last {_moment(seen.before_ms, at_ms)}"
        return f"no {seen.event}{' in the window' if before else ''}{before}{limits}"
    if seen.count == 1:
        return f"{seen.event} {_moment(seen.times_ms[0], at_ms)}{limits}"
    return f"{seen.count} x {seen.event}, the last {_moment(seen.times_ms[0], at_ms)}{limits}"


def _moment(at_ms: EpochMs, now_ms: EpochMs) -> str:
    if at_ms > now_ms:
        return f"{_at(at_ms)} (in {_long(at_ms - now_ms)})"
    return f"{_at(at_ms)} ({_long(now_ms - at_ms)} ago)" if at_ms < now_ms else f"{_at(at_ms)} (now)"


def _at(at_ms: EpochMs) -> str:
    return write_time(at_ms).replace(".000Z", "Z")


def _long(duration_ms: DurationMs) -> str:
    """Return *duration_ms* in its two largest units, cut off, e.g. ``3d 4h``."""
    units = ((DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "m"), (SECOND_MS, "s"), (1, "ms"))
    for place, (unit, name) in enumerate(units):
        if duration_ms >= unit:
            text = f"{duration_ms // unit}{name}"
            if place + 1 < len(units) - 1:
                smaller, smaller_name = units[place + 1]
                rest = duration_ms % unit // smaller
                text += f" {rest}{smaller_name}" if rest else ""
            return text
    return "0ms"


# ---- a terminal -----------------------------------------------------------------------------------------------------


def as_rich(report: Report) -> RenderableType:
    """Return *report* as coloured trees."""
    shown: list[RenderableType] = [Text("\n").join(map(Text, [_head(report), *_later(report)]))]
    for one in _told(report):
        first, *more = _standing(one, report.as_of_ms)
        tree = Tree(Text("\n").join([Text(first, style="bold"), *map(Text, more)]))
        if is_told(one):
            _grow(tree, one.tree, one.at_ms)
        shown += [Text(), tree]
    others = _others(report)
    if others:
        tree = Tree(Text("not in", style="bold"))
        for one in others:
            tree.add(f"[bold]{escape(one.segment_id)}[/]  {escape(_why_not(one))}")
        shown += [Text(), tree]
    return Group(*shown)


def _grow(tree: Tree, node: TreeNode, at_ms: EpochMs, said: EpochMs | None = None) -> None:
    line = Text.assemble((f"{node.truth:<7}", STYLES[node.truth]), "  ", _said(node))
    note = _note(node, at_ms, said)
    if note:
        line.append(f"\n         {note}", style="dim")
    branch = tree.add(line)
    for part in node.parts:
        _grow(branch, part, at_ms, node.changes_at_ms)
