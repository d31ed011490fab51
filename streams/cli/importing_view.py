"""What `streams import` prints: what was read, what came of it, what was written."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from streams.codecs.times import write_time
from streams.operations.importing import ImportSummary
from streams.operations.past_events import ReadSummary
from streams.segmentation.timeline import BEFORE_ALL, EpochMs


def summary_text(read: ReadSummary, made: ImportSummary, written: int | None) -> str:
    """Return it for people; *written*: records, None when nothing was to be written."""
    return "\n".join(_lines(read, made, written))


def summary_json(read: ReadSummary, made: ImportSummary, written: int | None) -> str:
    """Return it for programs."""
    return msgspec.json.encode({
        "rows": read.rows, "events": dict(read.events), "passed_over": read.passed_over, "refused": dict(read.refused),
        "first": {name: write_time(t) for name, t in read.earliest_ms.items()},
        "last": {name: write_time(t) for name, t in read.newest_ms.items()},
        "not_carried": dict(made.not_carried), "customers": made.customers, "members": dict(made.members),
        "dropped_transitions": sum(made.dropped.values()), "since": {n: _since(t) for n, t in made.since_ms.items()},
        "until": None if made.until_ms is None else write_time(made.until_ms), "written": written,
    }).decode()  # fmt: skip


def _lines(read: ReadSummary, made: ImportSummary, written: int | None) -> Iterator[str]:
    yield f"{read.rows:,} rows, {read.events.total():,} events"
    for name, count in read.events.most_common():
        yield f"  {count:>12,}  {name}"
    for name, earliest_ms in read.earliest_ms.items():
        yield f"  {name}: {write_time(earliest_ms)} to {write_time(read.newest_ms[name])}"
    if read.passed_over:
        yield f"  {read.passed_over:,} passed over: the mapping has no event for them"
    for reason, count in read.refused.items():
        yield f"  {count:,} refused: {reason} (--refused FILE keeps them)"
    for name, count in made.not_carried.items():
        yield f"  {count:,} left out: no input carries {name} (STREAMS_INPUTS)"
    if made.until_ms is None:
        yield "nothing to import"
        return
    for name, since_ms in made.since_ms.items():
        yield f"{name} is covered since {_since(since_ms)}"
    dropped = sum(made.dropped.values())
    yield f"{made.customers:,} customers as of {write_time(made.until_ms)}; {dropped:,} transitions decided, none written"
    for name, count in made.members.most_common():
        yield f"  {count:>12,}  {name}"
    yield (
        "nothing is written without --yes"
        if written is None
        else f"written: {written:,} records, and the offsets"
    )


def _since(instant_ms: EpochMs) -> str:
    return "ever" if instant_ms == BEFORE_ALL else write_time(instant_ms)
