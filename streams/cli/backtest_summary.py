"""``streams backtest --summary``: how large segments are, how they move, where they overlap; of one catalogue or two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import click
import msgspec
from rich.console import Console
from rich.table import Table

from streams.catalogue.tallies import SegmentTally, Tally
from streams.codecs.times import write_time
from streams.segmentation.definitions import Catalogue, ExpectedSize
from streams.segmentation.timeline import DAY_MS, EpochMs


class Run(NamedTuple):
    """One catalogue over the file.

    Attributes:
        name: the folder, or ``builtin``.
        begin_ms, end_ms: event time of the first event, and how far time came.
        customers: how many customers the definitions know.
    """

    name: str
    catalogue: Catalogue
    tally: Tally
    begin_ms: EpochMs
    end_ms: EpochMs
    events: int
    customers: int
    refused: int

    @property
    def days(self) -> float:
        """The span of event time in days, at least one."""
        return max(1.0, (self.end_ms - self.begin_ms) / DAY_MS)


def show(runs: list[Run], *, as_json: bool) -> None:
    """Print one or two runs on standard output."""
    if as_json:
        click.echo(msgspec.json.encode(_report(runs)).decode())
        return
    console = Console(highlight=False)
    for run in runs:
        console.print(
            f"{run.name}: {run.events:,} events of {run.customers:,} customers, "
            f"{write_time(run.begin_ms)} to {write_time(run.end_ms)} ({run.days:,.1f} days)"
            + (f"; {run.refused:,} lines refused (--dead-letters FILE keeps them)" if run.refused else "")
        )
        console.print(_sizes(run))
        console.print(_matrix(run))
    if len(runs) == 2:
        console.print(_compared(*runs))


# ---- tables -----------------------------------------------------------------------------------------------------------


def _sizes(run: Run) -> Table:
    table = Table(
        "segment", "members", "share", "expected", "ever", "entries", "a day", "busiest day", "retracted", "flaps",
        title="sizes and movement",
    )  # fmt: skip
    expected = {segment.segment_id: segment.size for segment in run.catalogue.segments}
    for name, counts in run.tally.segments.items():
        day, most = counts.busiest
        table.add_row(
            name,
            f"{len(counts.members):,}",
            _percent(_share(counts, run)),
            _expected(expected[name], counts, run),
            f"{counts.customers:,}",
            f"{counts.entries:,}",
            f"{counts.entries / run.days:,.1f}",
            f"{write_time(day * DAY_MS)[:10]}: {most:,}" if most else "",
            f"{counts.retractions:,}" if counts.retractions else "",
            _percent(counts.flap_rate) if counts.flaps else "",
        )
    return table


def _expected(size: ExpectedSize, counts: SegmentTally, run: Run) -> str:
    """Return what size is expected, and whether it is kept."""
    verdict = _verdict(size, counts, run)
    if verdict is None:
        return ""
    parts = []
    if size.share_ppm is not None:
        parts.append("-".join(f"{part / 10_000:g}" for part in size.share_ppm) + "%")
    if size.least:
        parts.append(f"{size.least:,}+")
    return f"{', '.join(parts)}: {verdict}"


def _verdict(size: ExpectedSize, counts: SegmentTally, run: Run) -> str | None:
    """Return ``ok``, ``too small`` or ``too large``; None when nothing is expected."""
    if size == ExpectedSize():
        return None
    share_ppm = _share(counts, run) * 1_000_000
    low, high = size.share_ppm or (0, 1_000_000)
    if len(counts.members) < size.least or share_ppm < low:
        return "too small"
    return "too large" if share_ppm > high else "ok"


def _matrix(run: Run) -> Table:
    """Return the overlaps: of the customers who were ever in the row, the share that was in the column meanwhile."""
    moved = [name for name, counts in run.tally.segments.items() if counts.customers]
    table = Table(
        "",
        "in all",
        *(str(number) for number in range(1, len(moved) + 1)),
        title="of the customers ever in the row, % that was in the column at the same time",
    )
    for number, name in enumerate(moved, 1):
        whole = run.tally.segments[name].customers
        cells = (
            "" if other == name else f"{round(100 * together / whole)}" if together else "."
            for other in moved
            for together in [run.tally.ever[min(name, other), max(name, other)]]
        )
        table.add_row(f"{number} {name}", f"{whole:,}", *cells)
    return table


def _compared(old: Run, new: Run) -> Table:
    table = Table(
        "segment", "members", "entries a day", "flaps", "only before", "in both", "only after",
        title=f"{old.name} against {new.name}",
    )  # fmt: skip
    for name, one, other in _pairs(old, new):
        before, after = (set() if counts is None else counts.members for counts in (one, other))
        table.add_row(
            name,
            _moved(one, other, lambda counts: f"{len(counts.members):,}"),
            _moved(one, other, lambda counts: f"{counts.entries / old.days:,.1f}"),
            _moved(one, other, lambda counts: _percent(counts.flap_rate)),
            f"{len(before - after):,}",
            f"{len(before & after):,}",
            f"{len(after - before):,}",
        )
    return table


def _moved(one: SegmentTally | None, other: SegmentTally | None, said: Any) -> str:
    before, after = ("-" if counts is None else said(counts) for counts in (one, other))
    return before if before == after else f"{before} -> {after}"


def _pairs(old: Run, new: Run) -> Iterator[tuple[str, SegmentTally | None, SegmentTally | None]]:
    """Yield every segment of either run with what was counted of it in both."""
    for name in old.tally.segments | new.tally.segments:
        yield name, old.tally.segments.get(name), new.tally.segments.get(name)


def _share(counts: SegmentTally, run: Run) -> float:
    return len(counts.members) / run.customers if run.customers else 0.0


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


# ---- JSON -------------------------------------------------------------------------------------------------------------


def _report(runs: list[Run]) -> dict[str, Any]:
    found: dict[str, Any] = {"catalogues": [_plain(run) for run in runs]}
    if len(runs) == 2:
        found["comparison"] = {
            name: _difference(
                set() if one is None else one.members, set() if other is None else other.members
            )
            for name, one, other in _pairs(*runs)
        }
    return found


def _difference(before: set[str], after: set[str]) -> dict[str, int]:
    return {
        "only_before": len(before - after),
        "in_both": len(before & after),
        "only_after": len(after - before),
    }


def _plain(run: Run) -> dict[str, Any]:
    expected = {segment.segment_id: segment.size for segment in run.catalogue.segments}
    return {
        "catalogue": run.name,
        "from": write_time(run.begin_ms),
        "until": write_time(run.end_ms),
        "days": round(run.days, 3),
        "events": run.events,
        "customers": run.customers,
        "refused": run.refused,
        "segments": {
            name: {
                "members": len(counts.members),
                "share": round(_share(counts, run), 6),
                "size": _verdict(expected[name], counts, run),
                "ever": counts.customers,
                "entries": counts.entries,
                "entries_a_day": round(counts.entries / run.days, 3),
                "busiest_day": _busiest(counts),
                "exits": counts.exits,
                "retractions": counts.retractions,
                "flaps": counts.flaps,
                "flap_rate": round(counts.flap_rate, 6),
            }
            for name, counts in run.tally.segments.items()
        },
        "overlaps": {"ever": _nested(run.tally.ever), "at_end": _nested(run.tally.at_end())},
    }


def _busiest(counts: SegmentTally) -> dict[str, Any] | None:
    day, most = counts.busiest
    return {"day": write_time(day * DAY_MS)[:10], "entries": most} if most else None


def _nested(pairs: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    """Return one → other → customers, each pair in both directions."""
    found: dict[str, dict[str, int]] = {}
    for (one, other), count in sorted(pairs.items()):
        found.setdefault(one, {})[other] = count
        found.setdefault(other, {})[one] = count
    return found
