"""YAML with places: every value knows its file, line and column, so that every error can name them.

Only plain YAML is read: mappings, lists, text, numbers and flags. No tags, anchors stay within the file's limits.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from math import isfinite
from typing import Any

import yaml

from streams.errors import DefinitionError
from streams.segmentation.timeline import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, DurationMs

SIZE_MAX = 1_000_000
"""Longest definition file in characters."""

DURATION_MAX_MS = 36_500 * DAY_MS
"""Longest duration: a hundred years."""

LEVELS_MAX = 100
"""Deepest nesting of lists and mappings in a file."""

WHOLE_MAX = 1_000_000_000
"""Greatest whole number."""

_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null")}
_UNITS = {"ms": 1, "s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": 7 * DAY_MS}


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the known word nearest to *word*, or lists what is known."""
    words = sorted(known)
    close = get_close_matches(word, words, n=1, cutoff=0.6) or get_close_matches(
        word.casefold(), [w.casefold() for w in words], n=1
    )
    if close:
        return f"did you mean {next(w for w in words if w.casefold() == close[0].casefold())!r}?"
    return f"known are: {', '.join(words[:20])}" if words else ""


class Node:
    """One YAML value at its place."""

    def __init__(self, file: str, node: yaml.Node) -> None:
        """Wrap *node* of *file*."""
        self.file, self.node = file, node

    def error(self, message: str, hint: str = "") -> DefinitionError:
        """Return an error at this place."""
        file, line, column = self.place
        return DefinitionError(message, hint=hint, file=file, line=line, column=column)

    @property
    def place(self) -> tuple[str, int, int]:
        """File, line and column, the latter two from 1."""
        return (self.file, *_place(self.node.start_mark))

    @property
    def is_mapping(self) -> bool:
        """Whether it maps keys to values."""
        return isinstance(self.node, yaml.MappingNode)

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self.node, yaml.SequenceNode)

    def mapping(self, known: Iterable[str] | None = None) -> dict[str, Node]:
        """Return key → value.

        Args:
            known: the keys that may occur; None allows all.

        Raises:
            DefinitionError: it is no mapping, a key occurs twice or is not known.
        """
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error(f"expected a mapping, found {self._found()}")
        found: dict[str, Node] = {}
        for key_node, value_node in self.node.value:
            key = Node(self.file, key_node)
            name = key.text()
            if name in found:
                raise key.error(f"{name!r} is said twice")
            if known is not None and name not in known:
                raise key.error(f"unknown key {name!r}", nearest(name, known))
            found[name] = Node(self.file, value_node)
        return found

    def keys(self) -> list[Node]:
        """Return the keys of a mapping, each at its place."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error(f"expected a mapping, found {self._found()}")
        return [Node(self.file, key) for key, _ in self.node.value]

    def items(self) -> list[Node]:
        """Return the items of a list; a single value counts as a list of one."""
        if isinstance(self.node, yaml.SequenceNode):
            return [Node(self.file, item) for item in self.node.value]
        return [self]

    def text(self) -> str:
        """Return a scalar as it is written."""
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.error(f"expected text, found {self._found()}")
        return str(self.node.value).strip()

    def scalar(self) -> Any:
        """Return a scalar as YAML reads it: text, number, flag or nothing; dates and the like stay text."""
        text = self.text()
        if self.node.tag not in _PLAIN_TAGS:
            return text
        if self.node.tag.endswith(":null"):
            return None
        try:
            value = yaml.safe_load(yaml.serialize(self.node))
        except (yaml.YAMLError, ValueError, OverflowError, LookupError):
            raise self.error(f"{text[:40]!r} cannot be read", "put text into quotes") from None
        if isinstance(value, float) and not isfinite(value):
            raise self.error(f"expected a finite number, found {text!r}")
        return value

    def whole(self, least: int = 0) -> int:
        """Return a whole number not below *least*."""
        value = self.scalar()
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= WHOLE_MAX:
            raise self.error(f"expected a whole number of at least {least}, found {self.text()[:40]!r}")
        return value

    def flag(self) -> bool:
        """Return true or false."""
        value = self.scalar()
        if not isinstance(value, bool):
            raise self.error(f"expected true or false, found {self.text()!r}")
        return value

    def duration(self) -> DurationMs:
        """Return a duration such as ``30m``, ``72h``, ``1h30m`` or ``90d`` in milliseconds; days have 24 hours."""
        return self.duration_of(self.text())

    def duration_of(self, text: str) -> DurationMs:
        """Return the duration that *text*, a part of this value, writes."""
        rest, total = text, 0
        while rest:
            digits = len(rest) - len(rest.lstrip("0123456789"))
            letters = len(rest[digits:]) - len(rest[digits:].lstrip("abcdefghijklmnopqrstuvwxyz"))
            unit = rest[digits : digits + letters]
            if not digits or unit not in _UNITS:
                raise self.error(
                    f"{text[:40]!r} is no duration", "write it like 250ms, 30m, 72h, 1h30m or 90d"
                )
            if digits > 15:
                raise self.error("longer than a hundred years")
            total += int(rest[:digits]) * _UNITS[unit]
            rest = rest[digits + letters :]
        if not text:
            raise self.error("expected a duration, found nothing")
        if total > DURATION_MAX_MS:
            raise self.error("longer than a hundred years")
        return total

    def one_of(self, known: Iterable[str], what: str) -> str:
        """Return its text, which must be one of *known*."""
        text = self.text()
        if text not in (words := list(known)):
            raise self.error(f"unknown {what} {text[:80]!r}", nearest(text, words))
        return text

    def _found(self) -> str:
        return "a mapping" if self.is_mapping else "a list" if self.is_list else "a single value"


def _place(mark: Any) -> tuple[int, int]:
    """Return line and column of a YAML mark, from 1."""
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


def _check_shape(file: str, text: str) -> None:
    """Refuse aliases, and nesting that would only wear out the parser."""
    level = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        message = ""
        if isinstance(event, yaml.CollectionStartEvent):
            level += 1
            message = f"nested deeper than {LEVELS_MAX} levels" if level > LEVELS_MAX else ""
        elif isinstance(event, yaml.CollectionEndEvent):
            level -= 1
        elif isinstance(event, yaml.AliasEvent):
            message = "aliases are not read: write it out"
        if message:
            line, column = _place(event.start_mark)
            raise DefinitionError(message, file=file, line=line, column=column)


def read(file: str, text: str) -> Node:
    """Parse *text* of *file*.

    Raises:
        DefinitionError: it is not YAML, too long, empty, or uses aliases.
    """
    if len(text) > SIZE_MAX:
        raise DefinitionError(f"longer than {SIZE_MAX} characters", file=file, line=1, column=1)
    try:
        _check_shape(file, text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line, column = _place(error.problem_mark or error.context_mark)
        raise DefinitionError(f"not YAML: {error.problem}", file=file, line=line, column=column) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise DefinitionError(f"not YAML: {error}", file=file, line=1, column=1) from None
    if node is None:
        raise DefinitionError("the file is empty", file=file, line=1, column=1)
    return Node(file, node)
