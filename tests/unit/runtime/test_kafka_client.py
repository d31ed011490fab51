"""How the producer is opened and replaced, without a broker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import confluent_kafka as ck
import pytest

from streams.errors import OperationError
from streams.runtime import kafka_client
from streams.runtime.client_options import ClientOptions
from streams.runtime.kafka_client import KafkaClient
from streams.runtime.kafka_ports import Fatal

E = ck.KafkaError
OPTIONS = ClientOptions(
    bootstrap="127.0.0.1:9", application_id="shop", instance_id="one", inputs=("a",), changelog="log"
)


class FakeHandles:
    """Makes producer handles that open, or do not.

    Attributes:
        failures: of the next openings, in order; when they are used up, it works.
        discarded: how many handles were discarded.
    """

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.made = self.discarded = 0

    def __call__(self, options: ClientOptions) -> Any:
        """Make one."""
        self.made += 1
        return self

    def open(self) -> None:
        """Open, or fail."""
        if self.failures:
            raise self.failures.pop(0)

    def discard(self) -> None:
        """Count it."""
        self.discarded += 1


@pytest.fixture
def handles(monkeypatch: pytest.MonkeyPatch) -> FakeHandles:
    """Handles that do as told, tried again without a pause."""
    monkeypatch.setattr(kafka_client, "RENEW_PAUSE_S", 0.0)
    return FakeHandles()


@pytest.fixture
def client(handles: FakeHandles) -> Iterator[KafkaClient]:
    """A client that never reaches a broker."""
    made = KafkaClient(OPTIONS, lambda line: None, make_producer=handles)
    yield made
    made.close()


def timed_out() -> ck.KafkaException:
    """Make a failure that may pass."""
    return ck.KafkaException(ck.KafkaError(E._TIMED_OUT, "no"))


def test_a_renewal_goes_on_until_it_works(client: KafkaClient, handles: FakeHandles) -> None:
    """However long the broker is away, and whether a call fails or never returns."""
    handles.failures = [timed_out(), Fatal("no answer"), timed_out(), timed_out(), timed_out()]
    answers: list[OperationError | None] = []
    over = threading.Event()

    def done(failure: OperationError | None) -> None:
        answers.append(failure)
        over.set()

    client.renew(done)

    assert over.wait(10)
    assert answers == [None]
    assert (handles.made, handles.discarded) == (6, 5)


def test_a_start_gives_up_after_some_attempts(client: KafkaClient, handles: FakeHandles) -> None:
    """The operator must see that there is no broker."""
    handles.failures = [timed_out() for _ in range(9)]

    with pytest.raises(OperationError, match="cannot open a transactional producer"):
        client.start(object())  # type: ignore[arg-type]


@pytest.mark.parametrize("code", [E.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, E.INVALID_TRANSACTION_TIMEOUT])
def test_what_is_hopeless_is_not_tried_again(client: KafkaClient, handles: FakeHandles, code: int) -> None:
    """Rights and time-outs do not change by waiting."""
    handles.failures = [ck.KafkaException(ck.KafkaError(code, "no"))]

    with pytest.raises(OperationError) as caught:
        client.start(object())  # type: ignore[arg-type]

    assert caught.value.hint
    assert handles.made == 1


def test_a_stop_ends_a_start(client: KafkaClient, handles: FakeHandles) -> None:
    """SIGTERM while no broker answers must not wait for one."""
    client.cancel()

    assert client._open_producer() is None
    assert handles.made == 0


def test_an_unknown_lag_is_left_out(client: KafkaClient) -> None:
    """What was never fetched has no known end."""
    assert client.lags({("a", 0): 5}) == {}
