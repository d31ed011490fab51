"""Compares the properties that definitions name with the event inventory, and offers the nearest known name."""

from __future__ import annotations

from collections.abc import Iterator

from streams.catalogue.forms import Form
from streams.catalogue.grammar import CONDITIONS, FORMS
from streams.catalogue.mending import Reading, holds
from streams.catalogue.nodes import Node, nearest
from streams.errors import DefinitionError
from streams.segmentation.conditions import Trait, leaves
from streams.segmentation.vocabulary import Vocabulary

ITEM = "Ordered Product"
"""The event whose properties are those of an item."""


class PropertyCheck:
    """Walks along the grammar through facts and conditions: each form names its events first, then their properties."""

    def __init__(self, reading: Reading, vocabulary: Vocabulary) -> None:
        """Check what *reading* holds against *vocabulary*; what holds a mistake is left out."""
        self.reading, self.vocabulary = reading, vocabulary
        self.facts = {fact.name: fact for fact in reading.catalogue.facts}

    def unknown(self) -> Iterator[DefinitionError]:
        """Yield every property that no event of those named is known to have; a shop may have its own all the same."""
        for root in self.reading.roots.values():
            yield from self._of_facts(root)
        yield from self._of_contexts()
        for placed in self.reading.document.conditions:
            if placed.node.is_mapping and placed.owner not in self.reading.broken:
                head = next((key for key in placed.node.mapping() if key in CONDITIONS), "")
                leaf = next(leaves(placed.condition), None)
                events = [leaf.event] if isinstance(leaf, Trait) else []
                yield from self._named(placed.node, CONDITIONS.get(head, {}), events)

    def _of_contexts(self) -> Iterator[DefinitionError]:
        """Yield the unknown properties that transitions are to carry."""
        for name, node in self.reading.document.nodes.items():
            context = node.mapping().get("context") if name not in self.reading.broken else None
            for value in context.mapping().values() if context is not None else ():
                events = self._event_of(value.text())
                yield from self._unknown(value, value.text()[len(events[0]) + 1 :], events)

    def _of_facts(self, root: Node) -> Iterator[DefinitionError]:
        parts = root.mapping()
        for fact in parts["facts"].mapping().values() if "facts" in parts else ():
            if any(holds(fact, mistake) for mistake in self.reading.mistakes):
                continue
            yield from self._named(fact, FORMS["fact"], [])
            undone_by = fact.mapping().get("undone_by")
            for undoing in undone_by.items() if undone_by is not None else ():
                if undoing.is_mapping:
                    yield from self._named(undoing, FORMS["undoing"], [])

    def _named(self, node: Node, form: Form, events: list[str]) -> Iterator[DefinitionError]:
        """Yield the unknown properties of one mapping of *form*, of *events* or of those that it names first."""
        parts = node.mapping()
        for key, entry in form.items():
            value = parts.get(key)
            if value is None:
                continue
            if entry.value in ("event", "type", "types"):
                events = events or [item.text() for item in value.items()]
            elif entry.value == "amount":
                events = self._event_of(value.text())
                name = value.text().removeprefix("".join(events)).removeprefix(".")
                yield from self._unknown(value, name, events) if name else ()
            elif entry.value in ("share", "limit") and value.is_mapping:
                yield from self._named(value, FORMS["share"], [])
            elif entry.value in ("property", "properties"):
                for item in value.items():
                    yield from self._unknown(item, item.text(), events)
            elif entry.value == "filters" and value.is_mapping:
                for name_node, tests in zip(value.keys(), value.mapping().values(), strict=True):
                    yield from self._unknown(name_node, name_node.text(), events)
                    yield from self._of_items(tests)

    def _of_items(self, tests: Node) -> Iterator[DefinitionError]:
        """Yield the unknown properties of items that ``any`` and ``all`` of a list name."""
        parts = tests.mapping() if tests.is_mapping else {}
        for key in ("any", "all"):
            if key in parts and parts[key].is_mapping:
                for name in parts[key].keys():  # noqa: SIM118 - of a node, not of a mapping
                    yield from self._unknown(name, name.text(), [ITEM])

    def _event_of(self, text: str) -> list[str]:
        """Return the event or fact that ``EVENT.PROPERTY`` begins with."""
        names = (*self.facts, *self.vocabulary.event_types)
        known = [name for name in names if f"{text}.".startswith(f"{name}.")]
        return [max(known, key=len)] if known else []

    def _unknown(self, place: Node, name: str, events: list[str]) -> Iterator[DefinitionError]:
        kinds = {
            key: kind
            for event in events
            for event_type in (self.facts[event].events if event in self.facts else (event,))
            if event_type in self.vocabulary.event_types
            for key, kind in self.vocabulary.event_types[event_type].properties.items()
        }
        first, _, rest = name.partition(".")
        if kinds and first not in kinds:
            who = "An item" if events == [ITEM] else " and ".join(events)
            yield place.error(
                f"{who} has no known property {first[:80]!r}",
                f"{nearest(first, kinds)} (a property of the shop's own works all the same)",
            )
        elif rest and kinds.get(first) == "items":
            yield from self._unknown(place, rest, [ITEM])
