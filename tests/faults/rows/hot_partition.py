"""One partition with all the traffic, two workers, a kill: the other worker's idleness and the lag do no harm."""

from __future__ import annotations

from tests.faults.application import Application, bench_events
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

EVENTS = 200_000
LIMIT_S = 240.0


def run(seed: int, stage: Stage) -> Outcome:
    """Put everything into partition 0; kill both workers once on the way."""
    application = Application(stage)
    application.write_events(
        bench_events(5_000 if stage.quick else EVENTS, seed, customers=20_000), partition=0
    )
    with application.workers(2) as workers, application.committed() as committed:
        workers.run_until(lambda: committed.records() >= application.written // 3, LIMIT_S)
        workers.kill(0)
        workers.kill(1)
        workers.run_until(lambda: committed.records() >= application.written, LIMIT_S)
        codes = workers.stop()
    outcome = Outcome(
        application.written, application.verdict(), "all traffic in 1 of 4 partitions, both workers killed"
    )
    outcome.must(codes == [0, 0], f"exit codes {codes}")
    return outcome
