"""kill -9 at random of three workers that run the built-in definitions; every transition, state and letter compared."""

from __future__ import annotations

import random
import time

from tests.faults.application import Application, bench_events
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

WORKERS = 3
EVENTS = 200_000
KILLS = 12
LIMIT_S = 300.0


def run(seed: int, stage: Stage) -> Outcome:
    """Feed the race's events in slices while a worker is killed every two to five seconds."""
    chance = random.Random(seed)
    application = Application(stage)
    events = bench_events(EVENTS, seed)
    slices = [events[n : n + EVENTS // (KILLS * 10)] for n in range(0, EVENTS, EVENTS // (KILLS * 10))]
    with application.workers(WORKERS) as workers, application.committed() as committed:
        time.sleep(4.0)
        killed = 0
        due_s = time.monotonic()
        for part in slices:
            application.write_events(part)
            time.sleep(0.3)
            if time.monotonic() >= due_s and killed < KILLS:
                workers.kill(chance.randrange(WORKERS))
                killed += 1
                due_s = time.monotonic() + chance.uniform(2, 5)
                stage.say(f"{killed} kills, {committed.records()} of {application.written} committed")
        workers.run_until(lambda: committed.records() >= application.written, LIMIT_S)
        codes = workers.stop()
    outcome = Outcome(application.written, application.verdict(), f"{killed} kills")
    outcome.must(codes == [0] * WORKERS, f"exit codes {codes}")
    return outcome
