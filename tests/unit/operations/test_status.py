"""What a partition's own record says of it: watermarks, held gates, silence."""

from __future__ import annotations

from streams.catalogue.events import load_vocabulary
from streams.operations.status import PartitionStanding, standing_of
from streams.runtime.planning import input_specs, plan_of
from streams.segmentation.records import PartitionRecord
from streams.segmentation.timeline import BEFORE_ALL, DAY_MS, HOUR_MS, NEVER
from streams.settings import Settings

VOCABULARY = load_vocabulary()


def standing(
    watermarks: list[int], since: int = BEFORE_ALL, now_ms: int = 0, **chosen: object
) -> PartitionStanding:
    """Return the standing of a partition with an input of orders and one of behaviour."""
    settings = Settings.load({}, inputs="o=orders;b=behaviour,engagement", **chosen)
    plan = plan_of(settings, VOCABULARY)
    record = PartitionRecord(plan.plan_hash, [watermarks, watermarks, [0, 1]], [since] * len(plan.sources))
    return standing_of(3, record, plan, input_specs(settings, VOCABULARY), settings=settings, now_ms=now_ms)


def test_watermarks_by_input() -> None:
    """Each with its own; an input that fell idle is told; one that nothing came from has none."""
    found = standing([5, BEFORE_ALL])

    assert (found.partition, found.watermarks, found.idle) == (3, {"o": 5, "b": None}, ("b",))


def test_an_input_that_is_behind_holds_the_gates_of_its_sources() -> None:
    """Abandonment waits for orders; the input and the time are named. What does not ask for orders is not held."""
    found = standing([1_000, 1_000 + HOUR_MS])
    held = {gate.sources: gate for gate in found.gates}

    assert all("orders" in sources for sources in held)
    gate = next(gate for gate in found.gates if "checkout.abandon" in gate.segments)
    assert (gate.watermark_ms, gate.held_by, gate.held_ms) == (1_000, "o", HOUR_MS)


def test_an_input_without_a_watermark_holds_them_without_a_time() -> None:
    """Nothing came from it yet."""
    gate = next(gate for gate in standing([BEFORE_ALL, 7]).gates if "checkout.abandon" in gate.segments)

    assert (gate.watermark_ms, gate.held_by, gate.held_ms) == (None, "o", None)


def test_inputs_that_are_level_hold_nothing() -> None:
    """The gates are as open as they can be."""
    assert standing([9, 9]).gates == ()


def test_silent_segments_and_until_when() -> None:
    """With STREAMS_COVERAGE=since, until their windows lie within what was seen (S10); with complete none is."""
    found = standing([9, 9], since=0, now_ms=HOUR_MS)

    assert found.silent["post_purchase.24h"] == DAY_MS
    assert None in found.silent.values()
    assert standing([9, 9], since=0, now_ms=HOUR_MS, coverage="complete").silent == {}
    assert (
        standing([9, 9], since=BEFORE_ALL, now_ms=HOUR_MS).silent == {}
    )  # as an import with --complete leaves it
    assert set(standing([9, 9], since=NEVER).silent.values()) == {None}
