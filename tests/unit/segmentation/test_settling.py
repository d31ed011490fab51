"""When the engine tells that a membership stands otherwise, and what each transition carries (S12, decision record 10)."""

from __future__ import annotations

import pytest

from streams.segmentation.effects import MOVES, Arbitration, Stance
from streams.segmentation.timeline import HOUR_MS, MINUTE_MS
from streams.testing.driver import SegmentationTestDriver
from streams.testing.shop import SOURCES, catalogue_of, instant

TEN = instant("2026-03-02T10:00")

DEFINITIONS = """
groups:
  JOURNEY: {kind: arbitrated}
segments:
  - id: checkout
    label: C
    group: JOURNEY
    rank: 10
    channels: [sms, email]
    when: {did: Checkout Started, within: 1h}
  - id: cart
    label: C
    group: JOURNEY
    rank: 20
    channels: email
    context: {cart_id: Product Added.cart_id}
    when: {did: Product Added, within: 4h}
  - id: help
    label: H
    suppresses: JOURNEY
    when: {did: Ticket Created, within: 30m}
  - id: buyer
    label: B
    when: {did: Order Completed}
"""

Line = tuple[str, str, int, str]


def shop(definitions: str = DEFINITIONS) -> SegmentationTestDriver:
    """Return the engine over *definitions*, under one watermark."""
    return SegmentationTestDriver(catalogue_of(definitions), sources=SOURCES)


