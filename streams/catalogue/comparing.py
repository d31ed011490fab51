"""Generates the Python of comparisons: aggregates over journals, with constants and with each other."""

from __future__ import annotations

from streams.catalogue.codegen import COMPARISONS, ConditionWriter, start_of
from streams.segmentation.conditions import Aggregate, Compare, Leaf
from streams.segmentation.readings import column_behind

_FUNCTIONS = {
    "sum": "total",
    "avg": "average",
    "min": "least",
    "max": "greatest",
    "distinct": "distinct",
    "share": "share",
}


class ComparisonWriter(ConditionWriter):
    """Writes the statements of comparisons."""

    def leaf(self, leaf: Leaf) -> str:
        """Write *leaf*; return the suffix k of the variables ``v<k>`` and ``n<k>`` that hold its result."""
        return self._compare(leaf) if isinstance(leaf, Compare) else super().leaf(leaf)

    def value(self, leaf: Leaf, k: str) -> str:
        """Return the expression of a clause's value, after its statements were written with suffix *k*."""
        if not isinstance(leaf, Compare):
            return super().value(leaf, k)
        number = f"m{k} / d{k}" if is_ratio(leaf.left) else f"m{k}"
        if leaf.left.kind in {"count", "distinct"}:
            text = f"str(m{k})"
        elif leaf.left.kind == "share":
            text = f'f"{{100 * {number}:.4g}}%"'
        else:
            text = f"str({number} / 1_000_000)"
        return f'{text} if d{k} else ""' if is_ratio(leaf.left) else text

    def _numbers(self, aggregate: Aggregate) -> str:
        """Return the expression of the column that *aggregate* reads."""
        event, where = aggregate.event, aggregate.where
        column = column_behind(aggregate)
        if column is not None:
            return self.column(event, where, column)
        spec = self.journals.of(event, where)
        amounts = f"p.{spec.name}_amount"
        return f"net({amounts}, p.{spec.name}_undone, seen)" if spec.undone_by else amounts

    def _aggregate(self, aggregate: Aggregate) -> str:
        """Write ``m<k>`` (the number; as a ratio m / d), ``n<k>`` (next change), ``q<k>`` (how many events)."""
        write = self.write
        name, k = self.entries(aggregate.event, aggregate.where)
        end, young = aggregate.age.to_ms, aggregate.age.from_ms
        write(f"lo{k} = bisect_right(j{k}, t - {end}, 0, i{k})" if end is not None else f"lo{k} = 0")
        write(f"hi{k} = bisect_right(j{k}, t - {young}, lo{k}, i{k})" if young else f"hi{k} = i{k}")
        folded = f" + folded(p.{name}_folded)" if end is None else ""
        write(f"q{k} = hi{k} - lo{k}{folded}")
        if aggregate.kind == "count":
            write(f"m{k} = q{k}")
        elif aggregate.kind == "sum" and column_behind(aggregate) is None:
            total = f" + folded_amount(p.{name}_folded)" if end is None else ""
            write(f"m{k} = sum({self._numbers(aggregate)}[lo{k}:hi{k}]){total}")
        else:
            wanted = f", {aggregate.wanted!r}" if aggregate.wanted else ""
            function = _FUNCTIONS[aggregate.kind]
            write(f"m{k}, d{k} = {function}({self._numbers(aggregate)}[lo{k}:hi{k}]{wanted})")
        if end is None and not young:
            write(f"n{k} = NEVER")
        else:
            write(f"n{k} = next_step(j{k}, (lo{k}, hi{k}, i{k}), ({young}, {end}))")
        return k

    def _compare(self, leaf: Compare) -> str:
        write = self.write
        a = self._aggregate(leaf.left)
        sign = COMPARISONS[leaf.operator]
        over, exists = (f" * d{a}", f"d{a} and ") if is_ratio(leaf.left) else ("", "")
        if leaf.right is None:
            millions = " * 1_000_000" if leaf.left.kind == "share" else ""
            write(f"v{a} = 2 if {exists}m{a}{millions} {sign} {leaf.constant}{over} else 0")
        else:
            b = self._aggregate(leaf.right)
            under = f" * d{b}" if is_ratio(leaf.right) else ""
            write(
                f"v{a} = 2 if {exists}m{b} > 0 and m{a} * 1_000_000{under} {sign} m{b} * {leaf.factor_ppm}{over} else 0"
            )
            write(f"if n{b} < n{a}: n{a} = n{b}")
        more = "True"
        if leaf.right is None and leaf.left.kind in {
            "count",
            "distinct",
        }:  # more events cannot turn these round
            more = f"v{a} != 2" if leaf.operator in {"gt", "ge"} else f"v{a} != 0"
        for aggregate in (leaf.left, leaf.right):
            if aggregate is not None:
                end = aggregate.age.to_ms
                self.unknown(a, aggregate.event, more, start_of(end), end)
        return a


def is_ratio(aggregate: Aggregate) -> bool:
    """Return whether the generated code holds *aggregate* as a numerator and a denominator."""
    return aggregate.kind not in {"count", "sum"} or (
        aggregate.kind == "sum" and column_behind(aggregate) is not None
    )
