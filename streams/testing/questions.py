"""Asks one condition about one customer at an instant: its truth, when time may change it, what its clauses say."""

from __future__ import annotations

from typing import Any

from streams.segmentation.options import Options
from streams.segmentation.timeline import BEFORE_ALL, NEVER, EpochMs, rfc3339
from streams.segmentation.truth import WORDS
from streams.testing.driver import SegmentationTestDriver
from streams.testing.shop import SOURCES, catalogue_of, instant

_CUSTOMER = "c"


class Question:
    """A condition in YAML, and what is told of the customer ``c``.

    Attributes:
        driver: the engine behind it.
    """

    def __init__(self, when: str, more: str = "", *, watched_since_ms: EpochMs | None = None) -> None:
        """Compile the condition *when*.

        Args:
            when: the condition, on one line.
            more: other sections of the file, such as facts.
            watched_since_ms: since when every source was watched (S10); None: everything is known.
        """
        text = f"{more}\nsegments:\n  - id: s\n    label: S\n    when: {when}"
        catalogue = catalogue_of(text)
        self._told = 0
        options = Options(coverage_since=watched_since_ms is not None)
        self.driver = SegmentationTestDriver(catalogue, sources=SOURCES, options=options)
        self._plan = self.driver.partition.plan
        self._since = BEFORE_ALL if watched_since_ms is None else watched_since_ms

    def tell(self, event_type: str, at: str, plus_ms: int = 0, **properties: Any) -> Question:
        """Let the customer do *event_type*; return the question, to go on with."""
        self._told += 1
        self.driver.happen(event_type, instant(at, plus_ms), _CUSTOMER, f"e{self._told}", **properties)
        return self

    def at(self, at: str, plus_ms: int = 0) -> str:
        """Return its truth in words."""
        return WORDS[self._answer(instant(at, plus_ms))[0]]

    def around(self, at: str) -> list[str]:
        """Return its truth one millisecond before the instant, at it, and one after."""
        return [self.at(at, plus_ms) for plus_ms in (-1, 0, 1)]

    def changes(self, at: str, plus_ms: int = 0) -> str:
        """Return the next instant, as of *at*, at which time alone may change it; ``never`` if there is none."""
        change = self._answer(instant(at, plus_ms))[1]
        return "never" if change == NEVER else rfc3339(change)

    def values(self, at: str) -> list[str]:
        """Return the values of its clauses."""
        t = instant(at)
        why = self._plan.machines[0].members[0].why
        return [clause.value for clause in why(self._profile, t, t, self._coverage)]

    @property
    def _profile(self) -> Any:
        return self.driver.partition.profile(f"default/{_CUSTOMER}")

    @property
    def _coverage(self) -> tuple[EpochMs, ...]:
        return (self._since,) * len(self._plan.sources)

    def _answer(self, t: EpochMs) -> tuple[int, EpochMs]:
        return self._plan.machines[0].entry(self._profile, t, t, self._coverage)
