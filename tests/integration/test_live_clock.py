"""Live mode on a real broker: the wall clock takes over where an input is read to its end; outages are caught up."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from streams.codecs.transitions import transition_from_json
from streams.demo.kafka_side import committed_messages
from streams.segmentation.timeline import SECOND_MS, rfc3339
from streams.segmentation.transitions import Transition
from streams.settings import Settings
from streams.testing.kafka import create_topics
from streams.testing.workers import Committed, Workers

CATALOGUE = """
segments:
  - id: quick.abandon
    label: "Quick abandonment, 2s after the start, no order"
    when:
      - {did: Checkout Started, within: 10m}
      - {did_not: Order Completed, since: Checkout Started}
    dwell: 2s
    grace: 1s
"""


class Shop:
    """A running application with two inputs, and a producer to them."""

    def __init__(self, kafka: str, name: str, folder: Path) -> None:
        """Create topics, definitions and settings; nothing runs yet."""
        self.behaviour, self.orders, self.kafka = f"{name}.behaviour", f"{name}.orders", kafka
        outputs = {kind: f"{name}.{kind}" for kind in ("transitions", "memberships", "dead-letter")}
        create_topics(kafka, dict.fromkeys([self.behaviour, self.orders, *outputs.values()], 1))
        definitions = folder / "segments"
        definitions.mkdir()
        (definitions / "quick.yaml").write_text(CATALOGUE)
        self.chosen: dict[str, Any] = {
            "application_id": name, "bootstrap": kafka,
            "inputs": f"{self.behaviour}=behaviour;{self.orders}=orders",
            "transitions_topic": outputs["transitions"], "memberships_topic": outputs["memberships"],
            "dead_letter_topic": outputs["dead-letter"], "output_format": "json", "metrics_port": "0",
            "catalogue_dir": str(definitions), "out_of_orderness_ms": "0",
        }  # fmt: skip
        self.settings = Settings.load(**self.chosen)
        self._producer = Producer({"bootstrap.servers": kafka})

    def happen(self, topic: str, event: str, customer: str, at_ms: int) -> None:
        """Write one event and wait until the broker has it."""
        value = {"messageId": f"{event} {customer} {at_ms}", "type": "track", "event": event, "userId": customer,
                 "timestamp": rfc3339(at_ms), "properties": {}}  # fmt: skip
        self._producer.produce(topic, msgspec.json.encode(value), customer)
        self._producer.flush()

    def transitions(self) -> list[Transition]:
        """Return what is committed so far, in order."""
        messages = committed_messages(self.kafka, self.settings.transitions_topic)
        return [transition_from_json(message.value() or b"") for message in messages]


@pytest.fixture
def shop(kafka: str, topic_name: Callable[[str], str], tmp_path: Path) -> Shop:
    """An application that is ready to run."""
    return Shop(kafka, topic_name("live"), tmp_path)


def now_ms() -> int:
    """Return the wall clock."""
    return time.time_ns() // 1_000_000


@pytest.mark.integration
@pytest.mark.timeout(120)
def test_entry_comes_by_the_wall_clock_when_orders_are_idle(shop: Shop, tmp_path: Path) -> None:
    """S4, S5: the orders topic is idle and caught up: the entry comes on time, and says its true time."""
    with Workers(shop.chosen, tmp_path) as workers:
        started = now_ms()
        shop.happen(shop.behaviour, "Checkout Started", "a", started)
        workers.run_until(lambda: len(shop.transitions()) > 0, 60)
        (entry,) = shop.transitions()

        assert ("entered", "timer", started + 2 * SECOND_MS) == (
            entry.kind,
            entry.origin,
            entry.occurred_at_ms,
        )
        assert entry.emitted_at_ms >= started + 3 * SECOND_MS
        shop.happen(shop.orders, "Order Completed", "a", now_ms())
        workers.run_until(lambda: len(shop.transitions()) > 1, 60)
        assert [t.kind for t in shop.transitions()] == ["entered", "exited"]
        assert workers.stop() == [0]


@pytest.mark.integration
@pytest.mark.timeout(180)
def test_an_outage_is_caught_up_once_in_event_time_order(shop: Shop, tmp_path: Path) -> None:
    """S9: what became due while the worker was down comes out once after the restart, in order, origin catchup."""
    shop.chosen["catchup_after_ms"] = "1s"
    began = now_ms()
    with Workers(shop.chosen, tmp_path) as workers, Committed(shop.settings, 1) as committed:
        shop.happen(shop.behaviour, "Checkout Started", "warm-up", began)
        workers.run_until(lambda: len(shop.transitions()) > 0, 60)
        began = now_ms()
        for millisecond, customer in enumerate("cab"):
            shop.happen(shop.behaviour, "Checkout Started", customer, began + millisecond)
        workers.run_until(lambda: committed.records() == 4, 2.5)
        workers.processes[0].kill()  # before anything of this is due
        workers.processes[0].wait()
        before = len(shop.transitions())
    time.sleep(5)
    with Workers(shop.chosen, tmp_path) as workers:
        workers.run_until(lambda: len(shop.transitions()) >= before + 3, 60)
        time.sleep(1.0)
        assert workers.stop() == [0]

    emitted = shop.transitions()[before:]
    assert [(t.customer_id, t.origin) for t in emitted] == [
        ("c", "catchup"),
        ("a", "catchup"),
        ("b", "catchup"),
    ]
    assert [t.occurred_at_ms for t in emitted] == [began + n + 2 * SECOND_MS for n in range(3)]
