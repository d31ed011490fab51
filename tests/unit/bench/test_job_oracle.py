"""The job's oracle on cases made by hand, at -1, 0 and +1 ms of every rule of time."""

from __future__ import annotations

from itertools import count

import pytest

from streams.bench.generator import BenchEvent, Properties
from streams.bench.job_oracle import GRACE_MS, TIMER, JobPartition
from streams.segmentation.timeline import DAY_MS, HOUR_MS, MINUTE_MS

START_MS = 1_760_000_000_000
Line = tuple[str, str, int, str]


class History:
    """One customer's events over one partition; what came out is kept per segment."""

    def __init__(self) -> None:
        self.partition = JobPartition()
        self.written: list[tuple[str, Line]] = []
        self._ids = count(1)

    def happen(
        self, event_type: str, at_ms: int, *, product: str = "p1", event_id: str = "", customer: str = "c"
    ) -> None:
        """Let *event_type* arrive, *at_ms* after the start."""
        name = event_id or f"e{next(self._ids)}"
        about = Properties(product, "cat", 1.0, 1, "cart", "EUR")
        event = BenchEvent(name, event_type, START_MS + at_ms, customer, about)
        for t in self.partition.observe(event):
            self.written.append((t.customer_id, (t.segment, t.kind, t.occurred_at - START_MS, t.cause)))

    def reach(self, at_ms: int) -> None:
        """Let stream time reach *at_ms* by an event of somebody else that no segment reads."""
        self.happen("Product Removed", at_ms, customer="other")

    def of(self, *segments: str) -> list[Line]:
        """Return what was written of *segments*."""
        return [line for customer, line in self.written if customer == "c" and line[0] in segments]


@pytest.mark.parametrize(
    ("segment", "event", "after_ms"),
    [("cart_abandon", "Product Added", HOUR_MS), ("checkout_abandon", "Checkout Started", 2 * HOUR_MS)],
)
class TestAbandonment:
    """Entered some hours after the last add or start, judged when grace is over."""

    @pytest.mark.parametrize(("shift_ms", "entered"), [(-1, False), (0, True), (1, True)])
    def test_entry_fires_at_deadline_and_grace(
        self, segment: str, event: str, after_ms: int, shift_ms: int, *, entered: bool
    ) -> None:
        """The timer fires when stream time reaches the deadline plus grace, and carries the deadline."""
        history = History()
        history.happen(event, 0)
        history.reach(after_ms + GRACE_MS + shift_ms)
        assert history.of(segment) == ([(segment, "entered", after_ms, TIMER)] if entered else [])

    @pytest.mark.parametrize(("shift_ms", "followed"), [(-1, False), (0, True), (1, True)])
    def test_an_order_at_or_after_the_add_ends_it(
        self, segment: str, event: str, after_ms: int, shift_ms: int, *, followed: bool
    ) -> None:
        """An order follows an add of the same instant, and no later one."""
        history = History()
        history.happen(event, 10)
        history.happen("Order Completed", 10 + shift_ms)
        history.reach(10 + after_ms + GRACE_MS)
        assert bool(history.of(segment)) is not followed

    def test_a_new_one_before_the_judgement_moves_the_entry(
        self, segment: str, event: str, after_ms: int
    ) -> None:
        """What arrives within grace still counts."""
        history = History()
        history.happen(event, 0)
        history.happen(event, after_ms + MINUTE_MS)
        history.reach(2 * after_ms + MINUTE_MS + GRACE_MS)
        assert history.of(segment) == [(segment, "entered", 2 * after_ms + MINUTE_MS, TIMER)]

    @pytest.mark.parametrize(("shift_ms", "left"), [(-1, False), (0, True), (1, True)])
    def test_exit_a_day_after_the_last(
        self, segment: str, event: str, after_ms: int, shift_ms: int, *, left: bool
    ) -> None:
        """A new add while a member moves the exit; there is no second entry."""
        history = History()
        history.happen(event, 0)
        history.reach(after_ms + GRACE_MS)
        history.happen(event, 5 * HOUR_MS)
        history.reach(5 * HOUR_MS + DAY_MS + GRACE_MS + shift_ms)
        exit_line = (segment, "exited", 5 * HOUR_MS + DAY_MS, TIMER)
        assert history.of(segment)[1:] == ([exit_line] if left else [])

    def test_an_order_ends_the_membership(self, segment: str, event: str, after_ms: int) -> None:
        """The exit is the order's, at the order's time."""
        history = History()
        history.happen(event, 0)
        history.reach(after_ms + GRACE_MS)
        history.happen("Order Completed", 4 * HOUR_MS, event_id="order")
        assert history.of(segment)[1:] == [(segment, "exited", 4 * HOUR_MS, "order")]


