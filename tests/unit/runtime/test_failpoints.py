"""Points at which a worker dies on request, and that nobody passes who did not ask for one."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from streams.errors import SettingsError
from streams.runtime.client_options import ClientOptions
from streams.runtime.failpoints import FailingHandle, Failpoint, producer_handle
from streams.runtime.ports import OutputRecord
from streams.runtime.producer_handle import ProducerHandle

OPTIONS = ClientOptions(
    bootstrap="127.0.0.1:9", application_id="shop", instance_id="one", inputs=("a",), changelog="log"
)


class NotingProducer:
    """A `confluent_kafka.Producer` that notes its calls in a list shared with the failpoint."""

    def __init__(self, notes: list[str]) -> None:
        self._notes = notes

    def __getattr__(self, name: str) -> Any:
        """Make any of the calls."""

        def call(*_: Any, **__: Any) -> None:
            if name not in {"poll", "purge", "close"}:
                self._notes.append(name)

        return call


def run(text: str) -> list[str]:
    """Run one transaction with a failpoint that only notes its signal; return what happened in order."""
    notes: list[str] = []
    point = Failpoint(text, strike=lambda number: notes.append(number.name))
    handle = FailingHandle(OPTIONS, point, producer=NotingProducer(notes))
    handle.open()
    handle.begin()
    handle.produce([OutputRecord("out", b"k", b"v")])
    handle.commit({("a", 0): 1}, "stamp", None)
    handle.begin()
    handle.abort()
    handle.discard()
    return notes


WHOLE = ["init_transactions", "begin_transaction", "produce", "send_offsets_to_transaction", "commit_transaction",
         "begin_transaction", "abort_transaction"]  # fmt: skip


@pytest.mark.parametrize(
    ("point", "place"),
    [("open.after", 1), ("begin.before", 1), ("begin.after", 2), ("produce.before", 2), ("produce.after", 3),
     ("offsets.before", 3), ("offsets.after", 4), ("commit.after", 5), ("begin.before@2", 5), ("begin.after@2", 6),
     ("abort.before", 6), ("abort.after", 7)],
)  # fmt: skip
def test_a_point_strikes_where_its_name_says(point: str, place: int) -> None:
    """The signal comes between exactly those two calls of the client."""
    assert run(point) == [*WHOLE[:place], "SIGKILL", *WHOLE[place:]]


def test_a_point_can_freeze_instead() -> None:
    """A frozen worker comes back as a zombie."""
    assert "SIGSTOP" in run("offsets.after@1:stop")


def test_a_point_that_is_not_reached_often_enough_does_nothing() -> None:
    """Its count says which time is meant."""
    assert run("offsets.after@2") == WHOLE


@pytest.mark.parametrize("text", ["nowhere", "begin.after@x", "begin.after:explode"])
def test_an_unknown_point_is_refused(text: str) -> None:
    """A misspelt failpoint would test nothing: it stops the start and names the points."""
    with pytest.raises(SettingsError) as caught:
        Failpoint(text)
    assert "offsets.after" in caught.value.hint


def test_a_worker_without_the_variable_has_the_plain_handle() -> None:
    """Nothing of this is on the way of a transaction."""
    handle = producer_handle(OPTIONS)

    assert type(handle) is ProducerHandle
    handle.discard()


def test_signals_are_the_ones_that_nobody_catches() -> None:
    """A failpoint is as hard as kill -9."""
    struck: list[int] = []
    Failpoint("revoke", strike=struck.append).reach("revoke")

    assert struck == [signal.SIGKILL]
