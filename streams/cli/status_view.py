"""How a status is printed: tables in a terminal, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from streams.codecs.times import write_time
from streams.operations.status import Status
from streams.segmentation.timeline import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, DurationMs, EpochMs

_UNITS: Final = ((DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "min"), (SECOND_MS, "s"))


def as_json(status: Status, now_ms: EpochMs) -> str:
    """Return one JSON object on one line; times as RFC 3339 text."""
    partitions = [
        {
            "partition": one.partition,
            "watermarks": {name: _time(mark) for name, mark in one.watermarks.items()},
            "idle": one.idle,
            "held_gates": [
                {
                    "sources": gate.sources, "watermark": _time(gate.watermark_ms), "held_by": gate.held_by,
                    "held_ms": gate.held_ms, "segments": gate.segments,
                }
                for gate in one.gates
            ],
            "silent": {name: _time(until) for name, until in one.silent.items()},
        }
        for one in status.partitions
    ]  # fmt: skip
    shown: dict[str, Any] = {
        "application": status.application, "at": write_time(now_ms), "group_state": status.group.state,
        "workers": status.group.workers, "lag": status.lag, "inputs": [asdict(one) for one in status.inputs],
        "partitions": partitions, "members": status.members, "profiles": status.profiles,
        "state_bytes": status.state_bytes, "note": status.note,
    }  # fmt: skip
    return msgspec.json.encode(shown).decode()


def as_rich(status: Status, now_ms: EpochMs) -> RenderableType:
    """Return it for people."""
    return Group(*_parts(status, now_ms))


def _parts(status: Status, now_ms: EpochMs) -> Iterator[RenderableType]:
    group = status.group
    yield Text(
        f"{status.application}: {group.workers} workers, group {group.state}, {status.lag:,} records behind"
        f"  ({write_time(now_ms)})"
    )
    yield _inputs(status)
    if status.note:
        yield Text(f"no state is shown: {status.note}", style="yellow")
        return
    if not status.partitions:
        yield Text("no state yet: no worker has committed anything")
        return
    yield _watermarks(status, now_ms)
    yield from (Text(line) for line in (*_gate_lines(status), *_silent_lines(status)))
    if status.members is not None:
        yield _members(status)
        yield Text(f"{status.profiles or 0:,} customers, {status.state_bytes or 0:,} bytes of state")


def _inputs(status: Status) -> Table:
    table = Table("input", "partition", "committed", "end", "lag", "owner", box=None, pad_edge=False)
    for one in status.inputs:
        committed = "none yet" if one.committed is None else f"{one.committed:,}"
        table.add_row(
            one.topic, str(one.partition), committed, f"{one.end:,}", f"{one.lag:,}", one.owner or "nobody"
        )
    return table


def _watermarks(status: Status, now_ms: EpochMs) -> Table:
    table = Table("partition", "input", "watermark", "behind the clock", "", box=None, pad_edge=False)
    for one in status.partitions:
        for name, mark in one.watermarks.items():
            behind = "" if mark is None else _duration(now_ms - mark)
            idle = "idle" if name in one.idle else ""
            table.add_row(str(one.partition), name, _time(mark) or "nothing yet", behind, idle)
    return table


def _gate_lines(status: Status) -> Iterator[str]:
    for one in status.partitions:
        for gate in one.gates:
            behind = (
                "which has no watermark yet" if gate.held_ms is None else f"{_duration(gate.held_ms)} behind"
            )
            sources = ", ".join(gate.sources) or "all sources"
            yield (
                f"partition {one.partition}: the gate of {sources} is held by {gate.held_by}, {behind};"
                f" what may wait: {_some(gate.segments)}"
            )


def _silent_lines(status: Status) -> Iterator[str]:
    """Yield one line for each end of silence, over all partitions: the last counts."""
    ends: dict[str, EpochMs | None] = {}
    for one in status.partitions:
        for name, until in one.silent.items():
            known = ends.get(name, until)
            ends[name] = None if known is None or until is None else max(known, until)
    by_end: dict[EpochMs | None, list[str]] = {}
    for name, until in ends.items():
        by_end.setdefault(until, []).append(name)
    for until, names in by_end.items():
        yield f"silent {'for ever' if until is None else 'until ' + write_time(until)}: {', '.join(names)}"


def _members(status: Status) -> Table:
    table = Table("segment", "members", box=None, pad_edge=False)
    for name, count in (status.members or {}).items():
        table.add_row(name, f"{count:,}")
    return table


def _some(names: tuple[str, ...], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _time(instant_ms: EpochMs | None) -> str | None:
    return None if instant_ms is None else write_time(instant_ms)


def _duration(duration_ms: DurationMs) -> str:
    """Return a duration in its two largest units."""
    if duration_ms < SECOND_MS:
        return f"{max(0, duration_ms)} ms"
    words: list[str] = []
    for size_ms, unit in _UNITS:
        number, duration_ms = divmod(duration_ms, size_ms)
        if number or words:
            words.append(f"{number} {unit}")
    return " ".join(words[:2])
