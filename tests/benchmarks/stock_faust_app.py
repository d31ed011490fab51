"""Stock Faust as a baseline: one agent, one table write per event, at least once. No part of the product is in it.

Run as a process by `streams bench`. RACE_BOOTSTRAP, RACE_TOPIC and RACE_EVENTS say what to read, RACE_RESULT where to
write, as JSON, how long it took from the first event to the last.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterable
from pathlib import Path
from typing import Any

import faust

EVENTS = int(os.environ["RACE_EVENTS"])

app = faust.App(
    f"stock-{os.environ['RACE_TOPIC']}",
    broker=f"kafka://{os.environ['RACE_BOOTSTRAP']}",
    store="memory://",
    topic_replication_factor=1,
    topic_partitions=int(os.environ["RACE_PARTITIONS"]),
    topic_disable_leader=True,
    web_enabled=False,
    key_serializer="raw",
    value_serializer="raw",
)
events = app.topic(os.environ["RACE_TOPIC"])
counts = app.Table("counts", default=int)


@app.agent(events)  # type: ignore[untyped-decorator]
async def count(stream: AsyncIterable[Any]) -> None:
    """Count the events of every customer."""
    seen, began_s, began_cpu_s = 0, 0.0, 0.0
    async for value in stream:
        if seen == 0:
            began_s, began_cpu_s = time.perf_counter(), time.process_time()
        counts[json.loads(value)["customer_id"]] += 1
        seen += 1
        if seen == EVENTS:
            result = {"seconds": time.perf_counter() - began_s, "cpu_s": time.process_time() - began_cpu_s}
            path = Path(os.environ["RACE_RESULT"])
            unfinished = path.with_suffix(".partial")
            unfinished.write_text(json.dumps(result), encoding="ascii")
            unfinished.rename(path)


if __name__ == "__main__":
    app.main()
