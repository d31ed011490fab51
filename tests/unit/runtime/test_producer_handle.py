"""One handle of the transactional producer: what its errors mean, and what happens when a call never returns."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import confluent_kafka as ck
import pytest

from streams.errors import OperationError
from streams.runtime import producer_handle
from streams.runtime.client_options import ClientOptions
from streams.runtime.kafka_ports import Abortable, Fatal, Unproducible
from streams.runtime.ports import OutputRecord
from streams.runtime.producer_handle import ProducerHandle

E = ck.KafkaError
OPTIONS = ClientOptions(
    bootstrap="nowhere:1",
    application_id="shop",
    instance_id="one",
    inputs=("a",),
    changelog="log",
    transaction_timeout_ms=50,
)


class FakeProducer:
    """A `confluent_kafka.Producer` whose calls fail or hang as told."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.failures: dict[str, Exception] = {}
        self.hanging: set[str] = set()
        self.release = threading.Event()

    def __getattr__(self, name: str) -> Any:
        """Make any of the calls."""

        def call(*_: Any, **__: Any) -> None:
            self.calls.append(name)
            if name in self.hanging:
                self.release.wait(10)
            failure = self.failures.pop(name, None)
            if failure is not None:
                raise failure

        return call


@pytest.fixture
def fake() -> Iterator[FakeProducer]:
    """A producer that does as told; what hangs in it is released at the end."""
    made = FakeProducer()
    yield made
    made.release.set()


@pytest.fixture
def handle(fake: FakeProducer, monkeypatch: pytest.MonkeyPatch) -> ProducerHandle:
    """A handle that waits 50 ms and 50 ms more."""
    monkeypatch.setattr(producer_handle, "LATE_S", 0.05)
    return ProducerHandle(OPTIONS, producer=fake)


def kafka_error(code: int, *, fatal: bool = False, abort: bool = False) -> ck.KafkaException:
    """Make an exception of the client."""
    return ck.KafkaException(ck.KafkaError(code, "no", fatal=fatal, txn_requires_abort=abort))


def commit(handle: ProducerHandle) -> None:
    """Commit an offset."""
    handle.commit({("a", 0): 1}, "stamp", None)


def test_offsets_go_before_the_commit(handle: ProducerHandle, fake: FakeProducer) -> None:
    """They are part of the transaction."""
    commit(handle)

    assert fake.calls == ["send_offsets_to_transaction", "commit_transaction"]


@pytest.mark.parametrize("code", [E.ILLEGAL_GENERATION, E.UNKNOWN_MEMBER_ID, E.REBALANCE_IN_PROGRESS])
def test_a_group_that_moved_on_is_abortable(handle: ProducerHandle, fake: FakeProducer, code: int) -> None:
    """The producer is fine: abort and go on."""
    fake.failures["send_offsets_to_transaction"] = kafka_error(code)

    with pytest.raises(Abortable):
        commit(handle)


def test_what_the_client_calls_abortable_is(handle: ProducerHandle, fake: FakeProducer) -> None:
    """Librdkafka says so itself."""
    fake.failures["commit_transaction"] = kafka_error(E._STATE, abort=True)

    with pytest.raises(Abortable):
        commit(handle)


@pytest.mark.parametrize("code", [E._TIMED_OUT, E.REQUEST_TIMED_OUT, E._TRANSPORT, E._STATE, E.UNKNOWN])
def test_every_time_out_and_everything_unclear_is_fatal(
    handle: ProducerHandle, fake: FakeProducer, code: int
) -> None:
    """A late request may still arrive: only a new producer's epoch fences it."""
    fake.failures["commit_transaction"] = kafka_error(code)

    with pytest.raises(Fatal) as caught:
        commit(handle)

    assert not caught.value.fenced


@pytest.mark.parametrize("code", [E._FENCED, E.PRODUCER_FENCED, E.INVALID_PRODUCER_EPOCH])
def test_fencing_is_told_apart(handle: ProducerHandle, fake: FakeProducer, code: int) -> None:
    """Another process may be using our identity: that is counted."""
    fake.failures["commit_transaction"] = kafka_error(code, fatal=True)

    with pytest.raises(Fatal) as caught:
        commit(handle)

    assert caught.value.fenced


def test_a_fatal_producer_is_asked_for_its_reason_when_a_write_fails(
    handle: ProducerHandle, fake: FakeProducer
) -> None:
    """Produce only says that there is a fatal error; whether we are fenced must be known."""
    fake.failures |= {"produce": kafka_error(E._FATAL), "abort_transaction": kafka_error(E._FENCED)}

    with pytest.raises(Fatal) as caught:
        handle.produce([OutputRecord("out", b"k", b"v")])

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
    handle: ProducerHandle, fake: FakeProducer, code: int, expected: str
) -> None:
    """Trying again would not help."""
    fake.failures["commit_transaction"] = kafka_error(code)

    with pytest.raises(OperationError, match=expected):
        commit(handle)


def test_a_record_that_is_too_large_is_its_batchs_fault(handle: ProducerHandle, fake: FakeProducer) -> None:
    """Neither the transaction nor the producer is to blame."""
    fake.failures["produce"] = kafka_error(E.MSG_SIZE_TOO_LARGE)

    with pytest.raises(Unproducible, match="out"):
        handle.produce([OutputRecord("out", b"k", b"v")])


def test_a_full_queue_is_waited_for(handle: ProducerHandle, fake: FakeProducer) -> None:
    """The client sends, then takes the record."""
    fake.failures["produce"] = BufferError()

    assert handle.produce([OutputRecord("out", b"k", b"v", None, 3)]) == 1
    assert fake.calls == ["produce", "poll", "produce", "poll"]


def test_a_call_that_never_returns_is_given_up(handle: ProducerHandle, fake: FakeProducer) -> None:
    """send_offsets_to_transaction may ignore its own time-out: the outcome is unknown, the cycle goes on."""
    fake.hanging.add("send_offsets_to_transaction")

    with pytest.raises(Fatal, match="sending offsets: no answer"):
        commit(handle)


def test_an_abandoned_handle_is_never_touched_again(handle: ProducerHandle, fake: FakeProducer) -> None:
    """To abort or to close it would hang as well."""
    fake.hanging.add("send_offsets_to_transaction")
    with pytest.raises(Fatal):
        commit(handle)
    with pytest.raises(Fatal, match="an earlier call has not come back"):
        handle.abort()
    handle.discard()

    assert fake.calls == ["send_offsets_to_transaction"]


def test_a_discarded_handle_drops_what_it_has_not_sent(handle: ProducerHandle, fake: FakeProducer) -> None:
    """Its fatal error, reported once more, is nobody's business any longer."""
    fake.failures["close"] = kafka_error(E._FATAL, fatal=True)
    handle.discard()

    assert fake.calls == ["purge", "close"]
