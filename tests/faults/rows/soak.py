"""A soak: a steady load for as long as `--minutes` says, with kills; memory, descriptors and threads must not grow."""

from __future__ import annotations

import random
import time

from tests.faults.application import Application, bench_events
from tests.faults.outcome import Outcome
from tests.faults.sampling import Sample, sample, slope_mb_per_hour
from tests.faults.stage import Stage

RATE = 400
CUSTOMERS = 2_000
WARM_UP_SHARE = 0.4
SAMPLE_S = 5.0
SLOPE_MB_MAX = 30.0
"""An hour's growth that is still taken for noise of a run of some minutes; a day's must be below 1 MB an hour."""

BEHIND_S_MAX = 10.0


def run(seed: int, stage: Stage) -> Outcome:
    """Feed the same customers all the time; kill the second worker every two minutes; watch the first."""
    chance = random.Random(seed)
    application = Application(stage, partitions=2)
    seconds = 20 if stage.quick else int(stage.minutes * 60)
    events = iter(bench_events(RATE * seconds + RATE, seed, customers=CUSTOMERS))
    samples: list[Sample] = []
    longest_behind = 0
    with application.workers(2) as workers, application.committed() as committed:
        time.sleep(6.0)
        began_s = time.monotonic()
        kill_s, sample_s, say_s = began_s + 120, began_s, began_s
        for second in range(seconds):
            application.write_events(next(events) for _ in range(RATE))
            workers.check()
            now_s = time.monotonic()
            if now_s >= sample_s:
                samples.append(sample(workers.processes[0].pid))
                longest_behind = max(longest_behind, application.written - committed.records())
                sample_s = now_s + SAMPLE_S
            if now_s >= say_s:
                stage.say(
                    f"{second} of {seconds} s, {samples[-1].rss_mb:.0f} MB, {application.written} events"
                )
                say_s = now_s + 60
            if now_s >= kill_s:
                workers.kill(1)
                kill_s = now_s + chance.uniform(90, 150)
            time.sleep(max(0.0, began_s + second + 1 - time.monotonic()))
        workers.run_until(lambda: committed.records() >= application.written, 60)
        codes = workers.stop()
    outcome = Outcome(application.written, application.verdict())
    settled = samples[int(len(samples) * WARM_UP_SHARE) :]
    slope = slope_mb_per_hour(settled)
    outcome.notes = (
        f"{seconds / 60:.0f} minutes at {RATE}/s: {_span([round(s.rss_mb) for s in settled])} MB after the warm-up, slope"
        f" {slope:+.1f} MB/h; descriptors {_span([s.files for s in settled])}, threads"
        f" {_span([s.threads for s in settled])}; at most {longest_behind} events uncommitted"
    )
    outcome.must(stage.quick or slope < SLOPE_MB_MAX, f"memory grows by {slope:.0f} MB/h")
    outcome.must(settled[-1].files <= settled[0].files + 10, "descriptors grow")
    outcome.must(settled[-1].threads <= settled[0].threads + 5, "threads grow")
    outcome.must(codes == [0, 0], f"exit codes {codes}")
    return outcome


def _span(numbers: list[int]) -> str:
    return f"{min(numbers)} to {max(numbers)}"
