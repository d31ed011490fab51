"""The transition: what the core decides and the shell writes. Apart from the other effects, because it may be compiled."""

from __future__ import annotations

from typing import Any

from streams.segmentation.effects import Clause, Kind, Origin
from streams.segmentation.timeline import EpochMs

FIELDS = (
    *("transition_id", "shop_id", "customer_id", "segment_id", "segment_version", "kind", "origin"),
    *("occurred_at_ms", "emitted_at_ms", "watermark_ms", "sequence", "cause", "retracts", "entered_at_ms"),
    *("valid_until_ms", "clauses", "context"),
)


class Transition:
    """A customer entered or left a segment, or an entry proved never to have been true.

    Attributes:
        transition_id: 32 hex digits; the same input gives the same id for ever (SEMANTICS S17).
        kind: ``entered``, ``exited`` or ``retracted``.
        origin: what brought it about: ``event``, ``timer``, ``late`` or ``catchup``.
        occurred_at_ms: event time at which it became true.
        emitted_at_ms: clock of the run when it was decided (wall clock live, stream time in replays).
        watermark_ms: watermark of the segment's gate when it was decided.
        sequence: counts the transitions of this customer and segment, from 1.
        cause: the event id that caused it, or ``timer``.
        retracts: transition id of the entry that a retraction takes back, else empty.
        entered_at_ms: for exits and retractions, when the membership began; else None.
        valid_until_ms: next instant at which time alone may change it; None when there is none.
        clauses: the definition's clauses with their values at `occurred_at_ms`.
        context: what the definition asks for of the customer's newest events by then: name → JSON text.
    """

    __slots__ = FIELDS

    def __init__(  # noqa: PLR0917 - in the order of its fields
        self,
        transition_id: str,
        shop_id: str,
        customer_id: str,
        segment_id: str,
        segment_version: int,
        kind: Kind,
        origin: Origin,
        occurred_at_ms: EpochMs,
        emitted_at_ms: EpochMs,
        watermark_ms: EpochMs,
        sequence: int,
        cause: str,
        retracts: str = "",
        entered_at_ms: EpochMs | None = None,
        valid_until_ms: EpochMs | None = None,
        clauses: list[Clause] | None = None,
        context: dict[str, str] | None = None,
    ) -> None:
        """Take what was decided."""
        self.transition_id = transition_id
        self.shop_id = shop_id
        self.customer_id = customer_id
        self.segment_id = segment_id
        self.segment_version = segment_version
        self.kind: Kind = kind
        self.origin: Origin = origin
        self.occurred_at_ms = occurred_at_ms
        self.emitted_at_ms = emitted_at_ms
        self.watermark_ms = watermark_ms
        self.sequence = sequence
        self.cause = cause
        self.retracts = retracts
        self.entered_at_ms = entered_at_ms
        self.valid_until_ms = valid_until_ms
        self.clauses: list[Clause] = [] if clauses is None else clauses
        self.context: dict[str, str] = {} if context is None else context

    def fields(self) -> dict[str, Any]:
        """Return all of it by name, in order."""
        return {name: getattr(self, name) for name in FIELDS}

    def replaced(self, **changes: Any) -> Transition:
        """Return another one in which *changes* are made."""
        return Transition(**{**self.fields(), **changes})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Transition) and self.fields() == other.fields()

    def __hash__(self) -> int:
        return hash(self.transition_id)

    def __repr__(self) -> str:
        return f"Transition({', '.join(f'{name}={value!r}' for name, value in self.fields().items())})"
