"""Records that always fail, on a real broker: dead-lettered alone, or the worker stops."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.testing.hashing_cluster import HashingCluster

pytestmark = pytest.mark.integration


@pytest.mark.timeout(90)
def test_poison_records_are_dead_lettered_and_the_rest_is_unaffected(kafka: str, tmp_path: Path) -> None:
    """Three records among thousands always fail: exactly these are dead-lettered, everything else comes out once."""
    with HashingCluster(kafka, tmp_path) as cluster:
        cluster.settings |= {"HASH_POISON": "1", "STREAMS_ATTEMPTS": "2"}
        cluster.send(5_000)
        cluster.send(2_000, poison=3)
        cluster.start(0)
        cluster.wait_until_done(60)

        assert cluster.stop_all() == [0]
        assert cluster.differences() == []
        assert cluster.log_of(0).read_text().count("quarantined: topic") == 3


@pytest.mark.timeout(60)
def test_on_poison_fail_stops_the_worker_and_names_the_record(kafka: str, tmp_path: Path) -> None:
    """With on_poison=fail the worker exits with an error that names topic, partition and offset."""
    with HashingCluster(kafka, tmp_path, partitions=1) as cluster:
        cluster.settings |= {"HASH_POISON": "1", "STREAMS_ATTEMPTS": "1", "STREAMS_ON_POISON": "fail"}
        cluster.send(10)
        cluster.send(1, poison=1)
        topic, _, offset, _ = cluster.sent[0][-1]
        worker = cluster.start(0)

        assert worker.wait(40) != 0
        log = cluster.log_of(0).read_text()
        assert f"the record at topic {topic}, partition 0, offset {offset} cannot be processed" in log
        assert "on_poison=dead_letter" in log
