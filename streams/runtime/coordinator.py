"""The exactly-once cycle of one worker. No Kafka, no Faust, no clock of its own: one thread calls `step` for ever.

Theory of operation.

1. `consume()` brings records; rebalance callbacks run inside it. Each partition number that is ours and restored gets
   one batch with the records of all its input topics, or a tick. The agent works on it in another thread.
2. Finished batches are collected in the order of delivery into the open transaction. A tick that changed nothing
   begins none.
3. A commit waits until the agent is idle, then adds what the states flush, and the offsets.
4. `Abortable`: surely not committed. Abort, roll the states back, fetch again from their own last commit.
5. `Fatal`: the outcome is unknown, or the producer is unusable. The producer is replaced in the background, all states
   are given up and then restored. The states are also given up when the agent may still hold one.
6. A partition number is restored when it is assigned in every input topic, and adopted between two `consume()` calls.
   One `fetch()` sets all fetch positions, after an adoption, a revocation and a rollback alike.
7. On revocation: commit or roll back, then drop; the clean state is kept as a spare, valid if its offsets and its
   stamp are still the committed ones: if no other worker has committed since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from streams.runtime.assignment import Assignment
from streams.runtime.batches import DeliveredBatch, Signal, ThreadSignal
from streams.runtime.flights import Flights
from streams.runtime.kafka_ports import Abortable, Clock, Fatal, Fetched, Kafka, Restore
from streams.runtime.limits import Limits
from streams.runtime.observing import Observer, SilentObserver, TopicPartition
from streams.runtime.poison import Trouble, describe
from streams.runtime.setbacks import Setbacks
from streams.runtime.transaction import Transaction

GIVE_UP_WAIT_MS = 1_000
LAG_INTERVAL_MS = 1_000


class Coordinator:
    """Decides what is read, delivered and committed."""

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
        run_id: str = "",
        log: Callable[[str], None] = lambda message: None,
    ) -> None:
        """Connect nothing yet.

        Args:
            kafka: the client.
            restore: starts restores.
            deliver: hands a batch to the agent.
            inputs: input topics.
            clock: where time comes from.
            limits: bounds of the cycle.
            observer: whom to tell.
            signal: on which batches report their end.
            run_id: no other process, before or after, has this one; transactions are stamped with it.
            log: takes a warning.
        """
        self._kafka, self._deliver, self._clock, self._log = kafka, deliver, clock, log
        self._limits = limits or Limits()
        self._observer = observer or SilentObserver()
        self._signal = signal or ThreadSignal()
        self._stopping = self._broken = False
        self._flights = Flights(self._signal)
        self._setbacks = Setbacks(self._limits)
        self._transaction = Transaction(kafka, clock, self._limits, self._blame, run_id=run_id)
        self._assignment = Assignment(
            restore, inputs, self._limits, wanted=lambda: not self._stopping and not self._broken, log=log
        )
        self._far_behind = False
        self._lags_ms = -LAG_INTERVAL_MS

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
            self._abandon()
            raise
        finally:
            self._kafka.close()

    def stop(self) -> None:
        """Ask `run` to end; any thread may call it."""
        self._stopping = True

    @property
    def quiet(self) -> bool:
        """Nothing is in flight and no transaction is open."""
        return not self._flights and not self._transaction.open

    @property
    def owned_partitions(self) -> frozenset[int]:
        """Partition numbers that are restored and processed here."""
        return frozenset(self._assignment.owned)

    @property
    def restoring_partitions(self) -> frozenset[int]:
        """Partition numbers that are ours and not restored yet."""
        return self._assignment.restoring

    def step(self) -> None:
        """Run one round of the cycle."""
        self._guarded(self._cycle)

    def on_assign(self, assigned: Iterable[TopicPartition]) -> None:
        """Take an assignment (from inside `consume`)."""
        self._observer.rebalanced("assigned", self._assignment.assign(assigned))

    def on_revoke(self, revoked: Iterable[TopicPartition]) -> None:
        """Commit, or roll back, then drop (from inside `consume` or `close`)."""
        if not self._broken:
            self._guarded(self._commit)
        self._observer.rebalanced("revoked", self._assignment.drop(revoked, keep=not self._broken))

    def on_lost(self, lost: Iterable[TopicPartition]) -> None:
        """Roll back, then drop: others own these already."""
        if not self._broken:
            self._roll_back("the partitions were lost", "lost")
        self._observer.rebalanced("lost", self._assignment.drop(lost, keep=not self._broken))

    # -- the round -----------------------------------------------------------------------------------------------

    def _guarded(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Fatal as error:
            self._roll_back(str(error), "fenced" if error.fenced else "unknown_outcome", fatal=error)
        except Abortable as error:
            self._roll_back(str(error), error.reason)

    def _cycle(self) -> None:
        self._adopt()
        room = self._limits.records_in_flight_max - self._limits.batch_records_max
        while self._flights.records > room:
            self._await_oldest()
        self._collect()
        fetched = self._kafka.consume(self._limits.batch_records_max)
        if self._assignment.renewing:
            return
        if (
            not self._assignment.moved
        ):  # else these records precede a rollback or a rebalance: they are read again
            self._take_in(fetched)
            self._dispatch()
        self._collect()
        now_ms = self._clock.monotonic_ms()
        if self._flights.overdue(now_ms, self._limits.patience_ms):
            raise self._stuck()
        self._measure_lag(now_ms)
        if self._commit_due():
            self._commit()

    def _adopt(self) -> None:
        """Start what has been restored, and set the fetch positions if anything changed."""
        self._assignment.adopt()
        if self._assignment.moved:
            self._kafka.fetch(self._assignment.positions())
            self._assignment.moved = False
            for owned in self._assignment.owned.values():
                owned.paused.clear()

    def _take_in(self, fetched: Fetched) -> None:
        owned = self._assignment.owned
        for (topic, partition), records in fetched.records.items():
            if partition in owned:
                owned[partition].take_in(topic, records)
        now_ms = self._clock.monotonic_ms()
        for (topic, partition), offset in fetched.ends.items():
            if partition in owned:
                owned[partition].reach_end(topic, offset, now_ms)

    def _dispatch(self) -> None:
        now_ms = self._clock.monotonic_ms()
        for owned in self._assignment.owned.values():
            batch = None
            if now_ms >= self._setbacks.resume_at_ms:
                batch = owned.next_batch(now_ms, self._clock.wall_ms(), self._signal)
            if batch is not None:
                self._flights.add(batch, now_ms)
                self._deliver(batch)
                self._observer.delivered(batch.partition, batch.size)
            owned.adjust_fetching(self._kafka.pause, self._kafka.resume)

    def _collect(self) -> None:
        """Put what the agent has finished into the transaction."""
        while (batch := self._flights.take_finished()) is not None:
            if batch.error is not None:
                raise self._blame(batch.partition, batch.error)
            self._flights.remove_oldest(self._clock.monotonic_ms())
            owned = self._assignment.owned[batch.partition]
            owned.in_flight -= 1
            owned.hold, owned.waiting = batch.hold, batch.waiting
            self._transaction.add(owned, batch)

    def _await_oldest(self) -> None:
        if not self._flights.await_oldest(self._limits.patience_ms):
            raise self._stuck()
        self._collect()

    def _commit_due(self) -> bool:
        limits = self._limits
        interval_ms = limits.catchup_interval_ms if self._far_behind else limits.commit_interval_ms
        if any(trouble.searching for trouble in self._assignment.troubles.values()):
            interval_ms = 0  # what is good must be committed before the next failure
        return self._transaction.due(interval_ms)

    def _commit(self) -> None:
        started_ms = self._clock.monotonic_ms()
        while self._flights:
            self._await_oldest()
        if not self._transaction.open:
            return
        report = self._transaction.commit(self._assignment.owned, started_ms)
        self._setbacks.committed()
        self._assignment.forget_ended_troubles()
        self._observer.committed(report)

    def _measure_lag(self, now_ms: int) -> None:
        """Learn the lag, once a second: it stretches the commit interval, and goes to the metrics."""
        if now_ms - self._lags_ms >= LAG_INTERVAL_MS:
            self._lags_ms = now_ms
            lags = self._kafka.lags(self._assignment.delivered())
            self._far_behind = sum(lags.values()) > self._limits.catchup_lag
            self._observer.lagging(lags)

    # -- setbacks ------------------------------------------------------------------------------------------------

    def _stuck(self) -> Abortable:
        """Say that the oldest batch was not finished in time; blame its partition if the agent is at work on it."""
        batch = self._flights.oldest
        if not batch.entered:
            return Abortable(f"a batch of partition {batch.partition} did not reach the agent", "agent_stuck")
        message = f"the agent needed more than {self._limits.patience_ms} ms for {batch.size} records"
        return self._blame(batch.partition, TimeoutError(message), "agent_stuck")

    def _blame(self, partition: int, error: BaseException, reason: str = "agent_failed") -> Abortable:
        """Take a failure of the processing into account.

        Raises:
            OperationError: it cannot be taken apart any further.
        """
        owned = self._assignment.owned[partition]
        trouble = self._assignment.troubles.setdefault(partition, Trouble(partition, self._limits))
        owned.trouble = trouble
        self._observer.failed(partition)
        now_ms = self._clock.monotonic_ms()
        for topic, offset in trouble.fail(error, owned.delivered, owned.unsettled_records, now_ms):
            self._log(
                f"quarantined: topic {topic}, partition {partition}, offset {offset}: {describe(error)}"
            )
            self._observer.quarantined(topic, partition, offset)
        return Abortable(f"processing of partition {partition} failed: {describe(error)}", reason)

    def _roll_back(self, message: str, reason: str, *, fatal: Fatal | None = None) -> None:
        self._log(f"rolled back: {message}")
        idle = self._flights.void_all(GIVE_UP_WAIT_MS)
        if fatal is None:
            fatal = self._abort()
        else:
            self._transaction.forget()
        self._assignment.moved = True
        self._observer.aborted(reason)
        if reason != "agent_failed":
            self._setbacks.pause(self._clock.monotonic_ms())
        if fatal is not None or not idle or reason == "agent_stuck":
            self._setbacks.count(message)
        if fatal is not None:
            self._renew(fatal)
        if fatal is not None or not idle:
            self._assignment.give_up_states()
        else:
            for owned in self._assignment.owned.values():
                owned.rewind()

    def _abort(self) -> Fatal | None:
        """Abort the open transaction; a failed abort is fatal for the producer."""
        try:
            self._transaction.abort()
        except Fatal as error:
            return error
        except Abortable as error:
            return Fatal(str(error))
        return None

    def _renew(self, error: Fatal) -> None:
        if error.fenced:
            self._setbacks.fenced(self._clock.monotonic_ms())
        self._observer.renewed("fenced" if error.fenced else "unknown_outcome")
        if not self._stopping:
            self._kafka.renew(self._assignment.expect_renewal())

    def _abandon(self) -> None:
        """Abort without a commit, so that nobody has to wait for the transaction's time-out."""
        failure = self._abort()
        if failure is not None:
            self._log(f"the open transaction could not be aborted: {failure}")
