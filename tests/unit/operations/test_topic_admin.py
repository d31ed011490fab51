"""What is told when the brokers do not answer, or refuse; the real ones are asked in `tests/integration`."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import confluent_kafka as ck
import pytest

from streams.errors import OperationError
from streams.operations.access_plan import worker_access
from streams.operations.topic_admin import TopicAdmin
from streams.operations.topic_plan import Sizing, planned_topics
from streams.settings import Settings

SETTINGS = Settings.load({}, bootstrap="kafka:1")
PLAN = planned_topics(SETTINGS, Sizing())


class Refusing:
    """An admin client whose every answer is an error; implements the part that is used."""

    def __init__(self, code: int, *, silent: bool = False) -> None:
        self.error, self.silent = ck.KafkaError(code), silent

    def open(self, options: dict[str, Any], **_: Any) -> Refusing:
        """Take the client's options."""
        return self

    def list_topics(self, timeout: float) -> Any:
        """Answer the metadata, or fail."""
        if self.silent:
            raise ck.KafkaException(self.error)
        return SimpleNamespace(brokers={1: None}, topics={})

    def _refused(self, names: list[Any]) -> dict[Any, Future[None]]:
        answers: dict[Any, Future[None]] = {}
        for name in names:
            answers[name] = Future()
            answers[name].set_exception(ck.KafkaException(self.error))
        return answers

    def create_topics(self, topics: list[Any], **_: Any) -> dict[Any, Future[None]]:
        """Refuse."""
        return self._refused([topic.topic for topic in topics])

    def create_acls(self, rights: list[Any], **_: Any) -> dict[Any, Future[None]]:
        """Refuse."""
        return self._refused(rights)


def admin(code: int, *, silent: bool = False) -> TopicAdmin:
    """Return brokers that answer with the error *code*."""
    return TopicAdmin(SETTINGS, open_admin=Refusing(code, silent=silent).open)


def test_brokers_that_do_not_answer() -> None:
    """The address, and what to check."""
    with pytest.raises(OperationError, match="no broker answers at kafka:1") as told:
        admin(ck.KafkaError._TRANSPORT, silent=True)
    assert "STREAMS_BOOTSTRAP" in told.value.hint


def test_every_refusal_is_told_at_once() -> None:
    """Each topic is named, and the right that is missing."""
    with pytest.raises(OperationError) as told:
        admin(ck.KafkaError.TOPIC_AUTHORIZATION_FAILED).create(PLAN, dry=False)

    assert [line.split(":")[0] for line in told.value.message.splitlines()] == [
        f"cannot create the topic {one.name}" for one in PLAN
    ]
    assert "Create on the topic" in told.value.hint


def test_a_topic_that_somebody_else_created_meanwhile_is_no_error() -> None:
    """Two operators may run it at the same time."""
    admin(ck.KafkaError.TOPIC_ALREADY_EXISTS).create(PLAN, dry=False)


def test_brokers_without_an_authorizer_grant_nothing() -> None:
    """Every right that could not be granted is named."""
    with pytest.raises(
        OperationError, match=r"cannot grant rights on segment-streams\.changelog \(Create\)"
    ) as told:
        admin(ck.KafkaError.SECURITY_DISABLED).grant(worker_access(SETTINGS, "User:w"))
    assert "authorizer" in told.value.hint
