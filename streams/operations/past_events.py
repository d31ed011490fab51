"""Reads past events from files: JSON lines of the Segment spec, CSV and Parquet with a mapping. Validates every one.

What comes out are the stimuli that live records give, by the same decoder; what cannot be used is told with its line.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec

from streams.codecs.customer_events import Decode
from streams.errors import RecordError, SettingsError
from streams.operations.event_mapping import EventMapping, Row
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.timeline import EpochMs

FileFormat = Literal["jsonl", "csv", "parquet"]
SUFFIXES: dict[str, FileFormat] = {
    ".jsonl": "jsonl", ".json": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet",
}  # fmt: skip
"""How a file is read, by its name, unless it is said."""

PARQUET_ROWS = 10_000
"""Rows of a Parquet file that are in memory at once."""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """What cannot be used.

    Attributes:
        file: where.
        line: its line, or row, from 1 on; of CSV the line it ends on.
        reason: a closed word (`streams.errors.RecordReason`).
        detail: a sentence.
        raw: what stands there.
    """

    file: str
    line: int
    reason: str
    detail: str
    raw: bytes


@dataclass(slots=True)
class ReadSummary:
    """What was read so far.

    Attributes:
        rows: lines or rows that hold something.
        events: event type → how many.
        passed_over: rows that the mapping has no event for, and heartbeats.
        refused: reason → how many.
        earliest_ms, newest_ms: source → event time of its first and last event.
    """

    rows: int = 0
    events: Counter[str] = field(default_factory=Counter)
    passed_over: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    earliest_ms: dict[str, EpochMs] = field(default_factory=dict)
    newest_ms: dict[str, EpochMs] = field(default_factory=dict)

    def take(self, event: EventObserved) -> None:
        """Count one event."""
        t, source = event.event_time_ms, event.source
        self.events[event.event_type] += 1
        self.earliest_ms[source] = min(t, self.earliest_ms.get(source, t))
        self.newest_ms[source] = max(t, self.newest_ms.get(source, t))


class PastEvents:
    """Reads files of past events.

    Attributes:
        summary: what was read so far.
    """

    def __init__(
        self,
        decode: Decode,
        *,
        now_ms: EpochMs,
        mapping: EventMapping | None = None,
        refuse: Callable[[RefusedRow], None] = lambda row: None,
    ) -> None:
        """Prepare.

        Args:
            decode: of the Segment spec's JSON: message, reference time → stimulus.
            now_ms: no event may lie further ahead of it than the decoder allows (S3).
            mapping: what the columns of CSV and Parquet mean.
            refuse: told of each row that cannot be used.
        """
        self.summary = ReadSummary()
        self._decode, self._now_ms, self._mapping, self._refuse = decode, now_ms, mapping, refuse

    def read(self, file: Path, file_format: FileFormat | None = None) -> Iterator[EventObserved]:
        """Yield the events of *file*, in its order.

        Args:
            file: to be read once, from its beginning.
            file_format: None: what its name says.

        Raises:
            SettingsError: it cannot be read, its format is not known, or a table has no mapping.
        """
        chosen = file_format or SUFFIXES.get(file.suffix.lower())
        if chosen is None:
            raise SettingsError(
                f"{file}: what is in it?", hint=f"say --format; known by name: {', '.join(SUFFIXES)}"
            )
        try:
            yield from self._lines(file) if chosen == "jsonl" else self._rows(file, chosen)
        except OSError as error:
            raise SettingsError(
                f"{file}: {error.strerror or error}", hint="name a file that can be read"
            ) from None
        except (UnicodeDecodeError, csv.Error) as error:
            raise SettingsError(
                f"{file}: {error}", hint="give its encoding and delimiter in the mapping"
            ) from None

    def _lines(self, file: Path) -> Iterator[EventObserved]:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                text = line.strip()
                if text:
                    yield from self._taken(file, number, text, partial(bytes, text))

    def _rows(self, file: Path, file_format: FileFormat) -> Iterator[EventObserved]:
        mapping = self._mapping
        if mapping is None:
            raise SettingsError(
                f"{file}: a table needs a mapping",
                hint="name one with --mapping; `streams import --help` shows one",
            )
        rows = csv_rows(file, mapping) if file_format == "csv" else parquet_rows(file)
        for number, row in rows:
            raw = msgspec.json.encode(row, enc_hook=str)
            yield from self._taken(file, number, raw, partial(mapping.message, row))

    def _taken(
        self, file: Path, number: int, raw: bytes, message_of: Callable[[], bytes | None]
    ) -> Iterator[EventObserved]:
        """Yield the event of one row, if it is one; tell of it if it cannot be used."""
        self.summary.rows += 1
        try:
            message = message_of()
            stimulus = None if message is None else self._decode(message, self._now_ms)
        except RecordError as error:
            self.summary.refused[error.reason] += 1
            self._refuse(RefusedRow(str(file), number, error.reason, error.message, raw))
            return
        if isinstance(stimulus, EventObserved):
            self.summary.take(stimulus)
            yield stimulus
        else:
            self.summary.passed_over += 1


def csv_rows(file: Path, mapping: EventMapping) -> Iterator[tuple[int, Row]]:
    """Yield (line, row) of a CSV file; its first line names the columns."""
    with file.open(encoding=mapping.encoding, newline="") as text:
        reader = csv.DictReader(text, delimiter=mapping.delimiter, restval="")
        for row in reader:
            yield reader.line_num, {name: cell for name, cell in row.items() if name is not None}


def parquet_rows(file: Path) -> Iterator[tuple[int, Row]]:
    """Yield (row, row's cells) of a Parquet file.

    Raises:
        SettingsError: pyarrow is not installed, or the file is none.
    """
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise SettingsError(
            f"{file}: Parquet needs pyarrow",
            hint="pip install 'segment-streams[parquet]', or export it as CSV",
        ) from None
    try:
        number = 0
        for batch in parquet.ParquetFile(file).iter_batches(PARQUET_ROWS):
            rows: list[dict[str, Any]] = batch.to_pylist()
            for row in rows:
                number += 1
                yield number, row
    except ArrowException as error:
        raise SettingsError(f"{file} is no Parquet file: {str(error)[:200]}") from None
