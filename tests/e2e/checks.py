"""What the end-to-end test sees to, in order: up, closed, fed, an event, time alone, a killed worker, a clean stop."""

from __future__ import annotations

import json
import re
import time
from typing import Any, Final
from urllib.parse import quote

from streams.demo.browsing import BEHAVIOUR_TOPIC
from streams.demo.kafka_side import committed_messages, write_replay
from streams.demo.order_events import ORDERS_TOPIC, ShopEvent, track
from streams.demo.shop import ShopRecord, heartbeats, record
from streams.demo.topics import DEAD_LETTER_TOPIC
from streams.segmentation.timeline import HOUR_MS, MINUTE_MS, EpochMs
from tests.e2e.stack import Stack, Trouble
from tests.e2e.transitions import Entries

WORKERS: Final = ("worker-1", "worker-2")
WORKER_PORTS: Final = ("WORKER_1", "WORKER_2")
LONG_RUNNING: Final = ("kafka", "registry", *WORKERS, "prometheus", "alertmanager")
PARTITIONS: Final = 4
CUSTOMER_EVENTS: Final = 18_532 + 4_551
"""The real shop's orders and credit notes."""

RECORDS: Final = CUSTOMER_EVENTS + PARTITIONS * 4
"""With a heartbeat for each source and partition."""

ENTRIES: Final = ('segment="post_purchase.24h"', 'kind="entered"')


