"""Compiles the hot path to C on request: ``STREAMS_COMPILE=1 pip install .``, or ``make compile`` for the bench.

Without the variable the package is pure Python, works everywhere, and does the same. With it mypyc compiles the modules
below from the very same source; a C compiler is needed. The definitions' own code is generated at start, and stays Python.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from setuptools import setup

HOT = {
    "segmentation": (
        "chunks deadlines deciding doors filters groups journals machines partition profiles residence settling "
        "stances stimuli timeline transitions waking walking watermarks"
    ),
    "codecs": "customer_events envelopes times transitions",
    "runtime": "processor",
}
PLANS = Path("build", "plans")
"""Where `streams catalogue compile --source` puts the sources of the plans that are compiled with the hot path."""


def compiled() -> list[object]:
    """Return the extension modules, none unless they are asked for."""
    if os.environ.get("STREAMS_COMPILE") != "1":
        return []
    try:
        from mypyc.build import mypycify  # noqa: PLC0415 - needed for a compiled build only
    except ImportError:
        sys.exit("STREAMS_COMPILE=1 needs mypyc: pip install 'mypy[mypyc]', or build without it")
    files = [f"streams/{package}/{name}.py" for package, names in HOT.items() for name in names.split()]
    os.environ["MYPYPATH"] = str(PLANS)  # their package begins there
    files += sorted(map(str, PLANS.glob("streams_plans/plan_*.py")))
    return list(mypycify(files, opt_level="3", debug_level="0"))


setup(ext_modules=compiled())
