"""What was said last: the newest event, traits, consents, scores."""

from __future__ import annotations

from typing import Any

import pytest

from streams.testing.questions import Question
from streams.testing.shop import instant

DAY = "2026-03-02"


def test_the_newest_event_is_tested_while_its_age_is_in_the_range() -> None:
    """An older one that would pass does not count; the window ends at its millisecond."""
    asked = Question("{last: Product Viewed, within: 2h, where: {category: shoes}}")
    asked.tell("Product Viewed", f"{DAY} 10:00", category="shoes")

    assert asked.around(f"{DAY} 12:00") == ["true", "false", "false"]
    assert asked.changes(f"{DAY} 10:00") == "2026-03-02T12:00:00.000Z"
    assert asked.values(f"{DAY} 11:00") == ["shoes"]
    asked.tell("Product Viewed", f"{DAY} 10:30", category="hats")
    assert asked.around(f"{DAY} 10:30") == ["true", "false", "false"]
    assert asked.changes(f"{DAY} 11:00") == "never"


def test_among_selects_whose_newest_is_tested() -> None:
    """Events that do not pass are not looked at."""
    asked = Question("{last: Product Viewed, among: {brand: x}, where: {price: {above: 5}}}")
    asked.tell("Product Viewed", f"{DAY} 10:00", brand="x", price="5.01")
    asked.tell("Product Viewed", f"{DAY} 11:00", brand="y", price=1)

    assert asked.at(f"{DAY} 12:00") == "true"


def test_at_one_millisecond_any_may_pass() -> None:
    """Of several newest events it does not matter which came first."""
    for brands in (("x", "y"), ("y", "x")):
        asked = Question("{last: Product Viewed, where: {brand: x}}")
        for brand in brands:
            asked.tell("Product Viewed", f"{DAY} 10:00", brand=brand)
        assert asked.around(f"{DAY} 10:00") == ["false", "true", "true"]


def test_what_was_true_is_answered_for_past_instants() -> None:
    """The journals answer as of any instant they retain."""
    asked = Question("{trait: country, is: DE}")
    asked.tell("identify", f"{DAY} 10:00", country="DE").tell("identify", f"{DAY} 11:00", country="AT")
    asked.tell("identify", f"{DAY} 12:00", first_name="Ann")

    assert [asked.at(f"{DAY} {at}") for at in ("09:59", "10:00", "10:59", "11:00", "12:00")] == [
        "false", "true", "true", "false", "false",
    ]  # fmt: skip
    assert asked.changes(f"{DAY} 10:00") == "never"


@pytest.mark.parametrize(
    ("trait", "said", "truth"),
    [
        ("{trait: country, not: DE}", {}, "true"),
        ("{trait: country, exists: false}", {}, "true"),
        ("{trait: country, exists: true}", {"country": "DE"}, "true"),
        ("{trait: country, in: [DE, AT]}", {"country": "AT"}, "true"),
        ("{trait: points, at_least: 100}", {"points": "100"}, "true"),
        ("{trait: points, at_least: 100}", {"points": "many"}, "false"),
        ("{trait: tags, has: wholesale}", {"tags": ["new", "wholesale"]}, "true"),
        ("{trait: tags, has: whole}", {"tags": ["new", "wholesale"]}, "false"),
        ("{trait: email, contains: [example.com, example.org]}", {"email": "Ann@Example.org"}, "true"),
        ("{trait: tax_exempt, is: true}", {"tax_exempt": "TRUE"}, "true"),
    ],
)
def test_traits(trait: str, said: dict[str, Any], truth: str) -> None:
    """Every test of a property is a test of a trait; what nobody said is missing."""
    asked = Question(trait).tell("identify", f"{DAY} 10:00", **said)

    assert asked.at(f"{DAY} 10:00") == truth


def test_a_fact_says_which_events_carry_traits() -> None:
    """The newest by event time counts, whichever event said it."""
    more = "facts: {traits: {events: [identify, Signed Up]}}"
    asked = Question("{trait: country, is: DE}", more)
    asked.tell("identify", f"{DAY} 10:00", country="AT").tell("Signed Up", f"{DAY} 11:00", country="DE")

    assert asked.around(f"{DAY} 11:00") == ["false", "true", "true"]


def test_consent_is_what_was_said_last_for_the_channel() -> None:
    """Email consent is never SMS consent; a subscription grants, an unsubscription denies."""
    asked = Question("{consent: email}")
    asked.tell("SMS Subscribed", f"{DAY} 09:00").tell("Email Subscribed", f"{DAY} 10:00")
    asked.tell("Consent Updated", f"{DAY} 11:00", channel="email", state="denied")
    asked.tell("Consent Updated", f"{DAY} 11:30", channel="sms", state="granted")
    asked.tell("Email Subscribed", f"{DAY} 12:00").tell("Email Unsubscribed", f"{DAY} 12:00")

    assert asked.around(f"{DAY} 10:00") == ["false", "true", "true"]
    assert asked.around(f"{DAY} 11:00") == ["true", "false", "false"]
    assert asked.around(f"{DAY} 12:00") == ["false", "false", "false"]
    assert asked.values(f"{DAY} 11:00") == ["denied"]


def test_consent_for_a_purpose() -> None:
    """Only what was said for the purpose counts; subscriptions are about marketing."""
    asked = Question("{consent: email, purpose: analytics, is: unknown}")
    asked.tell("Email Subscribed", f"{DAY} 10:00")
    asked.tell("Consent Updated", f"{DAY} 11:00", channel="email", purpose="marketing", state="granted")

    assert asked.at(f"{DAY} 12:00") == "true"
    asked.tell("Consent Updated", f"{DAY} 12:00", channel="email", purpose="analytics", state="granted")
    assert asked.at(f"{DAY} 12:00") == "false"


def test_scores_count_with_their_confidence() -> None:
    """The newest score of the name decides; one without confidence is not sure."""
    asked = Question("{score: churn, at_least: 0.7, confidence: 0.6, within: 30d}")
    asked.tell("External Score Updated", f"{DAY} 10:00", score_name="churn", value=0.7, confidence=0.6)
    asked.tell("External Score Updated", f"{DAY} 11:00", score_name="clv", value=0.1, confidence=0.9)

    assert asked.at(f"{DAY} 12:00") == "true"
    assert asked.around("2026-04-01 10:00") == ["true", "false", "false"]
    asked.tell("External Score Updated", f"{DAY} 13:00", score_name="churn", value=0.9)
    assert asked.around(f"{DAY} 13:00") == ["true", "false", "false"]


@pytest.mark.parametrize("when", ["{trait: country, not: DE}", "{consent: email, is: unknown}"])
def test_what_was_never_said_is_unknown_where_nobody_watched(when: str) -> None:
    """S10: before anything was said, somebody may have said it earlier; afterwards the newest word counts."""
    asked = Question(when, watched_since_ms=instant(f"{DAY} 00:00"))
    asked.tell("identify", f"{DAY} 10:00").tell("Consent Updated", f"{DAY} 10:00")

    assert asked.at(f"{DAY} 10:00") == "unknown"
    asked.tell("identify", f"{DAY} 11:00", country="AT")
    asked.tell("Consent Updated", f"{DAY} 11:00", channel="email", state="unknown")
    assert asked.around(f"{DAY} 11:00") == ["unknown", "true", "true"]
