"""The worker's wall clock jumps an hour ahead and two hours back, with timers due: each fires once, at its own instant."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from streams.segmentation.timeline import HOUR_MS
from streams.segmentation.transitions import Transition
from streams.testing.verdicts import Verdict
from tests.faults.application import Application
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

CUSTOMERS = 500
DWELL_MS = 30 * 60_000
PROGRAM = (str(Path(__file__).parents[1] / "skewed_worker.py"),)
CATALOGUE = """
segments:
  - id: jump.abandon
    label: "Checkout abandoned, half an hour after the start, no order"
    when:
      - {did: Checkout Started, within: 10h}
      - {did_not: Order Completed, since: Checkout Started}
    dwell: 30m
    grace: 1m
"""


def run(seed: int, stage: Stage) -> Outcome:
    """Start checkouts, jump ahead so that all are due, jump back, kill the worker, order: one entry, one exit each."""
    del seed
    folder = stage.folder()
    (folder / "jump.yaml").write_text(CATALOGUE)
    skew = folder / "skew"
    skew.write_text("0")
    os.environ["SKEW_FILE"] = str(skew)
    application = Application(stage, clock="wall", catalogue_dir=str(folder))
    with application.workers(program=PROGRAM) as workers, application.committed() as committed:
        began_ms = _happen(application, "Checkout Started")
        workers.run_until(lambda: committed.records() >= application.written, 60)
        stage.say("the clock jumps an hour ahead")
        skew.write_text(str(HOUR_MS))
        workers.run_until(lambda: len(application.transitions()) >= CUSTOMERS, 60)
        stage.say("the clock jumps two hours back; the worker is killed")
        skew.write_text(str(-HOUR_MS))
        time.sleep(2.0)
        workers.kill(0)
        time.sleep(6.0)
        skew.write_text("0")
        ordered_ms = _happen(application, "Order Completed")
        workers.run_until(lambda: committed.records() >= application.written, 60)
        codes = workers.stop()
    outcome = Outcome(application.written, _judge(application.transitions(), began_ms, ordered_ms))
    outcome.notes = "an hour ahead, two back, and right again"
    outcome.must(codes == [0], f"exit codes {codes}")
    return outcome


def _happen(application: Application, event: str) -> int:
    """Let every customer do *event*, a millisecond after another; return the first one's instant."""
    at_ms = time.time_ns() // 1_000_000
    for number in range(CUSTOMERS):
        fields = {"event_id": f"{event} {number}", "type": event, "occurred_at": at_ms + number, "customer_id": f"c{number}",
                  "properties": {}}  # fmt: skip
        application.write(msgspec.json.encode(fields), f"c{number}")
    application.flush()
    return at_ms


def _judge(found: dict[str, list[Transition]], began_ms: int, ordered_ms: int) -> Verdict:
    """Compare with what must be: an entry at the dwell's end, to the millisecond, and an end by the order."""
    missing = extra = disordered = 0
    for number in range(CUSTOMERS):
        said = [(t.kind, t.occurred_at_ms) for t in found.get(f"default/c{number}", [])]
        wanted = ("entered", began_ms + number + DWELL_MS)
        ends = [kind for kind, _ in said if kind != "entered"]
        missing += (wanted not in said) + (not ends)
        extra += max(0, len(said) - 2) + (len(said) > 0 and said[0] != wanted)
        disordered += [kind == "entered" for kind, _ in said] != [True, False]
    assert ordered_ms > began_ms
    return Verdict(missing=missing, extra=extra, disordered=disordered)
