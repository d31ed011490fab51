"""How a worker logs: for people on a console, or as JSON, one object a line; always on standard error.

A level says who must act: ``error``, somebody, now; ``warning``, nobody, it was not expected and mends itself; ``info``,
nobody, the system's state has changed; ``debug``, for its developers. What the libraries call critical is an error.

No personal data. Keys, values and customers are logged nowhere, and an exception that is not one of ours is told by its
type and the places it came from: its text may quote a record.
"""

from __future__ import annotations

import logging
import re
import traceback
from types import TracebackType
from typing import Any, Final

from pythonjsonlogger.orjson import OrjsonFormatter

from streams.codecs.times import write_time
from streams.errors import DefinitionError, OperationError
from streams.settings import Settings

LEVELS: Final = {"debug": "DEBUG", "info": "INFO", "warn": "WARNING", "error": "ERROR"}

COORDINATES: Final = ("topic", "partition", "offset")
"""Fields that say where in Kafka; they stand in a message as ``topic t, partition 3, offset 17``."""

FIELDS: Final = (
    "time",
    "level",
    "logger",
    "application",
    "message",
    *COORDINATES,
    "segment",
    "reason",
    "traceback",
)
"""Every field that a JSON line may have, in its order. What others attach to a record is left out: nobody has looked
whether it names a customer."""

_PLACES: Final = {
    "topic": re.compile(r"\btopic ([\w.-]+)"),
    "partition": re.compile(r"\bpartition (\d+)\b"),
    "offset": re.compile(r"\boffset (\d+)\b"),
}
_CHATTY: Final = (
    "faust",
    "mode",
    "aiokafka",
    "asyncio",
    "streams.runtime.transport",
    "streams.runtime.telemetry",
)
"""What Faust says of its own services, the last two of ours among them: what they start and stop."""

_NEVER: Final = ("httpx2", "httpcore2")
"""They would show addresses, and for debugging headers with credentials."""

_OURS_TO_TELL: Final = (OperationError, DefinitionError)
_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def log_config(settings: Settings) -> dict[str, Any]:
    """Return the configuration of logging (`logging.config.dictConfig`) that *settings* ask for."""
    level = LEVELS[settings.log_level]
    formatter: dict[str, Any] = (
        {"()": JsonFormatter, "application": settings.application_id}
        if settings.log_format == "json"
        else {"()": ConsoleFormatter}
    )
    # The libraries' own lines are for their developers, unless somebody must act.
    chatty = {name: {"level": "DEBUG" if level == "DEBUG" else "WARNING"} for name in _CHATTY}
    quiet = {name: {"level": "WARNING"} for name in _NEVER}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"default": formatter},
        "filters": {"texts": {"()": ExceptionsByType}},
        "handlers": {
            "default": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stderr",
                "formatter": "default",
                "filters": ["texts"],
            }
        },
        "root": {"level": level, "handlers": ["default"]},
        "loggers": {**chatty, **quiet},
    }


def coordinates(record: logging.LogRecord, message: str) -> dict[str, str | int]:
    """Return topic, partition and offset, as given with the record or named in its message."""
    found: dict[str, str | int] = {}
    for name in COORDINATES:
        given = getattr(record, name, None)
        if given is None and (place := _PLACES[name].search(message)) is not None:
            given = place[1]
        if given is not None:
            found[name] = str(given) if name == "topic" else int(given)
    return found


def told(error: BaseException) -> str:
    """Return what may be logged of an exception: its type, and its text if it is one of ours for people."""
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, _OURS_TO_TELL) else name


def traceback_of(error: BaseException | None) -> str:
    """Return where *error*, and what caused it, came from: places and types, no texts and no source lines."""
    lines: list[str] = []
    while error is not None:
        places = traceback.extract_tb(error.__traceback__, limit=-30)
        own = [f'  File "{place.filename}", line {place.lineno}, in {place.name}' for place in places]
        lines = [*own, told(error), *(["which led to:"] if lines else []), *lines]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(lines)


class ExceptionsByType(logging.Filter):
    """Lets a message that has an exception in it, as Faust's have, say its type only."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Put in what may be told; every record passes."""
        if isinstance(record.args, tuple) and any(isinstance(one, BaseException) for one in record.args):
            record.args = tuple(told(one) if isinstance(one, BaseException) else one for one in record.args)
        return True


class _WithoutTexts(logging.Formatter):
    """Formats exceptions without their texts."""

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 - the name that logging calls
        """Return places and types."""
        return traceback_of(ei[1])


class ConsoleFormatter(_WithoutTexts):
    """Formats a record for people: time, level, logger, message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback below it if there is one."""
        line = f"{_time(record)} {_level(record):<7} {record.name}: {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(OrjsonFormatter):
    """Formats a record as one JSON object: time, level, logger, application, message, coordinates, extra fields."""

    def __init__(self, application: str) -> None:
        """Take the application's id, which stands in every line."""
        super().__init__(
            "%(message)s", static_fields={"application": application}, rename_fields={"exc_info": "traceback"}
        )

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Return the fields that a line may have."""
        return {name: log_data[name] for name in FIELDS if name in log_data}

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        """Add what every line has, and where in Kafka it is about."""
        super().add_fields(log_data, record, message_dict)
        log_data |= {"time": _time(record), "level": _level(record), "logger": record.name}
        log_data |= coordinates(record, str(log_data["message"]))

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 - the name that logging calls
        """Return places and types."""
        return traceback_of(ei[1])


def _time(record: logging.LogRecord) -> str:
    return write_time(int(record.created * 1_000))


def _level(record: logging.LogRecord) -> str:
    return "error" if record.levelno > logging.ERROR else record.levelname.lower()
