"""The proxy of the fault tests, between a client and a server that speak only frames."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from streams.testing.kafka_proxy import END_TXN, KafkaProxy, Request, Rule, header_of

METADATA = 3


def request(api_key: int, correlation_id: int, client: str = "shop-one") -> bytes:
    """Return a request as it goes over the line."""
    name = client.encode()
    body = struct.pack(">hhih", api_key, 1, correlation_id, len(name)) + name + b"rest"
    return struct.pack(">i", len(body)) + body


class Echo:
    """A server that notes each request's correlation id and answers with it."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        while head := line.recv(4):
            body = line.recv(int.from_bytes(head, "big"))
            self.seen.append(header_of(body).correlation_id)
            line.sendall(struct.pack(">ii", 4, self.seen[-1]))

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    """The server."""
    made = Echo()
    yield made
    made.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[KafkaProxy]:
    """A proxy before it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with KafkaProxy(port, echo.port) as made:
        yield made


def connect(proxy: KafkaProxy) -> socket.socket:
    """Open a client's connection."""
    line = socket.create_connection(("127.0.0.1", proxy.port), 5)
    line.settimeout(0.3)
    return line


def answered(line: socket.socket) -> int | None:
    """Return the correlation id of the next answer; None when there is none within 0.3 s."""
    try:
        return int(struct.unpack(">ii", line.recv(8))[1])
    except TimeoutError:
        return None


def wait_until(true: Callable[[], bool]) -> None:
    """Wait up to two seconds."""
    deadline = time.monotonic() + 2
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert true()


def test_a_header_is_read() -> None:
    """Key, version, correlation id and client id are all that is needed."""
    assert header_of(request(END_TXN, 7)[4:]) == Request(END_TXN, 1, 7, "shop-one")


def test_what_is_too_short_is_no_request() -> None:
    """A stray connection must not be taken for a client."""
    with pytest.raises(ValueError, match="no Kafka request"):
        header_of(b"GET /")


def test_without_rules_everything_passes(proxy: KafkaProxy) -> None:
    """Both directions, in order."""
    with connect(proxy) as line:
        line.sendall(request(METADATA, 1) + request(END_TXN, 2))

        assert [answered(line), answered(line)] == [1, 2]


def test_a_lost_request_never_arrives_and_the_others_do(proxy: KafkaProxy, echo: Echo) -> None:
    """Only the named API key is swallowed, as often as the rule says."""
    rule = proxy.add(Rule(END_TXN, "lose_request", times=1))
    with connect(proxy) as line:
        line.sendall(request(END_TXN, 1) + request(METADATA, 2) + request(END_TXN, 3))

        assert [answered(line), answered(line)] == [2, 3]
    assert (rule.struck, echo.seen) == (1, [2, 3])


def test_a_lost_response_was_worked_on(proxy: KafkaProxy, echo: Echo) -> None:
    """The broker did it, the client never hears: the outcome that cannot be known."""
    proxy.add(Rule(END_TXN, "lose_response", times=1))
    with connect(proxy) as line:
        line.sendall(request(END_TXN, 1))

        assert answered(line) is None
    assert echo.seen == [1]


def test_a_delayed_request_arrives_after_its_client_has_hung_up(proxy: KafkaProxy, echo: Echo) -> None:
    """The stray request: the client has given it up, and then it is done."""
    proxy.add(Rule(END_TXN, "delay_request", 0.2))
    with connect(proxy) as line:
        line.sendall(request(END_TXN, 1))
    assert echo.seen == []

    wait_until(lambda: echo.seen == [1])


def test_a_rule_may_mean_one_client(proxy: KafkaProxy) -> None:
    """One worker is cut off, the others are not."""
    proxy.add(Rule(None, "lose_request", client="one"))
    with connect(proxy) as line:
        line.sendall(request(METADATA, 1, "shop-one") + request(METADATA, 2, "shop-two"))

        assert answered(line) == 2


def test_a_cut_line_is_silent_and_goes_on_afterwards(proxy: KafkaProxy) -> None:
    """As packets that are lost and sent again: nothing is refused, nothing is lost at last."""
    proxy.cut("one")
    with connect(proxy) as line:
        line.sendall(request(METADATA, 1))
        assert answered(line) is None
        proxy.clear()
        line.settimeout(2)

        assert answered(line) == 1


def test_reset_closes_what_is_open(proxy: KafkaProxy) -> None:
    """A reset connection must be noticed at once."""
    with connect(proxy) as line:
        line.sendall(request(METADATA, 1))
        assert answered(line) == 1
        proxy.reset()

        assert line.recv(8) == b""
