"""A TCP proxy in front of one broker that knows where a Kafka request begins: it delays and swallows them by API key.

A request is four bytes of length, then API key and version (two bytes each), correlation id (four) and the client's id.
That is all that is read; a response is matched by the order of its connection, which Kafka keeps. One broker needs one
proxy, and must be made to advertise the proxy's address.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

LOOPBACK = "127.0.0.1"
INIT_PRODUCER_ID, ADD_OFFSETS, END_TXN, WRITE_MARKERS, TXN_OFFSET_COMMIT = 22, 25, 26, 27, 28
FETCH, HEARTBEAT, JOIN_GROUP = 1, 12, 11

What = Literal["delay_request", "lose_request", "lose_response", "delay_response"]


@dataclass(frozen=True, slots=True)
class Request:
    """What is known of a request."""

    api_key: int
    version: int
    correlation_id: int
    client_id: str


@dataclass(slots=True)
class Rule:
    """What happens to some requests.

    Attributes:
        api_key: which; None: all.
        what: the fault. A delayed request goes on to the broker even when the client has hung up meanwhile.
        delay_s: for how long, if it is delayed.
        client: only requests whose client id holds this.
        times: so many of them; then the rule is used up.
        struck: how many there were.
    """

    api_key: int | None
    what: What
    delay_s: float = 0.0
    client: str = ""
    times: int = 1_000_000
    struck: int = 0

    def matches(self, request: Request) -> bool:
        """Say whether it is meant, and there are times left."""
        return (
            self.struck < self.times
            and self.api_key in {None, request.api_key}
            and self.client in request.client_id
        )


def header_of(frame: bytes) -> Request:
    """Read the beginning of a request without its length.

    Raises:
        ValueError: it is too short to be one.
    """
    if len(frame) < 10:
        raise ValueError(f"{len(frame)} bytes are no Kafka request")
    api_key, version, correlation_id, length = struct.unpack_from(">hhih", frame)
    return Request(
        api_key, version, correlation_id, frame[10 : 10 + max(0, length)].decode("utf-8", "replace")
    )


class KafkaProxy:
    """Forwards connections to a broker; rules and cuts come and go while it runs. A context manager."""

    def __init__(self, port: int, broker_port: int) -> None:
        """Describe it.

        Args:
            port: where clients come.
            broker_port: where the broker listens, on the loopback interface.
        """
        self.port, self._broker_port = port, broker_port
        self._rules: list[Rule] = []
        self._cut: Callable[[str], bool] = lambda _: False
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server((LOOPBACK, port), backlog=64)
        self._closed = False

    def __enter__(self) -> Self:
        """Listen."""
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close everything."""
        self._closed = True
        self._listener.close()
        self.reset()

    def add(self, rule: Rule) -> Rule:
        """Let *rule* hold from now on; return it, to see how often it struck."""
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        """End all rules and cuts."""
        with self._lock:
            self._rules.clear()
        self._cut = lambda _: False

    def cut(self, client: str = "") -> None:
        """Let nothing through, in either direction, for clients whose id holds *client*; connections stay open."""
        self._cut = lambda name: client in name

    def reset(self) -> None:
        """Close every connection."""
        with self._lock:
            open_now, self._sockets = self._sockets, set()
        for each in open_now:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection((LOOPBACK, self._broker_port), 5)
            except OSError:
                client.close()
                continue
            broker.settimeout(None)
            for each in (client, broker):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._sockets |= {client, broker}
            _Connection(self, client, broker).start()

    def rule_for(self, request: Request) -> Rule | None:
        """Return the first rule that *request* falls under, counted."""
        with self._lock:
            for rule in self._rules:
                if rule.matches(request):
                    rule.struck += 1
                    return rule
        return None

    def is_cut(self, client: str) -> bool:
        """Say whether nothing of *client* goes through now."""
        return self._cut(client)

    def forget(self, *ended: socket.socket) -> None:
        """Close sockets whose connection is over."""
        with self._lock:
            self._sockets -= set(ended)
        for each in ended:
            with suppress(OSError):
                each.close()


class _Connection:
    """One client's connection: a thread for each direction."""

    def __init__(self, proxy: KafkaProxy, client: socket.socket, broker: socket.socket) -> None:
        self._proxy, self._client, self._broker = proxy, client, broker
        self._name = ""
        self._answers: dict[int, Rule] = {}  # correlation id → what happens to its response
        self._hung_up = False

    def start(self) -> None:
        """Forward in both directions until one side ends."""
        for target in (self._requests, self._responses):
            threading.Thread(target=target, name="proxied", daemon=True).start()

    def _requests(self) -> None:
        try:
            while (frame := _frame(self._client)) is not None:
                request = header_of(frame)
                self._name = request.client_id or self._name
                self._wait_for_the_line()
                rule = self._proxy.rule_for(request)
                if rule is not None and rule.what == "lose_request":
                    continue
                if rule is not None and rule.what == "delay_request":
                    time.sleep(rule.delay_s)
                elif rule is not None:
                    self._answers[request.correlation_id] = rule
                self._broker.sendall(struct.pack(">i", len(frame)) + frame)
        except (OSError, ValueError):
            pass
        self._hung_up = True
        with suppress(OSError):
            self._broker.shutdown(socket.SHUT_WR)  # what was sent still arrives, and is worked on

    def _responses(self) -> None:
        try:
            while (frame := _frame(self._broker)) is not None:
                self._wait_for_the_line()
                rule = self._answers.pop(int.from_bytes(frame[:4], "big", signed=True), None)
                if rule is not None and rule.what == "lose_response":
                    continue
                if rule is not None:
                    time.sleep(rule.delay_s)
                self._client.sendall(struct.pack(">i", len(frame)) + frame)
        except OSError:
            pass
        self._proxy.forget(self._client, self._broker)

    def _wait_for_the_line(self) -> None:
        while self._proxy.is_cut(self._name):
            time.sleep(0.05)


def _frame(source: socket.socket) -> bytes | None:
    """Read one message without its length; None at the end."""
    head = _exactly(source, 4)
    return None if head is None else _exactly(source, int.from_bytes(head, "big"))


def _exactly(source: socket.socket, count: int) -> bytes | None:
    buffer = bytearray(count)
    view, have = memoryview(buffer), 0
    while have < count:
        got = source.recv_into(view[have:])
        if got == 0:
            return None
        have += got
    return bytes(buffer)
