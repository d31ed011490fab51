"""The endpoint of a running application."""

from __future__ import annotations

import asyncio
from http.client import HTTPConnection
from typing import Any

import pytest

from streams.metrics.instruments import Instruments
from streams.runtime.telemetry import Telemetry, expose


class Application:
    """The part of a Faust application that takes further services."""

    def __init__(self) -> None:
        self.services: list[type[Any]] = []

    def service(self, kind: type[Any]) -> type[Any]:
        """Take a kind of service, to be made and started with the application."""
        self.services.append(kind)
        return kind


def test_the_endpoint_lives_with_the_application() -> None:
    """It listens while the application runs, and serves the telemetry's metrics and checks."""
    telemetry = Telemetry(Instruments(), plan_hash="p1")
    application, endpoint = Application(), telemetry.endpoint("127.0.0.1", 0)
    expose(application, endpoint)

    async def run() -> tuple[int, bytes]:
        service = application.services[0]()
        await service.start()
        answers = await asyncio.to_thread(ask, endpoint.port)
        await service.stop()
        return answers

    status, metrics = asyncio.run(run())
    assert status == 503
    assert b"streams_commits_total 0.0" in metrics
    with pytest.raises(ConnectionRefusedError):
        ask(endpoint.port)


def ask(port: int) -> tuple[int, bytes]:
    """Return the status of the readiness check and the metrics."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/readyz")
    status = connection.getresponse()
    status.read()
    connection.request("GET", "/metrics")
    metrics = connection.getresponse().read()
    connection.close()
    return status.status, metrics
