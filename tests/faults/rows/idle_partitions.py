"""Idle partitions: all customers but a few lie in one of six; the others see nothing, or one event, and are killed too."""

from __future__ import annotations

import time

from tests.faults.application import Application, bench_events
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

EVENTS = 60_000
PARTITIONS = 6
LIMIT_S = 120.0


def run(seed: int, stage: Stage) -> Outcome:
    """Two workers, one of them killed: quiet partitions hold nothing back, and lose nothing."""
    application = Application(stage, partitions=PARTITIONS)
    events = bench_events(4_000 if stage.quick else EVENTS, seed, customers=2_000)
    few = {event.customer_id for event in events[:3]}
    application.write_events([event for event in events if event.customer_id not in few], partition=2)
    application.write_events([event for event in events if event.customer_id in few], partition=4)
    with application.workers(2) as workers, application.committed() as committed:
        time.sleep(6.0)
        workers.kill(0)
        time.sleep(1.0)
        workers.kill(1)
        workers.run_until(lambda: committed.records() >= application.written, LIMIT_S)
        codes = workers.stop()
    outcome = Outcome(
        application.written,
        application.verdict(),
        f"{PARTITIONS - 2} partitions empty, one with three customers",
    )
    outcome.must(codes == [0, 0], f"exit codes {codes}")
    return outcome
