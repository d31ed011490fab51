"""The errors of Segment Streams, in three families.

StreamsError
├── DefinitionError   the author of a segment definition must act (file, line, column, hint)
├── RecordError       one input record cannot be used; it goes to the dead-letter topic with its reason
└── OperationError    the operator must act (settings, brokers, state)
    └── SettingsError   a setting is wrong; the start stops before anything is read

Failed assertions are our own defects; they crash and stay on in production.
"""

from __future__ import annotations

from typing import Literal

RecordReason = Literal[
    "undecodable",
    "truncated",
    "unknown_schema",
    "missing_event_id",
    "missing_customer",
    "missing_event_type",
    "missing_timestamp",
    "invalid_timestamp",
    "invalid_property",
    "too_far_ahead",
    "unknown_event",
    "too_large",
    "too_late",
    "processing_failed",
]


class StreamsError(Exception):
    """Base of every error this package raises on purpose.

    Attributes:
        message: what is wrong, one sentence.
        hint: what to do about it; empty when there is nothing to add.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class DefinitionError(StreamsError):
    """A segment definition is wrong; carries where, and the nearest right word."""

    def __init__(
        self, message: str, *, hint: str = "", file: str = "", line: int = 0, column: int = 0
    ) -> None:
        super().__init__(message, hint=hint)
        self.file, self.line, self.column = file, line, column

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: " if self.file else ""
        return where + super().__str__()


class RecordError(StreamsError):
    """One input record cannot be used. *reason* is a short, closed word that metrics may carry."""

    def __init__(self, reason: RecordReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class OperationError(StreamsError):
    """Infrastructure or state prevents the work; the hint says what the operator does."""


class SettingsError(OperationError):
    """A setting is missing or wrong; raised before anything is read or written."""
