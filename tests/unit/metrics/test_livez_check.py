"""The image's health check, against a real endpoint."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streams.broker.ports import free_ports
from streams.metrics.endpoint import MetricsEndpoint

CHECK = Path(__file__).parents[3] / "deploy" / "docker" / "livez.py"


def check(port: int) -> subprocess.CompletedProcess[str]:
    """Run the check as the image does, for a worker whose metrics are at *port*."""
    environment = os.environ | {"STREAMS_METRICS_PORT": str(port)}
    command = [sys.executable, "-I", "-S", str(CHECK)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(("trouble", "status"), [(None, 0), ("the cycle has been silent for 301 s", 1)])
def test_it_ends_with_what_livez_says(trouble: str | None, status: int) -> None:
    """0 while the worker lives; else 1, and its own words, which the engine keeps."""
    endpoint = MetricsEndpoint(lambda: b"", alive=lambda: trouble, ready=lambda: None)
    endpoint.start()
    try:
        done = check(endpoint.port)
    finally:
        endpoint.stop()
    assert done.returncode == status
    assert (trouble or "") in done.stderr


def test_a_worker_that_does_not_answer_is_not_alive() -> None:
    """Nobody listens: 1, and at which port."""
    (port,) = free_ports(1)
    done = check(port)
    assert done.returncode == 1
    assert f"port {port}" in done.stderr


def test_without_a_port_nothing_is_asked() -> None:
    """STREAMS_METRICS_PORT=0 serves no pages: then only the process itself counts."""
    assert check(0).returncode == 0
