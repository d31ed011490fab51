"""The schema registry's files: complete or not there, checked, fetched once. That it runs: `tests/integration`."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from pathlib import Path

import pytest

from streams.broker.registry import VERSION, registry_home
from streams.errors import OperationError

JAR = f"apicurio-registry-app-{VERSION}-runner.jar"


class Archive:
    """Delivers a small archive as a download does, and counts how often it was asked."""

    def __init__(self, folder: Path) -> None:
        (folder / JAR).write_bytes(b"a registry")
        self.file = folder / "all.tar.gz"
        with tarfile.open(self.file, "w:gz") as packed:
            packed.add(folder / JAR, JAR)
        self.sha256 = hashlib.sha256(self.file.read_bytes()).hexdigest()
        self.fetched = 0

    def __call__(self, folder: Path) -> Path:
        """Put it below *folder*."""
        self.fetched += 1
        folder.mkdir()
        return Path(shutil.copy(self.file, folder))


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """The archive."""
    (tmp_path / "packed").mkdir()
    return Archive(tmp_path / "packed")


def test_it_is_fetched_once(tmp_path: Path, archive: Archive) -> None:
    """And unpacked; nothing else stays in the cache."""
    cache = tmp_path / "cache"
    home = registry_home(cache, fetch=archive, archive_sha256=archive.sha256)

    assert registry_home(cache, fetch=archive, archive_sha256=archive.sha256) == home
    assert (home / JAR).read_bytes() == b"a registry"
    assert archive.fetched == 1
    assert sorted(path.name for path in cache.iterdir()) == [home.name, f"{home.name}.lock"]


def test_another_archive_is_refused(tmp_path: Path, archive: Archive) -> None:
    """What came is told, and the next attempt fetches again."""
    with pytest.raises(OperationError, match=f"came {archive.sha256}"):
        registry_home(tmp_path / "cache", fetch=archive, archive_sha256="0" * 64)
    registry_home(tmp_path / "cache", fetch=archive, archive_sha256=archive.sha256)

    assert archive.fetched == 2
