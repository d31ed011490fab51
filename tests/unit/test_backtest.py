"""A backtest is the live evaluator over a file: deterministic, in simulated time, with a reason for every line it leaves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.backtest import Backtest, Refused
from streams.catalogue.compiler import compile_catalogue
from streams.codecs.customer_events import EventDecoder
from streams.codecs.transitions import backtest_line
from streams.segmentation.timeline import DAY_MS, MINUTE_MS, rfc3339
from streams.testing.shop import SOURCES, VOCABULARY, builtin, instant

TEN = instant("2026-03-02 10:00")
PLAN = compile_catalogue(builtin(), SOURCES)
DECODE = EventDecoder(VOCABULARY, max_clock_skew_ms=5 * MINUTE_MS).of("segment")


def line(event: str, at: int, message: str, **more: Any) -> bytes:
    """Return one line of a file in the Segment spec."""
    body = {"type": "track", "event": event, "messageId": message, "userId": "u1", "timestamp": rfc3339(at)}
    return json.dumps({**body, **more}).encode() + b"\n"


def run(
    *lines: bytes, until: int | None = None, now: int = TEN + 400 * DAY_MS, out_of_orderness_ms: int = 0
) -> tuple[list[bytes], Backtest, list[Refused]]:
    """Return the lines that come out, the finished run, and what it refused."""
    refused: list[Refused] = []
    test = Backtest(PLAN, DECODE, now_ms=now, out_of_orderness_ms=out_of_orderness_ms, refuse=refused.append)
    return [backtest_line(transition) for transition in test.run(lines, until)], test, refused


CHECKOUT = line("Checkout Started", TEN, "m1")
ORDER = line("Order Completed", TEN + 60 * MINUTE_MS, "m2", properties={"order_id": "1", "total": "5"})


def test_the_contract_of_a_line() -> None:
    """Issue 3: one object a transition with at least these keys; times in UTC with milliseconds."""
    out, _, _ = run(CHECKOUT, until=TEN + 3 * 60 * MINUTE_MS)
    entered, exited = (json.loads(text) for text in out)

    assert set(entered) >= {
        *("transition_id", "customer_id", "segment_id", "segment_version", "kind", "origin", "occurred_at"),
        *("emitted_at", "sequence", "cause"),
    }
    assert (entered["customer_id"], entered["segment_id"], entered["segment_version"]) == (
        "u1",
        "checkout.abandon",
        1,
    )
    assert (entered["kind"], entered["origin"], entered["cause"], entered["sequence"]) == (
        "entered",
        "timer",
        "timer",
        1,
    )
    assert entered["occurred_at"] == "2026-03-02T10:30:00.000Z"
    assert (exited["kind"], exited["occurred_at"], exited["sequence"]) == (
        "exited",
        "2026-03-02T12:00:00.000Z",
        2,
    )
    assert len(entered["transition_id"]) == 32
    assert all(b"\n" not in text for text in out)


@pytest.mark.parametrize(("offset", "count"), [(-1, 0), (0, 1)])
def test_until_moves_time_on_at_the_end(offset: int, count: int) -> None:
    """The entry of 10:30 comes when time reaches 10:45:00.000, not a millisecond before; without it time stands."""
    out, _, _ = run(CHECKOUT, until=TEN + 45 * MINUTE_MS + offset)

    assert len(out) == count
    assert run(CHECKOUT)[0] == []


def test_the_same_file_gives_the_same_bytes() -> None:
    """Run twice, every byte is the same, whatever the clock says."""
    lines = (CHECKOUT, ORDER, CHECKOUT)

    assert (
        run(*lines, until=TEN + 9 * DAY_MS)[0]
        == run(*lines, until=TEN + 9 * DAY_MS, now=TEN + 800 * DAY_MS)[0]
    )


def test_transitions_come_as_the_file_is_read() -> None:
    """What a line brings about is there before the next is read."""
    seen: list[str] = []

    def lines() -> Any:
        yield CHECKOUT
        yield ORDER
        seen.append("end of the file")

    test = Backtest(PLAN, DECODE, now_ms=TEN + DAY_MS)
    seen.extend(transition.kind for transition in test.run(lines()))

    assert seen[-1] == "end of the file"
    assert "entered" in seen


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"garbage\n", "undecodable"),
        (line("Product Viewed", TEN, ""), "missing_event_id"),
        (line("Product Viewed", TEN, "m", userId=None), "missing_customer"),
        (line("Product Viewed", TEN, "m", timestamp="yesterday"), "invalid_timestamp"),
        (line("No Such Event", TEN, "m"), "unknown_event"),
        (line("Product Viewed", TEN + 365 * DAY_MS, "m"), "too_far_ahead"),
        (line("Order Completed", TEN, "m", properties={"total": "lots"}), "invalid_property"),
    ],
)
def test_a_line_that_cannot_be_used_is_refused_with_its_reason(raw: bytes, reason: str) -> None:
    """The others are not affected; line number, reason and the raw line are told."""
    out, test, refused = run(CHECKOUT, b"\n", raw, ORDER, until=TEN + DAY_MS, now=TEN + DAY_MS)

    assert [(r.line, r.reason, r.raw) for r in refused] == [(3, reason, raw.strip())]
    assert test.summary.refused == {reason: 1}
    assert (test.summary.lines, test.summary.events) == (4, 2)
    assert out == run(CHECKOUT, ORDER, until=TEN + DAY_MS, now=TEN + DAY_MS)[0]


@pytest.mark.parametrize(("ahead_ms", "refused"), [(5 * MINUTE_MS, 0), (5 * MINUTE_MS + 1, 1)])
def test_too_far_ahead_is_measured_from_when_it_was_received(ahead_ms: int, refused: int) -> None:
    """S3: receivedAt where the line has it, else the run's now; five minutes are allowed."""
    received = line("Product Viewed", TEN + ahead_ms, "m", receivedAt=rfc3339(TEN))
    without = line("Product Viewed", TEN + ahead_ms, "m")

    assert len(run(received)[2]) == refused
    assert len(run(without, now=TEN)[2]) == refused


def test_an_event_too_far_ahead_moves_no_watermark() -> None:
    """S3: a year ahead, it is refused and nothing becomes due."""
    out, test, _ = run(CHECKOUT, line("Product Viewed", TEN + 365 * DAY_MS, "m9"), now=TEN)

    assert out == []
    assert test.partition.watermarks.inputs == [TEN]


def test_out_of_orderness_holds_the_watermark_back() -> None:
    """The watermark is the highest time less this much: what comes within it is not late."""
    viewed = line("Product Viewed", TEN + 50 * MINUTE_MS, "m3")
    early = line("Order Completed", TEN + 20 * MINUTE_MS, "m4", properties={"order_id": "1", "total": "5"})
    kinds = {
        lag: [json.loads(text)["origin"] for text in run(CHECKOUT, viewed, early, out_of_orderness_ms=lag)[0]]
        for lag in (0, 30 * MINUTE_MS)
    }

    assert "late" in kinds[0]
    assert set(kinds[30 * MINUTE_MS]) == {"event"}


def test_the_summary_counts_transitions_and_members() -> None:
    """Per segment how often entered and exited, and who is in it at the end; every segment is named."""
    _, test, _ = run(CHECKOUT, ORDER, until=TEN + 2 * DAY_MS)
    members = test.members()

    assert test.summary.transitions["checkout.abandon", "entered"] == 1
    assert test.summary.transitions["checkout.abandon", "exited"] == 1
    assert (members["checkout.abandon"], members["post_purchase.7d"]) == (0, 1)
    assert set(members) == {s.segment_id for s in builtin().segments}
