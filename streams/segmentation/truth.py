"""Three-valued truth (Kleene), as small integers so that ``min`` is *and*, ``max`` is *or*, ``2 - v`` is *not*."""

from __future__ import annotations

from typing import Final

FALSE: Final = 0
UNKNOWN: Final = 1
TRUE: Final = 2

WORDS: Final = ("false", "unknown", "true")
"""How the three values are written at the edges."""
