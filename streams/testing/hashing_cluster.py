"""Real workers of the running hash on a real broker: topics, input, processes, and the comparison at the end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import confluent_kafka as ck

from streams.testing.kafka import create_topics, unique_name
from streams.testing.running_hash import POISON, expected_outputs
from streams.testing.verdicts import Verdict, differing, outputs_verdict

READ_WAIT_S = 30.0
STOP_WAIT_S = 30.0
KEYS = 101

HashRecord = tuple[str, bytes, int, bytes]
"""(topic, key, offset, value)."""


class HashingCluster:
    """One application with its topics; workers come and go.

    Attributes:
        application_id: unique to this cluster.
        inputs: the two input topics.
        output, dead_letters, changelog: the other topics.
        sent: partition → input records, in the order they were sent.
    """

    def __init__(
        self,
        bootstrap: str,
        folder: Path,
        *,
        seed: int = 1,
        partitions: int = 4,
        workers_bootstrap: str = "",
    ) -> None:
        """Make the topics; no worker runs yet.

        Args:
            bootstrap: the brokers' address.
            folder: where the workers' logs go.
            seed: of the input.
            partitions: of every topic.
            workers_bootstrap: another address for the workers: a proxy's.
        """
        self.application_id = unique_name("hashing")
        self.inputs = (f"{self.application_id}.behaviour", f"{self.application_id}.orders")
        self.output = f"{self.application_id}.hashes"
        self.dead_letters = f"{self.application_id}.dead-letter"
        self.changelog = f"{self.application_id}.changelog"
        self.sent: dict[int, list[HashRecord]] = {number: [] for number in range(partitions)}
        self.settings: dict[str, str] = {}
        self._bootstrap, self._folder, self._partitions = bootstrap, folder, partitions
        self._workers_bootstrap = workers_bootstrap or bootstrap
        self._random = random.Random(seed)
        self._offsets: dict[tuple[str, int], int] = {}
        self._producer = ck.Producer(
            {
                "bootstrap.servers": bootstrap,
                "linger.ms": 5,
                "enable.idempotence": True,
            }  # a retry must not reorder
        )
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
        create_topics(bootstrap, {**dict.fromkeys(self.inputs, partitions), self.output: partitions})
        create_topics(bootstrap, {self.dead_letters: partitions})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Kill what still runs."""
        for worker in self._workers.values():
            if worker.poll() is None:
                worker.kill()
                worker.wait()

    def send(self, count: int, *, poison: int = 0, within_s: float = READ_WAIT_S) -> None:
        """Send *count* records, spread at random over topics and partitions, *poison* of them unprocessable.

        Raises:
            AssertionError: the brokers have not taken all of them *within_s* seconds.
        """
        poisonous = set(self._random.sample(range(count), poison))
        for number in range(count):
            topic, partition = self._random.choice(self.inputs), self._random.randrange(self._partitions)
            key = b"key-%d" % self._random.randrange(KEYS)
            value = POISON if number in poisonous else b"%d" % self._random.getrandbits(64)
            offset = self._offsets.get((topic, partition), 0)
            self._offsets[topic, partition] = offset + 1
            self._producer.produce(topic, value, key, partition)
            self.sent[partition].append((topic, key, offset, value))
            if number % 1_000 == 0:
                self._producer.poll(0)
        assert self._producer.flush(within_s) == 0, "all input is sent"

    def start(self, number: int, **settings: str) -> subprocess.Popen[bytes]:
        """Start, or start again, worker *number*; its output goes to a file in the folder."""
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("STREAMS_")},
            "STREAMS_BOOTSTRAP": self._workers_bootstrap,
            "STREAMS_APPLICATION_ID": self.application_id,
            "STREAMS_INSTANCE_ID": f"worker-{number}",
            "STREAMS_INPUTS": ";".join(self.inputs),
            "STREAMS_SESSION_TIMEOUT_MS": "4s",
            "STREAMS_TRANSACTION_TIMEOUT_MS": "3500ms",
            "STREAMS_PATIENCE_MS": "2s",
            "HASH_OUTPUT": self.output,
            "HASH_DEAD_LETTERS": self.dead_letters,
            **self.settings,
            **settings,
        }
        with self.log_of(number).open("ab") as log:
            self._workers[number] = subprocess.Popen(
                [sys.executable, "-m", "streams.testing.hashing_worker", "worker", "-l", "info"],
                env=environ,
                stdout=log,
                stderr=log,
            )
        return self._workers[number]

    def log_of(self, number: int) -> Path:
        """Return the file that holds what worker *number* printed."""
        return self._folder / f"worker-{number}.log"

    def wait_until_ready(self, number: int, timeout_s: float = 30.0) -> None:
        """Wait until worker *number* has joined the group.

        Raises:
            TimeoutError: it is not in time.
        """
        deadline = time.monotonic() + timeout_s
        while "assigned" not in self.log_of(number).read_text():
            if time.monotonic() > deadline:
                raise TimeoutError(self.log_of(number).read_text()[-2_000:])
            time.sleep(0.05)

    def kill(self, number: int) -> None:
        """End a worker as kill -9 does."""
        self._workers[number].kill()
        self._workers[number].wait()

    def send_signal(self, number: int, which: signal.Signals) -> None:
        """Send a signal to a worker."""
        self._workers[number].send_signal(which)

    def running(self) -> dict[int, int]:
        """Return number → process id of the workers that run, or are frozen."""
        return {number: worker.pid for number, worker in self._workers.items() if worker.poll() is None}

    def exit_code(self, number: int) -> int | None:
        """Return with what worker *number* has ended; None while it runs."""
        return self._workers[number].poll()

    def stop_all(self) -> list[int]:
        """Send SIGTERM to all that run; return their exit codes."""
        running = [worker for worker in self._workers.values() if worker.poll() is None]
        for worker in running:
            worker.send_signal(signal.SIGTERM)
        return [worker.wait(STOP_WAIT_S) for worker in running]

    def committed(self) -> int:
        """Return the sum of all committed offsets."""
        return sum(max(0, offset) for offset in self._committed().values())

    def done(self) -> bool:
        """Say whether all that was sent is committed."""
        return self.committed() == sum(self._offsets.values())

    def wait_until_done(self, timeout_s: float) -> None:
        """Wait until all that was sent is committed.

        Raises:
            TimeoutError: it is not in time; says where it stands and what the workers printed last.
        """
        deadline = time.monotonic() + timeout_s
        while not self.done():
            if time.monotonic() > deadline:
                logs = "\n".join(self.log_of(number).read_text()[-2_000:] for number in self._workers)
                raise TimeoutError(f"committed {self._committed()} of {self._offsets}\n{logs}")
            time.sleep(0.1)

    def differences(self) -> list[str]:
        """Compare outputs, changelog and dead letters with a single-threaded run; an empty list: all is equal."""
        found = []
        for partition, sent in self.sent.items():
            good = [record for record in sent if record[3] != POISON]
            outputs, state = expected_outputs(good)
            written = [value for _, value in self.read(self.output, partition)]
            for topic in self.inputs:
                mine = topic.encode() + b"|"
                if [v for v in written if v.startswith(mine)] != [v for v in outputs if v.startswith(mine)]:
                    found.append(_difference(f"{topic}, partition {partition}", written, outputs))
            if dict(self.read(self.changelog, partition)) != state:
                found.append(f"the state of partition {partition} differs")
            dead = sorted(key for key, _ in self.read(self.dead_letters, partition))
            if dead != sorted(key for _, key, _, value in sent if value == POISON):
                found.append(f"dead letters of partition {partition}: {dead}")
        return found

    def ends(self, topic: str) -> int:
        """Return how many offsets *topic* has used up in all partitions, markers and aborted records among them."""
        reader = ck.Consumer({**self._reader_options(), "isolation.level": "read_uncommitted"})
        places = [ck.TopicPartition(topic, number) for number in range(self._partitions)]
        try:
            return sum(reader.get_watermark_offsets(place, READ_WAIT_S)[1] for place in places)
        finally:
            reader.close()

    def read(self, topic: str, partition: int) -> list[tuple[bytes, bytes]]:
        """Read all committed (key, value) of an output topic's partition.

        Raises:
            TimeoutError: its end is not reached in time, an open transaction blocks it.
        """
        consumer = ck.Consumer(self._reader_options())
        low, high = consumer.get_watermark_offsets(ck.TopicPartition(topic, partition), READ_WAIT_S)
        consumer.assign([ck.TopicPartition(topic, partition, low)])
        found: list[tuple[bytes, bytes]] = []
        deadline, reached = time.monotonic() + READ_WAIT_S, low
        while reached < high:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic}, partition {partition} ends at {high}, read up to {reached}")
            messages: Sequence[Any] = consumer.consume(10_000, 0.2)
            for message in messages:
                if message.error() is None:
                    found.append((message.key(), message.value()))
                else:
                    reached = message.offset()
        consumer.close()
        return found

    def verdict(self) -> Verdict:
        """Count every difference from a single-threaded run over all that was sent.

        Raises:
            TimeoutError: an open transaction blocks the end of a topic.
        """
        found, committed = Verdict(), self._committed()
        for partition, sent in self.sent.items():
            good = [record for record in sent if record[3] != POISON]
            outputs, state = expected_outputs(good)
            written = [value for _, value in self.read(self.output, partition)]
            restored = dict(self.read(self.changelog, partition))
            names = {(topic, offset): topic.encode() + b"|" + key for topic, key, offset, _ in good}
            found += outputs_verdict(_by_name(outputs, names), _by_name(written, names))
            dead = Counter(key for key, _ in self.read(self.dead_letters, partition))
            buried = Counter(key for _, key, _, value in sent if value == POISON)
            found += Verdict(
                torn=_torn(written, restored, names, committed, partition),
                state=differing(state, restored),
                letters=(dead - buried).total() + (buried - dead).total(),
                unsettled=self._unsettled(partition),
            )
        return found

    def _unsettled(self, partition: int) -> int:
        """Count the output topics of which a read_committed reader does not see the end."""
        ends = []
        for isolation in ("read_committed", "read_uncommitted"):
            reader = ck.Consumer({**self._reader_options(), "isolation.level": isolation})
            places = [
                ck.TopicPartition(t, partition) for t in (self.output, self.changelog, self.dead_letters)
            ]
            ends.append([reader.get_watermark_offsets(place, READ_WAIT_S)[1] for place in places])
            reader.close()
        return sum(stable < end for stable, end in zip(*ends, strict=True))

    def _committed(self) -> Mapping[tuple[str, int], int]:
        consumer = ck.Consumer({**self._reader_options(), "group.id": self.application_id})
        places = [ck.TopicPartition(topic, n) for topic in self.inputs for n in range(self._partitions)]
        try:
            return {(p.topic, p.partition): p.offset for p in consumer.committed(places, 10)}
        except ck.KafkaException:
            return {}  # a transaction with offsets is pending
        finally:
            consumer.close()

    def _reader_options(self) -> dict[str, Any]:
        return {
            "bootstrap.servers": self._bootstrap,
            "group.id": f"{self.application_id}-check",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }


def _place(value: bytes) -> tuple[str, int]:
    topic, offset, _ = value.decode().split("|")
    return topic, int(offset)


def _by_name(outputs: Sequence[bytes], names: Mapping[tuple[str, int], bytes]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for value in outputs:
        found.setdefault(names.get(_place(value), b"?").decode(), []).append(value)
    return found


def _torn(
    written: Sequence[bytes],
    restored: Mapping[bytes, bytes],
    names: Mapping[tuple[str, int], bytes],
    committed: Mapping[tuple[str, int], int],
    partition: int,
) -> int:
    """Count keys whose last output and state do not belong together, and outputs beyond the committed offsets."""
    last, beyond = {}, 0
    for value in written:
        topic, offset = _place(value)
        last[names.get((topic, offset), b"?")] = value.rpartition(b"|")[2]
        beyond += offset >= committed.get((topic, partition), 0)
    return beyond + differing(last, restored)


def _difference(where: str, written: Sequence[bytes], expected: Sequence[bytes]) -> str:
    missing, extra = set(expected) - set(written), set(written) - set(expected)
    return (
        f"{where}: {len(written)} outputs, {len(expected)} expected; missing {len(missing)}, extra {len(extra)},"
        f" doubled {len(written) - len(set(written))}"
    )
