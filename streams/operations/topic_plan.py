"""Every topic that an application uses, and how each must be set. Pure: settings in, a plan out; no broker is asked.

Why each value is as it is stands beside it, and goes into what `streams topics plan` prints. A value is a bound, not a
wish: `Bound` says in which direction a topic may differ from the plan without harm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from streams.segmentation.timeline import DAY_MS, DurationMs
from streams.settings import ALL_SOURCES, Settings

Role = Literal["input", "transitions", "memberships", "dead letters", "changelog"]
Bound = Literal["exactly", "at least", "at most"]

RECORD_BYTES_MAX: Final = 1_048_588
"""Kafka's own default of max.message.bytes; outputs are kept below it (`OUTPUT_BYTES_MAX`, and S19 for dead letters)."""

UNLIMITED: Final = -1
"""In Kafka's settings: no retention limit."""


@dataclass(frozen=True, slots=True)
class TopicSetting:
    """One setting of a topic.

    Attributes:
        name: as Kafka calls it.
        value: what it must be, or its bound.
        bound: `exactly`, `at least` or `at most` the value.
        needed: without it the application loses data or stops; else it is only better so.
        why: one sentence.
    """

    name: str
    value: str
    bound: Bound
    needed: bool
    why: str

    def holds(self, actual: str) -> bool:
        """Say whether a topic whose setting is *actual* is as planned; -1 is no limit."""
        if self.bound == "exactly":
            return actual == self.value
        found, wanted = _number(actual), _number(self.value)
        return found >= wanted if self.bound == "at least" else found <= wanted

    @property
    def harmless(self) -> bool:
        """Setting it on a living topic can delete nothing and shrinks nothing."""
        raised = self.bound == "at least" and self.name != "retention.bytes"  # that one may fill a disk
        return raised or self.name == "unclean.leader.election.enable"


@dataclass(frozen=True, slots=True)
class PlannedTopic:
    """One topic.

    Attributes:
        name: the topic.
        role: what the application uses it for.
        partitions: how many; inputs and changelog must have the same number.
        replication: copies of each partition.
        settings: by name, in the order they are shown.
        why: what lies in it.
    """

    name: str
    role: Role
    partitions: int
    replication: int
    settings: tuple[TopicSetting, ...]
    why: str

    @property
    def compacted(self) -> bool:
        """It keeps the newest record of each key, whatever its age."""
        return any(one.name == "cleanup.policy" and one.value == "compact" for one in self.settings)

    @property
    def config(self) -> dict[str, str]:
        """The settings as Kafka takes them when the topic is created."""
        return {one.name: one.value for one in self.settings}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """What the settings of a worker do not say.

    Attributes:
        partitions: of every topic; the most workers' processes that can share the work.
        replication: copies of each partition.
        input_retention_ms: how long the inputs keep their records.
        output_retention_ms: how long transitions and dead letters keep theirs.
        erasure_ms: after so long, what a tombstone or a newer record replaced is gone from the compacted topics.
    """

    partitions: int = 12
    replication: int = 3
    input_retention_ms: DurationMs = 7 * DAY_MS
    output_retention_ms: DurationMs = 30 * DAY_MS
    erasure_ms: DurationMs = 7 * DAY_MS


_WHY_INPUT: Final = "a worker that was away longer finds its committed offset gone, and refuses to start"
_WHY_TRANSITIONS = "so long a consumer may be away; one that is away longer reads the memberships again"
_WHY_LETTERS = "so long people have to look at them, mend the producer and send them again"
_WHY_MEMBERSHIP_TOMBSTONES = (
    "a consumer that reads the topic from its beginning must end within this, or it misses tombstones"
)
_WHY_STATE_TOMBSTONES = "a restore ends within minutes; nobody else reads it"
_WHY_DELETE = "records go by age, never because a newer one has their key"
_WHY_BY_SIZE = "a limit by size deletes before the time is over"
_WHY_COMPACT = "the newest record of each key must stay for ever, whatever its age"
_WHY_BYTES = "larger outputs are never written; a smaller limit would stop the worker"
_WHY_EVENT = "an event of up to 1 MiB is understood"
_WHY_LAG = "what was replaced or erased must be gone after this at the latest"
_WHY_AT_ONCE = "nobody needs what a newer record has replaced"
_WHY_IN_SYNC = "an acknowledged record survives the loss of one broker"
_WHY_UNCLEAN = "a replica that missed records must never become the leader: exactly once rests on it"


