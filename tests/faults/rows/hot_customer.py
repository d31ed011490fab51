"""One customer with a million events among others: the profile stays bounded, and the last event costs as the first."""

from __future__ import annotations

import time

import msgspec

from tests.faults.application import Application, bench_events
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

EVENTS = 1_000_000
QUICK_EVENTS = 10_000
HOT = "c-hot"
LIMIT_S = 900.0
SLOWER_MAX = 3.0


def run(seed: int, stage: Stage) -> Outcome:
    """Turn nine of ten events into one customer's; kill the worker half way."""
    application = Application(stage, clauses="false")
    count = QUICK_EVENTS if stage.quick else EVENTS
    events = bench_events(count, seed, customers=1_000)
    for number, event in enumerate(events):
        turned = msgspec.structs.replace(event, customer_id=HOT) if number % 10 else event
        application.write(msgspec.json.encode(turned), turned.customer_id)
    application.flush()
    marks: list[tuple[float, int]] = []
    with application.workers() as workers, application.committed() as committed:

        def watch() -> None:
            done = committed.records()
            if not marks or done > marks[-1][1]:
                marks.append((time.monotonic(), done))

        workers.run_until(lambda: committed.records() >= count // 2, LIMIT_S, watch)
        first_rate = _rate(marks)
        workers.kill(0)
        marks.clear()
        workers.run_until(lambda: committed.records() >= count, LIMIT_S, watch)
        last_rate = _rate(marks)
        codes = workers.stop()
    stage.say(f"{first_rate:.0f} events/s in the first half, {last_rate:.0f} in the second; comparing")
    expected = application.reference()
    largest = max(map(len, expected.state.values()))
    outcome = Outcome(count, application.verdict(expected))
    outcome.notes = (
        f"{first_rate:.0f} then {last_rate:.0f} events/s; the largest profile {largest / 1_024:.0f} KiB"
    )
    outcome.must(stage.quick or last_rate * SLOWER_MAX > first_rate, "it became slower and slower")
    outcome.must(codes == [0], f"exit codes {codes}")
    return outcome


def _rate(marks: list[tuple[float, int]]) -> float:
    if len(marks) < 2:
        return 0.0
    return (marks[-1][1] - marks[0][1]) / (marks[-1][0] - marks[0][0])
