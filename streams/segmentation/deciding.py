"""How a decision of a machine becomes an effect: its id, its origin, its clauses, and its place among the others."""

from __future__ import annotations

from collections import deque

from xxhash import xxh3_128_digest

from streams.segmentation.effects import Kind, Origin
from streams.segmentation.machines import Machine
from streams.segmentation.options import InputSpec, Options
from streams.segmentation.plans import Plan
from streams.segmentation.profiles import MachineState, Profile
from streams.segmentation.residence import Residence
from streams.segmentation.timeline import BEFORE_ALL, NEVER, DurationMs, EpochMs
from streams.segmentation.transitions import Transition
from streams.segmentation.walking import Cause


class Deciding(Residence):
    """A residence whose machines decide; they know it as `streams.segmentation.walking.Fact`.

    Attributes:
        machines: per machine of the plan.
        gates: per gate, its watermark; the list of `watermarks`.
        now_ms: the wall clock, as the shell last told it.
        applied, duplicates, late, refused: events, by what became of them; the late ones are applied too.
        late_by: of the late events since the last `take_late`, their sources and by how much each was late.
        timers: how many times a profile passed an instant of time.
        late_intervals: memberships that late evidence showed to have come and gone in the past (S14).
    """

    def __init__(
        self, plan: Plan, inputs: tuple[InputSpec, ...], options: Options, machines: tuple[Machine, ...]
    ) -> None:
        """Start empty."""
        super().__init__(plan, inputs, options)
        self.machines = machines
        self.gates = self.watermarks.gates
        self.now_ms: EpochMs = BEFORE_ALL
        self.late_by: list[tuple[str, DurationMs]] = []
        self.applied = self.duplicates = self.late = self.refused = self.timers = self.late_intervals = 0
        self._place = {member.segment_id: m.index for m in plan.machines for member in m.members}
        self._wall, self._explain = options.wall, options.explain

    @property
    def counts(self) -> dict[str, int]:
        """What was counted so far, by name."""
        return {
            "events": self.applied,
            "duplicates": self.duplicates,
            "late": self.late,
            "refused": self.refused,
            "timers": self.timers,
            "late_intervals": self.late_intervals,
        }

    @property
    def clock_ms(self) -> EpochMs:
        """The time at which something is emitted: the wall clock live, stream time in replays."""
        return self.now_ms if self.options.wall else self.watermarks.newest

    def transition(  # noqa: PLR0917 - called for each decision: positions cost nothing
        self,
        machine: Machine,
        profile: Profile,
        state: MachineState,
        kind: Kind,
        at: EpochMs,
        cause: Cause,
        member: int = 0,
    ) -> None:
        """Write down one decision of *machine* about the customer of *profile*."""
        segment, key = machine.plan.members[member], profile.key
        watermarks = self.watermarks
        if machine.partition_group:
            sequences = state.sequences[:] if state.sequences else [0] * machine.members
            sequence = sequences[member] = sequences[member] + 1
            state.sequences = sequences
        else:
            sequence = state.sequence = state.sequence + 1
        by = cause.event_id or "timer"
        digest = xxh3_128_digest(
            f"{key}|{segment.segment_id}|{segment.version}|{kind}|{at}|{by}|{sequence}".encode()
        )
        shop_id, _, customer_id = key.partition("/")
        entered, due = kind == "entered", state.due
        effect = Transition(
            digest.hex(),
            shop_id,
            customer_id,
            segment.segment_id,
            segment.version,
            kind,
            self._origin(cause),
            at,
            self.now_ms if self._wall else watermarks.newest,
            self.gates[machine.gate],
            sequence,
            by,
            state.entry.hex() if kind == "retracted" else "",
            None if entered else state.since,
            due if entered and due < NEVER else None,
        )
        if self._explain:
            effect.clauses = segment.why(profile, at, min(at, cause.seen), self.coverage)
        if segment.context is not None:
            effect.context = segment.context(profile, min(at, cause.seen))
        self.effects.append(effect)
        if entered:
            state.entry = digest
        self._changed[key] = None

    def corrected(self, profile: Profile) -> None:
        """Note that the customer's memberships changed without a transition (`since` was corrected, S14)."""
        self._changed[profile.key] = None

    def missed(self) -> None:
        """Count a membership that late evidence shows to have come and gone in the past (S14)."""
        self.late_intervals += 1

    def _origin(self, cause: Cause) -> Origin:
        if cause.event_id:
            return "late" if cause.late else "event"
        if self._wall and self.now_ms - cause.deadline > self.options.catchup_after_ms:
            return "catchup"
        return "timer"

    def _put_in_order(self, start: int) -> None:
        """Order what one customer's machines decided at one stimulus: by instant, exits first, then the catalogue.

        What one machine decided stays in its order.
        """
        queues: dict[int, deque[Transition]] = {}
        for effect in self.effects[start:]:
            queues.setdefault(self._place[effect.segment_id], deque()).append(effect)
        if len(queues) > 1:
            del self.effects[start:]
            while queues:
                place = min(
                    queues, key=lambda at: (queues[at][0].occurred_at_ms, queues[at][0].kind == "entered", at)
                )
                self.effects.append(queues[place].popleft())
                if not queues[place]:
                    del queues[place]
