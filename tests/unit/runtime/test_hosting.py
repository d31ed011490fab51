"""From settings to the Faust application, without a broker."""

from __future__ import annotations

from typing import Any

import pytest

from streams.errors import SettingsError
from streams.runtime.hosting import client_options_from, create_app, limits_from
from streams.settings import Settings


def test_every_limit_follows_its_setting() -> None:
    """What the operator sets is what bounds the cycle."""
    settings = Settings.load(
        {},
        commit_interval_ms=11,
        catchup_commit_interval_ms=12,
        merge_wait_ms=13,
        patience_ms=14,
        attempts=15,
        on_poison="fail",
        held_records_max=16,
    )
    limits = limits_from(settings)

    assert (limits.commit_interval_ms, limits.catchup_interval_ms, limits.merge_wait_ms) == (11, 12, 13)
    assert (limits.patience_ms, limits.attempts, limits.on_poison, limits.held_records_max) == (
        14,
        15,
        "fail",
        16,
    )


def test_client_options_follow_the_settings() -> None:
    """Time-outs, names and pass-through options reach the client."""
    settings = Settings.load(
        {"STREAMS_KAFKA_SECURITY_PROTOCOL": "SSL"},
        application_id="shop",
        inputs="a=*;b=*",
        session_timeout_ms=9_000,
    )
    options = client_options_from(settings, "one")

    assert options.inputs == ("a", "b")
    assert options.changelog == "shop.changelog"
    assert options.main_consumer()["session.timeout.ms"] == 9_000
    assert options.producer()["security.protocol"] == "SSL"


def test_a_forbidden_client_option_is_told_before_the_start(make_state: Any) -> None:
    """Not when the worker has already joined the group."""
    settings = Settings.load({"STREAMS_KAFKA_ENABLE_AUTO_COMMIT": "true"})

    with pytest.raises(SettingsError, match=r"enable\.auto\.commit"):
        create_app(settings, make_state, lambda batch, state: None)


def test_it_is_a_faust_application_with_one_agent_and_no_web_server(make_state: Any) -> None:
    """Faust's own tools find the agent and its topics; nothing listens."""
    app = create_app(
        Settings.load({}, application_id="shop", inputs="a=*;b=*"), make_state, lambda batch, state: None
    )
    (agent,) = app.agents.values()

    assert app.conf.id == "shop"
    assert set(agent.channel.topics) == {"a", "b"}
    assert list(app.BootStrategy(app).web_server()) == []


def test_nothing_can_be_sent_beside_the_transaction(make_state: Any) -> None:
    """Faust's producer refuses: what it sent would not be exactly once."""
    app = create_app(Settings.load({}), make_state, lambda batch, state: None)

    with pytest.raises(AssertionError, match=r"batch\.out"):
        app.producer.send("topic", None, None, None, None, None).send(None)
