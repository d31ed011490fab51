"""A class data archive for Kafka: the JVM maps it in place of reading and checking 11,000 classes at each start.

The first node that runs without one lists the classes it loads; some seconds later a background process of low
priority turns the list into the archive, which later starts use. It fits one Java and one class path. Nothing rests
on it: the JVM ignores an archive that does not fit, and a program that ends before it is made leaves it to the next.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path

from streams.broker.java import Java
from streams.broker.processes import GuardedProcess, Watchdog

# By then a program's first requests, and the first transaction, have brought their classes too.
LISTEN_S = 8.0


class ClassArchive:
    """The archive for one Java and class path; makes itself when it is missing."""

    def __init__(self, home: Path, java: Java, classpath: str, jvm_options: Sequence[str]) -> None:
        """Describe it; nothing is read or written.

        Args:
            home: the folder of this Kafka version in the cache.
            java: the runtime it is for.
            classpath: the class path as the JVM gets it.
            jvm_options: memory and collector options; both must be the same when it is made and used.
        """
        identity = "\n".join([str(java.executable.resolve()), java.description, classpath, *jvm_options])
        self._file = home / f"classes-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.jsa"
        self._dump = [str(java.executable), *jvm_options, "-Xshare:dump", "-cp", classpath]
        self._builder: _Builder | None = None

    def options(self) -> list[str]:
        """JVM options that use the archive, if it is there."""
        return [f"-XX:SharedArchiveFile={self._file}", "-Xshare:auto"] if self._file.exists() else []

    def recording_options(self, class_list: Path) -> list[str]:
        """JVM options that write down the loaded classes in *class_list*, unless the archive is there."""
        return [] if self._file.exists() else [f"-XX:DumpLoadedClassList={class_list}"]

    def make_in_background(self, class_list: Path, guard: Watchdog, *, after_s: float = LISTEN_S) -> None:
        """Make the archive soon, unless it is there or another process makes it.

        Args:
            class_list: where a running JVM writes down the classes it loads.
            guard: ends the making when this program ends.
            after_s: how long the list may grow before it is used, in seconds.
        """
        if not self._file.exists() and self._builder is None:
            self._builder = _Builder(self._file, self._dump, class_list, guard)
            self._builder.start(after_s)

    def stop(self) -> None:
        """Give up what :meth:`make_in_background` has not finished."""
        if self._builder is not None:
            self._builder.stop()
            self._builder = None


class _Builder:
    """The thread that waits for the class list to fill, runs the JVM's dump and puts the archive in place."""

    def __init__(self, target: Path, dump: Sequence[str], class_list: Path, guard: Watchdog) -> None:
        self._target = target
        self._partial = target.with_suffix(".partial")
        self._list = target.with_suffix(".classes")
        self._source = class_list
        self._guard = guard
        files = [f"-XX:SharedClassListFile={self._list}", f"-XX:SharedArchiveFile={self._partial}"]
        self._process = GuardedProcess(
            "The maker of the class archive",
            ["nice", "-n", "19", *dump, *files],
            folder=target.parent,
            log_file=target.with_suffix(".log"),
        )
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, after_s: float) -> None:
        """Begin *after_s* seconds from now."""
        self._thread = threading.Thread(
            target=self._run, args=(after_s,), name="kafka-class-archive", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End the thread and its process."""
        with self._lock:
            self._stopping.set()
            self._process.kill()
        if self._thread is not None:
            self._thread.join()

    def _run(self, after_s: float) -> None:
        if self._stopping.wait(after_s):
            return
        with (
            contextlib.suppress(OSError),
            self._target.with_suffix(".lock").open("w", encoding="ascii") as lock,
        ):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused: another process is at it
            self._make()

    def _make(self) -> None:
        # The JVM is still writing; the last line may be half of one.
        complete, _, _ = self._source.read_text(encoding="utf-8").rpartition("\n")
        self._list.write_text(f"{complete}\n", encoding="utf-8")
        with self._lock:
            if self._stopping.is_set() or self._target.exists():
                return
            self._process.start(self._guard)
        self._process.wait(timeout_s=None)
        if self._process.returncode == 0:
            self._partial.rename(self._target)
        self._partial.unlink(missing_ok=True)
        self._list.unlink(missing_ok=True)
