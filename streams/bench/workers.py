"""The real worker in the race: `streams worker` as a process of its own, watched from outside by its commits."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.bench.measured import Measured, Sample, rates
from streams.bench.race import EVENTS_TOPIC, Race, dead_letters_topic, transitions_topic
from streams.bench.race_topic import everything
from streams.bench.transcript import Transcript
from streams.bench.usage import Usage, load, usage_of
from streams.broker.processes import GuardedProcess, Watchdog
from streams.errors import OperationError
from streams.testing.kafka import create_topics

SAMPLE_S = 0.1
STUCK_S = 90.0
STOP_S = 20.0
_ANSWER_S = 10.0

Stood = Callable[[int, float], object]
"""Called with events done and seconds since the start."""


class Workers:
    """Some workers of one application, while they run."""

    def __init__(self, processes: list[GuardedProcess]) -> None:
        """Watch over *processes*, which have been started."""
        self._processes = processes

    def usage(self) -> Usage:
        """Return what all of them have used so far."""
        return usage_of(pid for process in self._processes if (pid := process.pid) is not None)

    def check(self) -> None:
        """See to it that all of them run.

        Raises:
            OperationError: one has ended; the message shows the end of its log.
        """
        for process in self._processes:
            if process.returncode is not None:
                raise OperationError(f"{process.name} ended:\n{process.log_tail()}", hint="its log says why")


def command_with(environment: Mapping[str, str], *command: str) -> list[str]:
    """Return *command* with *environment* alone of all STREAMS_ variables."""
    foreign = [f"--unset={name}" for name in os.environ if name.startswith("STREAMS_")]
    return ["env", *foreign, *(f"{name}={value}" for name, value in environment.items()), *command]


@contextmanager
def running_workers(settings: Mapping[str, str], count: int, folder: Path) -> Iterator[Workers]:
    """Run *count* workers with the same *settings* for as long as the context lasts; they stop in order."""
    guard = Watchdog()
    processes = []
    try:
        for number in range(1, count + 1):
            name = f"{settings['STREAMS_APPLICATION_ID']}-{number}"
            command = command_with(
                {**settings, "STREAMS_INSTANCE_ID": name, "TMPDIR": str(folder)},
                sys.executable, "-m", "streams", "worker", "--log-level", "warn",
            )  # fmt: skip
            process = GuardedProcess(
                f"Worker {name}", command, folder=folder, log_file=folder / f"{name}.log"
            )
            processes.append(process)
            process.start(guard)
        yield Workers(processes)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            if not process.wait(STOP_S):
                process.kill()
        guard.close()


class Commits:
    """The committed offsets of a group, asked for without joining it."""

    def __init__(self, bootstrap: str, group: str, topic: str, partitions: int) -> None:
        """Prepare to ask."""
        self._asking = Consumer({"log_level": 2, "bootstrap.servers": bootstrap, "group.id": group})
        self._places = [TopicPartition(topic, number) for number in range(partitions)]
        self._last = 0

    def total(self) -> int:
        """Return how many records are committed; while nobody can say, what was true last."""
        with suppress(KafkaException):
            self._last = sum(max(0, p.offset) for p in self._asking.committed(self._places, _ANSWER_S))
        return self._last

    def close(self) -> None:
        """Let go of the connection."""
        self._asking.close()


def catch_up(
    race: Race, run: str, count: int, stood: Stood, *, processes: int = 1
) -> tuple[Measured, Transcript]:
    """Let *count* workers of *processes* each read the whole topic; return what was measured and what they wrote.

    Raises:
        OperationError: a worker ended, or nothing was committed for 90 s.
    """
    settings = race.settings(run, processes=processes)
    create_topics(race.bootstrap, {transitions_topic(run): race.partitions, dead_letters_topic(run): 1})
    commits = Commits(race.bootstrap, settings["STREAMS_APPLICATION_ID"], EVENTS_TOPIC, race.partitions)
    try:
        with running_workers(settings, count, race.folder) as workers:
            samples = _watched(race.events, commits, workers, stood)
            usage = workers.usage()
    finally:
        commits.close()
    whole, half, half_cpu = rates(samples, race.events)
    transcript = read_transcript(race.bootstrap, transitions_topic(run), race.partitions)
    measured = Measured(
        name=run,
        title=_title(count, processes),
        events=race.events,
        events_per_s=whole,
        second_half_per_s=half,
        cpu_s_per_million=usage.cpu_s / race.events * 1e6,
        second_half_cpu_s_per_million=half_cpu,
        rss_peak_mb=usage.rss_peak_mb,
        transitions=len(transcript),
        dead_letters=sum(len(batch) for batch in everything(race.bootstrap, dead_letters_topic(run), 1)),
        load=load(),
    )
    return measured, transcript


def _title(workers: int, processes: int) -> str:
    title = f"ours, exactly once, {workers} worker{'s' if workers > 1 else ''}"
    return f"{title} of {processes} processes" if processes > 1 else title


def _watched(total: int, commits: Commits, workers: Workers, stood: Stood) -> list[Sample]:
    """Sample until all is committed."""
    began = moved = time.perf_counter()
    samples = [Sample(0.0, 0, 0.0)]
    while samples[-1].events < total:
        time.sleep(SAMPLE_S)
        workers.check()
        done, now = commits.total(), time.perf_counter()
        if done > samples[-1].events:
            moved = now
            samples.append(Sample(now - began, done, workers.usage().cpu_s))
        elif now - moved > STUCK_S:
            raise OperationError(f"nothing was committed for {STUCK_S:.0f} s, at {done} of {total} events")
        stood(done, now - began)
    return samples


def read_transcript(bootstrap: str, topic: str, partitions: int) -> Transcript:
    """Return what is committed in *topic*."""
    transcript = Transcript()
    for records in everything(bootstrap, topic, partitions):
        for record in records:
            transcript.take(record.value() or b"")
    return transcript
