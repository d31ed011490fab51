"""The HTTP endpoint: metrics, liveness and readiness, on this machine only."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.errors import OperationError
from streams.metrics.endpoint import MetricsEndpoint
from streams.metrics.instruments import Instruments


class Worker:
    """Something that can be asked how it is."""

    def __init__(self) -> None:
        self.dead: str | None = None
        self.unready: str | None = "restoring partition 3"

    def alive(self) -> str | None:
        """Say why it should be restarted."""
        return self.dead

    def ready(self) -> str | None:
        """Say why it does no work yet."""
        return self.unready


@pytest.fixture
def worker() -> Worker:
    """A worker that is alive and not ready."""
    return Worker()


@pytest.fixture
def endpoint(worker: Worker) -> Iterator[MetricsEndpoint]:
    """A started endpoint on a free port."""
    endpoint = MetricsEndpoint(Instruments().text, alive=worker.alive, ready=worker.ready)
    endpoint.start()
    yield endpoint
    endpoint.stop()


def ask(endpoint: MetricsEndpoint, path: str, method: str = "GET") -> tuple[int, str, str]:
    """Return status, content type and body of an answer."""
    connection = HTTPConnection("127.0.0.1", endpoint.port, timeout=5)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, answer.getheader("Content-Type") or "", body


def test_metrics_are_in_prometheus_format(endpoint: MetricsEndpoint) -> None:
    """A scraper understands what is served."""
    status, kind, body = ask(endpoint, "/metrics")

    assert status == 200
    assert kind.startswith("text/plain; version=")
    assert "streams_commits" in {family.name for family in text_string_to_metric_families(body)}


def test_liveness_and_readiness(endpoint: MetricsEndpoint, worker: Worker) -> None:
    """200 when all is well, 503 and the reason when not."""
    assert ask(endpoint, "/livez")[::2] == (200, "ok\n")
    assert ask(endpoint, "/readyz")[::2] == (503, "restoring partition 3\n")

    worker.dead, worker.unready = "the cycle has been silent for 61 s", None

    assert ask(endpoint, "/livez?verbose")[::2] == (503, "the cycle has been silent for 61 s\n")
    assert ask(endpoint, "/readyz")[::2] == (200, "ok\n")


@pytest.mark.parametrize("path", ["/", "/metrics/", "/etc/passwd", "/../metrics", "//", "/metricsx"])
def test_nothing_else_is_served(endpoint: MetricsEndpoint, path: str) -> None:
    """Other paths are not found."""
    assert ask(endpoint, path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_changed(endpoint: MetricsEndpoint, method: str) -> None:
    """The endpoint only answers questions."""
    assert ask(endpoint, "/metrics", method)[0] == 501


def test_head_has_no_body(endpoint: MetricsEndpoint) -> None:
    """HEAD answers as GET does, without the body."""
    assert ask(endpoint, "/livez", "HEAD")[::2] == (200, "")


def test_it_listens_on_this_machine_only(endpoint: MetricsEndpoint) -> None:
    """Without a setting, nobody on the network reads the metrics."""
    assert endpoint.url == f"http://127.0.0.1:{endpoint.port}"


def test_a_port_that_is_taken() -> None:
    """The operator is told which address is taken, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = MetricsEndpoint(bytes, alive=lambda: None, ready=lambda: None, port=taken.getsockname()[1])

        with pytest.raises(OperationError, match="cannot be served") as refused:
            endpoint.start()

    assert "STREAMS_METRICS_PORT" in refused.value.hint
    endpoint.stop()


def test_it_stops(endpoint: MetricsEndpoint) -> None:
    """After the stop nothing listens, and a second stop is harmless."""
    port = endpoint.port
    endpoint.stop()
    endpoint.stop()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_a_client_that_says_nothing_blocks_nobody(endpoint: MetricsEndpoint) -> None:
    """An open connection without a request does not keep others from their answer."""
    with socket.create_connection(("127.0.0.1", endpoint.port)):
        assert ask(endpoint, "/livez")[0] == 200
