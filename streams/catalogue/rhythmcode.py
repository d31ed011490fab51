"""Generates the Python of rhythms, looked-up windows and chance."""

from __future__ import annotations

from streams.catalogue.calendarcode import CalendarWriter
from streams.catalogue.codegen import start_of
from streams.catalogue.journalling import CUSTOMER_HASH
from streams.segmentation.conditions import Bucket, Cadence, Leaf, LookedUp, Lookup
from streams.segmentation.readings import Column, readings


class RhythmWriter(CalendarWriter):
    """Writes the statements of rhythms, looked-up windows and chance."""

    def leaf(self, leaf: Leaf) -> str:
        """Write *leaf*; return the suffix k of the variables ``v<k>`` and ``n<k>`` that hold its result."""
        match leaf:
            case Cadence():
                return self._cadence(leaf)
            case LookedUp():
                return self._looked_up(leaf)
            case Bucket():
                k = str(self.write.fresh())
                self.write(f"x{k} = bucket_of(p.{CUSTOMER_HASH}[0], {leaf.salt!r})")
                self.write(f"v{k}, n{k} = 2 if {leaf.from_ppm} <= x{k} < {leaf.to_ppm} else 0, NEVER")
                return k
            case _:
                return super().leaf(leaf)

    def value(self, leaf: Leaf, k: str) -> str:
        """Return the expression of a clause's value, after its statements were written with suffix *k*."""
        match leaf:
            case Cadence():
                return f'", ".join(map(str, x{k}))'
            case LookedUp():
                return f'rfc3339(j{k}[i{k} - 1]) if i{k} else ""'
            case Bucket():
                return f'f"{{x{k} / 10_000:g}}%"'
            case _:
                return super().value(leaf, k)

    def _cadence(self, leaf: Cadence) -> str:
        write = self.write
        _, k = self.entries(leaf.event, leaf.where)
        end, young = leaf.age.to_ms, leaf.age.from_ms
        write(f"lo{k} = bisect_right(j{k}, t - {end}, 0, i{k})" if end is not None else f"lo{k} = 0")
        write(f"hi{k} = bisect_right(j{k}, t - {young}, lo{k}, i{k})" if young else f"hi{k} = i{k}")
        values = "None" if leaf.by is None else self.column(leaf.event, leaf.where, Column("each", leaf.by))
        asked = (leaf.intervals, leaf.variation_ppm)
        write(f"d{k} = by_value(j{k}, lo{k}, hi{k}, {values})")
        write(f"v{k}, n{k}, x{k} = cadence(d{k}, t, {asked!r}, {leaf.due_ppm!r})")
        if end is not None or young:
            write(f"n{k} = min(n{k}, next_step(j{k}, (lo{k}, hi{k}, i{k}), ({young}, {end})))")
        self.unknown(k, leaf.event, "True", start_of(end), end)
        return k

    def _looked_up(self, leaf: LookedUp) -> str:
        write = self.write
        _, k = self.entries(leaf.event, leaf.where)
        columns = [self.column(leaf.event, leaf.where, Column("each", name)) for name in leaf.by]
        asked = f"({_table(leaf.begin)}, {_table(leaf.end)}, {leaf.newest})"
        write(f"v{k}, n{k} = in_looked_up(j{k}, i{k}, t, ({', '.join(columns)},), {asked})")
        end = readings(leaf)[0].looks_ms
        self.unknown(k, leaf.event, f"not i{k}" if leaf.newest else f"v{k} != 2", start_of(end), end)
        return k


def _table(lookup: Lookup | None) -> str:
    return "None" if lookup is None else f"({dict(lookup.rows)!r}, {lookup.default_ms!r})"
