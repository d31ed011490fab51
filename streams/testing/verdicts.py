"""What an oracle counts after faults; all zero is the only good verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """Differences from an undisturbed single-threaded run; everything read committed.

    Attributes:
        missing: outputs that were never written.
        extra: outputs that should not exist: doubled, of an aborted transaction, or wrong.
        disordered: customers whose outputs stand in another order.
        torn: transactions seen in part: a state without its output, an output beyond the committed offsets.
        state: profiles that the changelog restores differently.
        letters: dead letters missing, doubled or wrong.
        unsettled: partitions that an open transaction still blocks for readers.
    """

    missing: int = 0
    extra: int = 0
    disordered: int = 0
    torn: int = 0
    state: int = 0
    letters: int = 0
    unsettled: int = 0

    @property
    def clean(self) -> bool:
        """Nothing differs."""
        return not any(astuple(self))

    def __add__(self, other: Verdict) -> Verdict:
        """Count both."""
        return Verdict(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))


def outputs_verdict(
    expected: Mapping[str, Sequence[Hashable]], written: Mapping[str, Sequence[Hashable]]
) -> Verdict:
    """Compare what was *written* for each customer with what was *expected*, in count and in order."""
    missing = extra = disordered = 0
    for name in expected.keys() | written.keys():
        want, got = expected.get(name, ()), written.get(name, ())
        if want == got:
            continue
        lost, added = Counter(want) - Counter(got), Counter(got) - Counter(want)
        missing += lost.total()
        extra += added.total()
        disordered += [x for x in want if x not in lost] != [x for x in got if x not in added]
    return Verdict(missing=missing, extra=extra, disordered=disordered)


def differing(expected: Mapping[Any, object], found: Mapping[Any, object]) -> int:
    """Return how many names mean something else in the two, or stand in one only."""
    return sum(expected.get(name) != found.get(name) for name in expected.keys() | found.keys())
