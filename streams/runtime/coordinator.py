"""The exactly-once cycle of one worker. No Kafka, no Faust, no clock of its own: one thread calls `step` for ever.

Theory of operation.

1. `consume()` brings records; rebalance callbacks run inside it. Each partition number that is ours and restored gets
   one batch with the records of all its input topics, or a tick. The agent works on it in another thread.
2. Finished batches are collected in the order of delivery: their outputs go into the transaction, which is begun for
   the first that has something to commit. A tick that changed nothing begins none.
3. A commit waits until the agent is idle, adds what `PartitionState.flush` yields, and commits with the offsets of
   *every* topic of every partition that took part: the group's generation is checked with the offsets, so that a
   worker that lost a partition cannot commit even a timer's output.
4. `Abortable`: surely not committed. Abort, roll the states back, fetch again from their own last commit.
5. `Fatal`: the outcome is unknown, or the producer is unusable. All states are given up, the producer is replaced in
   the background, then the states are restored. The same happens to the states when the agent may still hold one.
6. A partition number is restored when it is assigned in every input topic, and adopted between two `consume()` calls.
   One `fetch()` sets all fetch positions, after an adoption, a revocation and a rollback alike.
7. On revocation: commit or roll back, then drop; the clean state is kept as a spare with its offsets, valid if nobody
   has moved them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue

from streams.errors import OperationError
from streams.runtime.batches import DeliveredBatch, Signal, ThreadSignal
from streams.runtime.kafka_ports import Abortable, Clock, Fatal, Fetched, Kafka, Restore, Restored, Spare
from streams.runtime.limits import Limits
from streams.runtime.observing import CommitReport, Observer, SilentObserver, TopicPartition
from streams.runtime.ownership import OwnedPartition
from streams.runtime.poison import Trouble, describe
from streams.runtime.ports import OutputRecord

GIVE_UP_WAIT_MS = 1_000
LAG_INTERVAL_MS = 1_000


class Coordinator:
    """Owns consumer, producer and states; decides what is read, delivered and committed."""

    def __init__(
        self,
        kafka: Kafka,
        restore: Restore,
        deliver: Callable[[DeliveredBatch], object],
        *,
        inputs: Iterable[str],
        clock: Clock,
        limits: Limits | None = None,
        observer: Observer | None = None,
        signal: Signal | None = None,
        log: Callable[[str], None] = lambda message: None,
    ) -> None:
        self._kafka, self._restore, self._deliver, self._log = kafka, restore, deliver, log
        self._inputs = tuple(inputs)
        self._clock = clock
        self._limits = limits or Limits()
        self._observer = observer or SilentObserver()
        self._signal = signal or ThreadSignal()
        self._stopping = self._broken = False
        self._moved = False  # the fetch positions must be set
        self._assigned: set[TopicPartition] = set()
        self._token = 0
        self._wanted: dict[int, int] = {}  # partition → token of the restore that may be adopted
        self._owned: dict[int, OwnedPartition] = {}
        self._spares: dict[int, Spare] = {}
        self._troubles: dict[int, Trouble] = {}
        self._answers: SimpleQueue[Restored] = SimpleQueue()
        self._renewing = 0  # token of the renewal under way
        self._flights: deque[DeliveredBatch] = deque()
        self._head_since_ms = 0  # when the first of them became the first
        self._records_in_flight = 0
        self._open = False
        self._open_since_ms = 0
        self._offsets: dict[TopicPartition, int] = {}
        self._dirty: set[int] = set()
        self._records = self._outputs = 0  # of the open transaction
        self._setbacks = 0  # rollbacks since the last commit
        self._renewals = 0  # producers replaced or states given up since the last commit
        self._fences_ms: deque[int] = deque(maxlen=self._limits.fences_max)
        self._resume_at_ms = 0
        self._far_behind = False
        self._lags_ms = -LAG_INTERVAL_MS

    # -- the loop ------------------------------------------------------------------------------------------------

    def run(self, after_step: Callable[[], None] = lambda: None) -> None:
        """Step until `stop`, then commit and leave the group.

        Args:
            after_step: called after each step, in the same thread.

        Raises:
            OperationError: the operator must act; the group was left without a commit.
        """
        try:
            while not self._stopping:
                self.step()
                after_step()
            self._guarded(self._commit)
        except BaseException:
            self._broken = True
            if self._open:
                self._guarded(self._kafka.abort)
            raise
        finally:
            self._kafka.close()

    def stop(self) -> None:
        """Ask `run` to end; any thread may call it."""
        self._stopping = True

    @property
    def quiet(self) -> bool:
        """No records in flight and no transaction open."""
        return not self._flights and not self._open

    @property
    def owned_partitions(self) -> frozenset[int]:
        """Partition numbers that are restored and processed here."""
        return frozenset(self._owned)

    @property
    def restoring_partitions(self) -> frozenset[int]:
        """Partition numbers that are ours and not restored yet."""
        return frozenset(self._wanted) - frozenset(self._owned)

    def step(self) -> None:
        """Run one round of the cycle."""
        self._guarded(self._cycle)

    def _guarded(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Fatal as error:
            self._roll_back(str(error), "fenced" if error.fenced else "unknown_outcome", fatal=error)
        except Abortable as error:
            self._roll_back(str(error), error.reason)

    def _cycle(self) -> None:
        self._adopt()
        self._make_room()
        self._collect()
        fetched = self._kafka.consume(self._limits.batch_records_max)
        if self._renewing:
            return
        if not self._moved:  # else these records precede a rollback or a rebalance: they are read again
            self._take_in(fetched)
            self._dispatch()
        self._collect()
        self._give_up_the_stuck()
        self._measure_lag()
        if self._commit_due():
            self._commit()

    def _take_in(self, fetched: Fetched) -> None:
        now_ms = self._clock.monotonic_ms()
        for (topic, partition), records in fetched.records.items():
            if partition in self._owned:
                self._owned[partition].take_in(topic, records)
        for (topic, partition), offset in fetched.ends.items():
            if partition in self._owned:
                self._owned[partition].reach_end(topic, offset, now_ms)

    def _dispatch(self) -> None:
        now_ms = self._clock.monotonic_ms()
        for owned in self._owned.values():
            batch = None
            if now_ms >= self._resume_at_ms:
                batch = owned.next_batch(now_ms, self._clock.wall_ms(), self._signal)
            if batch is not None:
                if not self._flights:
                    self._head_since_ms = now_ms
                self._flights.append(batch)
                self._records_in_flight += batch.size
                self._deliver(batch)
                self._observer.delivered(batch.partition, batch.size)
            owned.adjust_fetching(self._kafka.pause, self._kafka.resume)

    def _make_room(self) -> None:
        room = self._limits.records_in_flight_max - self._limits.batch_records_max
        while self._flights and self._records_in_flight > room:
            self._await_oldest()

    def _await_oldest(self) -> None:
        """Wait until the oldest batch is finished, and collect it."""
        if not self._signal.wait(lambda: self._flights[0].done, self._limits.patience_ms):
            raise self._stuck()
        self._collect()

    def _give_up_the_stuck(self) -> None:
        waited_ms = self._clock.monotonic_ms() - self._head_since_ms
        if self._flights and not self._flights[0].done and waited_ms > self._limits.patience_ms:
            raise self._stuck()

    def _stuck(self) -> Abortable:
        """Say that the oldest batch was not finished in time; blame its partition if the agent is at work on it."""
        batch = self._flights[0]
        patience_ms = self._limits.patience_ms
        if not batch.entered:
            return Abortable(f"a batch of partition {batch.partition} did not reach the agent", "agent_stuck")
        message = f"the agent needed more than {patience_ms} ms for {batch.size} records"
        return self._failure(batch.partition, TimeoutError(message), "agent_stuck")

    # -- the transaction -----------------------------------------------------------------------------------------

    def _collect(self) -> None:
        """Put what the agent has finished into the transaction."""
        while self._flights and self._flights[0].done:
            batch = self._flights[0]
            if batch.error is not None:
                raise self._failure(batch.partition, batch.error)
            self._flights.popleft()
            self._head_since_ms = self._clock.monotonic_ms()
            self._records_in_flight -= batch.size
            self._records += batch.size
            owned = self._owned[batch.partition]
            owned.in_flight -= 1
            owned.hold, owned.waiting = batch.hold, batch.waiting
            if batch.out or batch.offsets or batch.changed:
                self._add(owned, batch)

    def _add(self, owned: OwnedPartition, batch: DeliveredBatch) -> None:
        if not self._open:
            self._kafka.begin()
            self._open, self._open_since_ms = True, self._clock.monotonic_ms()
        self._dirty.add(owned.partition)
        for topic, base in owned.base.items():
            key = topic, owned.partition
            offset = batch.offsets.get(topic, -1)
            if offset >= 0:
                last = self._offsets.get(key, base)
                assert last <= offset <= owned.delivered[topic], (
                    "offsets go on, and not beyond what was delivered"
                )
                self._offsets[key] = offset
            else:
                self._offsets.setdefault(key, base)
        if batch.out:
            self._outputs += self._produce(owned.partition, batch.out)

    def _produce(self, partition: int, records: Iterable[OutputRecord]) -> int:
        try:
            return self._kafka.produce(records)
        except (Abortable, Fatal):
            raise
        except (
            Exception
        ) as error:  # the client refused a record, or flush() failed: the partition is to blame
            raise self._failure(partition, error) from error

    def _commit_due(self) -> bool:
        if not self._open:
            return False
        if self._outputs >= self._limits.outputs_max:
            return True
        if any(trouble.searching for trouble in self._troubles.values()):
            return True  # what is good must be committed before the next failure
        interval_ms = (
            self._limits.catchup_interval_ms if self._far_behind else self._limits.commit_interval_ms
        )
        return self._clock.monotonic_ms() - self._open_since_ms >= interval_ms

    def _commit(self) -> None:
        started_ms = self._clock.monotonic_ms()
        while self._flights:
            self._await_oldest()
        if not self._open:
            return
        flushed = sum(self._produce(p, self._owned[p].state.flush()) for p in sorted(self._dirty))
        self._kafka.commit(self._offsets)
        for partition in self._dirty:
            owned = self._owned[partition]
            owned.settle({topic: self._offsets[topic, partition] for topic in owned.base})
            if owned.trouble is None:
                self._troubles.pop(partition, None)
        now_ms = self._clock.monotonic_ms()
        report = CommitReport(
            duration_s=(now_ms - started_ms) / 1000,
            open_s=(now_ms - self._open_since_ms) / 1000,
            records=self._records,
            outputs=self._outputs,
            flushed=flushed,
            partitions=len(self._dirty),
        )
        self._forget_transaction()
        self._setbacks = self._renewals = 0
        self._observer.committed(report)

    def _forget_transaction(self) -> None:
        self._open = False
        self._offsets.clear()
        self._dirty.clear()
        self._records = self._outputs = 0

    def _measure_lag(self) -> None:
        """Learn the lag, at most once a second: the answer changes the commit interval and goes to the metrics."""
        now_ms = self._clock.monotonic_ms()
        if now_ms - self._lags_ms < LAG_INTERVAL_MS:
            return
        self._lags_ms = now_ms
        lags = self._kafka.lags(
            {
                (topic, p): offset
                for p, owned in self._owned.items()
                for topic, offset in owned.delivered.items()
            }
        )
        self._far_behind = sum(lags.values()) > self._limits.catchup_lag
        self._observer.lagging(lags)

    # -- setbacks ------------------------------------------------------------------------------------------------

    def _failure(self, partition: int, error: BaseException, reason: str = "agent_failed") -> Abortable:
        """Take a failure of the processing into account.

        Raises:
            OperationError: it cannot be taken apart any further.
        """
        owned = self._owned[partition]
        trouble = self._troubles.setdefault(partition, Trouble(partition, self._limits))
        owned.trouble = trouble
        self._observer.failed(partition)
        for topic, offset in trouble.fail(
            error, owned.delivered, owned.unsettled_records, self._clock.monotonic_ms()
        ):
            self._log(
                f"quarantined: topic {topic}, partition {partition}, offset {offset}: {describe(error)}"
            )
            self._observer.quarantined(topic, partition, offset)
        return Abortable(f"processing of partition {partition} failed: {describe(error)}", reason)

    def _roll_back(self, message: str, reason: str, *, fatal: Fatal | None = None) -> None:
        self._log(f"rolled back: {message}")
        for batch in self._flights:
            batch.void()
        flights = list(self._flights)
        idle = self._signal.wait(lambda: all(batch.done for batch in flights), GIVE_UP_WAIT_MS)
        self._flights.clear()
        self._records_in_flight = 0
        if self._open and fatal is None:
            try:
                self._kafka.abort()
            except Fatal as error:
                fatal = error
            except Abortable as error:
                fatal = Fatal(str(error))
        self._forget_transaction()
        self._moved = True
        self._setbacks += 1
        self._observer.aborted(reason)
        self._pause_after_setback(reason)
        if fatal is not None or not idle or reason == "agent_stuck":
            self._count_against_limit(message)
        if fatal is not None:
            self._renew(fatal)
        if fatal is not None or not idle:
            self._give_up_states()  # the agent may still hold one, or what was committed is unknown
        else:
            for owned in self._owned.values():
                owned.rewind()

    def _pause_after_setback(self, reason: str) -> None:
        """Wait longer after each setback that is nobody's fault; a partition's own pause is its trouble's."""
        if reason != "agent_failed" and self._setbacks > 1:
            pause_ms = self._limits.backoff_ms * 2 ** min(self._setbacks - 2, 20)
            pause_ms = min(pause_ms, self._limits.backoff_max_ms)
            self._resume_at_ms = self._clock.monotonic_ms() + pause_ms

    def _count_against_limit(self, message: str) -> None:
        self._renewals += 1
        if self._renewals > self._limits.renewals_max:
            raise OperationError(
                f"{self._renewals} setbacks in a row without a commit; the last: {message}",
                hint="the worker stops rather than spin: look for the first cause in its log and the broker's",
            )

    def _give_up_states(self) -> None:
        self._owned.clear()
        self._spares.clear()
        for partition in list(self._wanted):
            self._request(partition)

    def _renew(self, error: Fatal) -> None:
        now_ms = self._clock.monotonic_ms()
        if error.fenced:
            self._fences_ms.append(now_ms)
            full = len(self._fences_ms) == self._limits.fences_max
            if full and now_ms - self._fences_ms[0] <= self._limits.fence_window_ms:
                raise OperationError(
                    f"fenced {len(self._fences_ms)} times within {now_ms - self._fences_ms[0]} ms:"
                    " another process uses the same application id and instance id",
                    hint="give every worker its own STREAMS_INSTANCE_ID",
                )
        self._observer.renewed("fenced" if error.fenced else "unknown_outcome")
        if self._stopping or self._broken:
            return
        self._token += 1
        token = self._renewing = self._token
        self._kafka.renew(lambda failure: self._answers.put(Restored(-1, token, None, {}, failure)))

    # -- partitions ----------------------------------------------------------------------------------------------

    def on_assign(self, assigned: Iterable[TopicPartition]) -> None:
        """Take an assignment (from inside `consume`)."""
        self._assigned |= set(assigned)
        partitions = sorted({partition for _, partition in self._assigned})
        complete = [p for p in partitions if all((topic, p) in self._assigned for topic in self._inputs)]
        for partition in sorted(set(partitions) - set(complete)):
            self._log(f"partition {partition} waits: it is not assigned to this worker in every input topic")
        spares, self._spares = self._spares, {}
        for partition in complete:
            if partition not in self._wanted:
                self._request(partition, spares.get(partition))
        self._observer.rebalanced("assigned", len(complete))

    def on_revoke(self, revoked: Iterable[TopicPartition]) -> None:
        """Commit, or roll back, then drop (from inside `consume` or `close`)."""
        if not self._broken:
            self._guarded(self._commit)
        self._drop(list(revoked), "revoked")

    def on_lost(self, lost: Iterable[TopicPartition]) -> None:
        """Roll back, then drop: others own these already."""
        if not self._broken:
            self._roll_back("the partitions were lost", "lost")
        self._drop(list(lost), "lost")

    def _drop(self, dropped: list[TopicPartition], kind: str) -> None:
        self._assigned -= set(dropped)
        partitions = {partition for _, partition in dropped}
        for partition in partitions:
            self._wanted.pop(partition, None)
            self._troubles.pop(partition, None)
            owned = self._owned.pop(partition, None)
            if owned is not None and not self._broken:
                owned.rewind()  # it is clean, but may have buffered records, which will be read again
                self._spares[partition] = Spare(owned.state, owned.base)
        self._moved = True
        self._observer.rebalanced("lost" if kind == "lost" else "revoked", len(partitions))

    def _request(self, partition: int, spare: Spare | None = None) -> None:
        self._token += 1
        token = self._wanted[partition] = self._token
        if self._renewing:
            return  # asked for when the renewal is done: it settles the transaction that may still be open
        self._start_restore(partition, token, spare)

    def _start_restore(self, partition: int, token: int, spare: Spare | None) -> None:
        self._restore(
            partition,
            spare,
            lambda state, offsets, error: self._answers.put(
                Restored(partition, token, state, offsets, error)
            ),
            lambda: self._wanted.get(partition) == token and not self._stopping and not self._broken,
        )

    def _adopt(self) -> None:
        """Start what has been restored, and set the fetch positions if anything changed."""
        while True:
            try:
                answer = self._answers.get_nowait()
            except Empty:
                break
            if answer.partition < 0:
                self._end_renewal(answer)
            elif self._wanted.get(answer.partition) == answer.token:
                self._own(answer)
        if self._moved:
            self._kafka.fetch(
                {
                    (topic, p): offset
                    for p, owned in self._owned.items()
                    for topic, offset in owned.next.items()
                }
            )
            self._moved = False
            for owned in self._owned.values():
                owned.paused.clear()

    def _own(self, answer: Restored) -> None:
        if answer.error is not None:
            raise answer.error
        assert answer.state is not None, "a restore answers with a state or an error"
        owned = OwnedPartition(answer.partition, answer.state, answer.offsets, self._limits)
        owned.trouble = self._troubles.get(answer.partition)
        self._owned[answer.partition] = owned
        self._moved = True

    def _end_renewal(self, answer: Restored) -> None:
        if answer.token != self._renewing:
            return
        self._renewing = 0
        if answer.error is not None:
            raise answer.error
        for partition, token in self._wanted.items():
            if partition not in self._owned:
                self._start_restore(partition, token, None)
