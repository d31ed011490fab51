"""Choosing ports: never one that something listens on, never one of the system's outgoing range."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from streams.broker.ports import LOOPBACK, PORT_RANGE, claim_ports, free_ports, is_free
from streams.errors import OperationError


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A listening socket on a port of the system's choice."""
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen()
        yield server


def port_of(server: socket.socket) -> int:
    """Return the port a socket is bound to."""
    return int(server.getsockname()[1])


def test_a_port_is_not_free_while_something_listens_there(listener: socket.socket) -> None:
    """A listener takes its port; once it is closed the port is free again."""
    port = port_of(listener)
    assert not is_free(port)
    listener.close()
    assert is_free(port)


def test_a_listener_on_all_interfaces_takes_the_port_too() -> None:
    """A port that is open on every interface is not free on the loopback interface."""
    with socket.socket() as server:
        server.bind(("0.0.0.0", 0))
        server.listen()
        assert not is_free(port_of(server))


def test_free_ports_differ_and_stay_below_the_outgoing_range() -> None:
    """The chosen ports are different, free, and none that the system gives to outgoing connections."""
    ports = free_ports(8)
    assert len(set(ports)) == 8
    assert all(port in PORT_RANGE and is_free(port) for port in ports)


def test_ports_to_avoid_are_never_chosen() -> None:
    """When all but two ports must be avoided, nothing else is chosen: there are too few."""
    allowed = free_ports(2)
    with pytest.raises(OperationError, match="No 3 free ports"):
        free_ports(3, avoid=set(PORT_RANGE) - set(allowed))


def test_claimed_ports_follow_one_another() -> None:
    """A cluster of three that is given a port takes that one and the two after it."""
    first = next(port for port in free_ports(50) if all(is_free(port + step) for step in (1, 2)))
    assert claim_ports(first, 3) == [first, first + 1, first + 2]


def test_a_taken_port_is_refused_with_what_to_do(listener: socket.socket) -> None:
    """The error names the port, and says to leave it out or to look who has it."""
    port = port_of(listener)
    with pytest.raises(OperationError, match=f"Port {port} .* is in use") as refused:
        claim_ports(port, 1)
    assert "a free one is chosen" in refused.value.hint
    assert f"lsof -i :{port}" in refused.value.hint


@pytest.mark.parametrize(("first", "count"), [(0, 1), (65_535, 2), (70_000, 1)])
def test_a_port_outside_the_numbers_is_refused(first: int, count: int) -> None:
    """Ports start at 1 and end at 65535, the last node's too."""
    with pytest.raises(OperationError, match="leaves no room"):
        claim_ports(first, count)
