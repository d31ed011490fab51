"""The cache of Kafka's jars: complete or not there, checked, and fetched by one process at a time."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streams.broker.jars import cache_dir, cached_classpath, kafka_classpath
from streams.errors import OperationError

CONTENTS = {"kafka.jar": b"the broker", "clients.jar": b"its clients"}
PINS = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}


class Repository:
    """Delivers files as a download does, slowly, and counts how often it was asked."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self.contents = contents
        self.downloads = 0

    def __call__(self, folder: Path) -> Sequence[Path]:
        """Write the files below *folder*, in folders of their own as Maven does."""
        self.downloads += 1
        time.sleep(0.05)
        jars = []
        for name, content in self.contents.items():
            jar = folder / name.removesuffix(".jar") / name
            jar.parent.mkdir()
            jar.write_bytes(content)
            jars.append(jar)
        return jars


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the jars go."""
    return tmp_path / "cache" / "kafka-1"


def test_the_first_start_downloads_and_later_ones_do_not(home: Path) -> None:
    """What was downloaded is served from the cache, in the same order, without asking again."""
    repository = Repository(CONTENTS)
    first = kafka_classpath(home, download=repository, pins=PINS)
    assert kafka_classpath(home, download=repository, pins=PINS) == first
    assert [jar.name for jar in first] == ["kafka.jar", "clients.jar"]
    assert [jar.read_bytes() for jar in first] == list(CONTENTS.values())
    assert repository.downloads == 1


def test_starts_at_the_same_time_download_once(home: Path) -> None:
    """Several that need the jars at once wait for one download."""
    repository = Repository(CONTENTS)
    with ThreadPoolExecutor(6) as pool:
        calls = [pool.submit(kafka_classpath, home, download=repository, pins=PINS) for _ in range(6)]
    assert len({tuple(call.result()) for call in calls}) == 1
    assert repository.downloads == 1


@pytest.mark.parametrize("damage", ["cut", "removed", "list"])
def test_a_damaged_cache_is_replaced(home: Path, damage: str) -> None:
    """A jar that is cut short or gone, or an unreadable list, is a reason to download again."""
    jar = kafka_classpath(home, download=Repository(CONTENTS), pins=PINS)[0]
    if damage == "cut":
        jar.write_bytes(b"the br")
    elif damage == "removed":
        jar.unlink()
    else:
        (home / "classpath.json").write_text("{")
    assert cached_classpath(home) is None
    jars = kafka_classpath(home, download=Repository(CONTENTS), pins=PINS)
    assert jars[0].read_bytes() == CONTENTS["kafka.jar"]


def test_what_a_broken_off_download_left_is_not_used(home: Path) -> None:
    """Half-written files of a download that was killed are removed before the next one."""
    left = home.with_name("kafka-1.partial") / "repository" / "kafka"
    left.mkdir(parents=True)
    (left / "kafka.jar").write_bytes(b"half")
    jars = kafka_classpath(home, download=Repository(CONTENTS), pins=PINS)
    assert jars[0].read_bytes() == CONTENTS["kafka.jar"]
    assert not home.with_name("kafka-1.partial").exists()


@pytest.mark.parametrize(
    ("contents", "named"),
    [
        (CONTENTS | {"kafka.jar": b"another broker"}, "kafka.jar"),
        (CONTENTS | {"stranger.jar": b"?"}, "stranger.jar"),
        ({"kafka.jar": b"the broker"}, "clients.jar"),
    ],
    ids=["changed", "added", "missing"],
)
def test_files_that_were_not_tested_are_refused(home: Path, contents: dict[str, bytes], named: str) -> None:
    """Another content, a file too many, or one too few: an error names the file, and nothing is kept for use."""
    with pytest.raises(OperationError, match=named):
        kafka_classpath(home, download=Repository(contents), pins=PINS)
    assert not home.exists()


def test_a_cache_that_cannot_be_written_is_an_error_for_people(tmp_path: Path) -> None:
    """The error says which folder, and which setting names another."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OperationError, match="cannot be used") as refused:
        kafka_classpath(tmp_path / "file" / "kafka-1", download=Repository(CONTENTS), pins=PINS)
    assert "STREAMS_CACHE_DIR" in refused.value.hint


def test_a_missing_extra_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without jgo the first start says what to install; what it reports goes to stderr, not to stdout."""
    monkeypatch.setitem(sys.modules, "jgo.config", None)  # as if it were not installed
    with pytest.raises(OperationError, match="not installed") as refused:
        kafka_classpath(home)
    assert "segment-streams[broker]" in refused.value.hint
    out, err = capsys.readouterr()
    assert out == ""
    assert "Downloading Apache Kafka" in err


def test_the_cache_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """STREAMS_CACHE_DIR names the folder; without it, it is below the home folder."""
    monkeypatch.setenv("STREAMS_CACHE_DIR", str(tmp_path))
    assert cache_dir() == tmp_path
    monkeypatch.delenv("STREAMS_CACHE_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "segment-streams"
