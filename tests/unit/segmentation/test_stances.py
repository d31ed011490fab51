"""How memberships stand, as a function of what is known now: gates first, then groups, then who silences whom (S12)."""

from __future__ import annotations

import pytest

from streams.segmentation.stances import (
    ACTIVE,
    EVERY_CHANNEL,
    Beside,
    Place,
    StancePlan,
    pack_beside,
    stances_of,
    unpack_beside,
)

PLAN = StancePlan((
    Place(0, "checkout", 1, 0, 0, group="JOURNEY", rank=10, channels=("sms", "email")),
    Place(1, "cart", 1, 1, 0, group="JOURNEY", rank=20, ahead=(0,), channels=("email",), suppressors=(3,)),
    Place(2, "held", 1, 2, 0, channels=("email",), holdout_ppm=500_000, salt="x"),
    Place(3, "help", 1, 3, 0, concerned=False),
))  # fmt: skip


def reachable(*channels: str) -> Beside:
    """Return the state of a customer who granted consent to *channels* at 1,000."""
    beside = Beside()
    for channel in channels:
        beside.hear_consent(channel, 1_000, granted=True)
    return beside


def test_of_a_group_the_lowest_rank_is_active() -> None:
    """S12: all true members are members; one is active, the others are shadowed by it."""
    found = stances_of(PLAN, {0, 1}, Beside())

    assert [found[number][0] for number in (0, 1)] == [ACTIVE, 0]
    assert stances_of(PLAN, {1}, Beside())[1][0] == ACTIVE


def test_a_segment_speaks_where_consent_is_granted() -> None:
    """S12: never asked is not granted; consent to email is none to sms. The order is the definition's."""
    assert stances_of(PLAN, {0}, Beside())[0][1] == ()
    assert stances_of(PLAN, {0}, reachable("email"))[0][1] == ("email",)
    assert stances_of(PLAN, {0}, reachable("email", "sms", "push"))[0][1] == ("sms", "email")


def test_shadowing_leaves_the_channels() -> None:
    """S12: gates, groups and suppressions are said apart: a shadowed member keeps its channels and is not active."""
    assert stances_of(PLAN, {0, 1}, reachable("email"))[1] == (0, ("email",), ())


def test_who_is_suppressed_stays_and_speaks_nowhere() -> None:
    """S12: the member stays, by its name and with the segments that silence it."""
    assert stances_of(PLAN, {1, 3}, reachable("email")) == {1: (ACTIVE, (), (3,))}


def test_suppressions_of_profiles_come_before_consent() -> None:
    """S12: a suppressed profile is spoken to in no channel that the suppression names, or in none at all."""
    beside = reachable("sms", "email")
    beside.hear_suppression("sms", 2_000, silences=True)
    assert stances_of(PLAN, {0}, beside)[0][1] == ("email",)

    beside.hear_suppression(EVERY_CHANNEL, 3_000, silences=True)
    assert stances_of(PLAN, {0}, beside)[0][1] == ()

    beside.hear_suppression("sms", 4_000, silences=False)
    assert stances_of(PLAN, {0}, beside)[0][1] == ("sms",)


@pytest.mark.parametrize(("at_ms", "granted"), [(999, True), (1_000, False), (1_001, False)])
def test_the_newest_word_on_a_consent_counts(at_ms: int, *, granted: bool) -> None:
    """S12: by event time, not by arrival; of two words at one millisecond the one that forbids."""
    beside = reachable("email")

    assert beside.hear_consent("email", at_ms, granted=False) == (at_ms >= 1_000)
    assert beside.has_consent("email") == granted


@pytest.mark.parametrize(("at_ms", "suppressed"), [(999, True), (1_000, True), (1_001, False)])
def test_the_newest_word_on_a_suppression_counts(at_ms: int, *, suppressed: bool) -> None:
    """S12: an end of the suppression counts from its own time on; at the same millisecond the suppression stands."""
    beside = Beside()
    beside.hear_suppression("email", 1_000, silences=True)
    beside.hear_suppression("email", at_ms, silences=False)

    assert beside.is_suppressed("email") == suppressed


def test_an_arm_is_dealt_once() -> None:
    """S21: by customer and salt, at the first entry; whatever is said of shares later, it stays."""
    held = [number for number in range(200) if dealt(f"default/{number}") == "holdout"]

    assert 70 < len(held) < 130
    beside = Beside()
    beside.deal(PLAN.places[2], f"default/{held[0]}")
    beside.deal(Place(2, "held", 1, 2, 0, holdout_ppm=0, salt="x"), f"default/{held[0]}")
    assert beside.arm(PLAN.places[2]) == "holdout"


def dealt(key: str) -> str:
    """Return the arm of the customer *key*."""
    beside = Beside()
    beside.deal(PLAN.places[2], key)
    return beside.arm(PLAN.places[2])


def test_who_is_held_out_is_spoken_to_nowhere() -> None:
    """S12: a member like any other, whose segment speaks in no channel."""
    beside = reachable("email")
    beside.held[2] = True
    assert stances_of(PLAN, {2}, beside)[2] == (ACTIVE, (), ())

    beside.held[2] = False
    assert stances_of(PLAN, {2}, beside)[2] == (ACTIVE, ("email",), ())


def test_state_is_packed_and_unpacked() -> None:
    """What a restart reads is what was written; nothing known is an empty list."""
    beside = reachable("email")
    beside.hear_suppression(EVERY_CHANNEL, 5, silences=True)
    beside.held[2] = True
    beside.said[1], beside.told_ms[1] = (0, ("email",), (3,)), 7
    beside.sequences[1] = 4

    again = unpack_beside(pack_beside(beside))

    assert again is not None
    assert again.pack() == beside.pack()
    assert again.said == beside.said
    assert pack_beside(None) == []
    assert unpack_beside([]) is None
