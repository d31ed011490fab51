"""A real schema registry on this machine, for tests and development: Apicurio, which speaks Confluent's REST paths.

It keeps everything in memory. Its archive comes from Maven by jgo, as Kafka's jars do (`streams.broker.jars`), once, into
the same cache.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from rich.console import Console

from streams.broker.jars import TIMEOUT_S, cache_dir, exclusive, maven_context
from streams.broker.java import find_java
from streams.broker.ports import LOOPBACK, free_ports
from streams.broker.processes import GuardedProcess, Watchdog
from streams.errors import OperationError

VERSION: Final = "2.6.13.Final"
ARCHIVE_SHA256: Final = "3cda1b34aa020fb4ac4dd6a66018d757e81e437f97e20a1f92d366b70091c6ba"
ARCHIVE_MB: Final = 142
START_TIMEOUT_S: Final = 90.0
_STOP_WAIT_S = 2.0
_POLL_S = 0.05
_JAR = f"apicurio-registry-app-{VERSION}-runner.jar"

Fetch = Callable[[Path], Path]
"""Fetches the archive into a folder and returns it."""


def registry_home(cache: Path, *, fetch: Fetch | None = None, archive_sha256: str = ARCHIVE_SHA256) -> Path:
    """Return the folder of the registry's jars in *cache*; downloaded first when it is not there.

    Several processes may ask at the same time: one downloads, the others wait for it.

    Args:
        cache: where downloads are kept.
        fetch: fetches the archive; jgo does it when left out.
        archive_sha256: what must come.

    Raises:
        OperationError: the download is needed and fails, or brings something else.
    """
    home = cache / f"apicurio-{VERSION}"
    if (home / _JAR).exists():
        return home
    with exclusive(cache / f"{home.name}.lock"):
        if not (home / _JAR).exists():
            _install(home, fetch or fetch_with_jgo, archive_sha256)
    return home


def _install(home: Path, fetch: Fetch, archive_sha256: str) -> None:
    """Unpack into a folder beside *home*, and rename it into place when it is complete."""
    unfinished = home.with_name(f"{home.name}.partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    archive = fetch(unfinished / "repository")
    with archive.open("rb") as packed:
        came = hashlib.file_digest(packed, "sha256").hexdigest()
    if came != archive_sha256:
        raise OperationError(
            f"the download of Apicurio {VERSION} is not what was tested; SHA-256: expected {archive_sha256}, came {came}",
            hint="try again; if it stays so, a mirror or proxy on the way changes files",
        )
    with tarfile.open(archive) as packed_files:
        packed_files.extractall(unfinished / "files", filter="data")
    (unfinished / "files").rename(unfinished.with_suffix(".done"))
    shutil.rmtree(unfinished)
    unfinished.with_suffix(".done").rename(home)


def fetch_with_jgo(folder: Path) -> Path:
    """Fetch the archive into *folder*.

    Raises:
        OperationError: the network, or what it answers, does not allow it; or jgo is not installed.
    """
    Console(file=sys.stderr).print(f"Downloading Apicurio Registry {VERSION} ({ARCHIVE_MB} MB, only once)")
    try:
        project = maven_context(folder).project("io.apicurio", "apicurio-registry-app")
        return Path(project.at_version(VERSION).artifact("all", "tar.gz").resolve())
    except ImportError as error:
        raise OperationError(
            f"the registry needs packages that are not installed: {error}",
            hint="pip install 'segment-streams[broker]'",
        ) from error
    except Exception as error:  # jgo passes on whatever its HTTP client and its XML parser raise
        raise OperationError(
            f"Apicurio {VERSION} could not be downloaded: {str(error)[:400]}",
            hint="the first start needs Maven Central, or a mirror named in jgo's settings file",
        ) from error


class RegistryServer:
    """A running registry, reachable from this machine only; a context manager that leaves nothing behind."""

    def __init__(self) -> None:
        """Describe it; nothing is started or downloaded."""
        self._process: GuardedProcess | None = None
        self._guard: Watchdog | None = None
        self._folder: Path | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """The base of Confluent's paths."""
        return f"http://{LOOPBACK}:{self._port}/apis/ccompat/v7"

    def __enter__(self) -> Self:
        """Start it, and wait until it answers.

        Raises:
            OperationError: it cannot be had, or does not start; the message shows the end of its log.
        """
        home, java = registry_home(cache_dir()), find_java()
        (self._port,) = free_ports(1)
        self._folder = Path(tempfile.mkdtemp(prefix="segment-streams-registry-"))
        self._guard = Watchdog(remove_at_end=[self._folder])
        command = [
            str(java.executable), "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            f"-Dquarkus.http.host={LOOPBACK}", f"-Dquarkus.http.port={self._port}", "-jar", str(home / _JAR),
        ]  # fmt: skip
        self._process = GuardedProcess(
            "the registry", command, folder=self._folder, log_file=self._folder / "registry.log"
        )
        self._process.start(self._guard)
        try:
            self._await_answer(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    def stop(self) -> None:
        """End it and remove its files; harmless when it does not run."""
        if self._process is not None:
            self._process.terminate()
            if not self._process.wait(_STOP_WAIT_S):
                self._process.kill()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._guard is not None:
            self._guard.close()
        self._process = self._guard = self._folder = None

    def pause(self) -> None:
        """Freeze it: connections are taken, and nothing answers."""
        assert self._process is not None, "it runs"
        self._process.pause()

    def resume(self) -> None:
        """Let it go on after a pause."""
        assert self._process is not None, "it runs"
        self._process.resume()

    def _await_answer(self, process: GuardedProcess) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _answers(f"{self.url}/subjects"):
            if process.returncode is not None or time.monotonic() > deadline:
                raise OperationError(
                    f"the registry does not start. The end of its log:\n{process.log_tail()}",
                    hint="the log says why; common causes are little memory and a full disk",
                )
            time.sleep(_POLL_S)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - an address of our own
            return bool(answer.status == 200)
    except OSError:
        return False
