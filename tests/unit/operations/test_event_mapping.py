"""How rows become events, and what is told when one cannot."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from streams.errors import RecordError, SettingsError
from streams.operations.event_mapping import EventMapping, load_mapping

ORDERS = """
events:
  - event: Order Completed
    when: {column: status, is: [paid, shipped]}
    id: "order-{order_id}"
    customer: customer
    shop: store
    time: {column: created, format: "%d.%m.%Y %H:%M", zone: Europe/Berlin}
    properties:
      order_id: order_id
      total: total
      quantity: {column: quantity, as: number}
      is_test: {column: test, as: boolean}
      products: {column: lines, as: json}
  - {event: Order Cancelled, when: {column: status, is: void}, id: "void-{order_id}", customer: customer, time: iso}
"""
ROW = {
    "status": "paid", "order_id": "7", "customer": " u1 ", "store": "berlin", "created": "02.03.2026 11:30",
    "total": "19.90", "quantity": "2", "test": "no", "lines": '[{"sku": "A"}]', "iso": "2026-03-02T10:30:00Z",
}  # fmt: skip


def mapping(tmp_path: Path, text: str = ORDERS) -> EventMapping:
    """Read *text* as a mapping."""
    file = tmp_path / "mapping.yaml"
    file.write_text(text)
    return load_mapping(file)


def message(tmp_path: Path, **changed: Any) -> Any:
    """Return the message of the row, with some cells changed."""
    found = mapping(tmp_path).message({**ROW, **changed})
    return None if found is None else json.loads(found)


def test_a_row_becomes_a_message(tmp_path: Path) -> None:
    """Ids are made, the local time gets its zone, money stays text, other cells are what the mapping says."""
    assert message(tmp_path) == {
        "messageId": "order-7", "type": "track", "event": "Order Completed", "userId": "u1", "shop_id": "berlin",
        "timestamp": "2026-03-02T10:30:00.000Z",
        "properties": {
            "order_id": "7", "total": "19.90", "quantity": 2, "is_test": False, "products": [{"sku": "A"}],
        },
    }  # fmt: skip


def test_the_first_that_fits_counts(tmp_path: Path) -> None:
    """And a row that fits none is passed over."""
    assert message(tmp_path, status="void")["messageId"] == "void-7"
    assert message(tmp_path, status="draft") is None


def test_an_empty_cell_is_no_property(tmp_path: Path) -> None:
    """Nor an empty shop a shop."""
    found = message(tmp_path, total=" ", quantity="", lines=None, store="")

    assert set(found["properties"]) == {"order_id", "is_test"}
    assert "shop_id" not in found


@pytest.mark.parametrize(
    ("form", "cell", "expected"),
    [
        ("rfc3339", "2026-03-02T11:30:00.5+01:00", "2026-03-02T10:30:00.500Z"),
        ("epoch_ms", "1772447400250", "2026-03-02T10:30:00.250Z"), ("epoch_s", "1772447400.25", "2026-03-02T10:30:00.250Z"),
        ("%Y-%m-%d %H:%M:%S%z", "2026-03-02 11:30:00+0100", "2026-03-02T10:30:00.000Z"),
        ("rfc3339", datetime(2026, 3, 2, 10, 30, tzinfo=UTC), "2026-03-02T10:30:00.000Z"),
    ],
)  # fmt: skip
def test_times(tmp_path: Path, form: str, cell: object, expected: str) -> None:
    """Every format that can be said; Parquet brings times of its own."""
    found = mapping(
        tmp_path, f'events: [{{event: E, id: "{{a}}", customer: a, time: {{column: t, format: "{form}"}}}}]'
    )
    written = found.message({"a": "1", "t": cell})

    assert written is not None
    assert json.loads(written)["timestamp"] == expected


def test_traits(tmp_path: Path) -> None:
    """`identify` says traits, not properties."""
    text = 'events: [{event: identify, id: "{a}", customer: a, time: t, properties: {city: c}}]'
    written = mapping(tmp_path, text).message({"a": "1", "c": "Rome", "t": "2026-03-02T10:30:00Z"})

    assert written is not None
    found = json.loads(written)
    assert (found["type"], found["traits"], found["properties"]) == ("identify", {"city": "Rome"}, {})


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"customer": " "}, "missing_customer"), ({"created": ""}, "missing_timestamp"),
        ({"created": "yesterday"}, "invalid_timestamp"), ({"quantity": "two"}, "invalid_property"),
        ({"quantity": "inf"}, "invalid_property"), ({"test": "perhaps"}, "invalid_property"),
        ({"lines": "[{"}, "invalid_property"),
    ],
)  # fmt: skip
def test_what_a_row_lacks_is_told(tmp_path: Path, changed: dict[str, str], reason: str) -> None:
    """The column is named, never its content."""
    with pytest.raises(RecordError) as told:
        message(tmp_path, **changed)

    assert told.value.reason == reason
    assert "column" in told.value.message


def test_a_missing_column_is_told(tmp_path: Path) -> None:
    """A mapping and a file that do not belong together."""
    row = dict(ROW)
    del row["total"]
    with pytest.raises(RecordError, match="there is no column 'total'"):
        mapping(tmp_path).message(row)
    with pytest.raises(RecordError, match="cannot be made"):
        mapping(tmp_path).message({"status": "paid"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("events: [", "is no YAML"), ("events: {}", "Expected `array`"),
        ('events: [{event: E, id: "x", customer: a, time: t, colour: red}]', "unknown field `colour`"),
        ('events: [{event: E, id: "x", customer: a}]', "missing required field `time`"),
        ('events: [{event: E, id: "x", customer: a, time: {column: t, format: "%Y"}}]', "has no zone"),
        ('events: [{event: E, id: "x", customer: a, time: {column: t, zone: Mars/Base}}]', "no time zone 'Mars/Base'"),
    ],
)  # fmt: skip
def test_a_wrong_mapping_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """Before any row is read."""
    with pytest.raises(SettingsError, match=words):
        mapping(tmp_path, text)


def test_a_mapping_that_is_not_there(tmp_path: Path) -> None:
    """The file is named."""
    with pytest.raises(SettingsError, match="No such file"):
        load_mapping(tmp_path / "none.yaml")
