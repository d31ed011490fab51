"""Reads rhythms, looked-up windows and chance from YAML."""

from __future__ import annotations

from streams.catalogue.grammar import CONDITIONS, FORMS
from streams.catalogue.nodes import Node, nearest
from streams.catalogue.parts import read_age, read_filters, required, scaled
from streams.segmentation.conditions import Bucket, Cadence, Condition, LookedUp, Lookup

WHOLE_PPM = 1_000_000


class RhythmReader:
    """Reads rhythms, looked-up windows and chance.

    Attributes:
        tables: name → rows (value → ms); the row ``default`` holds for what has none.
    """

    tables: dict[str, dict[str, int]]

    def _event(self, node: Node) -> str:
        raise TypeError(type(self))

    def table(self, name: str, node: Node) -> None:
        """Take a table of durations."""
        self.tables[name] = {value: length.duration() for value, length in node.mapping().items()}

    def _cadence(self, node: Node) -> Condition:
        parts = node.mapping(CONDITIONS["cadence"])
        due = parts["due"].mapping(FORMS["due"]) if "due" in parts else {}
        variation = parts.get("variation")
        return Cadence(
            self._event(parts["cadence"]),
            by=parts["by"].text() if "by" in parts else None,
            intervals=parts["intervals"].whole(1) if "intervals" in parts else 2,
            variation_ppm=scaled(variation, variation.text(), WHOLE_PPM) if variation else None,
            due_ppm=self._due(parts["due"], due) if due else None,
            age=read_age(parts),
            where=read_filters(parts),
        )

    def _due(self, node: Node, parts: dict[str, Node]) -> tuple[int, int]:
        begin, end = (_percentage(required(node, parts, key)) for key in ("from", "to"))
        if not 0 <= begin < end:
            raise node.error("'to' must be more than 'from'")
        return begin, end

    def _bucket(self, node: Node) -> Condition:
        parts = node.mapping(CONDITIONS["bucket"])
        percent = required(node, parts, "percent")
        bounds = percent.items()
        if not percent.is_list or len(bounds) != 2:
            raise percent.error("expected two percentages", "write [0, 10] for the first tenth")
        begin, end = (scaled(bound, bound.text().removesuffix("%"), 10_000) for bound in bounds)
        if not 0 <= begin < end <= WHOLE_PPM:
            raise percent.error("expected percentages from 0 to 100, the second more than the first")
        return Bucket(parts["bucket"].text(), begin, end)

    def _looked_up(self, parts: dict[str, Node], head: str) -> LookedUp | None:
        """Return the condition when its window is looked up; None when it is not."""
        ago = parts["ago"].mapping(FORMS["ago"]) if "ago" in parts else {}
        bounds = {"from": ago.get("from"), "to": parts.get("within", ago.get("to"))}
        looked = [bound for bound in bounds.values() if bound is not None and bound.is_mapping]
        if not looked:
            return None
        others = [key for key in parts if key not in {head, "within", "ago", "where"}]
        if others or ("within" in parts and "ago" in parts):
            other = parts[others[0]] if others else parts["ago"]
            raise other.error("a looked-up window stands with 'where' alone")
        by = [tuple(item.text() for item in self._by(bound)) for bound in looked]
        if by[0] != by[-1]:
            raise looked[-1].error("both ends are looked up by the same properties")
        begin, end = (None if bound is None else self._bound(bound) for bound in bounds.values())
        event = self._event(parts[head])
        return LookedUp(event, by[0], begin, end, head == "last", read_filters(parts))

    def _by(self, node: Node) -> list[Node]:
        return required(node, node.mapping(FORMS["lookup"]), "by").items()

    def _bound(self, node: Node) -> Lookup:
        if not node.is_mapping:
            return Lookup((), node.duration())
        parts = node.mapping(FORMS["lookup"])
        name = required(node, parts, "lookup")
        if name.text() not in self.tables:
            raise name.error(f"unknown table {name.text()[:80]!r}", nearest(name.text(), self.tables))
        part = scaled(parts["percent"], parts["percent"].text(), 10_000) if "percent" in parts else WHOLE_PPM
        rows = {value: ms * part // WHOLE_PPM for value, ms in self.tables[name.text()].items()}
        default_ms = rows.pop("default", None)
        return Lookup(tuple(rows.items()), default_ms)


def _percentage(node: Node) -> int:
    text = node.text()
    if not text.endswith("%"):
        raise node.error(f"{text[:40]!r} is no percentage", "write it like 80%")
    return scaled(node, text[:-1], 10_000)
