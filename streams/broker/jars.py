"""Apache Kafka's jar files: resolved and downloaded once with jgo (pure Python, no Maven), then taken from the cache.

    <cache>/kafka-4.4.0/            appears only when complete (renamed into place)
    <cache>/kafka-4.4.0/jars/*.jar
    <cache>/kafka-4.4.0/classpath.json   every jar with its size: what a start checks, with no network
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from streams.errors import OperationError

if TYPE_CHECKING:
    from jgo.maven import Artifact, MavenContext

KAFKA_VERSION = "4.4.0"
_COORDINATES = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")
_CLASSPATH_FILE = "classpath.json"
_PARALLEL_DOWNLOADS = 4
_TIMEOUT_S = 30


def cache_dir() -> Path:
    """Where downloads are kept: `STREAMS_CACHE_DIR`, else `~/.cache/segment-streams`."""
    chosen = os.environ.get("STREAMS_CACHE_DIR")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "segment-streams"


def kafka_home(cache: Path) -> Path:
    """The folder of this Kafka version inside *cache*."""
    return cache / f"kafka-{KAFKA_VERSION}"


def kafka_classpath(cache: Path) -> list[Path]:
    """Kafka's jar files in class path order; downloaded first when *cache* does not hold all of them.

    Several processes may ask at the same time: one downloads, the others wait for it.

    Raises:
        OperationError: the download is needed and fails, or the `broker` extra is not installed.
    """
    home = kafka_home(cache)
    if jars := cached_classpath(home):
        return jars
    with exclusive(cache / f"{home.name}.lock"):
        if jars := cached_classpath(home):
            return jars
        _install(home)
    if not (jars := cached_classpath(home)):
        raise OperationError(
            f"The jar files below {home} vanished while they were checked.", hint=f"Remove {home} and try again."
        )
    return jars


def cached_classpath(home: Path) -> list[Path] | None:
    """The jars that *home* holds, or None unless every one is there with its full size."""
    try:
        sizes: dict[str, int] = json.loads((home / _CLASSPATH_FILE).read_text(encoding="utf-8"))
        jars = {home / "jars" / name: size for name, size in sizes.items()}
        if not jars or any(jar.stat().st_size != size for jar, size in jars.items()):
            return None
    except (OSError, ValueError):
        return None
    return list(jars)


@contextmanager
def exclusive(lock_file: Path) -> Iterator[None]:
    """Hold *lock_file* against other processes; the operating system frees it when its holder ends."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _install(home: Path) -> None:
    """Download into a folder beside *home* and rename it into place when it is complete."""
    staging = home.with_name(f"{home.name}.partial")
    # Left by a download that was cut off: a half-written jar in it would pass for a whole one.
    shutil.rmtree(staging, ignore_errors=True)
    repository = staging / "repository"
    repository.mkdir(parents=True)
    try:
        downloaded = _download(repository)
    except OperationError:
        raise
    except Exception as error:  # jgo passes on whatever its HTTP client and XML parser raise
        raise OperationError(
            f"Apache Kafka {KAFKA_VERSION} could not be downloaded: {error}",
            hint="The first start needs access to Maven Central (or the repositories of your jgo settings "
            "file); later starts work offline. To use a broker that runs already, give its address.",
        ) from error
    jars = staging / "jars"
    jars.mkdir()
    sizes = {}
    for jar in downloaded:
        jar.rename(jars / jar.name)
        sizes[jar.name] = (jars / jar.name).stat().st_size
    shutil.rmtree(repository)
    (staging / _CLASSPATH_FILE).write_text(json.dumps(sizes, indent=1), encoding="utf-8")
    shutil.rmtree(home, ignore_errors=True)
    staging.rename(home)


def _download(repository: Path) -> list[Path]:
    """Resolve Kafka and what it depends on, and fetch every jar into *repository*; progress on stderr."""
    try:
        from jgo.config import GlobalSettings
        from jgo.constants import MAVEN_CENTRAL_URL
        from jgo.maven import MavenContext, PythonResolver
    except ImportError as error:
        raise OperationError(
            "The embedded Kafka needs the package jgo, which is not installed.",
            hint="pip install 'segment-streams[broker]'",
        ) from error

    console = Console(file=sys.stderr)
    console.print(f"Downloading Apache Kafka {KAFKA_VERSION} (45 files, 43 MB; once only) ...")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("resolving", total=None)

        @contextmanager
        def count(name: str, size: int) -> Iterator[object]:
            yield lambda received: progress.advance(task, received)

        resolver = PythonResolver(progress_callback=count)
        remotes = {"central": MAVEN_CENTRAL_URL, **GlobalSettings.load().repositories}
        context = MavenContext(
            resolver=resolver, repo_cache=repository, remote_repos=remotes, timeout=_TIMEOUT_S
        )
        artifacts = _resolved(context)
        progress.reset(task, description="jar files", total=43_000_000)
        with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
            return list(pool.map(lambda artifact: artifact.resolve(), artifacts))


def _resolved(context: MavenContext) -> list[Artifact]:
    """Kafka and all it needs at run time."""
    roots = [context.create_dependency(coordinate) for coordinate in _COORDINATES]
    inputs, transitive = context.resolver.resolve(roots)
    needed = [*inputs, *(found for found in transitive if found.scope in ("compile", "runtime"))]
    return [dependency.artifact for dependency in needed]
