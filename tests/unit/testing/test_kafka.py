"""Docker counts only where an engine answers, and names are never given twice."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from streams.errors import OperationError
from streams.testing.kafka import docker_answers, kafka_container, unique_name


class Engine(BaseHTTPRequestHandler):
    """Answers as a Docker engine answers to a ping and to the question for its version."""

    def do_GET(self) -> None:
        """Answer the ping with OK, everything else with a version."""
        body = b"OK" if self.path.endswith("/_ping") else b'{"ApiVersion": "1.44", "MinAPIVersion": "1.24"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def engine() -> Iterator[str]:
    """The address of something that answers like an engine."""
    server = HTTPServer(("127.0.0.1", 0), Engine)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"tcp://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_engine_that_answers_counts(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ping that is answered is an engine."""
    monkeypatch.setenv("DOCKER_HOST", engine)
    assert docker_answers()


def test_an_engine_without_the_image_is_an_error_for_people(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that answers but can make no container is told apart from a failing test."""
    monkeypatch.setenv("DOCKER_HOST", engine)
    with pytest.raises(OperationError, match="does not start a Kafka"), kafka_container():
        pass


def test_a_client_without_an_engine_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that is not there means no Docker."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    assert not docker_answers()


def test_an_engine_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that takes the connection and says nothing is given up within seconds."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.getsockname()[1]}")
        before = time.monotonic()
        assert not docker_answers()
        assert time.monotonic() - before < 10


def test_names_are_never_given_twice() -> None:
    """Names start with what was asked for and differ from one another."""
    names = [unique_name("orders") for _ in range(100)]
    assert len(set(names)) == 100
    assert all(name.startswith("orders-") for name in names)