def planned_topics(settings: Settings, sizing: Sizing) -> tuple[PlannedTopic, ...]:
    """Return the topics of the application of *settings*: inputs, outputs, dead letters, changelog."""

    def topic(name: str, role: Role, own: tuple[TopicSetting, ...], why: str) -> PlannedTopic:
        chosen = (*own, *_shared(settings, sizing, written=role != "input"))
        return PlannedTopic(name, role, sizing.partitions, sizing.replication, chosen, why)

    by_age = _by_age(sizing.input_retention_ms, _WHY_INPUT)
    planned = [topic(entry.topic, "input", by_age, _carried(entry.sources)) for entry in settings.inputs]
    by_age = _by_age(sizing.output_retention_ms, _WHY_TRANSITIONS)
    planned.append(
        topic(settings.transitions_topic, "transitions", by_age, "who entered or left which segment, and why")
    )
    if settings.memberships:
        compacted = _compacted(7 * DAY_MS, _WHY_MEMBERSHIP_TOMBSTONES, sizing)
        planned.append(
            topic(settings.memberships_topic, "memberships", compacted, "each customer's current memberships")
        )
    by_age = _by_age(sizing.output_retention_ms, _WHY_LETTERS)
    planned.append(
        topic(
            settings.dead_letter_topic, "dead letters", by_age, "records that cannot be used, and the reason"
        )
    )
    compacted = _compacted(DAY_MS, _WHY_STATE_TOMBSTONES, sizing)
    planned.append(
        topic(settings.changelog_topic, "changelog", compacted, "the state of every customer and partition")
    )
    return tuple(planned)


def _carried(sources: tuple[str, ...]) -> str:
    return "events of all sources" if ALL_SOURCES in sources else f"events of {', '.join(sources)}"


def _by_age(retention_ms: DurationMs, why: str) -> tuple[TopicSetting, ...]:
    """Return the settings of a topic whose records go by age."""
    return (
        TopicSetting("cleanup.policy", "delete", "exactly", needed=True, why=_WHY_DELETE),
        TopicSetting("retention.ms", str(retention_ms), "at least", needed=False, why=why),
        TopicSetting("retention.bytes", str(UNLIMITED), "at least", needed=False, why=_WHY_BY_SIZE),
    )


def _compacted(tombstones_ms: DurationMs, why: str, sizing: Sizing) -> tuple[TopicSetting, ...]:
    """Return the settings of a topic that keeps the newest record of each key."""
    return (
        TopicSetting("cleanup.policy", "compact", "exactly", needed=True, why=_WHY_COMPACT),
        TopicSetting("min.compaction.lag.ms", "0", "at most", needed=False, why=_WHY_AT_ONCE),
        TopicSetting("max.compaction.lag.ms", str(sizing.erasure_ms), "at most", needed=False, why=_WHY_LAG),
        TopicSetting("delete.retention.ms", str(tombstones_ms), "at least", needed=False, why=why),
    )


def _shared(settings: Settings, sizing: Sizing, *, written: bool) -> tuple[TopicSetting, ...]:
    """Return the settings that all topics have; *written*: the worker writes to it."""
    chosen = settings.kafka_options.get("message.max.bytes", "")
    bytes_max = max(RECORD_BYTES_MAX, int(chosen) if chosen.isdecimal() else 0)
    return (
        TopicSetting(
            "max.message.bytes",
            str(bytes_max),
            "at least",
            needed=written,
            why=_WHY_BYTES if written else _WHY_EVENT,
        ),
        TopicSetting(
            "min.insync.replicas",
            "2" if sizing.replication > 2 else "1",
            "at least",
            needed=False,
            why=_WHY_IN_SYNC,
        ),
        TopicSetting("unclean.leader.election.enable", "false", "exactly", needed=True, why=_WHY_UNCLEAN),
    )


def _number(text: str) -> float:
    """Return a setting's number; no limit is more than any."""
    try:
        number = int(text)
    except ValueError:
        return math.nan  # neither more nor less: it differs
    return math.inf if number == UNLIMITED else number
