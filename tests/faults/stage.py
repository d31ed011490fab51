"""Where a row plays: one real Kafka behind a proxy, a folder for logs, and progress on the terminal.

There is never more than one cluster: a row that needs one of its own ends the shared one first.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from streams.broker import KafkaCluster
from streams.broker.configuration import NodeAddress, Setting
from streams.broker.ports import LOOPBACK, free_ports
from streams.testing.hashing_cluster import HashingCluster
from streams.testing.kafka_proxy import KafkaProxy

HEAP_MB = 320
COMPACT_AT_ONCE: Mapping[str, Setting] = {"log.cleaner.backoff.ms": 300}
"""The cleaner looks for work more often than each 15 s; what it may clean is each topic's setting."""


class NotHere(Exception):
    """This machine lacks what the row needs; says what."""


class ProxiedKafka(KafkaCluster):
    """One node with a second listener that is advertised at a proxy's port."""

    def __init__(self, *, markers: bool = False) -> None:
        """Choose the ports.

        Args:
            markers: let the broker write its transaction markers through the proxy too.
        """
        port, controller, self.hidden_port, self.proxy_port = free_ports(4)
        self._fixed = [NodeAddress(1, port, controller)]
        listeners = {"BROKER": port, "PROXIED": self.hidden_port, "CONTROLLER": controller}
        super().__init__(
            heap_mb=HEAP_MB,
            settings={
                **COMPACT_AT_ONCE,
                "listeners": ",".join(f"{name}://{LOOPBACK}:{number}" for name, number in listeners.items()),
                "advertised.listeners": f"BROKER://{LOOPBACK}:{port},PROXIED://{LOOPBACK}:{self.proxy_port}",
                "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in listeners),
                "inter.broker.listener.name": "PROXIED" if markers else "BROKER",
            },
        )

    def _chosen_addresses(self) -> list[NodeAddress]:
        return self._fixed


class Stage:
    """Given to every row.

    Attributes:
        quick: the subset of `make test`: seconds, not minutes.
        minutes: how long a soak lasts.
    """

    def __init__(self, *, quick: bool = False, minutes: float = 10.0) -> None:
        self.quick, self.minutes = quick, minutes
        self._folder = Path(tempfile.mkdtemp(prefix="segment-streams-faults-"))
        self._shared = ExitStack()
        self._kafka: ProxiedKafka | None = None
        self._proxy: KafkaProxy | None = None
        self._serial = 0
        self._began_s = time.monotonic()

    def close(self, *, keep: bool = False) -> None:
        """End the cluster; remove the logs unless they are to be looked at."""
        self._end_shared()
        if keep:
            self.say(f"logs: {self._folder}")
        else:
            shutil.rmtree(self._folder, ignore_errors=True)

    def say(self, what: str) -> None:
        """Show progress."""
        print(f"  {time.monotonic() - self._began_s:6.0f} s  {what}", file=sys.stderr, flush=True)

    @property
    def kafka(self) -> ProxiedKafka:
        """The shared cluster, started when first asked for."""
        if self._kafka is None:
            self._start_shared(markers=False)
        assert self._kafka is not None
        return self._kafka

    @property
    def proxy(self) -> KafkaProxy:
        """The proxy before the shared cluster."""
        assert self.kafka is not None
        assert self._proxy is not None
        return self._proxy

    def proxy_of_markers(self) -> KafkaProxy:
        """Begin a new shared cluster whose transaction markers pass the proxy; return that."""
        self._end_shared()
        self._start_shared(markers=True)
        return self.proxy

    @property
    def bootstrap(self) -> str:
        """The address of the shared cluster, without the proxy."""
        return self.kafka.bootstrap

    @property
    def proxied(self) -> str:
        """The address of the shared cluster behind the proxy."""
        return f"{LOOPBACK}:{self.kafka.proxy_port}"

    @contextmanager
    def cluster(
        self,
        *,
        nodes: int = 1,
        settings: Mapping[str, Setting] | None = None,
        data_dir: Path | None = None,
    ) -> Iterator[KafkaCluster]:
        """A cluster for one row alone."""
        self._end_shared()
        made = KafkaCluster(
            nodes=nodes,
            settings={**COMPACT_AT_ONCE, **(settings or {})},
            heap_mb=HEAP_MB,
            data_dir=data_dir,
        )
        with made:
            yield made

    def folder(self) -> Path:
        """Return a new folder."""
        self._serial += 1
        made = self._folder / f"{self._serial:03d}"
        made.mkdir()
        return made

    def hashing(self, seed: int, *, partitions: int = 4, proxied: bool = False) -> HashingCluster:
        """Return an application of the running hash on the shared cluster."""
        workers = self.proxied if proxied else ""
        return HashingCluster(
            self.bootstrap, self.folder(), seed=seed, partitions=partitions, workers_bootstrap=workers
        )

    def root_only(self, why: str) -> None:
        """Raise `NotHere` unless this process may do everything."""
        if os.geteuid() != 0:
            raise NotHere(f"needs root: {why}")

    def _start_shared(self, *, markers: bool) -> None:
        kafka = ProxiedKafka(markers=markers)
        self._proxy = self._shared.enter_context(KafkaProxy(kafka.proxy_port, kafka.hidden_port))
        self._kafka = self._shared.enter_context(kafka)

    def _end_shared(self) -> None:
        self._kafka = self._proxy = None
        self._shared.close()
