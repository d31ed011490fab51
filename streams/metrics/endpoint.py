"""The HTTP endpoint of a worker: ``/metrics``, ``/livez``, ``/readyz``. On 127.0.0.1 unless told otherwise.

It runs in threads of its own, so that a worker that hangs can still be asked whether it does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST

from streams.errors import OperationError

Check = Callable[[], str | None]
"""Returns why something is not as it should be, in a sentence; None when it is."""

_PLAIN = "text/plain; charset=utf-8"
REQUEST_TIMEOUT_S = 10.0
"""A client that sends nothing for so long is let go."""


class MetricsEndpoint:
    """Serves the metrics and the two checks until it is stopped.

    Attributes:
        text: returns the metrics in Prometheus's text format.
        alive: says why the process should be restarted; None: it should not.
        ready: says why the worker does not do its work yet; None: it does.
    """

    def __init__(
        self, text: Callable[[], bytes], *, alive: Check, ready: Check, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        """Take what to serve and where; nothing listens before `start`.

        Args:
            text: the metrics.
            alive: the liveness check.
            ready: the readiness check.
            host: address to listen on; 0.0.0.0 shows the metrics to the network.
            port: TCP port; 0: a free one.
        """
        self.text, self.alive, self.ready = text, alive, ready
        self._address = (host, port)
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; before the start the one that was asked for."""
        return self._server.server_port if self._server else self._address[1]

    @property
    def url(self) -> str:
        """Where it is, without a path."""
        return f"http://{self._address[0]}:{self.port}"

    def start(self) -> None:
        """Listen; returns at once.

        Raises:
            OperationError: the address cannot be listened on.
        """
        try:
            self._server = server = ThreadingHTTPServer(self._address, _handler_for(self))
        except OSError as error:
            raise OperationError(
                f"the metrics cannot be served on {self._address[0]}:{self._address[1]}: {error.strerror}",
                hint="choose another port with STREAMS_METRICS_PORT; 0 serves none",
            ) from None
        server.daemon_threads = True
        self._thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="metrics-endpoint", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; harmless when it does not."""
        server, self._server = self._server, None
        thread, self._thread = self._thread, None
        if server is not None and thread is not None:
            server.shutdown()
            thread.join()
            server.server_close()


def _handler_for(endpoint: MetricsEndpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers GET and HEAD."""

        server_version, sys_version = "segment-streams", ""
        timeout = REQUEST_TIMEOUT_S

        def do_GET(self) -> None:
            """Answer with a body."""
            self._answer(*self._page())

        do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *_: object) -> None:
            """Log nothing: scrapes come every few seconds."""

        def _page(self) -> tuple[HTTPStatus, str, bytes]:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                return HTTPStatus.OK, CONTENT_TYPE_LATEST, endpoint.text()
            checks = {"/livez": endpoint.alive, "/readyz": endpoint.ready}
            if path not in checks:
                return HTTPStatus.NOT_FOUND, _PLAIN, b"here are /metrics, /livez and /readyz\n"
            trouble = checks[path]()
            if trouble is None:
                return HTTPStatus.OK, _PLAIN, b"ok\n"
            return HTTPStatus.SERVICE_UNAVAILABLE, _PLAIN, f"{trouble}\n".encode()

        def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    return Handler
