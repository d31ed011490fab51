"""How rows of a table become events: a small YAML file says which column means what.

```yaml
events:                                  # the first whose `when` fits says what a row is; without one it is passed over
  - event: Order Completed
    when: {column: status, is: [paid, shipped]}
    id: "order-{order_id}"               # of the event: the same row must always give the same
    customer: customer_id
    shop: store                          # a column; left out: the default shop
    time: {column: created, format: "%d.%m.%Y %H:%M", zone: Europe/Berlin}
    properties:
      order_id: order_id
      total: total
      is_test: {column: test, as: boolean}
      products: {column: lines, as: json}
```

`time` is a column with RFC 3339 text, or says its format: `rfc3339`, `epoch_ms`, `epoch_s`, or a pattern of `strptime` with
the zone it is meant in. An empty cell is a property that is not there. Money stays text, as it is written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import yaml

from streams.codecs.times import read_time, write_time
from streams.errors import RecordError, SettingsError

Row = Mapping[str, Any]
"""Column → cell: text, or what Parquet holds."""

_YES, _NO = {"true", "yes", "1", "on"}, {"false", "no", "0", "off"}


class Cell(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A column, and what its text is."""

    column: str
    kind: Literal["text", "number", "boolean", "json"] = msgspec.field(default="text", name="as")


class TimeCell(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A column with a time, and how it is written."""

    column: str
    format: str = "rfc3339"
    zone: str = ""


class Condition(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A column that must have one of some values."""

    column: str
    wanted: str | list[str] = msgspec.field(name="is")


class EventRow(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One kind of event; the module says what its fields mean."""

    event: str
    id: str
    customer: str
    time: str | TimeCell
    when: Condition | None = None
    shop: str = ""
    properties: dict[str, str | Cell] = {}


class EventMapping(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """All kinds of events that a table holds.

    Attributes:
        events: the first that fits counts.
        delimiter: between the cells of a CSV file.
        encoding: of a CSV file.
    """

    events: list[EventRow]
    delimiter: str = ","
    encoding: str = "utf-8"

    def message(self, row: Row) -> bytes | None:
        """Return the message of the Segment spec that *row* is; None when it is none of the events.

        Raises:
            RecordError: a column is missing, or a cell is not what it should be.
        """
        for kind in self.events:
            if kind.when is None or _text(row, kind.when.column) in _listed(kind.when.wanted):
                return msgspec.json.encode(_message(kind, row))
        return None


def load_mapping(file: Path) -> EventMapping:
    """Read a mapping.

    Raises:
        SettingsError: there is no such file, it is no YAML, or says something that has no meaning.
    """
    try:
        found = msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), EventMapping)
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}", hint="name a file that can be read") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{file} is no YAML: {error}") from None
    except msgspec.ValidationError as error:
        raise SettingsError(f"{file}: {error}", hint="`streams import --help` shows a mapping") from None
    for kind in found.events:
        _check(kind, file)
    return found


def _check(kind: EventRow, file: Path) -> None:
    """Refuse what would fail for every row."""
    if not isinstance(kind.time, TimeCell):
        return
    pattern = kind.time.format not in {"rfc3339", "epoch_ms", "epoch_s"}
    if pattern and "%z" not in kind.time.format and not kind.time.zone:
        raise SettingsError(
            f"{file}: the time of {kind.event} has no zone",
            hint="add zone: Europe/Berlin, or the like: a local time without one could be any of a day's instants",
        )
    try:
        ZoneInfo(kind.time.zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise SettingsError(
            f"{file}: there is no time zone {kind.time.zone!r}", hint="write it like Europe/Berlin"
        ) from None


def _message(kind: EventRow, row: Row) -> dict[str, Any]:
    try:
        event_id = kind.id.format_map({name: _shown(value) for name, value in row.items()})
    except (LookupError, ValueError) as error:
        raise RecordError("missing_event_id", f"the id {kind.id!r} cannot be made: {error}") from None
    properties = {
        name: value
        for name, cell in kind.properties.items()
        if (value := _value(row, cell if isinstance(cell, Cell) else Cell(cell))) is not None
    }
    customer = _text(row, kind.customer)
    if not customer:
        raise RecordError("missing_customer", f"the column {kind.customer!r} is empty")
    fields: dict[str, Any] = {
        "messageId": event_id, "type": "track", "event": kind.event, "userId": customer,
        "timestamp": write_time(_instant_ms(row, kind.time)), "properties": properties,
    }  # fmt: skip
    if kind.event == "identify":
        fields |= {"type": "identify", "event": None, "traits": properties, "properties": {}}
    if kind.shop and (shop := _text(row, kind.shop)):
        fields["shop_id"] = shop
    return fields


def _value(row: Row, cell: Cell) -> Any:
    """Return a property; None when its cell is empty."""
    raw = _cell(row, cell.column)
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return None
    if cell.kind == "text" or not isinstance(raw, str):
        return raw if isinstance(raw, list | dict | bool) else _shown(raw)
    text = raw.strip()
    try:
        return _converted(text, cell.kind)
    except (ValueError, msgspec.DecodeError):
        raise RecordError("invalid_property", f"the column {cell.column!r} holds no {cell.kind}") from None


def _converted(text: str, kind: str) -> Any:
    if kind == "json":
        return msgspec.json.decode(text.encode())
    if kind == "boolean":
        if text.lower() not in _YES | _NO:
            raise ValueError(text)
        return text.lower() in _YES
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return int(text) if text.lstrip("+-").isdecimal() else number


def _instant_ms(row: Row, time: str | TimeCell) -> int:
    cell = time if isinstance(time, TimeCell) else TimeCell(time)
    raw = _cell(row, cell.column)
    if isinstance(raw, datetime):
        moment = raw if raw.tzinfo else raw.replace(tzinfo=ZoneInfo(cell.zone or "UTC"))
        return math.floor(moment.timestamp() * 1_000)
    text = _shown(raw).strip()
    if not text:
        raise RecordError("missing_timestamp", f"the column {cell.column!r} is empty")
    try:
        if cell.format == "rfc3339":
            return read_time(text)
        if cell.format in {"epoch_ms", "epoch_s"}:
            return math.floor(float(text) * (1 if cell.format == "epoch_ms" else 1_000))
        moment = datetime.strptime(text, cell.format)  # noqa: DTZ007 - its zone is given below
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(cell.zone))
        return math.floor(moment.timestamp() * 1_000)
    except (ValueError, OverflowError):
        raise RecordError(
            "invalid_timestamp", f"the column {cell.column!r} holds no time as {cell.format}"
        ) from None


def _cell(row: Row, column: str) -> Any:
    if column not in row:
        raise RecordError("invalid_property", f"there is no column {column!r}")
    return row[column]


def _text(row: Row, column: str) -> str:
    return _shown(_cell(row, column)).strip()


def _shown(raw: Any) -> str:
    return "" if raw is None else str(raw)


def _listed(wanted: str | list[str]) -> list[str]:
    return [wanted] if isinstance(wanted, str) else wanted
