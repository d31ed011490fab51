"""What a row came to."""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.testing.verdicts import Verdict


@dataclass(slots=True)
class Outcome:
    """The outcome of one row.

    Attributes:
        events: input records.
        verdict: what the oracle counted.
        notes: what happened, in a few words, for the table.
        failures: what else was not as it must be: a worker that ended, a limit that was passed.
    """

    events: int
    verdict: Verdict
    notes: str = ""
    failures: list[str] = field(default_factory=list)

    def must(self, fact: object, failure: str) -> None:
        """Note *failure* unless *fact* holds."""
        if not fact:
            self.failures.append(failure)

    @property
    def passed(self) -> bool:
        """Nothing differs and nothing failed."""
        return self.verdict.clean and not self.failures
