"""Explain says what the engine decides: the same clauses, the same truth, in random definitions and histories."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from msgspec.structs import replace

from streams.catalogue.explaining import Explainer, TreeNode
from streams.catalogue.standing import present, standing
from streams.segmentation.conditions import Otherwise
from streams.segmentation.effects import Clause
from streams.segmentation.partition import Partition
from streams.segmentation.plans import Coverage, MachinePlan, MemberPlan, Plan
from streams.segmentation.profiles import MEMBER, Profile
from streams.segmentation.stimuli import EventObserved
from streams.segmentation.truth import WORDS
from streams.testing.driver import SegmentationTestDriver
from streams.testing.histories import History, histories, random_history
from streams.testing.random_conditions import SOURCES, WHOLE


class Watched:
    """A run whose transitions are explained as they are emitted, and whose customers after every stimulus."""

    def __init__(self, history: History) -> None:
        self.driver = SegmentationTestDriver(
            history.catalogue,
            sources=SOURCES,
            out_of_orderness_ms=history.out_of_orderness_ms,
            shared_watermark=history.shared_watermark,
        )
        before = self.driver.partition
        self.explainer = Explainer(history.catalogue, SOURCES, before.plan)
        self.transitions = self.settled = 0
        self.driver.partition = Partition(self._watched(before.plan), before.watermarks.specs, before.options)

    def _watched(self, plan: Plan) -> Plan:
        """Return *plan*, whose members compare the clauses of each transition with the tree of that instant."""

        def watched(machine: MachinePlan) -> MachinePlan:
            return replace(machine, members=tuple(map(self._compared, machine.members)))

        return replace(plan, machines=tuple(map(watched, plan.machines)))

    def _compared(self, member: MemberPlan) -> MemberPlan:
        def why(profile: Profile, t: int, seen: int, coverage: Coverage) -> list[Clause]:
            clauses = member.why(profile, t, seen, coverage)
            told = self.explainer.clauses(member.segment_id, profile, t, seen, coverage)
            if not isinstance(self.explainer.definition(member.segment_id).when, Otherwise):
                assert told == clauses
            self.transitions += 1
            return clauses

        return replace(member, why=why)

    def check(self, key: str) -> None:
        """Compare the root of each tree with the membership, wherever nothing is undecided."""
        partition = self.driver.partition
        profile = partition.live[key]
        now = present(partition, profile)
        for segment_id in self.explainer.segment_ids:
            machine, member = self.explainer.machine_of(segment_id)
            state = profile.states[machine.index]
            stands = standing(partition, profile, machine.index, member)
            if state is None:
                assert (stands.status, stands.known) == ("out", False)
                continue
            inside = state.status == MEMBER and max(state.winner, 0) == member
            assert (stands.status == "member") == inside
            assert inside == (segment_id in {m.segment_id for m in partition.memberships(key)})
            if stands.due_ms is not None:
                assert stands.waits_for
                continue
            self.settled += 1
            tree = self.explainer.tree(segment_id, profile, now, partition.coverage, ahead=False)
            assert_combined(tree)
            root = tree.truth
            stays = self.explainer.stays(segment_id, profile, now, partition.coverage)
            if not inside:
                assert root == "false"
            elif now >= state.since + machine.min_membership_ms:
                assert stays == "true"


def assert_combined(node: TreeNode) -> None:
    """Assert that every node is what its parts make of it: `all` the least of them, `any` the greatest (Kleene)."""
    for part in node.parts:
        assert_combined(part)
    if node.kind != "clause":
        combine = min if node.kind == "all" else max
        assert node.truth == combine((part.truth for part in node.parts), key=WORDS.index)


def tell(history: History) -> Watched:
    """Run *history* and check it after every stimulus."""
    watched = Watched(history)
    keys = set()
    for stimulus in history.stimuli:
        if isinstance(stimulus, EventObserved):
            keys.add(stimulus.key)
            watched.driver.observe(stimulus)
        else:
            watched.driver.advance(stimulus.source, stimulus.watermark_ms)
        for key in sorted(keys & watched.driver.partition.live.keys()):
            watched.check(key)
    return watched


@given(histories(language=WHOLE))
def test_any_definition(history: History) -> None:
    """Root truth is membership truth where nothing is pending; a transition's clauses are the tree's leaves."""
    tell(history)


@pytest.mark.parametrize("construct", WHOLE)
def test_definitions_of_one_construct(construct: str) -> None:
    """The same for definitions whose leaves are all of one kind; transitions and quiet customers are among them."""
    transitions = settled = 0
    for seed in range(25):
        history = random_history(random.Random(seed).choice, language={construct: WHOLE[construct]})
        try:
            watched = tell(history)
        except Exception as error:
            raise AssertionError(f"seed {seed} of {construct}: {error}\n{history}") from error
        transitions += watched.transitions
        settled += watched.settled
    assert transitions
    assert settled
