"""Sequences, the first time, stopped, restarted, regularly: true and over at the millisecond."""

from __future__ import annotations

from streams.segmentation.journals import LENGTH_MAX
from streams.testing.questions import Question
from streams.testing.shop import instant

DAY = "2026-03-02"
VIEW, ADD, START, ORDER = "Product Viewed", "Product Added", "Checkout Started", "Order Completed"


def test_a_sequence_needs_its_key_its_order_and_its_gap() -> None:
    """Another cart, another order or too long a pause make none; the first step ends the window."""
    asked = Question(f"{{sequence: [{ADD}, {START}], by: cart_id, gap: 1h, within: 3h}}")
    asked.tell(START, f"{DAY} 09:00", cart_id="a").tell(ADD, f"{DAY} 10:00", cart_id="a")
    asked.tell(START, f"{DAY} 10:30", cart_id="b").tell(START, f"{DAY} 11:00", cart_id="a")
    assert asked.at(f"{DAY} 11:00") == "false"

    asked.tell(ADD, f"{DAY} 11:30", cart_id="a").tell(START, f"{DAY} 12:30", -1, cart_id="a")
    assert asked.around(f"{DAY} 12:30") == ["true", "true", "true"]
    assert asked.values(f"{DAY} 12:30") == ["2026-03-02T11:30:00.000Z to 2026-03-02T12:29:59.999Z"]
    assert asked.changes(f"{DAY} 12:30") == "2026-03-02T14:30:00.000Z"
    assert asked.around(f"{DAY} 14:30") == ["true", "false", "false"]


def test_steps_may_share_a_millisecond_but_no_event_is_two_steps() -> None:
    """An add and a checkout at once are a sequence; one view is not two."""
    both = Question(f"{{sequence: [{ADD}, {START}]}}").tell(START, f"{DAY} 10:00").tell(ADD, f"{DAY} 10:00")
    twice = Question(f"{{sequence: [{VIEW}, {VIEW}]}}").tell(VIEW, f"{DAY} 10:00")

    assert both.around(f"{DAY} 10:00") == ["false", "true", "true"]
    assert twice.at(f"{DAY} 10:00") == "false"
    twice.tell(VIEW, f"{DAY} 10:00", 1)
    assert twice.around(f"{DAY} 10:00") == ["false", "false", "true"]


def test_a_sequence_without_what_would_end_it() -> None:
    """An open quote: sent at least two hours ago, with no order of the same quote since."""
    asked = Question(f"{{sequence: [Quote Sent], by: quote_id, without: {ORDER}, ago: {{from: 2h, to: 9h}}}}")
    asked.tell("Quote Sent", f"{DAY} 10:00", quote_id="q1").tell("Quote Sent", f"{DAY} 11:00", quote_id="q2")
    asked.tell(ORDER, f"{DAY} 11:30", quote_id="q3")

    assert asked.changes(f"{DAY} 11:30") == "2026-03-02T12:00:00.000Z"
    assert asked.around(f"{DAY} 12:00") == ["false", "true", "true"]
    asked.tell(ORDER, f"{DAY} 12:00", quote_id="q1")
    assert asked.around(f"{DAY} 13:00") == ["false", "true", "true"]
    assert asked.around(f"{DAY} 20:00") == ["true", "false", "false"]


def test_the_first_time_stays_the_first() -> None:
    """Also when the journal is longer than it may be, and whatever comes later."""
    asked = Question(f"{{first: {VIEW}, within: 2d}}").tell(VIEW, f"{DAY} 10:00")
    for number in range(LENGTH_MAX + 5):
        asked.tell(VIEW, f"{DAY} 11:00", number)

    assert asked.around("2026-03-04 10:00") == ["true", "false", "false"]
    assert asked.values(f"{DAY} 12:00") == ["2026-03-02T10:00:00.000Z"]


def test_the_first_seen_need_not_be_the_first() -> None:
    """S10: where nobody watched there may have been an earlier one, until the first seen is too old itself."""
    asked = Question(f"{{first: {VIEW}, within: 2d}}", watched_since_ms=instant(f"{DAY} 00:00"))
    asked.tell(VIEW, f"{DAY} 10:00")

    assert asked.around("2026-03-04 10:00") == ["unknown", "false", "false"]


def test_stopped() -> None:
    """Did it before, and not for three days; both windows are half-open."""
    asked = Question(f"{{stopped: {VIEW}, for: 3d, after: 4d, at_least: 2}}")
    asked.tell(VIEW, "2026-03-02 10:00").tell(VIEW, "2026-03-03 10:00")

    assert asked.around("2026-03-06 10:00") == ["false", "true", "true"]
    assert asked.around("2026-03-09 10:00") == ["true", "false", "false"]


def test_restarted() -> None:
    """A view after a pause of at least three days, for a day after it."""
    asked = Question(f"{{restarted: {VIEW}, after: 3d, within: 1d}}")
    asked.tell(VIEW, "2026-03-02 10:00").tell(VIEW, "2026-03-05 10:00", -1)
    assert asked.at("2026-03-05 10:00") == "false"

    asked.tell(VIEW, "2026-03-08 10:00", -1).tell(VIEW, "2026-03-08 11:00")
    assert asked.around("2026-03-08 10:00") == ["true", "true", "true"]
    assert asked.around("2026-03-09 10:00") == ["false", "false", "false"]
    assert asked.changes("2026-03-08 11:00") == "2026-03-09T09:59:59.999Z"


def test_regularly() -> None:
    """In two of the last three weeks: a week moves on at its millisecond."""
    asked = Question(f"{{regularly: {ORDER}, in: 2, of: 3, every: 7d}}")
    asked.tell(ORDER, "2026-03-02 10:00").tell(ORDER, "2026-03-03 10:00")

    assert asked.around("2026-03-09 10:00") == ["false", "true", "true"]
    assert asked.around("2026-03-10 10:00") == ["true", "false", "false"]
    assert asked.changes("2026-03-10 10:00") == "2026-03-16T10:00:00.000Z"
    assert asked.values("2026-03-09 10:00") == ["2"]
