"""Files of past events: the three formats, what is refused, what is counted."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from pyarrow import Table, parquet

from streams.catalogue.events import load_vocabulary
from streams.codecs.customer_events import EventDecoder
from streams.errors import SettingsError
from streams.operations.event_mapping import EventMapping, load_mapping
from streams.operations.past_events import PastEvents, RefusedRow
from streams.segmentation.stimuli import EventObserved

NOW_MS = 1_772_458_800_000
MAPPING = """
delimiter: ";"
events:
  - {event: Order Completed, when: {column: kind, is: order}, id: "{id}", customer: who, time: at,
     properties: {order_id: id, total: total}}
"""
LINE = (
    b'{"messageId": "m1", "type": "track", "event": "Order Completed", "userId": "u1",'
    b' "timestamp": "2026-03-02T10:00:00Z", "properties": {"order_id": "o1", "total": "5"}}'
)


@pytest.fixture
def mapping(tmp_path: Path) -> EventMapping:
    """What the columns mean."""
    file = tmp_path / "mapping.yaml"
    file.write_text(MAPPING)
    return load_mapping(file)


def reading(mapping: EventMapping | None = None) -> tuple[PastEvents, list[RefusedRow]]:
    """Return what reads, and what it refuses."""
    refused: list[RefusedRow] = []
    decode = EventDecoder(load_vocabulary(), max_clock_skew_ms=300_000).segment
    return PastEvents(decode, now_ms=NOW_MS, mapping=mapping, refuse=refused.append), refused


def test_json_lines(tmp_path: Path) -> None:
    """Each line a message; empty ones are nothing; what cannot be used is told with its line, the others go on."""
    file = tmp_path / "events.jsonl"
    future = LINE.replace(b"m1", b"m2").replace(b"2026", b"2027")
    file.write_bytes(b"\n".join([LINE, b"", b"{", future, LINE.replace(b"m1", b"m3")]))
    events, refused = reading()
    found = list(events.read(file))

    assert [event.event_id for event in found] == ["m1", "m3"]
    assert [(row.line, row.reason) for row in refused] == [(3, "undecodable"), (4, "too_far_ahead")]
    assert refused[1].raw == future
    summary = events.summary
    assert (summary.rows, dict(summary.events), dict(summary.refused)) == (
        4, {"Order Completed": 2}, {"undecodable": 1, "too_far_ahead": 1},
    )  # fmt: skip
    assert summary.earliest_ms == summary.newest_ms == {"orders": found[0].event_time_ms}


def test_csv_means_the_same(tmp_path: Path, mapping: EventMapping) -> None:
    """A row that the mapping knows is the event that the message would be; others are passed over."""
    file = tmp_path / "orders.csv"
    file.write_text(
        "kind;id;who;at;total\norder;m1;u1;2026-03-02T10:00:00Z;5\nnote;m2;u1;x;5\norder;m3;;x;5\n"
    )
    lines = tmp_path / "events.jsonl"
    lines.write_bytes(LINE.replace(b'"o1"', b'"m1"'))
    events, refused = reading(mapping)

    assert list(events.read(file)) == list(reading()[0].read(lines))
    assert events.summary.passed_over == 1
    assert [(row.line, row.reason) for row in refused] == [(4, "missing_customer")]


def test_parquet_means_the_same(tmp_path: Path, mapping: EventMapping) -> None:
    """With times and numbers of its own."""
    file = tmp_path / "orders.parquet"
    at = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
    rows = [{"kind": "order", "id": "m1", "who": "u1", "at": at, "total": 5}]
    parquet.write_table(Table.from_pylist(rows), file)
    (event,) = reading(mapping)[0].read(file)

    assert isinstance(event, EventObserved)
    assert (event.event_id, event.event_time_ms, event.properties) == (
        "m1", int(at.timestamp() * 1_000), {"order_id": "m1", "total": "5"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("events.xyz", b"", "what is in it"), ("none.jsonl", None, "No such file"), ("orders.csv", b"a", "needs a mapping"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    """A sentence with the file and what to do."""
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(SettingsError, match=words):
        list(reading()[0].read(file))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [("a.csv", b"kind\n\xff", "give its encoding"), ("a.parquet", b"PAR0", "is no Parquet file")],
)
def test_files_that_hold_something_else(
    tmp_path: Path, mapping: EventMapping, name: str, content: bytes, words: str
) -> None:
    """A file is what its name says, or it is told."""
    file = tmp_path / name
    file.write_bytes(content)

    with pytest.raises(SettingsError, match=words):
        list(reading(mapping)[0].read(file))


def test_parquet_without_pyarrow(
    tmp_path: Path, mapping: EventMapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra is named, and the way around it."""
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)

    with pytest.raises(SettingsError, match="needs pyarrow") as told:
        list(reading(mapping)[0].read(tmp_path / "a.parquet"))
    assert "segment-streams[parquet]" in told.value.hint