class TestBrowseIntent:
    """The same product twice within 72 hours, and no order ever."""

    @pytest.mark.parametrize(("shift_ms", "entered"), [(-1, True), (0, False), (1, False)])
    def test_a_view_counts_less_than_72_hours(self, shift_ms: int, *, entered: bool) -> None:
        """A view at x counts in (t - 72 h, t]."""
        history = History()
        history.happen("Product Viewed", 0)
        history.happen("Product Viewed", 3 * DAY_MS + shift_ms, event_id="second")
        assert bool(history.of("browse_intent")) is entered

    def test_two_products_are_no_intent(self) -> None:
        """Only views of one product add up."""
        history = History()
        history.happen("Product Viewed", 0, product="p1")
        history.happen("Product Viewed", 1, product="p2")
        assert history.of("browse_intent") == []

    @pytest.mark.parametrize(("shift_ms", "left"), [(-1, False), (0, True), (1, True)])
    def test_it_ends_when_no_product_has_two(self, shift_ms: int, *, left: bool) -> None:
        """The exit is 72 hours after the second newest view of a product, judged after grace."""
        history = History()
        for at_ms in (0, HOUR_MS, 2 * HOUR_MS):
            history.happen("Product Viewed", at_ms)
        history.reach(HOUR_MS + 3 * DAY_MS + GRACE_MS + shift_ms)
        exit_line = ("browse_intent", "exited", HOUR_MS + 3 * DAY_MS, TIMER)
        assert history.of("browse_intent")[1:] == ([exit_line] if left else [])

    def test_the_first_order_ends_it_for_ever(self) -> None:
        """Exited at the order, and never entered again."""
        history = History()
        history.happen("Product Viewed", 0)
        history.happen("Product Viewed", 1, event_id="view")
        history.happen("Order Completed", 2, event_id="order")
        history.happen("Product Viewed", 3)
        assert history.of("browse_intent") == [
            ("browse_intent", "entered", 1, "view"),
            ("browse_intent", "exited", 2, "order"),
        ]


class TestOrders:
    """Segments by order count, and the day after an order."""

    def test_the_ladder(self) -> None:
        """First, second and fifth order move a customer on."""
        history = History()
        for number in range(1, 6):
            history.happen("Order Completed", number, event_id=f"o{number}")
        assert sorted(history.of("first_time", "repeat", "loyal"), key=lambda line: (line[2], line[1])) == [
            ("first_time", "entered", 1, "o1"),
            ("repeat", "entered", 2, "o2"),
            ("first_time", "exited", 2, "o2"),
            ("loyal", "entered", 5, "o5"),
            ("repeat", "exited", 5, "o5"),
        ]

    def test_the_same_order_again_changes_nothing(self) -> None:
        """A repeated event id is no second order."""
        history = History()
        history.happen("Order Completed", 0, event_id="o")
        history.happen("Order Completed", 0, event_id="o")
        assert history.of("repeat") == []

    @pytest.mark.parametrize(("shift_ms", "left"), [(-1, False), (0, True), (1, True)])
    def test_post_purchase_ends_a_day_after_the_last_order(self, shift_ms: int, *, left: bool) -> None:
        """An order while a member moves the exit, also one that comes within grace of it."""
        history = History()
        history.happen("Order Completed", 0, event_id="o1")
        history.happen("Order Completed", DAY_MS + MINUTE_MS)
        history.reach(2 * DAY_MS + MINUTE_MS + GRACE_MS + shift_ms)
        exit_line = ("post_purchase", "exited", 2 * DAY_MS + MINUTE_MS, TIMER)
        assert history.of("post_purchase") == [
            ("post_purchase", "entered", 0, "o1"),
            *([exit_line] if left else []),
        ]


def test_email_engaged_lasts_thirty_days() -> None:
    """Entered at the first answer; the last one counts for the exit."""
    history = History()
    history.happen("Email Opened", 0, event_id="open")
    history.happen("Email Link Clicked", HOUR_MS)
    history.reach(30 * DAY_MS + HOUR_MS + GRACE_MS)
    assert history.of("email_engaged") == [
        ("email_engaged", "entered", 0, "open"),
        ("email_engaged", "exited", 30 * DAY_MS + HOUR_MS, TIMER),
    ]
