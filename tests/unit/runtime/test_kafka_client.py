"""What the errors of librdkafka mean for the cycle. No broker: the calls are made to fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import confluent_kafka as ck
import pytest

from streams.errors import OperationError
from streams.runtime.client_options import ClientOptions
from streams.runtime.kafka_client import KafkaClient
from streams.runtime.kafka_ports import Abortable, Fatal

E = ck.KafkaError


@pytest.fixture
def client() -> Iterator[KafkaClient]:
    """A client that never reaches a broker."""
    options = ClientOptions(
        bootstrap="127.0.0.1:9", application_id="shop", instance_id="one", inputs=("a",), changelog="log"
    )
    made = KafkaClient(options, lambda line: None)
    yield made
    made.close()


def failing(code: int, *, fatal: bool = False, abort: bool = False) -> Callable[[], None]:
    """Make a call that fails with this error."""

    def call() -> None:
        raise ck.KafkaException(ck.KafkaError(code, "no", fatal=fatal, txn_requires_abort=abort))

    return call


@pytest.mark.parametrize("code", [E.ILLEGAL_GENERATION, E.UNKNOWN_MEMBER_ID, E.REBALANCE_IN_PROGRESS])
def test_a_group_that_moved_on_is_abortable(client: KafkaClient, code: int) -> None:
    """The producer is fine: abort and go on."""
    with pytest.raises(Abortable):
        client._call("committing", failing(code))


def test_what_the_client_calls_abortable_is(client: KafkaClient) -> None:
    """Librdkafka says so itself."""
    with pytest.raises(Abortable):
        client._call("committing", failing(E._STATE, abort=True))


@pytest.mark.parametrize("code", [E._TIMED_OUT, E.REQUEST_TIMED_OUT, E._TRANSPORT, E._STATE, E.UNKNOWN])
def test_every_time_out_and_everything_unclear_is_fatal(client: KafkaClient, code: int) -> None:
    """A late request may still arrive: only a new producer's epoch fences it."""
    with pytest.raises(Fatal) as caught:
        client._call("committing", failing(code))

    assert not caught.value.fenced


@pytest.mark.parametrize("code", [E._FENCED, E.PRODUCER_FENCED, E.INVALID_PRODUCER_EPOCH])
def test_fencing_is_told_apart(client: KafkaClient, code: int) -> None:
    """Another process may be using our identity: that is counted."""
    with pytest.raises(Fatal) as caught:
        client._call("committing", failing(code, fatal=True))

    assert caught.value.fenced


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (E.TOPIC_AUTHORIZATION_FAILED, "not allowed while committing"),
        (E.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "not allowed"),
        (E.FENCED_INSTANCE_ID, "instance id"),
    ],
)
def test_what_only_the_operator_can_mend_stops_the_worker(
    client: KafkaClient, code: int, expected: str
) -> None:
    """Trying again would not help."""
    with pytest.raises(OperationError, match=expected):
        client._call("committing", failing(code))


def test_an_unknown_lag_is_left_out(client: KafkaClient) -> None:
    """What was never fetched has no known end."""
    assert client.lags({("a", 0): 5}) == {}
