"""Compiles the hot path to C on request: ``STREAMS_COMPILE=1 pip install .`` (`streams.compilation` says what, and why).

Without the variable the package is pure Python.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from setuptools import setup

sys.path.insert(0, str(Path(__file__).resolve().parent))

from streams.compilation import hot_files


def compiled() -> list[object]:
    """Return the extension modules, none unless they are asked for."""
    if os.environ.get("STREAMS_COMPILE") != "1":
        return []
    try:
        from mypyc.build import mypycify  # noqa: PLC0415 - needed for a compiled build only
    except ImportError:
        sys.exit("STREAMS_COMPILE=1 needs mypyc: pip install 'mypy[mypyc]', or build without it")
    return list(mypycify(hot_files(), opt_level="3", debug_level="0"))


setup(ext_modules=compiled())
