"""Choosing TCP ports on the loopback interface that nothing else uses."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection

from streams.errors import OperationError

LOOPBACK = "127.0.0.1"

# Below the ranges from which Linux (32768 up) and macOS (49152 up) take the local end of outgoing connections:
# a client that reconnects to a node that is down must never be given that node's own port and meet itself,
# and a node that is started again must find its port free.
PORT_RANGE = range(20_000, 32_000)
_ATTEMPTS = 500


def is_free(port: int) -> bool:
    """Whether nothing listens on *port* and a listener may be opened there.

    Args:
        port: a TCP port of the loopback interface.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        # A listener on all interfaces is not always in the way of a bind to one of them, but it answers.
        if probe.connect_ex((LOOPBACK, port)) == 0:
            return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the JVM does on POSIX: connections of a stopped listener that still linger are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_ports(count: int, *, avoid: Collection[int] = ()) -> list[int]:
    """*count* different ports that are free now, chosen at random.

    Args:
        count: how many ports.
        avoid: ports that must not be chosen.

    Raises:
        OperationError: nearly every port of the range is in use.
    """
    found: list[int] = []
    for port in random.sample(PORT_RANGE, _ATTEMPTS):
        if len(found) == count:
            break
        if port not in avoid and is_free(port):
            found.append(port)
    if len(found) < count:
        raise OperationError(
            f"No {count} free ports were found between {PORT_RANGE.start} and {PORT_RANGE.stop - 1}.",
            hint="Close programs that listen there, or give a port yourself.",
        )
    return found


def claim_ports(first: int, count: int) -> list[int]:
    """The *count* ports from *first* on, when all of them are free.

    Raises:
        OperationError: one of them is in use, or lies outside 1 to 65535.
    """
    wanted = list(range(first, first + count))
    if first < 1 or wanted[-1] > 65_535:
        raise OperationError(
            f"Port {first} leaves no room for {count} node(s).", hint="Give a port between 1024 and 65000."
        )
    for port in wanted:
        if not is_free(port):
            raise OperationError(
                f"Port {port} on {LOOPBACK} is in use by another program; it was left alone.",
                hint="Give another port, or none at all: then a free one is chosen. "
                f"`lsof -i :{port}` shows who has it.",
            )
    return wanted
