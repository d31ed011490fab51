"""A run that wrote anything else than the reference is found out."""

from __future__ import annotations

from typing import Any

import msgspec

from streams.bench.measured import Measured, Sample, rates
from streams.bench.transcript import Difference, Transcript

EQUAL = Difference(missing=0, extra=0, disordered=0)


def written(*changes: dict[str, Any]) -> Transcript:
    """Return the transcript of some transitions, each the usual one with a change."""
    usual = {
        "transition_id": "1", "shop_id": "default", "customer_id": "c", "segment_id": "s", "kind": "entered",
        "occurred_at": "then", "emitted_at": "now", "watermark": "then",
    }  # fmt: skip
    transcript = Transcript()
    for change in changes:
        transcript.take(msgspec.json.encode(usual | change))
    return transcript


def test_what_may_differ_by_chance_does_not_count() -> None:
    """Two runs that differ in when they emitted are equal."""
    ours = written({"emitted_at": "later", "watermark": None})
    assert ours.difference(written({})) == EQUAL


def test_a_missing_and_an_extra_one_are_counted() -> None:
    """What one run lacks and what it has too much are counted apart."""
    ours = written({}, {"customer_id": "d"}, {"customer_id": "d"})
    reference = written({}, {"customer_id": "d"}, {"customer_id": "e"})
    assert ours.difference(reference) == Difference(missing=1, extra=1, disordered=2)


def test_a_changed_field_is_one_missing_and_one_extra() -> None:
    """A transition with another time is not the same transition."""
    found = written({"occurred_at": "before"}).difference(written({}))
    assert (found.missing, found.extra) == (1, 1)


def test_another_order_of_one_customer_is_found() -> None:
    """The same transitions of one customer in another order are disorder."""
    first, second = {"kind": "entered"}, {"kind": "exited"}
    assert written(second, first).difference(written(first, second)) == Difference(0, 0, 1)


def test_customers_may_be_interleaved_in_any_way() -> None:
    """Order counts per customer alone."""
    first, second = {"customer_id": "a"}, {"customer_id": "b"}
    assert written(second, first).difference(written(first, second)) == EQUAL


def test_totals_are_by_segment_and_kind() -> None:
    """Totals count transitions by segment and kind."""
    assert written({}, {}, {"kind": "exited"}).totals == {("s", "entered"): 2, ("s", "exited"): 1}


def test_a_fast_wrong_run_is_wrong() -> None:
    """Any difference, any dead letter and any failure makes a run wrong."""
    line = Measured("ours-1", "ours", 10, 1e9)
    assert line.right
    assert not msgspec.structs.replace(line, extra=1).right
    assert not msgspec.structs.replace(line, missing=1).right
    assert not msgspec.structs.replace(line, disordered=1).right
    assert not msgspec.structs.replace(line, dead_letters=1).right
    assert not msgspec.structs.replace(line, failed="it ended").right


def test_rates_are_from_the_first_commit_to_the_last() -> None:
    """The time before the first commit counts for nobody; the second half begins at the middle event."""
    samples = [Sample(0, 0, 0), Sample(10, 100, 5), Sample(11, 500, 6), Sample(13, 1_000, 8)]
    whole, half, half_cpu = rates(samples, 1_000)
    assert whole == 300
    assert half == 250
    assert half_cpu == 4_000


def test_a_run_of_one_commit_has_no_rate() -> None:
    """With a single commit nothing can be said."""
    assert rates([Sample(0, 0, 0), Sample(1, 10, 1)], 10) == (0.0, None, None)
