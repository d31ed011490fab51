"""Which segments are silent when history begins with the first record."""

from __future__ import annotations

import pytest

from streams.catalogue.compiler import compile_catalogue
from streams.segmentation.plans import Plan
from streams.segmentation.silence import silent_segments
from streams.segmentation.timeline import BEFORE_ALL, DAY_MS, NEVER
from streams.testing.shop import SOURCES, builtin, instant

BEGAN = instant("2026-03-01 00:00")


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The built-in catalogue, compiled for a live worker."""
    return compile_catalogue(builtin(), SOURCES, covered=True)


@pytest.mark.parametrize(("after_ms", "silent"), [(-1, True), (0, False), (1, False)])
def test_a_segment_is_silent_until_its_window_begins_at_the_coverage(
    plan: Plan,
    after_ms: int,
    silent: bool,  # noqa: FBT001
) -> None:
    """S10: post_purchase.7d is silent until seven days after the first record."""
    coverage = (BEGAN,) * len(plan.sources)

    assert silent == ("post_purchase.7d" in silent_segments(plan, coverage, BEGAN + 7 * DAY_MS + after_ms))


def test_a_segment_without_a_window_is_silent_for_ever(plan: Plan) -> None:
    """S10: whether a customer is a first-time buyer can never be known of those from before."""
    coverage = (BEGAN,) * len(plan.sources)

    assert silent_segments(plan, coverage, BEGAN + 900 * DAY_MS)["buyer.first_time"] == NEVER


def test_an_unwatched_source_keeps_its_segments_silent(plan: Plan) -> None:
    """S10: while no order was ever seen nor the log read to its end, what needs orders is silent."""
    coverage = tuple(NEVER if source == "orders" else BEGAN for source in plan.sources)

    assert silent_segments(plan, coverage, BEGAN + 900 * DAY_MS)["post_purchase.24h"] == NEVER


def test_nothing_is_silent_where_all_is_known(plan: Plan) -> None:
    """S10: with coverage `complete` what was not seen did not happen."""
    assert silent_segments(plan, (BEFORE_ALL,) * len(plan.sources), BEGAN) == {}
