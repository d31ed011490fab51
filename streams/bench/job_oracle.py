"""The race's job as the other engines do it: plain, single-threaded, without a word of our segment language.

It follows the job's specification to the letter, and its totals for seed 7 are published. Ours differs on purpose, and
`streams bench` prints by how much: here a timer due at D fires when stream time reaches D plus grace, an exit
like an entry, and late evidence simply exits; ours lets exits by time go at D, and retracts or corrects.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Final, Literal, NamedTuple

from streams.bench.generator import BenchEvent
from streams.segmentation.timeline import BEFORE_ALL, DAY_MS, HOUR_MS, MINUTE_MS, DurationMs, EpochMs

GRACE_MS: Final[DurationMs] = 15 * MINUTE_MS
TIMER: Final = "timer"

_ABANDONED_AFTER_MS = {"cart_abandon": HOUR_MS, "checkout_abandon": 2 * HOUR_MS}
_ABANDONED_UNTIL_MS = DAY_MS
_BROWSE_WITHIN_MS = 3 * DAY_MS
_BOUGHT_WITHIN_MS = DAY_MS
_ANSWERED_WITHIN_MS = 30 * DAY_MS


class JobTransition(NamedTuple):
    """One output of the job; *occurred_at* is event time, *cause* an event id or ``timer``."""

    customer_id: str
    segment: str
    kind: Literal["entered", "exited"]
    occurred_at: EpochMs
    cause: str


class _Customer:
    """Everything known of one customer."""

    def __init__(self, customer_id: str) -> None:
        self.customer_id = customer_id
        self.seen: set[str] = set()
        self.member: set[str] = set()
        self.began: dict[str, EpochMs] = {}  # abandonment segment → the add or start that no order followed
        self.orders = 0
        self.last_order = BEFORE_ALL
        self.views: dict[str, list[EpochMs]] = {}
        self.last_answer = BEFORE_ALL
        self.armed: dict[str, EpochMs] = {}

    def deadlines(self) -> Iterator[tuple[EpochMs, str]]:
        """Yield when time alone would change a segment, and which one."""
        for segment, began in self.began.items():
            inside = segment in self.member
            yield began + (_ABANDONED_UNTIL_MS if inside else _ABANDONED_AFTER_MS[segment]), segment
        if "browse_intent" in self.member:
            yield self.browsing_until(), "browse_intent"
        if "post_purchase" in self.member:
            yield self.last_order + _BOUGHT_WITHIN_MS, "post_purchase"
        if "email_engaged" in self.member:
            yield self.last_answer + _ANSWERED_WITHIN_MS, "email_engaged"

    def browsing_until(self) -> EpochMs:
        """Return when no product has two views any more."""
        pairs = [times[-2] for times in self.views.values() if len(times) > 1]
        return max(pairs, default=BEFORE_ALL) + _BROWSE_WITHIN_MS


class JobPartition:
    """The job over one partition: events in, transitions out, in the order in which they are decided."""

    def __init__(self) -> None:
        """Start empty."""
        self.stream_time_ms = BEFORE_ALL
        self._customers: dict[str, _Customer] = {}
        self._timers: list[tuple[EpochMs, str]] = []
        self._out: list[JobTransition] = []

    def observe(self, event: BenchEvent) -> list[JobTransition]:
        """Raise stream time, fire what is due, apply *event*; return what that brought about."""
        self._out = []
        if event.occurred_at > self.stream_time_ms:
            self.stream_time_ms = event.occurred_at
            self._fire()
        customer = self._customers.get(event.customer_id)
        if customer is None:
            customer = self._customers[event.customer_id] = _Customer(event.customer_id)
        if event.event_id not in customer.seen:
            customer.seen.add(event.event_id)
            self._apply(customer, event)
            self._arm(customer)
        return self._out

    def _fire(self) -> None:
        while self._timers and self._timers[0][0] + GRACE_MS <= self.stream_time_ms:
            at, customer_id = heappop(self._timers)
            customer = self._customers[customer_id]
            for segment in [segment for due, segment in customer.deadlines() if due == at]:
                self._pass(customer, segment, at)
            self._arm(customer)

    def _pass(self, customer: _Customer, segment: str, at: EpochMs) -> None:
        """Let the instant *at* change *segment* by time alone."""
        if segment not in customer.member:
            self._enter(customer, segment, at, TIMER)
            return
        self._exit(customer, segment, at, TIMER)
        customer.began.pop(segment, None)

    def _arm(self, customer: _Customer) -> None:
        for due, segment in customer.deadlines():
            if customer.armed.get(segment) != due:
                customer.armed[segment] = due
                heappush(self._timers, (due, customer.customer_id))

    def _apply(self, customer: _Customer, event: BenchEvent) -> None:
        match event.type:
            case "Product Viewed":
                self._view(customer, event)
            case "Product Added":
                self._begin(customer, "cart_abandon", event.occurred_at)
            case "Checkout Started":
                self._begin(customer, "checkout_abandon", event.occurred_at)
            case "Order Completed":
                self._order(customer, event)
            case "Email Opened" | "Email Link Clicked":
                customer.last_answer = max(customer.last_answer, event.occurred_at)
                self._enter(customer, "email_engaged", event.occurred_at, event.event_id)

    def _begin(self, customer: _Customer, segment: str, at: EpochMs) -> None:
        if at > customer.last_order:
            customer.began[segment] = max(at, customer.began.get(segment, BEFORE_ALL))

    def _view(self, customer: _Customer, event: BenchEvent) -> None:
        times = customer.views.setdefault(event.properties.product_id, [])
        insort(times, event.occurred_at)
        if not customer.orders and len(times) > 1 and times[-2] + _BROWSE_WITHIN_MS > times[-1]:
            self._enter(customer, "browse_intent", event.occurred_at, event.event_id)

    def _order(self, customer: _Customer, event: BenchEvent) -> None:
        at, cause = event.occurred_at, event.event_id
        customer.orders += 1
        customer.last_order = max(customer.last_order, at)
        for segment, began in list(customer.began.items()):
            if at >= began:
                del customer.began[segment]
                self._exit(customer, segment, at, cause)
        self._exit(customer, "browse_intent", at, cause)
        self._enter(customer, "post_purchase", at, cause)
        for segment, now in (
            ("first_time", customer.orders == 1),
            ("repeat", 2 <= customer.orders <= 4),
            ("loyal", customer.orders >= 5),
        ):
            (self._enter if now else self._exit)(customer, segment, at, cause)

    def _enter(self, customer: _Customer, segment: str, at: EpochMs, cause: str) -> None:
        if segment not in customer.member:
            customer.member.add(segment)
            self._out.append(JobTransition(customer.customer_id, segment, "entered", at, cause))

    def _exit(self, customer: _Customer, segment: str, at: EpochMs, cause: str) -> None:
        if segment in customer.member:
            customer.member.discard(segment)
            self._out.append(JobTransition(customer.customer_id, segment, "exited", at, cause))
