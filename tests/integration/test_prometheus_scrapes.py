"""A real Prometheus with the rules as they are shipped, beside a real worker: values move, and every panel is answered."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml
from confluent_kafka import Producer

from streams.broker.ports import LOOPBACK, free_ports
from streams.metrics.panels import ROWS
from streams.testing.kafka import create_topics
from streams.testing.measured_shop import event, order
from streams.testing.workers import Workers

DEPLOY = Path(__file__).parents[2] / "deploy"
WAIT_S = 60.0

UNANSWERED = {
    "Changed most in a week",  # the shop has no last week
    "Rolled back, fenced, failed",  # only what happens is shown
    "Timers late",  # nothing was due
    "Rebalances and restores",  # no restore is under way: one of its queries is empty
    "Dead letters and late events",  # the same
}
"""Panels that may have queries without an answer in a shop that is a minute old and has no trouble."""


class Prometheus:
    """A running Prometheus with the shipped configuration, which looks every second."""

    def __init__(self, binary: str, folder: Path, target: str) -> None:
        """Start it on *target*; its files lie in *folder*."""
        (port,) = free_ports(1)
        self.url = f"http://{LOOPBACK}:{port}"
        configuration = folder / "prometheus"
        shutil.copytree(DEPLOY / "prometheus", configuration)
        written = yaml.safe_load((configuration / "prometheus.yml").read_text())
        written["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        (configuration / "prometheus.yml").write_text(yaml.safe_dump(written))
        (configuration / "targets").mkdir(exist_ok=True)
        targets = [{"targets": [target], "labels": {"application": "shop"}}]
        (configuration / "targets" / "workers.yml").write_text(yaml.safe_dump(targets))
        with (folder / "prometheus.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    binary,
                    f"--config.file={configuration / 'prometheus.yml'}",
                    f"--storage.tsdb.path={folder / 'series'}",
                    f"--web.listen-address={LOOPBACK}:{port}",
                ],
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(20)

    def ask(self, expr: str) -> list[dict[str, Any]]:
        """Return the series that answer *expr* now; none while it is starting."""
        try:
            with urlopen(f"{self.url}/api/v1/query?{urlencode({'query': expr})}", timeout=5) as answer:
                found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
                return found
        except HTTPError as error:
            if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                raise
            return []
        except (ConnectionError, URLError):
            return []

    def value(self, expr: str) -> float:
        """Return the single value that answers *expr*; 0 when there is none."""
        found = self.ask(expr)
        return float(found[0]["value"][1]) if found else 0.0

    def wait_for(self, expr: str) -> None:
        """Wait until *expr* has an answer."""
        until_s = time.monotonic() + WAIT_S
        while not self.ask(expr):
            assert time.monotonic() < until_s, f"no answer after {WAIT_S:.0f} s: {expr}"
            time.sleep(0.2)


class Shop:
    """A running worker over two inputs, and a producer to them."""

    def __init__(self, kafka: str, name: str) -> None:
        """Create the topics; nothing runs yet."""
        (self.port,) = free_ports(1)
        topics = [f"{name}.{end}" for end in ("views", "orders", "transitions", "memberships", "dead-letter")]
        self.views, self.orders, transitions, memberships, dead_letters = topics
        create_topics(kafka, dict.fromkeys(topics, 2))
        self.settings = {
            "application_id": name, "bootstrap": kafka, "coverage": "complete", "metrics_port": self.port,
            "inputs": f"{self.views}=behaviour:compact;{self.orders}=orders:compact",
            "transitions_topic": transitions, "memberships_topic": memberships, "dead_letter_topic": dead_letters,
        }  # fmt: skip
        self._producer = Producer({"bootstrap.servers": kafka})

    def sell(self, customers: range) -> None:
        """Let each of *customers* look at something and order it, now."""
        now_ms = time.time_ns() // 1_000_000
        for number in customers:
            customer = f"c{number}"
            self._producer.produce(self.views, event("Product Viewed", customer, now_ms), customer)
            self._producer.produce(self.orders, order(customer, now_ms), customer)
        self._producer.flush()


@pytest.fixture
def shop(kafka: str, topic_name: Callable[[str], str]) -> Shop:
    """A shop whose worker is not started yet."""
    return Shop(kafka, topic_name("scraped"))


@pytest.fixture
def prometheus(program: Callable[[str, str], str], shop: Shop, tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus that looks at the shop's worker."""
    running = Prometheus(program("prometheus", "prometheus"), tmp_path, f"{LOOPBACK}:{shop.port}")
    yield running
    running.stop()


def unanswered(prometheus: Prometheus) -> set[str]:
    """Return the titles of the panels with a query that has no answer now; a query that is wrong fails the test."""
    titles = set()
    for panel in (panel for _, rows in ROWS for row in rows for panel in row.panels):
        for query in panel.queries:
            expr = query.expr.replace("$application", ".*").replace("$__rate_interval", "1m")
            if not prometheus.ask(expr):
                titles.add(panel.title)
    return titles


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_what_a_worker_does_is_seen_by_rules_and_panels(
    prometheus: Prometheus, shop: Shop, tmp_path: Path
) -> None:
    """Customers come, and the recorded size of their segment follows; panels have answers; a worker that ends is missed."""
    members = (
        'application_segment:streams_segment_members:sum{application="shop", segment="buyer.first_time"}'
    )
    with Workers(shop.settings, tmp_path) as workers:
        shop.sell(range(50))
        prometheus.wait_for(f"{members} == 50")
        shop.sell(range(50, 80))
        prometheus.wait_for(f"{members} == 80")
        prometheus.wait_for('application:streams_records_delivered:rate5m{application="shop"} > 0')
        prometheus.wait_for('application:streams_end_to_end_seconds:p99_10m{application="shop"} < 30')
        until_s = time.monotonic() + WAIT_S
        while (missing := unanswered(prometheus)) - UNANSWERED and time.monotonic() < until_s:
            time.sleep(1)
        assert missing <= UNANSWERED
        assert prometheus.ask('ALERTS{alertstate="firing"}') == []
        assert prometheus.ask("streams_info") != []
        workers.check()
        assert workers.stop() == [0]
    prometheus.wait_for('ALERTS{alertname="StreamsWorkerDown", alertstate="pending", application="shop"}')
    # Which partitions it owned is not said any more, either: Prometheus ends the series of a target that is gone.
    prometheus.wait_for("absent(streams_partitions_owned)")
