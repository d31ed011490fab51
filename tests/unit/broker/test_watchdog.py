"""What the watchdog makes of the lines it reads."""

from __future__ import annotations

import pytest

from streams.broker.watchdog import registered


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ([], set()),
        (["+10\n", "+11\n"], {10, 11}),
        (["+10\n", "-10\n", "+11\n"], {11}),
        (["-10\n", "+10\n"], {10}),
        (["+10\n", "-10\n", "-10\n"], set()),
    ],
)
def test_started_and_not_gone_is_what_is_left(lines: list[str], left: set[int]) -> None:
    """A process counts from its plus to its minus."""
    assert registered(lines) == left


def test_half_a_line_registers_nothing() -> None:
    """A program that is killed while it writes leaves a line without a number, which is passed over."""
    assert registered(["+10\n", "-"]) == {10}