class Checks:
    """The checks of one stack; each raises `Trouble` when it fails."""

    def __init__(self, stack: Stack) -> None:
        """Take the stack, prepared and not yet up."""
        self._stack = stack
        self._bootstrap = f"127.0.0.1:{stack.ports['KAFKA']}"
        self._name = f"e2e-{time.time_ns():x}"
        self._entries: Entries | None = None

    def run(self) -> None:
        """Bring the stack up and see to everything."""
        for check in (
            self.up,
            self.closed,
            self.fed,
            self.time_alone,  # before any event of now, which would move the time of a source that is idle
            self.event_becomes_transition,
            self.killed_worker,
            self.no_dead_letters,
            self.clean_stop,
        ):
            check()

    # ---- the checks -------------------------------------------------------------------------------------------

    def up(self) -> None:
        """Build the image and start everything; compose waits for the health of what others depend on."""
        self._stack.say("building the image")
        self._stack.compose("build", "worker-1", limit_s=1_800)
        self._stack.say("bringing everything up (the first time, images are pulled)")
        self._stack.compose("up", "-d", limit_s=1_800)
        waiting = (*LONG_RUNNING, *self._stack.only_online)
        for service in waiting:
            self._stack.until(f"{service} is healthy", lambda s=service: self._healthy(s), limit_s=180)  # type: ignore[misc]
        self._stack.say(f"healthy: {', '.join(waiting)}")

    def closed(self) -> None:
        """No process is root's, and no port is open to the network."""
        for service in (*LONG_RUNNING, *self._stack.only_online):
            if self._stack.compose("exec", "-T", service, "id", "-u").strip() == "0":
                raise Trouble(f"{service} runs as root")
            ports = self._stack.inspect(service)["NetworkSettings"]["Ports"] or {}
            if open_to_all := [
                b for bound in ports.values() for b in bound or () if b["HostIp"] != "127.0.0.1"
            ]:
                raise Trouble(f"{service} is open to the network: {open_to_all}")
        self._stack.say("nothing is root's, every port is on 127.0.0.1 only")

    def fed(self) -> None:
        """The generator ends well, and both workers together commit every record of the year."""
        self._stack.until("the generator has ended", lambda: self._ended("generator"), limit_s=300)
        if status := self._stack.inspect("generator")["State"]["ExitCode"]:
            raise Trouble(f"the generator ended with status {status}")
        began_s = time.monotonic()
        self._stack.until(
            f"{RECORDS} records are committed",
            lambda: self._total("streams_records_committed_total") >= RECORDS,
            limit_s=300,
        )
        shares = [self._metric(port, "streams_records_committed_total") for port in WORKER_PORTS]
        if not all(shares):
            raise Trouble(f"a worker has done nothing: {shares}")
        self._stack.say(
            f"the year is in: {RECORDS:,} records committed, {shares[0]:,.0f} and {shares[1]:,.0f} by the two workers, "
            f"{time.monotonic() - began_s:.1f} s after the last was written"
        )

    def event_becomes_transition(self) -> None:
        """An order enters post_purchase.24h, in the registry's Avro, and Prometheus counts it."""
        query = 'sum(streams_transitions_total{segment="post_purchase.24h",kind="entered"})'

        def same_as_the_workers() -> float:
            own, asked = self._total("streams_transitions_total", *ENTRIES), self._asked(query)
            return asked if asked == own else 0.0

        before = self._stack.until(
            "Prometheus counts what the workers count", same_as_the_workers, limit_s=90
        )
        customer = f"{self._name}-order"
        began_s = time.monotonic()
        self._send(self._order(customer))
        entered = self._stack.until(
            "the transition of an order", lambda: self._entered(customer, "post_purchase.24h"), limit_s=30
        )
        self._stack.say(
            f"event in, transition out in {time.monotonic() - began_s:.2f} s: {summary(entered[0])}"
        )
        self._stack.until(
            f"Prometheus has more than {before:.0f}", lambda: self._asked(query) > before, limit_s=60
        )
        self._stack.say(f"metric moved in Prometheus: {before:.0f} → {self._asked(query):.0f}")

    def time_alone(self) -> None:
        """A checkout without an order enters checkout.abandon once every source has passed it, by time alone."""
        customer, started_ms = f"{self._name}-checkout", now_ms() - 2 * HOUR_MS
        self._send(
            event(BEHAVIOUR_TOPIC, customer, "Checkout Started", started_ms, {"checkout_id": customer})
        )
        time.sleep(2)
        if self._entered(customer, "checkout.abandon"):
            raise Trouble("a checkout was called abandoned before its time")
        write_replay(
            self._bootstrap, list(heartbeats(started_ms + 46 * MINUTE_MS, PARTITIONS)), lambda _written: None
        )
        entered = self._stack.until(
            "the abandoned checkout", lambda: self._entered(customer, "checkout.abandon"), limit_s=30
        )
        if entered[0]["origin"] != "timer":
            raise Trouble(f"not time alone: {summary(entered[0])}")
        self._stack.say(f"time alone: {summary(entered[0])}")

    def killed_worker(self) -> None:
        """Events sent while one worker is killed are decided once each by the other, and it comes back."""
        customers = [f"{self._name}-killed-{number}" for number in range(40)]
        self._send(*(self._order(customer) for customer in customers[:20]))
        self._stack.compose("kill", "-s", "SIGKILL", "worker-1")
        began_s = time.monotonic()
        self._send(*(self._order(customer) for customer in customers[20:]))

        def all_entered() -> bool:
            return all(self._entered(customer, "post_purchase.24h") for customer in customers)

        self._stack.until("the other worker has taken over", all_entered, limit_s=90)
        again_s = time.monotonic() - began_s
        self._stack.compose("up", "-d", "worker-1")
        self._stack.until(
            "worker-1 is back", lambda: self._stack.get("WORKER_1", "/readyz") == "ok\n", limit_s=90
        )
        entries = [len(self._entered(customer, "post_purchase.24h")) for customer in customers]
        if entries != [1] * len(customers):
            raise Trouble(f"not once each: {entries}")
        self._stack.say(
            f"a worker killed: all {len(customers)} entered exactly once, {again_s:.1f} s later; it is back"
        )

    def no_dead_letters(self) -> None:
        """Everything that was written could be used."""
        letters = sum(1 for _ in committed_messages(self._bootstrap, DEAD_LETTER_TOPIC))
        if letters:
            raise Trouble(f"{letters} dead letters in {DEAD_LETTER_TOPIC}")

    def clean_stop(self) -> None:
        """Asked to stop, both workers end with success within their time."""
        began_s = time.monotonic()
        self._stack.compose("stop", *WORKERS)
        statuses = [self._stack.inspect(worker)["State"]["ExitCode"] for worker in WORKERS]
        if statuses != [0, 0]:
            raise Trouble(f"the workers ended with {statuses}")
        self._stack.say(f"both workers stopped cleanly in {time.monotonic() - began_s:.1f} s")

    # ---- asking -----------------------------------------------------------------------------------------------

    def _healthy(self, service: str) -> bool:
        state = self._stack.inspect(service)["State"]
        if state["Status"] not in ("running", "created", "restarting"):
            raise Trouble(f"{service} has ended with status {state['ExitCode']}")
        return bool(state.get("Health", {}).get("Status") == "healthy")

    def _ended(self, service: str) -> bool:
        return bool(self._stack.inspect(service)["State"]["Status"] == "exited")

    def _metric(self, port: str, name: str, *labels: str) -> float:
        """Return the sum of a metric's samples at one worker, of those whose labels contain *labels*."""
        lines = self._stack.get(port, "/metrics").splitlines()
        samples = [
            line for line in lines if re.match(rf"{name}[{{ ]", line) and all(x in line for x in labels)
        ]
        return sum(float(line.rpartition(" ")[2]) for line in samples)

    def _total(self, name: str, *labels: str) -> float:
        return sum(self._metric(port, name, *labels) for port in WORKER_PORTS)

    def _asked(self, query: str) -> float:
        """Return the value of a query of Prometheus; 0 while it has none."""
        answer = self._stack.get("PROMETHEUS", f"/api/v1/query?query={quote(query)}")
        found = json.loads(answer)["data"]["result"] if answer else []
        return float(found[0]["value"][1]) if found else 0.0

    def _entered(self, customer: str, segment: str) -> list[dict[str, Any]]:
        """Return the committed entries of *customer* into *segment* so far."""
        if self._entries is None:
            registry = f"http://127.0.0.1:{self._stack.ports['REGISTRY']}/apis/ccompat/v7"
            self._entries = Entries(self._bootstrap, registry, self._name)
        return self._entries.of(customer, segment)

    # ---- telling ----------------------------------------------------------------------------------------------

    def _order(self, customer: str) -> ShopRecord:
        properties = {"order_id": f"order-{customer}", "total": "25.00", "currency": "GBP", "products": []}
        return event(ORDERS_TOPIC, customer, "Order Completed", now_ms() - 1_000, properties)

    def _send(self, *records: ShopRecord) -> None:
        write_replay(self._bootstrap, records, lambda _written: None)


def event(topic: str, customer: str, name: str, time_ms: EpochMs, properties: dict[str, Any]) -> ShopRecord:
    """Return a customer event as the shop's systems would send it."""
    body = track(name, f"message-{customer}", customer, time_ms, properties)
    return record(ShopEvent(time_ms, time_ms, topic, customer, body))[1]


def now_ms() -> EpochMs:
    """Return the time of this machine."""
    return time.time_ns() // 1_000_000


def summary(transition: dict[str, Any]) -> str:
    """Return a transition in a few words."""
    return f"{transition['kind']} {transition['segment_id']}, origin {transition['origin']}"
