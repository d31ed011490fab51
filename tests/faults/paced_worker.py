"""A worker with a known capacity: each input record takes at least `PACE_US` microseconds of its time."""

from __future__ import annotations

import os
import sys
import time

from streams.cli.main import main
from streams.runtime.ports import Batch
from streams.runtime.processor import PartitionProcessor

_handle = PartitionProcessor.handle
_pace_s = int(os.environ["PACE_US"]) / 1e6


def _paced(self: PartitionProcessor, batch: Batch) -> None:
    _handle(self, batch)
    time.sleep(_pace_s * sum(map(len, batch.records.values())))


PartitionProcessor.handle = _paced  # type: ignore[method-assign]
main(["worker", *sys.argv[1:]])
