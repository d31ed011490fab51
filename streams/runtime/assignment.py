"""Which partition numbers are ours, and the way from "assigned" over "being restored" to "owned".

Every request for a restore has a token; an answer with another token than the wanted one is stale and ignored. While
the producer is being replaced no restore is started: the replacement settles the transaction that may still be open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from queue import Empty, SimpleQueue

from streams.errors import OperationError
from streams.runtime.kafka_ports import Restore, Snapshot
from streams.runtime.limits import Limits
from streams.runtime.observing import TopicPartition
from streams.runtime.ownership import OwnedPartition
from streams.runtime.poison import Trouble

_RENEWAL = -1
_Answer = tuple[int, int, Snapshot | OperationError | None]
"""(partition or _RENEWAL, token of the question, answer)."""


class Assignment:
    """The partitions of one worker. Used by the coordinator's thread, but for the answers.

    Attributes:
        owned: partition number → what is restored and processed here.
        moved: the fetch positions must be set.
        troubles: partition number → its trouble; outlives a reload of the state.
    """

    def __init__(
        self,
        restore: Restore,
        inputs: Iterable[str],
        limits: Limits,
        *,
        wanted: Callable[[], bool],
        log: Callable[[str], None],
    ) -> None:
        self.owned: dict[int, OwnedPartition] = {}
        self.moved = False
        self.troubles: dict[int, Trouble] = {}
        self._restore, self._inputs, self._limits = restore, tuple(inputs), limits
        self._still_wanted, self._log = wanted, log
        self._assigned: set[TopicPartition] = set()
        self._wanted: dict[int, int] = {}
        self._spares: dict[int, Snapshot] = {}
        self._token = 0
        self._renewal = 0
        self._answers: SimpleQueue[_Answer] = SimpleQueue()

    @property
    def restoring(self) -> frozenset[int]:
        """Partition numbers that are ours and not restored yet."""
        return frozenset(self._wanted) - frozenset(self.owned)

    @property
    def renewing(self) -> bool:
        """The producer is being replaced."""
        return self._renewal != 0

    def assign(self, assigned: Iterable[TopicPartition]) -> int:
        """Ask for the restore of what is now ours in every input topic; return how many numbers are."""
        self._assigned |= set(assigned)
        partitions = {partition for _, partition in self._assigned}
        complete = {p for p in partitions if all((topic, p) in self._assigned for topic in self._inputs)}
        for partition in sorted(partitions - complete):
            self._log(f"partition {partition} waits: it is not assigned to this worker in every input topic")
        spares, self._spares = self._spares, {}
        for partition in sorted(complete - set(self._wanted)):
            self._request(partition, spares.get(partition))
        return len(complete)

    def drop(self, dropped: Iterable[TopicPartition], *, keep: bool) -> int:
        """Let partitions go, in all topics together; *keep* their clean states as spares. Return how many."""
        dropped = set(dropped)
        self._assigned -= dropped
        partitions = {partition for _, partition in dropped}
        for partition in partitions:
            self._wanted.pop(partition, None)
            self.troubles.pop(partition, None)
            owned = self.owned.pop(partition, None)
            if owned is not None and keep:
                self._spares[partition] = owned.snapshot()
        self.moved = True
        return len(partitions)

    def give_up_states(self) -> None:
        """Restore everything anew: an agent may still hold a state, or what was committed is unknown."""
        self.owned.clear()
        self._spares.clear()
        for partition in list(self._wanted):
            self._request(partition)

    def expect_renewal(self) -> Callable[[OperationError | None], None]:
        """Start no restores until the returned callback is called, from any thread."""
        self._token += 1
        token = self._renewal = self._token
        return lambda error: self._answers.put((_RENEWAL, token, error))

    def adopt(self) -> None:
        """Take the answers that have come.

        Raises:
            OperationError: a restore or a renewal cannot succeed.
        """
        while True:
            try:
                partition, token, answer = self._answers.get_nowait()
            except Empty:
                return
            wanted = self._renewal if partition == _RENEWAL else self._wanted.get(partition)
            if token != wanted:
                continue  # the answer to an older question
            if isinstance(answer, OperationError):
                raise answer
            if answer is None:
                self._end_renewal()
            else:
                self._own(partition, answer)

    def forget_ended_troubles(self) -> None:
        """Forget the trouble of every owned partition that has come through it."""
        ended = [p for p in self.troubles if p in self.owned and self.owned[p].trouble is None]
        for partition in ended:
            del self.troubles[partition]

    def positions(self) -> dict[TopicPartition, int]:
        """Where to fetch from."""
        return self._offsets(lambda owned: owned.next)

    def delivered(self) -> dict[TopicPartition, int]:
        """Up to where records were given to the agent."""
        return self._offsets(lambda owned: owned.delivered)

    def _offsets(self, which: Callable[[OwnedPartition], Mapping[str, int]]) -> dict[TopicPartition, int]:
        return {
            (topic, partition): offset
            for partition, owned in self.owned.items()
            for topic, offset in which(owned).items()
        }

    def _request(self, partition: int, spare: Snapshot | None = None) -> None:
        self._token += 1
        self._wanted[partition] = self._token
        if not self.renewing:
            self._start(partition, self._token, spare)

    def _start(self, partition: int, token: int, spare: Snapshot | None) -> None:
        self._restore(
            partition,
            spare,
            lambda answer: self._answers.put((partition, token, answer)),
            lambda: self._wanted.get(partition) == token and self._still_wanted(),
        )

    def _own(self, partition: int, snapshot: Snapshot) -> None:
        owned = OwnedPartition(partition, snapshot, self._limits)
        owned.trouble = self.troubles.get(partition)
        self.owned[partition] = owned
        self.moved = True

    def _end_renewal(self) -> None:
        self._renewal = 0
        for partition, token in self._wanted.items():
            if partition not in self.owned:
                self._start(partition, token, None)
