"""The options of each handle: what exactly once needs is fixed, what the operator gives passes through."""

from __future__ import annotations

from typing import Any

import pytest

from streams.errors import SettingsError
from streams.runtime.client_options import ClientOptions, redacted


def options(**changes: Any) -> ClientOptions:
    """Make options with *changes*."""
    return ClientOptions(
        **{
            "bootstrap": "broker:9092",
            "application_id": "shop",
            "instance_id": "one",
            "inputs": ("a", "b"),
            "changelog": "shop.changelog",
            **changes,
        }
    )


def test_the_main_consumer_reads_committed_and_never_commits_by_itself() -> None:
    """Offsets go with transactions only; an offset out of range is an error; the end of a log is told."""
    made = options().main_consumer()

    assert made["isolation.level"] == "read_committed"
    assert made["enable.auto.commit"] is False
    assert made["auto.offset.reset"] == "error"
    assert made["enable.partition.eof"] is True
    assert made["check.crcs"] is True
    assert made["partition.assignment.strategy"] == "range"
    assert made["group.id"] == "shop"


def test_the_transactional_id_is_stable_and_the_workers_own() -> None:
    """A restart with the same instance id fences its predecessor."""
    assert options().producer()["transactional.id"] == "shop-one"
    assert options(instance_id="two").producer()["transactional.id"] == "shop-two"


def test_static_membership_is_a_choice() -> None:
    """Only with it the consumer joins under the instance id."""
    assert "group.instance.id" not in options().main_consumer()
    assert options(static_membership=True).main_consumer()["group.instance.id"] == "one"


def test_security_options_reach_every_handle() -> None:
    """TLS and SASL must hold for the consumer, the producer, restores and the admin client alike."""
    made = options(extra={"security.protocol": "SASL_SSL", "sasl.password": "hunter2"})

    for handle in (made.common(), made.reader(committed=True), made.main_consumer(), made.producer()):
        assert handle["security.protocol"] == "SASL_SSL"
        assert handle["sasl.password"] == "hunter2"


def test_options_of_one_kind_stay_with_it() -> None:
    """A consumer warns about a producer's option, and the other way round."""
    made = options(extra={"linger.ms": "50", "fetch.wait.max.ms": "5"})

    assert made.producer()["linger.ms"] == "50"
    assert "linger.ms" not in made.main_consumer()
    assert made.main_consumer()["fetch.wait.max.ms"] == "5"
    assert "fetch.wait.max.ms" not in made.producer()


@pytest.mark.parametrize(
    "name", ["enable.auto.commit", "isolation.level", "transactional.id", "auto.offset.reset", "check.crcs"]
)
def test_what_exactly_once_rests_on_cannot_be_changed(name: str) -> None:
    """The error names the option."""
    with pytest.raises(SettingsError, match=name):
        options(extra={name: "x"})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"transaction_timeout_ms": 10_000, "session_timeout_ms": 10_000}, "transaction_timeout_ms"),
        ({"session_timeout_ms": 120_000}, "session_timeout_ms"),
    ],
)
def test_timeouts_must_be_in_order(changes: dict[str, int], expected: str) -> None:
    """Transaction before session before poll interval."""
    with pytest.raises(SettingsError, match=expected):
        options(**changes)


def test_secrets_are_neither_in_the_repr_nor_in_the_redacted_copy() -> None:
    """Passwords, private keys and tokens are starred; the rest can be read."""
    extra = {"sasl.password": "hunter2", "ssl.key.pem": "-----BEGIN", "sasl.username": "bob"}

    assert "hunter2" not in repr(options(extra=extra))
    assert redacted(extra) == {"sasl.password": "***", "ssl.key.pem": "***", "sasl.username": "bob"}
