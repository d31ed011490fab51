"""Apache Kafka's jar files: resolved and downloaded once with jgo (pure Python, no Maven), then taken from the cache.

In the cache, `kafka-<version>/` appears only when it is complete (it is renamed into place): `jars/*.jar`, and
`classpath.json` with the size of each, which a start checks without any network.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from streams.broker.pins import COORDINATES, DOWNLOAD_BYTES, JAR_SHA256, KAFKA_VERSION
from streams.errors import OperationError

_CLASSPATH_FILE = "classpath.json"
_PARALLEL_DOWNLOADS = 4
TIMEOUT_S = 30

Download = Callable[[Path], Sequence[Path]]
"""Fetches Kafka's jars into a folder and returns them in class path order."""


def cache_dir() -> Path:
    """Where downloads are kept: `STREAMS_CACHE_DIR`, else `~/.cache/segment-streams`."""
    chosen = os.environ.get("STREAMS_CACHE_DIR")
    return Path(chosen).expanduser().resolve() if chosen else Path.home() / ".cache" / "segment-streams"


def kafka_home(cache: Path) -> Path:
    """The folder of this Kafka version inside *cache*."""
    return cache / f"kafka-{KAFKA_VERSION}"


def kafka_classpath(
    home: Path, *, download: Download | None = None, pins: Mapping[str, str] = JAR_SHA256
) -> list[Path]:
    """Kafka's jar files in class path order; downloaded first when *home* does not hold all of them.

    Several processes may ask at the same time: one downloads, the others wait for it.

    Args:
        home: the folder of this Kafka version.
        download: fetches the files; jgo does it when left out.
        pins: the SHA-256 of every file that must come, by name.

    Raises:
        OperationError: the download is needed and fails, or the `broker` extra is not installed.
    """
    if jars := cached_classpath(home):
        return jars
    try:
        with exclusive(home.with_name(f"{home.name}.lock")):
            if jars := cached_classpath(home):
                return jars
            _install(home, download or download_with_jgo, pins)
    except OSError as error:
        raise OperationError(
            f"The cache {home.parent} cannot be used: {error}",
            hint="Name a folder you may write to, with 150 MB to spare, in STREAMS_CACHE_DIR.",
        ) from error
    if not (jars := cached_classpath(home)):
        raise OperationError(
            f"The jar files in {home} vanished while they were checked.", hint="Is the cache being cleared?"
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
    with lock_file.open("w", encoding="ascii") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _install(home: Path, download: Download, pins: Mapping[str, str]) -> None:
    """Download into a folder beside *home*, check every file, and rename it into place when it is complete."""
    unfinished = home.with_name(f"{home.name}.partial")
    # Left by a download that was cut off: half a jar in it would pass for a whole one.
    shutil.rmtree(unfinished, ignore_errors=True)
    repository, jars = unfinished / "repository", unfinished / "jars"
    repository.mkdir(parents=True)
    jars.mkdir()
    downloaded = download(repository)
    _refuse_strangers(downloaded, pins)
    sizes = {}
    for jar in downloaded:
        sizes[jar.name] = jar.stat().st_size
        jar.rename(jars / jar.name)
    shutil.rmtree(repository)
    (unfinished / _CLASSPATH_FILE).write_text(json.dumps(sizes, indent=1), encoding="utf-8")
    shutil.rmtree(home, ignore_errors=True)
    unfinished.rename(home)


def download_with_jgo(repository: Path) -> list[Path]:
    """Resolve Kafka and all it needs, and fetch the jars into *repository*; progress on stderr.

    Raises:
        OperationError: the network, or what it answers, does not allow it; or jgo is not installed.
    """
    console = Console(file=sys.stderr)
    console.print(f"Downloading Apache Kafka {KAFKA_VERSION} ({DOWNLOAD_BYTES / 1e6:.0f} MB, only once)")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("finding the files", total=None)
        try:
            return _fetch(repository, progress, task)
        except ImportError as error:
            raise OperationError(
                f"The embedded Kafka needs packages that are not installed: {error}",
                hint="pip install 'segment-streams[broker]'",
            ) from error
        except Exception as error:  # jgo passes on whatever its HTTP client and its XML parser raise
            raise OperationError(
                f"Apache Kafka {KAFKA_VERSION} could not be downloaded: {str(error)[:400]}",
                hint="The first start needs Maven Central, or a mirror named in jgo's settings file; later "
                "starts work offline. Or use a broker that runs already.",
            ) from error


def maven_context(repository: Path, counted: Callable[..., Any] | None = None) -> Any:
    """Return what resolves and fetches artifacts into *repository*; raises ImportError when jgo is not installed.

    Args:
        repository: where files go.
        counted: jgo's progress callback; None: none.
    """
    from jgo.config import GlobalSettings  # noqa: PLC0415  comes with an extra
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415

    return MavenContext(
        resolver=PythonResolver(progress_callback=counted),
        repo_cache=repository,
        remote_repos={"central": MAVEN_CENTRAL_URL, **GlobalSettings.load().repositories},
        timeout=TIMEOUT_S,
    )


def _fetch(repository: Path, progress: Progress, task: TaskID) -> list[Path]:
    @contextmanager
    def counted(_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield lambda received: progress.advance(task, received)

    context = maven_context(repository, counted)
    roots = [context.create_dependency(coordinate) for coordinate in COORDINATES]
    inputs, transitive = context.resolver.resolve(roots)
    needed = [*inputs, *(found for found in transitive if found.scope in ("compile", "runtime"))]
    progress.reset(task, description="jar files", total=DOWNLOAD_BYTES)
    pool = ThreadPoolExecutor(_PARALLEL_DOWNLOADS)
    try:
        return list(pool.map(lambda dependency: Path(dependency.artifact.resolve()), needed))
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C nobody wants the other forty files


def _refuse_strangers(jars: Sequence[Path], pins: Mapping[str, str]) -> None:
    """Compare what came with what must come.

    Raises:
        OperationError: a file is missing, is not in *pins*, or has other content.
    """
    came = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in jars}
    if came == pins:
        return
    names = sorted(name for name in came.keys() | pins.keys() if came.get(name) != pins.get(name))
    details = "\n".join(f"  {name}: expected {pins.get(name)}, came {came.get(name)}" for name in names)
    raise OperationError(
        f"The download of Apache Kafka {KAFKA_VERSION} is not what was tested; SHA-256:\n{details}",
        hint="Try again; if it stays so, a mirror or proxy on the way changes files. Nothing was kept for use.",
    )