def lines(driver: SegmentationTestDriver) -> list[Line]:
    """Return what was told: kind, segment, minutes since ten, origin."""
    return [
        (t.kind, t.segment_id, (t.occurred_at_ms - TEN) // MINUTE_MS, t.origin) for t in driver.transitions
    ]


def changes(driver: SegmentationTestDriver) -> list[Line]:
    """Return what was told that is no entry and no exit."""
    return [line for line in lines(driver) if line[0] not in MOVES]


def test_the_next_becomes_active_when_the_winner_leaves() -> None:
    """S12: no re-entry, no exit; the loser is told at the winner's own instants, by what moved the winner."""
    driver = shop()
    driver.happen("Product Added", TEN, cart_id="k1")
    driver.happen("Checkout Started", TEN + 10 * MINUTE_MS)
    driver.advance(None, TEN + 2 * HOUR_MS)

    assert lines(driver) == [
        ("entered", "cart", 0, "event"),
        ("entered", "checkout", 10, "event"),
        ("arbitration_changed", "cart", 10, "event"),
        ("exited", "checkout", 70, "timer"),
        ("arbitration_changed", "cart", 70, "timer"),
    ]
    shadowed, active = (t for t in driver.transitions if t.kind == "arbitration_changed")
    assert shadowed.stance == Stance((), (), Arbitration("JOURNEY", 20, False, "checkout"))
    assert active.stance == Stance((), (), Arbitration("JOURNEY", 20, True, None))
    assert (shadowed.sequence, active.sequence) == (1, 2)
    assert (shadowed.entered_at_ms, shadowed.context) == (TEN, {"cart_id": '"k1"'})


@pytest.mark.parametrize(("offset_ms", "told"), [(-1, 1), (0, 2), (1, 2)])
def test_the_end_of_the_shadow_is_to_the_millisecond(offset_ms: int, told: int) -> None:
    """S1, S12: the shadow ends when the winner's window does, not before."""
    driver = shop()
    driver.happen("Product Added", TEN)
    driver.happen("Checkout Started", TEN + 10 * MINUTE_MS)
    driver.advance(None, TEN + 70 * MINUTE_MS + offset_ms)

    assert len(changes(driver)) == told


def test_consent_says_where_a_member_may_be_spoken_to() -> None:
    """S12: each change while a member is told, with the origin consent; outside, and for the same answer, nothing is."""
    driver = shop()
    driver.happen("Email Subscribed", TEN)
    driver.happen("Checkout Started", TEN + MINUTE_MS)
    driver.happen("Consent Updated", TEN + 2 * MINUTE_MS, channel="sms", state="granted")
    driver.happen("Consent Updated", TEN + 3 * MINUTE_MS, channel="sms", state="granted")
    driver.happen("Consent Updated", TEN + 3 * MINUTE_MS, channel="push", state="granted")
    driver.happen("Profile Suppressed", TEN + 4 * MINUTE_MS, channel="email")
    driver.happen("Profile Unsuppressed", TEN + 5 * MINUTE_MS)
    driver.advance(None, TEN + 2 * HOUR_MS)

    assert [(t.kind, t.origin, t.stance.eligible_channels) for t in driver.transitions if t.stance] == [
        ("entered", "event", ("email",)),
        ("eligibility_changed", "consent", ("sms", "email")),
        ("eligibility_changed", "consent", ("sms",)),
        ("eligibility_changed", "consent", ("sms", "email")),
        ("exited", "timer", ()),
    ]


@pytest.mark.parametrize(("offset_ms", "told"), [(-1, 0), (0, 1), (1, 1)])
def test_an_older_word_changes_nothing(offset_ms: int, told: int) -> None:
    """S12, S14: late evidence is corrected like membership: only what changes the present is told."""
    driver = shop()
    driver.happen("Consent Updated", TEN, channel="email", state="granted")
    driver.happen("Checkout Started", TEN + MINUTE_MS)
    driver.happen("Consent Updated", TEN + offset_ms, channel="email", state="denied")

    assert len(changes(driver)) == told


def test_a_late_refusal_is_told_at_the_entry() -> None:
    """S14: what was wrong from the beginning is told no earlier than the membership began; the origin stays consent."""
    driver = shop()
    driver.happen("Email Subscribed", TEN)
    driver.happen("Checkout Started", TEN + 9 * MINUTE_MS)
    driver.happen("Email Unsubscribed", TEN + MINUTE_MS)

    assert changes(driver) == [("eligibility_changed", "checkout", 9, "consent")]


def test_a_suppressed_member_stays() -> None:
    """S12: whoever needs help stays in the journey, silenced by name until the ticket is over."""
    driver = shop()
    driver.happen("Email Subscribed", TEN)
    driver.happen("Product Added", TEN)
    driver.happen("Ticket Created", TEN + 5 * MINUTE_MS)
    driver.happen("Checkout Started", TEN + 10 * MINUTE_MS)
    driver.advance(None, TEN + 40 * MINUTE_MS)

    assert changes(driver) == [
        ("eligibility_changed", "cart", 5, "event"),
        ("arbitration_changed", "cart", 10, "event"),
        ("eligibility_changed", "checkout", 35, "timer"),
        ("eligibility_changed", "cart", 35, "timer"),
    ]
    entered = next(t for t in driver.transitions if t.segment_id == "checkout")
    assert entered.stance == Stance((), ("help",), Arbitration("JOURNEY", 10, True, None))


def test_nothing_stands_beside_other_segments() -> None:
    """What is in no group, speaks nowhere and is suppressed by nobody carries nothing."""
    driver = shop()
    driver.happen("Order Completed", TEN)
    driver.happen("Ticket Created", TEN)

    assert [(t.segment_id, t.stance) for t in driver.transitions] == [("buyer", None), ("help", None)]


def test_a_plan_without_any_of_it_has_none() -> None:
    """Ordinary definitions compile to a plan in which nothing of this runs, and keep nothing of consents."""
    driver = shop("segments: [{id: s, label: S, when: {did: Product Viewed}}]")

    assert driver.partition.plan.stances is None
    assert "beside" not in driver.partition.plan.source
    assert "Consent Updated" not in driver.partition.handlers


def test_a_retracted_winner_was_never_in_the_way() -> None:
    """S13: the loser is active again, not earlier than it was shadowed."""
    driver = shop(
        DEFINITIONS.replace(
            "when: {did: Checkout Started, within: 1h}",
            "when: [{did: Checkout Started, within: 1h}, {did_not: Order Completed, since: Checkout Started}]",
        )
    )
    driver.happen("Product Added", TEN)
    driver.happen("Checkout Started", TEN + 10 * MINUTE_MS)
    driver.advance(None, TEN + 20 * MINUTE_MS)
    driver.happen("Order Completed", TEN + 10 * MINUTE_MS)

    assert [line for line in lines(driver) if line[1] != "buyer"][-3:] == [
        ("arbitration_changed", "cart", 10, "event"),
        ("retracted", "checkout", 10, "late"),
        ("arbitration_changed", "cart", 10, "late"),
    ]


def test_the_memberships_record_says_it_too() -> None:
    """S12: who reads the compacted topic sees who is active and where it may speak."""
    driver = shop()
    driver.happen("Email Subscribed", TEN)
    driver.happen("Product Added", TEN)
    driver.happen("Checkout Started", TEN + MINUTE_MS)
    (changed,) = driver.partition.take_membership_changes()

    assert [(m.segment_id, m.active, m.shadowed_by, m.eligible_channels) for m in changed.memberships] == [
        ("checkout", True, None, ("email",)),
        ("cart", False, "checkout", ("email",)),
    ]


def test_what_was_told_is_part_of_the_state() -> None:
    """S8: a roll back and a restart go on where the last commit stood: nothing is told twice, nothing is left out."""
    driver, once = shop(), shop()
    for one in (driver, once):
        one.happen("Product Added", TEN, event_id="a")
        one.happen("Checkout Started", TEN + 10 * MINUTE_MS, event_id="c")
    driver.restart()
    driver.happen("Email Subscribed", TEN + 20 * MINUTE_MS, event_id="e")
    driver.partition.rollback()
    del driver.transitions[-2:]
    for one in (driver, once):
        one.happen("Email Subscribed", TEN + 20 * MINUTE_MS, event_id="e")
        one.advance(None, TEN + 5 * HOUR_MS)

    assert driver.transitions == once.transitions
    assert driver.commit() == once.commit()


def test_ids_of_memberships_do_not_change() -> None:
    """S17: what changes no membership is counted apart, so that entries and exits keep their ids and sequences."""
    bare = DEFINITIONS.replace("    channels: [sms, email]\n", "").replace("    suppresses: JOURNEY\n", "")
    told = []
    for definitions in (DEFINITIONS, bare.replace("    group: JOURNEY\n", "")):
        driver = shop(definitions)
        driver.happen("Product Added", TEN, event_id="a")
        driver.happen("Checkout Started", TEN + 10 * MINUTE_MS, event_id="c")
        driver.happen("Ticket Created", TEN + 20 * MINUTE_MS, event_id="t")
        driver.advance(None, TEN + 5 * HOUR_MS)
        told.append([(t.transition_id, t.sequence) for t in driver.transitions if t.kind in MOVES])

    assert told[0] == told[1]


def test_the_arm_is_carried() -> None:
    """S12, S21: entry and exit name the arm; who is held out is a member that is spoken to nowhere."""
    driver = shop(
        "segments: [{id: s, label: S, when: {did: Product Viewed, within: 1h}, channels: email, "
        "holdout: {share: 50%, salt: x}}]"
    )
    arms: dict[str, str] = {}
    for number in range(20):
        name = f"c{number}"
        driver.happen("Email Subscribed", TEN, name)
        driver.happen("Product Viewed", TEN, name)
    driver.advance(None, TEN + 2 * HOUR_MS)
    for t in driver.transitions:
        assert t.stance is not None
        assert arms.setdefault(t.customer_id, t.stance.arm) == t.stance.arm
        assert t.stance.eligible_channels == (
            ("email",) if (t.kind, t.stance.arm) == ("entered", "treatment") else ()
        )

    assert set(arms.values()) == {"holdout", "treatment"}
