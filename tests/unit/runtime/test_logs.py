"""What a log line holds, in both formats, and what none may hold."""

from __future__ import annotations

import json
import logging
import logging.config
import re
from collections.abc import Iterator
from typing import Any

import pytest

from streams.errors import OperationError
from streams.runtime.logs import FIELDS, log_config
from streams.settings import Settings

SECRET = "alice@example.com"


class Written:
    """What went to standard error, all of it."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture, self._text = capture, ""

    def text(self) -> str:
        """Return it."""
        self._text += self._capture.readouterr().err
        return self._text

    def lines(self) -> list[dict[str, Any]]:
        """Return the JSON objects, one of each line."""
        return [json.loads(line) for line in self.text().splitlines()]


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[Written]:
    """What is written to standard error; logging is put back afterwards."""
    names = (*log_config(Settings.load({}))["loggers"], "")
    before = {name: logging.getLogger(name).level for name in names}
    handlers = logging.getLogger().handlers[:]
    yield Written(capsys)
    logging.getLogger().handlers[:] = handlers
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def configure(**settings: Any) -> logging.Logger:
    """Log as *settings* say, to standard error; return a logger."""
    logging.config.dictConfig(log_config(Settings.load({}, application_id="shop", **settings)))
    return logging.getLogger("streams.test")


def fail(error: Exception) -> None:
    """Raise *error* from another one."""
    try:
        dict[str, str]()[SECRET]
    except KeyError as cause:
        raise error from cause


def test_a_json_line(written: Written) -> None:
    """Time, level, logger, application, message; and where in Kafka, as numbers."""
    configure(log_format="json").warning("quarantined: topic a.b-c, partition 3, offset 17: %s", "ValueError")
    (line,) = written.lines()

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "warning", "logger": "streams.test", "application": "shop",
        "message": "quarantined: topic a.b-c, partition 3, offset 17: ValueError",
        "topic": "a.b-c", "partition": 3, "offset": 17,
    }  # fmt: skip


def test_fields_that_are_given(written: Written) -> None:
    """They win over what the message says; others that a library attaches are left out."""
    configure(log_format="json").info(
        "partition 1 restored", extra={"partition": 2, "segment": "a.b", "email": SECRET}
    )
    (line,) = written.lines()

    assert (line["partition"], line["segment"]) == (2, "a.b")
    assert set(line) <= set(FIELDS)
    assert SECRET not in written.text()


def test_a_console_line(written: Written) -> None:
    """Time, level, logger, message, for people."""
    configure().warning("rolled back: %s", "fenced")

    assert re.fullmatch(r"\S+Z warning streams\.test: rolled back: fenced\n", written.text())


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_an_exception_is_told_without_its_text(written: Written, log_format: str) -> None:
    """Its text may quote a record: type and places are enough to find it; the cause is told too."""
    logger = configure(log_format=log_format)
    try:
        fail(ValueError(f"no such customer: {SECRET}"))
    except ValueError:
        logger.exception("the agent failed")
        logging.getLogger("faust.agents").critical("crashed: %r", KeyError(SECRET))
    text = written.text()

    assert SECRET not in text
    assert all(word in text for word in ("KeyError", "ValueError", "test_logs.py", "in fail"))
    if log_format == "json":
        first, second = written.lines()
        assert first["traceback"].splitlines()[-1] == "ValueError"
        assert second["message"] == "crashed: 'KeyError'"


def test_an_error_for_operators_keeps_its_text(written: Written) -> None:
    """It was written for people, and holds what to do."""
    logger = configure()
    try:
        fail(OperationError("no broker answers", hint="start one"))
    except OperationError:
        logger.exception("the worker stops")

    assert "OperationError: no broker answers\n  hint: start one" in written.text()


@pytest.mark.parametrize(
    ("log_level", "shown"),
    [("debug", "diwec"), ("info", "iwec"), ("warn", "wec"), ("error", "ec")],
)
def test_levels(written: Written, log_level: str, shown: str) -> None:
    """Each level shows itself and what is graver; what a library calls critical is an error."""
    logger = configure(log_format="json", log_level=log_level)
    for level, name in zip((10, 20, 30, 40, 50), "diwec", strict=True):
        logger.log(level, name)
    found = written.lines()

    assert "".join(line["message"] for line in found) == shown
    assert {line["level"] for line in found if line["message"] in "ec"} == {"error"}


def test_libraries_speak_when_somebody_must_act(written: Written) -> None:
    """Their chatter is for debugging; an HTTP client's never, for it holds addresses and headers."""
    for log_level in ("info", "debug"):
        configure(log_format="json", log_level=log_level)
        for name in ("faust.app", "streams.runtime.transport", "httpx2"):
            logging.getLogger(name).info("at level %s", log_level)
    found = [(line["logger"], line["message"]) for line in written.lines()]

    assert found == [("faust.app", "at level debug"), ("streams.runtime.transport", "at level debug")]
