"""Watermarks: per input, per gate, idle by the wall clock and by the others, and never backwards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.segmentation.options import InputSpec
from streams.segmentation.timeline import BEFORE_ALL
from streams.segmentation.watermarks import Watermarks

BEHAVIOUR = InputSpec("shop.behaviour", frozenset({"behaviour", "email"}), 10)
ORDERS = InputSpec("shop.orders", frozenset({"orders"}))
GATES = (frozenset({"behaviour"}), frozenset({"orders"}), frozenset({"behaviour", "orders"}))


def two(*, wall: bool = False) -> Watermarks:
    """Return the watermarks of two topics, one of them with an out-of-orderness of 10 ms."""
    return Watermarks((BEHAVIOUR, ORDERS), GATES, wall=wall)


def test_watermark_is_the_highest_event_time_less_the_out_of_orderness() -> None:
    """S2: an older event moves nothing."""
    marks = two()

    assert marks.observe(0, 100)
    assert not marks.observe(0, 99)
    assert (marks.stream_times, marks.inputs) == ([100, BEFORE_ALL], [90, BEFORE_ALL])


def test_a_gate_is_the_least_of_its_inputs() -> None:
    """S5: a gate of two sources waits for both; a gate of one does not wait for the other."""
    marks = two()
    marks.observe(0, 100)
    alone = list(marks.gates)
    marks.observe(1, 50)

    assert alone == [90, BEFORE_ALL, BEFORE_ALL]
    assert marks.gates == [90, 50, 50]
    assert marks.lowest == 50


def test_sources_on_one_topic_share_its_watermark() -> None:
    """Records of one log come in one order."""
    marks = Watermarks((BEHAVIOUR, ORDERS), (frozenset({"email"}),), wall=False)
    marks.observe(0, 100)

    assert marks.gates == [90]


def test_an_input_that_names_no_source_carries_all() -> None:
    """One topic, or a file, for everything."""
    marks = Watermarks((InputSpec("all"),), GATES, wall=False)
    marks.observe(0, 100)

    assert marks.gates == [100, 100, 100]


def test_a_source_that_no_input_carries_holds_nothing_back() -> None:
    """A gate of a source that is not configured follows all the inputs instead of waiting for ever."""
    marks = Watermarks(
        (ORDERS,), (frozenset({"support"}), frozenset({"support", "orders"}), frozenset()), wall=False
    )
    marks.observe(0, 100)

    assert marks.gates == [100, 100, 100]


@pytest.mark.parametrize(("watermark", "moved"), [(99, False), (100, False), (101, True)])
def test_watermarks_never_regress(watermark: int, *, moved: bool) -> None:
    """S2: a heartbeat that is not ahead moves nothing."""
    marks = two()
    marks.observe(1, 100)

    marks.advance(1, watermark)
    assert marks.inputs[1] == max(100, watermark)
    assert (marks.gates[1] == watermark) is (moved or watermark == 100)


def test_idle_inputs_follow_the_wall_clock() -> None:
    """S4: in wall mode a source read to its end goes with the clock, its out-of-orderness behind it."""
    marks = two(wall=True)
    marks.observe(0, 100)
    marks.observe(1, 100)
    moved = marks.fall_idle(frozenset({0}), 500)

    assert moved
    assert marks.inputs == [490, 100]
    assert marks.gates == [490, 100, 100]


def test_an_input_behind_is_never_idle() -> None:
    """S4: only the named inputs follow."""
    marks = two(wall=True)
    marks.fall_idle(frozenset({1}), 500)

    assert marks.inputs == [BEFORE_ALL, 500]


def test_idle_inputs_follow_the_highest_of_the_active() -> None:
    """S4: in event mode a silent source takes the highest watermark of the active ones, now and later."""
    marks = two()
    marks.observe(0, 100)
    marks.fall_idle(frozenset({1}), 10_000)
    followed = list(marks.inputs)
    marks.observe(0, 200)

    assert followed == [90, 90]
    assert marks.inputs == [190, 190]


def test_if_all_are_idle_nothing_moves() -> None:
    """S4: in event mode time stands until a heartbeat or an event."""
    marks = two()
    marks.observe(0, 100)
    marks.observe(1, 50)

    assert not marks.fall_idle(frozenset({0, 1}), 10_000)
    assert marks.inputs == [90, 50]
    assert marks.advance(1, 70)
    assert marks.inputs == [90, 70]


def test_an_event_ends_the_idleness() -> None:
    """S4: a source that speaks again follows nobody; what it had reached stays."""
    marks = two()
    marks.observe(0, 100)
    marks.fall_idle(frozenset({1}), 0)
    marks.observe(1, 20)
    marks.observe(0, 300)

    assert marks.inputs == [290, 90]


def test_restore_gives_what_the_snapshot_took() -> None:
    """The watermarks are part of the committed state."""
    marks, again = two(), two()
    marks.observe(0, 100)
    marks.fall_idle(frozenset({1}), 0)
    again.restore(marks.snapshot())

    assert (again.stream_times, again.inputs, again.idle) == (marks.stream_times, marks.inputs, marks.idle)
    assert (again.gates, again.highest) == (marks.gates, marks.highest)


def test_restore_refuses_another_number_of_inputs() -> None:
    """State made with other topics is not taken for these."""
    with pytest.raises(ValueError, match="1 inputs, the settings 2"):
        two().restore([[1], [1], [0]])


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["event", "heartbeat", "idle", "both idle"]), st.integers(0, 1), st.integers(0, 50)
    ),
    max_size=40,
)


@given(_STEPS, st.booleans())
def test_no_watermark_ever_falls(steps: list[tuple[str, int, int]], wall: bool) -> None:  # noqa: FBT001
    """S2, S4: whatever happens in whatever order, inputs and gates only rise, and a gate is the least of its inputs."""
    marks = two(wall=wall)
    for kind, position, t in steps:
        before = [*marks.inputs, *marks.gates]
        if kind == "event":
            marks.observe(position, t)
        elif kind == "heartbeat":
            marks.advance(position, t)
        else:
            marks.fall_idle(frozenset({position}) if kind == "idle" else frozenset({0, 1}), t)
        assert all(old <= new for old, new in zip(before, [*marks.inputs, *marks.gates], strict=True))
        assert marks.gates == [marks.inputs[0], marks.inputs[1], min(marks.inputs)]
        assert marks.highest == max(marks.gates)
