"""The image's health check: ask the worker's /livez and end with 0 if it lives, with 1 if it does not.

It runs in an interpreter of its own every few seconds, so it imports little.
"""

from __future__ import annotations

import http.client
import os
import sys

TIMEOUT_S = 3.0


def trouble(port: int) -> str | None:
    """Return what is wrong with the worker whose metrics are at *port*; None when it lives."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/livez")
        answer = connection.getresponse()
        text = answer.read().decode().strip()
    except (OSError, http.client.HTTPException) as error:
        return f"/livez does not answer on port {port}: {error}"
    finally:
        connection.close()
    return None if answer.status == http.client.OK else text


if __name__ == "__main__":
    port = int(os.environ.get("STREAMS_METRICS_PORT") or 9464)
    sys.exit(
        trouble(port) if port else 0
    )  # a text is printed and ends with 1; without a port nothing can be asked
