"""A worker whose wall clock jumps: it adds the milliseconds that stand in the file `SKEW_FILE` names.

The machine's clock cannot be turned while others work on it, so the one place where the worker asks it is.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from streams.cli.main import main
from streams.runtime.engine import SystemClock

_true_ms = SystemClock.wall_ms
_skew = Path(os.environ["SKEW_FILE"])


def _wall_ms(self: SystemClock) -> int:
    skew_ms = 0
    with suppress(OSError, ValueError):
        skew_ms = int(_skew.read_text())
    return _true_ms(self) + skew_ms


SystemClock.wall_ms = _wall_ms  # type: ignore[method-assign]
main(["worker", *sys.argv[1:]])
