"""Reads definitions to the end although some are wrong: notes each mistake, drops what holds it, and reads again.

The reader raises at the first mistake. Here the smallest part of the YAML that holds the place of the mistake is taken
out, and everything is read anew, until nothing is raised. What then goes wrong only because something was taken out is
no mistake of the author and is not noted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import yaml

from streams.catalogue.checks import problems
from streams.catalogue.documents import Document, opened
from streams.catalogue.library import read_sections
from streams.catalogue.nodes import Node, read
from streams.errors import DefinitionError
from streams.segmentation.conditions import Condition
from streams.segmentation.definitions import Catalogue, GroupDefinition, SegmentDefinition
from streams.segmentation.vocabulary import Vocabulary

MISTAKES_MAX = 200
"""Mistakes noted before giving up."""

STAND_IN = "unreadable."
"""Begins the ids of segments whose own id cannot be read."""

_MISSING = re.compile(r"'(\w+)' is missing")


class Placed(NamedTuple):
    """A condition, where it stands, and whose it is: a segment's id, or ``group`` and the name of a group."""

    node: Node
    condition: Condition
    owner: str


class PlacingDocument(Document):
    """A reader that remembers where every condition and every segment stands.

    Attributes:
        conditions: every condition read, inner ones first.
        nodes: segment id → the whole of its definition.
    """

    def __init__(self, events: tuple[str, ...]) -> None:
        """Accept *events* (canonical event types)."""
        super().__init__(events)
        self.conditions: list[Placed] = []
        self.nodes: dict[str, Node] = {}
        self._owner = ""

    def group(self, name: str, node: Node) -> GroupDefinition:
        """Return the group *name*."""
        self._owner = f"group {name}"
        return super().group(name, node)

    def segment(self, node: Node) -> SegmentDefinition:
        """Return one segment."""
        parts = node.mapping()
        self._owner = parts["id"].text() if "id" in parts else ""
        found = super().segment(node)
        self.nodes[found.segment_id] = node
        return found

    def _condition(self, node: Node, level: int) -> Condition:
        found = super()._condition(node, level)
        self.conditions.append(Placed(node, found, self._owner))
        return found


class Reading(NamedTuple):
    """What could be read, and every mistake.

    Attributes:
        broken: ids of segments that hold a mistake; what else is said about them may be wrong.
        roots: file → its YAML, without what was taken out.
    """

    catalogue: Catalogue
    document: PlacingDocument
    mistakes: list[DefinitionError]
    broken: frozenset[str]
    roots: dict[str, Node]


def read_to_the_end(texts: Mapping[str, str], vocabulary: Vocabulary) -> Reading:
    """Return everything that *texts* (file name → YAML) define, as far as it can be read, and what cannot."""
    mistakes: list[DefinitionError] = []
    roots: dict[str, Node] = {}
    for file, text in texts.items():
        try:
            roots[file] = read(file, text)
        except DefinitionError as error:
            mistakes.append(error)
    catalogue, document, lost = _Mender(roots, vocabulary, mistakes).read()
    kept = tuple(s for s in catalogue.segments if not s.segment_id.startswith(STAND_IN))
    catalogue = Catalogue(catalogue.facts, catalogue.groups, kept)
    mistakes += [p for p in problems(catalogue, document) if _text_at(roots, p) not in lost]
    broken = frozenset(
        name for name, node in document.nodes.items() if any(holds(node, error) for error in mistakes)
    )
    return Reading(catalogue, document, mistakes, broken, roots)


