"""What the demo shows while it runs: segment sizes, counts and the last transitions, as the output topic tells them."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from typing import Final
from zlib import crc32

import msgspec

from streams.segmentation.effects import MOVES

LAST_SHOWN: Final = 12
STORY_LENGTH: Final = 20
"""About as long a story is good to read."""

STORIES_OF: Final = 8
"""One customer in so many is followed; a whole year of all of them would be too much to keep."""


class ClauseSeen(msgspec.Struct, frozen=True):
    """One clause of the reason."""

    text: str
    truth: str = ""
    value: str = ""


class TransitionSeen(msgspec.Struct, frozen=True):
    """The part of a `segment_transition` record that people look at first; times are RFC 3339."""

    customer_id: str
    segment_id: str
    kind: str
    origin: str
    occurred_at: str
    cause: str = ""
    clauses: tuple[ClauseSeen, ...] = ()

    @property
    def reason(self) -> str:
        """The clauses with what they rest on, in one line."""
        said = (f"{clause.text} ({clause.value})" if clause.value else clause.text for clause in self.clauses)
        return "; ".join(said) or (f"because of {self.cause}" if self.cause else "")


DECODER: Final = msgspec.json.Decoder(TransitionSeen)


class Board:
    """Counts transitions as they come.

    Attributes:
        sizes: current members by segment.
        entered: entries so far by segment.
        kinds: transitions by kind.
        origins: transitions by origin.
        last: the latest transitions, newest last.
    """

    def __init__(self) -> None:
        self.sizes: Counter[str] = Counter()
        self.entered: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.origins: Counter[str] = Counter()
        self.last: deque[TransitionSeen] = deque(maxlen=LAST_SHOWN)
        self._stories: defaultdict[str, list[TransitionSeen]] = defaultdict(list)

    @property
    def transitions(self) -> int:
        """All transitions so far."""
        return self.kinds.total()

    def take(self, records: Iterable[bytes]) -> int:
        """Count *records*, each the JSON value of a transition; return how many they were."""
        before = self.transitions
        for record in records:
            seen = DECODER.decode(record)
            self.kinds[seen.kind] += 1
            self.origins[seen.origin] += 1
            if seen.kind == "entered":
                self.entered[seen.segment_id] += 1
                self.sizes[seen.segment_id] += 1
            elif seen.kind in MOVES:
                self.sizes[seen.segment_id] -= 1
            if crc32(seen.customer_id.encode()) % STORIES_OF == 0:
                self._stories[seen.customer_id].append(seen)
            self.last.append(seen)
        return self.transitions - before

    def members(self) -> dict[str, int]:
        """Return the members of every segment that anyone ever entered, by name."""
        return {segment_id: self.sizes[segment_id] for segment_id in sorted(self.entered)}

    def story(self) -> list[TransitionSeen]:
        """Return one customer's transitions, eventful but not too long, oldest first; empty when there are none.

        A retraction makes a story worth telling: an abandonment that a late order disproved.
        """
        stories = list(self._stories.values())
        retracted = [story for story in stories if any(seen.kind == "retracted" for seen in story)]
        return min(retracted or stories, key=lambda story: abs(len(story) - STORY_LENGTH), default=[])
