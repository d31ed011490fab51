"""The names of events: canonical name, aliases of other systems, and the source each belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

HEARTBEAT = "Heartbeat"
"""Canonical name of the record that moves a source's watermark and nothing else."""


class EventType(msgspec.Struct, frozen=True, gc=False):
    """A canonical event: its name, its source, other names for it, and its typed properties.

    Attributes:
        properties: property name → kind (``text``, ``texts``, ``number``, ``money``, ``flag``, ``time``, ``items``).
    """

    name: str
    source: str
    aliases: tuple[str, ...] = ()
    properties: Mapping[str, str] = {}


def folded(name: str) -> str:
    """Return *name* as it is compared: trimmed, lower case, inner white space single."""
    return " ".join(name.split()).casefold()


class Vocabulary:
    """Finds the canonical event behind any spelling that a producer uses.

    Attributes:
        event_types: canonical name → event type.
        seen: spelling → event type, for spellings that `find` was asked for.
    """

    def __init__(self, event_types: Iterable[EventType]) -> None:
        """Index *event_types* by every folded name; raises ValueError when two claim one name."""
        self.event_types: dict[str, EventType] = {}
        self._by_folded: dict[str, EventType] = {}
        for event_type in event_types:
            self.event_types[event_type.name] = event_type
            for name in (event_type.name, *event_type.aliases):
                other = self._by_folded.setdefault(folded(name), event_type)
                if other is not event_type:
                    raise ValueError(f"{name!r} names both {other.name!r} and {event_type.name!r}")
        self.seen: dict[str | None, EventType] = {}

    @property
    def sources(self) -> tuple[str, ...]:
        """Every source, in order of first mention; the heartbeat itself belongs to none."""
        return tuple(dict.fromkeys(e.source for e in self.event_types.values() if e.source))

    def find(self, name: str) -> EventType | None:
        """Return the event type that *name* means, or None when it means none."""
        found = self.seen.get(name)
        if found is None:
            found = self._by_folded.get(folded(name))
            if found is not None and len(self.seen) < 4096:
                self.seen[name] = found
        return found
