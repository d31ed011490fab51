"""How a status looks: for people, and for programs."""

from __future__ import annotations

import json

from rich.console import Console

from streams.cli.status_view import as_json, as_rich
from streams.operations.group_reading import Group, InputStanding
from streams.operations.status import GateStanding, PartitionStanding, Status
from streams.segmentation.timeline import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

NOW_MS = 1_772_458_800_000
GATE = GateStanding(("orders",), NOW_MS - DAY_MS, "o", 25 * HOUR_MS + 1, ("a.b", "c.d"))
STATUS = Status(
    "shop", Group("stable", 2, {}),
    [InputStanding("o", 0, 1_200, 1_500, 300, "shop-w1 at 10.0.0.1"), InputStanding("o", 1, None, 7, 7, "")],
    [
        PartitionStanding(0, {"o": NOW_MS - 90 * SECOND_MS, "b": None}, ("b",), (GATE,), {"a.b": None, "c.d": NOW_MS}),
        PartitionStanding(1, {"o": NOW_MS - 10, "b": NOW_MS}, (), (), {"c.d": NOW_MS + MINUTE_MS}),
    ],
    {"a.b": 12_345, "c.d": 0}, 20_000, 7_000_000,
)  # fmt: skip


def shown(status: Status) -> str:
    """Return what is printed, without spaces at the ends of lines."""
    console = Console(width=160, color_system=None)
    with console.capture() as captured:
        console.print(as_rich(status, NOW_MS))
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def test_for_people() -> None:
    """Group, lag and owners; watermarks; who holds what; what is silent, over all partitions the longest; sizes."""
    text = shown(STATUS)

    assert text.startswith("shop: 2 workers, group stable, 307 records behind")
    for line in (
        "o      0          1,200      1,500  300  shop-w1 at 10.0.0.1",
        "o      1          none yet   7      7    nobody",
        "0          o      2026-03-02T13:38:30.000Z  1 min 30 s",
        "0          b      nothing yet                                 idle",
        "partition 0: the gate of orders is held by o, 1 d 1 h behind; what may wait: a.b, c.d",
        "silent for ever: a.b",
        "silent until 2026-03-02T13:41:00.000Z: c.d",
        "a.b      12,345",
        "20,000 customers, 7,000,000 bytes of state",
    ):
        assert line in text, text


def test_for_programs() -> None:
    """The same on one line; times as text, what is unknown as null."""
    line = as_json(STATUS, NOW_MS)
    told = json.loads(line)

    assert "\n" not in line
    assert (told["lag"], told["group_state"], told["workers"]) == (307, "stable", 2)
    assert told["inputs"][1] == {
        "topic": "o", "partition": 1, "committed": None, "end": 7, "lag": 7, "owner": "",
    }  # fmt: skip
    first = told["partitions"][0]
    assert first["watermarks"] == {"o": "2026-03-02T13:38:30.000Z", "b": None}
    assert first["held_gates"][0]["held_by"] == "o"
    assert first["silent"] == {"a.b": None, "c.d": "2026-03-02T13:40:00.000Z"}
    assert (told["members"], told["profiles"]) == ({"a.b": 12_345, "c.d": 0}, 20_000)


def test_without_state() -> None:
    """An application that has committed nothing, and one whose state is another's, each say so."""
    empty = Status("shop", Group("dead", 0, {}), STATUS.inputs, [])
    strange = Status("shop", Group("dead", 0, {}), STATUS.inputs, [], note="made with other definitions")

    assert "no state yet" in shown(empty)
    assert "no state is shown: made with other definitions" in shown(strange)