class _Mender:
    """Takes out what cannot be read."""

    def __init__(
        self, roots: dict[str, Node], vocabulary: Vocabulary, mistakes: list[DefinitionError]
    ) -> None:
        self.roots, self.mistakes = roots, mistakes
        self.events = tuple(vocabulary.event_types)
        self.lost: set[str] = set()
        self._mended: set[int] = set()
        self._stand_ins = 0

    def read(self) -> tuple[Catalogue, PlacingDocument, set[str]]:
        """Return the catalogue, what read it, and the names that were taken out."""
        while True:
            document = PlacingDocument(self.events)
            try:
                parts = [opened(root) for root in self.roots.values()]
                return read_sections(parts, document), document, self.lost
            except DefinitionError as error:
                if not self._mend(error):
                    return Catalogue(), PlacingDocument(self.events), self.lost

    def _mend(self, error: DefinitionError) -> bool:
        """Note *error* unless it follows from an earlier one, and take out what holds it; False: nothing can be."""
        root = self.roots.get(error.file)
        path = [] if root is None else _path(root.node, error)
        starts = [i for i, (container, _) in enumerate(path) if _starts(container, error)]
        follows = next((i for i in reversed(starts) if id(path[i][0]) in self._mended), None)
        if follows is None:
            if _text_at(self.roots, error) not in self.lost:
                self.mistakes.append(error)
        elif self._stand_in(path[follows][0], error):
            return True
        else:
            path = path[:follows]
        if path and path[-1].entry is None:  # at the container itself
            path = path[:-1]
        if len(self.mistakes) >= MISTAKES_MAX:
            return False
        if not path:  # the whole of a file, or no place at all
            return self.roots.pop(error.file, None) is not None
        self._take_out(path)
        return True

    def _take_out(self, path: list[_Way]) -> None:
        container, entry = path[-1]
        taken = container.value.pop(entry or 0)
        self._mended.add(id(container))
        if isinstance(container, yaml.MappingNode):
            key, value = taken
            if len(path) == 2:  # a fact or a group, by its name
                self.lost.add(str(key.value))
            if key.value == "id" and isinstance(value, yaml.ScalarNode):
                self.lost.add(str(value.value))
        elif isinstance(taken, yaml.MappingNode):
            self.lost.update(str(value.value) for key, value in taken.value if key.value == "id")

    def _stand_in(self, container: yaml.CollectionNode, error: DefinitionError) -> bool:
        """Put something harmless where a required value was taken out; False when nothing is missing."""
        missing = _MISSING.fullmatch(error.message)
        if missing is None or not isinstance(container, yaml.MappingNode):
            return False
        self._stand_ins += 1
        event = f"{{did: {self.events[0]}}}"
        values = {"id": f"{STAND_IN}{self._stand_ins}", "label": "unreadable", "when": event, "kind": "arbitrated",
                  "events": self.events[0], "event": self.events[0]}  # fmt: skip
        text = values.get(missing[1])
        if text is None:
            return False
        stand_in = yaml.compose(f"{missing[1]}: {text}", Loader=yaml.SafeLoader)
        assert isinstance(stand_in, yaml.MappingNode), "one line of YAML that is written here"
        for node in _all_nodes(stand_in):
            node.start_mark, node.end_mark = container.start_mark, container.start_mark
        container.value += stand_in.value
        return True


class _Way(NamedTuple):
    """A container on the way to a place, and the entry that leads further; None: the place is the container's own."""

    container: yaml.CollectionNode
    entry: int | None


def _path(node: yaml.Node, error: DefinitionError) -> list[_Way]:
    """Return the containers around the place of *error*, outermost first, each with the entry that leads there."""
    path: list[_Way] = []
    current: yaml.Node | None = node
    while isinstance(current, yaml.CollectionNode):
        found, below = None, None
        for position, entry in enumerate(current.value):
            first, last = entry if isinstance(entry, tuple) else (entry, entry)
            if _holds(first, error) or _holds(last, error):
                found, below = position, last if _holds(last, error) else None
                break
        path.append(_Way(current, found))
        current = below
    return path


def holds(node: Node, error: DefinitionError) -> bool:
    """Return whether the place of *error* lies within *node*."""
    return error.file == node.file and _holds(node.node, error)


def _holds(node: yaml.Node, error: DefinitionError) -> bool:
    place = (error.line - 1, error.column - 1)
    start, end = node.start_mark, node.end_mark
    return _starts(node, error) or (start.line, start.column) <= place < (end.line, end.column)


def _starts(node: yaml.Node, error: DefinitionError) -> bool:
    return (node.start_mark.line, node.start_mark.column) == (error.line - 1, error.column - 1)


def _all_nodes(node: yaml.Node) -> list[yaml.Node]:
    found, waiting = [], [node]
    while waiting:
        current = waiting.pop()
        found.append(current)
        if isinstance(current, yaml.SequenceNode):
            waiting += current.value
        elif isinstance(current, yaml.MappingNode):
            waiting += [part for entry in current.value for part in entry]
    return found


def _text_at(roots: Mapping[str, Node], error: DefinitionError) -> str | None:
    """Return the single value that stands at the place of *error*, None when there is none."""
    root = roots.get(error.file)
    if root is None:
        return None
    path = _path(root.node, error)
    if not path or path[-1].entry is None:
        return None
    entry = path[-1].container.value[path[-1].entry]
    for node in reversed(entry) if isinstance(entry, tuple) else (entry,):
        if isinstance(node, yaml.ScalarNode) and _starts(node, error):
            return str(node.value)
    return None
