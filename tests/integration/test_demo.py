"""The demo, as a user runs it: on its own embedded Kafka, to the end and interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from streams.demo.kafka_side import GroupWatch, Progress, committed_messages, latest_by_key, write_replay
from streams.demo.shop import ShopRecord
from streams.testing.kafka import create_topics, unique_name

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

LATEST_END_S = 60.0


def descendants(pid: int) -> set[int]:
    """Return the ids of all processes below *pid*."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parent = {int(child): int(above) for child, above in (line.split() for line in listed.splitlines())}
    found: set[int] = set()
    level = {pid}
    while level:
        level = {child for child, above in parent.items() if above in level} - found
        found |= level
    return found


def lives(pid: int) -> bool:
    """Return whether a process with the id *pid* runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def running_demo(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run `streams demo` with its temporary files below *folder*; end it if the test has not."""
    command = [sys.executable, "-m", "streams", "demo", *arguments]
    environment = os.environ | {"TMPDIR": str(folder), "TERM": "dumb"}
    with (
        (folder / "stderr").open("w") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment) as demo,
    ):
        try:
            yield demo
        finally:
            if demo.poll() is None:
                demo.send_signal(signal.SIGTERM)
                demo.wait(LATEST_END_S)


def left_behind(folder: Path) -> list[str]:
    """Return what the demo left in its temporary folder."""
    return sorted(path.name for path in folder.iterdir() if path.name != "stderr")


def test_the_demo_ends_with_the_published_figures(tmp_path: Path) -> None:
    """From start to end: the last line is the summary, the figures are the engine's own, and nothing is left."""
    with running_demo(tmp_path, "--exit-when-done", "--json", "--browsing", "1", "--partitions", "2") as demo:
        output, _ = demo.communicate(timeout=350)
    assert demo.returncode == 0, (tmp_path / "stderr").read_text()
    summary = msgspec.json.decode(output.splitlines()[-1])
    real_orders = summary["real_orders"]
    gross = tuple(real_orders[name] for name in ("buyers", "one_time", "repeat", "orders", "revenue"))
    assert gross == (4_338, 1_493, 2_845, 18_532, 8_911_407.904)
    assert real_orders["net"]["orders"] == 18_532 - 148
    assert summary["events"] > 18_532 + 4_551
    assert summary["dead_letters"] == 0
    assert summary["transitions"] == sum(summary["kinds"].values()) > 50_000
    segments = summary["segments"]
    assert real_orders["net"]["buyers"] == sum(
        segments[name] for name in ("buyer.first_time", "buyer.repeat", "value.vip")
    )
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("end", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)]
)
def test_an_ended_demo_leaves_nothing_behind(tmp_path: Path, end: signal.Signals, status: int) -> None:
    """In the midst of the replay Ctrl-C, and even kill -9, ends Kafka, the worker and their files."""
    with running_demo(tmp_path, "--browsing", "1") as demo:
        assert demo.stdout is not None
        while "records" not in (line := demo.stdout.readline()) or "events/s" not in line:
            assert line, (tmp_path / "stderr").read_text()
        below = descendants(demo.pid)
        assert len(below) >= 2
        demo.send_signal(end)
        demo.stdout.read()
        assert demo.wait(LATEST_END_S) == status
    deadline_s = time.monotonic() + 10
    while (any(map(lives, below)) or left_behind(tmp_path)) and time.monotonic() < deadline_s:
        time.sleep(0.1)
    assert [pid for pid in below if lives(pid)] == []
    assert left_behind(tmp_path) == []


def test_an_interrupt_while_starting_leaves_nothing_behind(tmp_path: Path) -> None:
    """Also before Kafka is up the demo ends at once and clean."""
    with running_demo(tmp_path) as demo:
        assert demo.stdout is not None
        assert "Starting Apache Kafka" in demo.stdout.readline()
        time.sleep(0.5)
        below = descendants(demo.pid)
        demo.send_signal(signal.SIGINT)
        demo.stdout.read()
        assert demo.wait(LATEST_END_S) == 130
    time.sleep(0.5)
    assert [pid for pid in below if lives(pid)] == []
    assert left_behind(tmp_path) == []


def test_the_replay_keeps_its_order_and_partitions(kafka: str) -> None:
    """Records of one key stay in order; a record that names its partition goes there."""
    topic = unique_name("replay")
    create_topics(kafka, {topic: 3})
    by_key = [ShopRecord(topic, None, b"k%d" % (n % 7), b"%d" % n, 1_000 + n) for n in range(700)]
    write_replay(
        kafka, [*by_key, *(ShopRecord(topic, n, b"h", b"end", 5_000) for n in range(3))], lambda _n: None
    )
    found = list(committed_messages(kafka, topic))
    assert len(found) == 703
    for key in {record.key for record in by_key}:
        numbers = [int(m.value() or b"") for m in found if m.key() == key]
        assert numbers == sorted(numbers)
    assert sorted(m.partition() or 0 for m in found if m.value() == b"end") == [0, 1, 2]
    assert latest_by_key(kafka, topic)[b"k0"] == b"693"


def test_a_group_nobody_is_in_is_not_ready(kafka: str) -> None:
    """Before the worker joins, all is still to be done."""
    topic = unique_name("inputs")
    create_topics(kafka, {topic: 2})
    write_replay(kafka, [ShopRecord(topic, None, b"k", b"v", 1)], lambda _n: None)
    watch = GroupWatch(kafka, unique_name("group"), [topic])
    try:
        assert not watch.is_ready()
        assert watch.progress() == Progress(0, 1)
    finally:
        watch.close()
