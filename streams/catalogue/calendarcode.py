"""Generates the Python of the calendar: what was done this month, and what time it is."""

from __future__ import annotations

from streams.catalogue.patterncode import PatternWriter
from streams.segmentation.conditions import During, Leaf, Now, Zone
from streams.segmentation.readings import ZONE_TRAIT, Column, carries


class CalendarWriter(PatternWriter):
    """Writes the statements of the calendar."""

    def leaf(self, leaf: Leaf) -> str:
        """Write *leaf*; return the suffix k of the variables ``v<k>`` and ``n<k>`` that hold its result."""
        match leaf:
            case During():
                return self._during(leaf)
            case Now():
                return self._now(leaf)
            case _:
                return super().leaf(leaf)

    def value(self, leaf: Leaf, k: str) -> str:
        """Return the expression of a clause's value, after its statements were written with suffix *k*."""
        match leaf:
            case During():
                return f"str(c_{k})"
            case Now():
                return f"local(t, z{k}).isoformat()"
            case _:
                return super().value(leaf, k)

    def _zone(self, zone: Zone) -> str:
        """Write what finds the time zone; return the expression of its name."""
        if zone.event is None:
            return repr(zone.name)
        where = carries(ZONE_TRAIT)
        _, k = self.entries(zone.event, where)
        names = self.column(zone.event, where, Column("plain", ZONE_TRAIT))
        return f"customer_zone(j{k}, i{k}, {names}, {zone.name!r})"

    def _during(self, leaf: During) -> str:
        write, period = self.write, leaf.period
        zone = self._zone(leaf.zone)
        _, k = self.entries(leaf.event, leaf.where)
        if period.unit == "days":
            write(f"s{k}, e{k} = between_days({zone}, {period.first!r}, {period.end!r})")
            write(f"n{k} = NEVER")
        else:
            write(f"s{k}, e{k}, n{k} = period(t, {zone}, {period.unit!r}, {period.offset})")
        write(f"lo{k} = bisect_left(j{k}, s{k}, 0, i{k})")
        write(f"c_{k} = bisect_left(j{k}, e{k}, lo{k}, i{k}) - lo{k}")
        upper = "" if leaf.at_most is None else f" <= {leaf.at_most}"
        write(f"v{k} = 2 if {leaf.at_least} <= c_{k}{upper} else 0")
        more = f"v{k} != 2" if leaf.at_most is None else f"not (v{k} == 0 and c_{k} > {leaf.at_most})"
        self.unknown(k, leaf.event, more, f"s{k}", None)
        return k

    def _now(self, leaf: Now) -> str:
        write = self.write
        zone = self._zone(leaf.zone)
        k = str(write.fresh())
        write(f"z{k} = {zone}")
        write(f"v{k}, n{k} = is_now(t, z{k}, {leaf.months!r}, {leaf.weekdays!r}, {leaf.hours!r})")
        if leaf.first is not None or leaf.end is not None:
            write(f"s{k}, e{k} = between_days(z{k}, {leaf.first!r}, {leaf.end!r})")
            write(f"if not s{k} <= t < e{k}: v{k} = 0")
            write(f"for x{k} in (s{k}, e{k}):")
            write(f"    if t < x{k} < n{k}: n{k} = x{k}")
        return k
