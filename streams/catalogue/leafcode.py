"""Generates the Python of the leaves beyond them; see `streams.catalogue.codegen` for the variables."""

from __future__ import annotations

from streams.catalogue.rhythmcode import RhythmWriter
from streams.segmentation.conditions import Consent, Leaf, Trait
from streams.segmentation.readings import Column, carries, column_of, consent_filters


class LeafWriter(RhythmWriter):
    """Writes the statements of every leaf."""

    def leaf(self, leaf: Leaf) -> str:
        """Write *leaf*; return the suffix k of the variables ``v<k>`` and ``n<k>`` that hold its result."""
        match leaf:
            case Trait():
                return self._trait(leaf)
            case Consent():
                return self._consent(leaf)
            case _:
                return super().leaf(leaf)

    def value(self, leaf: Leaf, k: str) -> str:
        """Return the expression of a clause's value, after its statements were written with suffix *k*."""
        match leaf:
            case Trait(event, name, (first, *_)):
                return f'str({self.column(event, carries(name), column_of(first))}[i{k} - 1]) if i{k} else ""'
            case Consent():
                return f"x{k}"
            case _:
                return super().value(leaf, k)

    def _trait(self, leaf: Trait) -> str:
        where = carries(leaf.name)
        _, k = self.entries(leaf.event, where)
        nothing = " and ".join(f"passes(None, {test.operator!r}, {test.value!r})" for test in leaf.test)
        tests = self.tests(leaf.event, where, leaf.test)
        self.write(f"v{k} = 2 if (newest_passes(j{k}, i{k}, {tests}) if i{k} else {nothing}) else 0")
        self.write(f"n{k} = NEVER")
        self.unknown(k, leaf.event, f"not i{k}", "BEFORE_ALL", None)
        return k

    def _consent(self, leaf: Consent) -> str:
        where = consent_filters(leaf)
        _, k = self.entries(leaf.updates, where)
        said = [f"(j{k}, i{k}, {self.column(leaf.updates, where, Column('plain', 'state'))})"]
        counts = [f"i{k}"]
        for events, state in ((leaf.grants, "granted"), (leaf.denials, "denied")):
            for event in events:
                _, a = self.entries(event, ())
                said.append(f"(j{a}, i{a}, {state!r})")
                counts.append(f"i{a}")
        self.write(f"x{k} = consent_state(({', '.join(said)},))")
        self.write(f"v{k}, n{k} = 2 if x{k} == {leaf.state!r} else 0, NEVER")
        for event in (leaf.updates, *leaf.grants, *leaf.denials):
            self.unknown(k, event, f"not ({' or '.join(counts)})", "BEFORE_ALL", None)
        return k
