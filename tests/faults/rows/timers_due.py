"""A million timers due at once, in the core alone: each fires once, in order, in one step of the watermark."""

from __future__ import annotations

import resource
import time
from collections import Counter

from streams.catalogue.events import load_vocabulary
from streams.catalogue.library import builtin_catalogue, source_of_events
from streams.segmentation.timeline import HOUR_MS
from streams.testing.driver import SegmentationTestDriver
from streams.testing.verdicts import Verdict
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

TIMERS = 1_000_000
QUICK_TIMERS = 20_000
BEGAN_MS = 1_760_000_000_000


def run(seed: int, stage: Stage) -> Outcome:
    """Let so many customers start a checkout in the same second, then let a day pass at once."""
    del seed
    count = QUICK_TIMERS if stage.quick else TIMERS
    vocabulary = load_vocabulary()
    driver = SegmentationTestDriver(builtin_catalogue(vocabulary), sources=source_of_events(vocabulary))
    for number in range(count):
        driver.happen("Checkout Started", BEGAN_MS + number % 1_000, f"c{number}", f"e{number}")
        if number % 50_000 == 49_999:
            driver.commit()
            stage.say(f"{number + 1} checkouts")
    driver.commit()
    before = len(driver.transitions)
    began_s = time.monotonic()
    fired = driver.advance(None, BEGAN_MS + HOUR_MS)
    firing_s = time.monotonic() - began_s
    entered = Counter(
        t.customer_id for t in fired if (t.segment_id, t.kind) == ("checkout.abandon", "entered")
    )
    ordered = [t.occurred_at_ms for t in fired] == sorted(t.occurred_at_ms for t in fired)
    verdict = Verdict(
        missing=count - len(entered), extra=entered.total() - len(entered), disordered=0 if ordered else 1
    )
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    notes = (
        f"{len(fired)} transitions in {firing_s:.1f} s of one step ({len(fired) / firing_s:,.0f}/s), {before} before;"
        f" peak {peak_mb:,.0f} MB"
    )
    return Outcome(count, verdict, notes)
