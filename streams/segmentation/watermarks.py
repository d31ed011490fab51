"""Watermarks of one partition: per input, how far event time is complete; per gate, the least of its inputs.

An *input* is a topic. It carries one or several sources; sources on one topic share its watermark, because records of one
log come in one order (S2 speaks of a source: the input that carries it). A gate is a set of sources; its watermark is the
least of the inputs that carry them. Watermarks never regress.
"""

from __future__ import annotations

from collections.abc import Sequence

from streams.segmentation.options import InputSpec
from streams.segmentation.timeline import BEFORE_ALL, EpochMs


class Watermarks:
    """The watermarks of one partition number.

    Attributes:
        stream_times: per input, the highest event time seen.
        inputs: per input, its watermark.
        gates: per gate, the least watermark of the inputs that carry its sources.
            It is always the same list.
        highest: the greatest of `gates`; no timer beyond it is due.
        newest: the highest event time seen in any input.
    """

    def __init__(self, inputs: Sequence[InputSpec], gates: Sequence[frozenset[str]], *, wall: bool) -> None:
        """Start with nothing seen.

        Args:
            inputs: the input topics.
            gates: the plan's sets of sources; a source that no input carries holds nothing back.
            wall: idle inputs follow the wall clock; False: they follow the active inputs (S4).
        """
        self.specs = tuple(inputs)
        self._disorders_ms = [spec.out_of_orderness_ms for spec in inputs]
        self.wall = wall
        self.stream_times = [BEFORE_ALL] * len(inputs)
        self.inputs = [BEFORE_ALL] * len(inputs)
        self.idle = [False] * len(inputs)
        self._members = [
            tuple(i for i, spec in enumerate(inputs) if not gate or not spec.sources or spec.sources & gate)
            or tuple(range(len(inputs)))
            for gate in gates
        ]
        self.gates = [BEFORE_ALL] * len(gates)
        self.highest = BEFORE_ALL
        self.newest = BEFORE_ALL

    @property
    def lowest(self) -> EpochMs:
        """The least watermark of all inputs: nothing older is still undecided."""
        return min(self.inputs)

    def observe(self, position: int, event_time_ms: EpochMs) -> bool:
        """Raise input *position* by an event; return whether any gate moved."""
        if self.idle[position]:
            self.idle[position] = False
        if event_time_ms <= self.stream_times[position]:
            return False
        self.stream_times[position] = event_time_ms
        self.newest = max(self.newest, event_time_ms)
        return self.advance(position, event_time_ms - self._disorders_ms[position])

    def advance(self, position: int, watermark_ms: EpochMs) -> bool:
        """Raise the watermark of input *position*; return whether any gate moved."""
        inputs = self.inputs
        if watermark_ms <= inputs[position]:
            return False
        inputs[position] = watermark_ms
        if len(inputs) == 1:  # the common case: every gate stands where the only input stands
            for gate in range(len(self.gates)):
                self.gates[gate] = watermark_ms
            self.highest = watermark_ms
            return True
        if not self.wall and True in self.idle:
            self._follow()
        return self._raise_gates()

    def fall_idle(self, positions: frozenset[int], now_ms: EpochMs) -> bool:
        """Let the inputs at *positions*, which are read to their end, follow; return whether any gate moved.

        Args:
            positions: inputs that have been caught up for long enough, or never had a record.
            now_ms: the wall clock.
        """
        for position in positions:
            self.idle[position] = True
            if self.wall:
                now = now_ms - self.specs[position].out_of_orderness_ms
                self.inputs[position] = max(self.inputs[position], now)
        if not self.wall:
            self._follow()
        return self._raise_gates()

    def _follow(self) -> None:
        """Give idle inputs the highest watermark among the active ones (S4, ``clock: event``)."""
        active = [w for w, idle in zip(self.inputs, self.idle, strict=True) if not idle]
        highest = max(active, default=BEFORE_ALL)
        for position, idle in enumerate(self.idle):
            if idle and self.inputs[position] < highest:
                self.inputs[position] = highest

    def _raise_gates(self) -> bool:
        inputs, moved = self.inputs, False
        for gate, members in enumerate(self._members):
            least = inputs[members[0]] if len(members) == 1 else min(inputs[i] for i in members)
            if least > self.gates[gate]:
                self.gates[gate] = least
                self.highest = max(self.highest, least)
                moved = True
        return moved

    def snapshot(self) -> list[list[int]]:
        """Return all of it as plain values, for the changelog."""
        return [list(self.stream_times), list(self.inputs), [int(idle) for idle in self.idle]]

    def restore(self, snapshot: list[list[int]]) -> None:
        """Take back what `snapshot` returned.

        Raises:
            ValueError: it was taken with another number of inputs.
        """
        stream_times, inputs, idle = snapshot
        if len(inputs) != len(self.specs):
            raise ValueError(f"the state has {len(inputs)} inputs, the settings {len(self.specs)}")
        self.stream_times, self.inputs = list(stream_times), list(inputs)
        self.idle = [bool(flag) for flag in idle]
        self.gates[:] = [min(inputs[i] for i in members) for members in self._members]
        self.highest = max(self.gates, default=BEFORE_ALL)
        self.newest = max(stream_times)
