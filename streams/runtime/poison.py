"""How a batch that fails again and again is taken apart until the guilty record stands alone.

Theory of operation. A failure rolls the transaction back and everything since the last commit is read again. The first
`attempts` failures of a partition only pause it, longer each time. After that the partition gets smaller batches, half
as large after each failure, twice as large after each commit, and commits after each one, so that what is good goes
on. At one record a batch, the next is delivered only when the last is committed: what fails then fails alone. It is
named in `batch.quarantined` from then on, so that the agent dead-letters it unprocessed. Trouble ends when everything
that had been delivered at the last failure is committed.

The agent shortens the search when it raises `RecordFailed`. An `OperationError` from the agent blames the
infrastructure: it only pauses, for as long as it takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from streams.errors import OperationError
from streams.runtime.batches import RecordFailed
from streams.runtime.limits import Limits


def describe(error: BaseException) -> str:
    """Name an exception by type and place: its text may hold a customer's data, which no log may show."""
    if isinstance(error, RecordFailed) and error.__cause__ is not None:
        error = error.__cause__
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    code = trace.tb_frame.f_code
    return f"{type(error).__name__} in {code.co_qualname} ({Path(code.co_filename).name}:{trace.tb_lineno})"


class Trouble:
    """What is known about one partition whose batches fail.

    Attributes:
        limit: records in the next batch at most.
        resume_at_ms: monotonic time before which nothing is delivered.
        quarantined: topic → offsets the agent must dead-letter.
    """

    def __init__(self, partition: int, limits: Limits) -> None:
        self.partition = partition
        self.limit = limits.batch_records_max
        self.resume_at_ms = 0
        self.quarantined: dict[str, frozenset[int]] = {}
        self._limits = limits
        self._failures = 0
        self._until: dict[str, int] = {}
        self._exposed: list[tuple[str, int]] = []

    @property
    def searching(self) -> bool:
        """Batches are smaller than usual, one in flight at a time."""
        return self._failures > self._limits.attempts

    def expose(self, records: list[tuple[str, int]], *, all_settled: bool) -> None:
        """Note a delivery of single records; *all_settled*: nothing older was uncommitted."""
        if all_settled:
            self._exposed = []
        self._exposed += records

    def fail(
        self, error: BaseException, delivered: Mapping[str, int], unsettled: int, now_ms: int
    ) -> list[tuple[str, int]]:
        """Take one failure; decide pause, smaller batches or quarantine.

        Args:
            error: what the agent raised, or why it was given up.
            delivered: topic → offset after the last delivered record.
            unsettled: records delivered and not committed.
            now_ms: monotonic time.

        Returns:
            The records quarantined by this failure.

        Raises:
            OperationError: a record failed alone and `on_poison` is `fail`, or no record can be blamed.
        """
        self._failures += 1
        for topic, offset in delivered.items():
            self._until[topic] = max(offset, self._until.get(topic, 0))
        pause_ms = self._limits.backoff_ms * 2 ** min(self._failures - 1, 20)
        self.resume_at_ms = now_ms + min(pause_ms, self._limits.backoff_max_ms)
        if isinstance(error, OperationError):
            self._failures = min(self._failures, self._limits.attempts)
            return []
        if not self.searching:
            return []
        self.resume_at_ms = now_ms + self._limits.backoff_ms
        if isinstance(error, RecordFailed):
            return [self._quarantine((error.topic, error.offset), error)]
        if self.limit > 1:
            self.limit = max(1, min(self.limit, unsettled) // 2)
            return []
        return [self._blame(error)]

    def settle(self, committed: Mapping[str, int], batch_records_max: int) -> bool:
        """Take a commit; say whether the trouble is over."""
        for topic, offsets in self.quarantined.items():
            self.quarantined[topic] = frozenset(o for o in offsets if o >= committed.get(topic, 0))
        if all(committed.get(topic, 0) >= offset for topic, offset in self._until.items()):
            return True
        self.limit = min(self.limit * 2, batch_records_max)
        return False

    def _blame(self, error: BaseException) -> tuple[str, int]:
        for topic, offset in self._exposed:
            if offset not in self.quarantined.get(topic, frozenset()):
                return self._quarantine((topic, offset), error)
        where = ", ".join(f"{topic} offset {offset}" for topic, offset in self._exposed)
        raise OperationError(
            f"processing of partition {self.partition} fails"
            f" {'although the record is quarantined: ' + where if where else 'without any new record'}: {describe(error)}",
            hint="this is a defect of the processing or of a segment definition; the worker stops to lose nothing",
        ) from None

    def _quarantine(self, record: tuple[str, int], error: BaseException) -> tuple[str, int]:
        topic, offset = record
        known = self.quarantined.get(topic, frozenset())
        if self._limits.on_poison == "fail" or offset in known:
            again = " although it is quarantined" if offset in known else ""
            raise OperationError(
                f"the record at topic {topic}, partition {self.partition}, offset {offset} cannot be processed"
                f"{again}: {describe(error)}",
                hint="on_poison=dead_letter sends such records to the dead-letter topic instead of stopping",
            ) from None
        self.quarantined[topic] = known | {offset}
        return record
