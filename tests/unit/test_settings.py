"""Settings: where they come from, what is refused, and what is never shown."""

from __future__ import annotations

import dataclasses

import pytest

from streams.errors import SettingsError
from streams.settings import KNOBS, InputTopic, Settings, parse_duration_ms, parse_inputs


class TestDurations:
    """`parse_duration_ms`."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("100ms", 100),
            ("1.5s", 1_500),
            ("2h", 7_200_000),
            ("5m", 300_000),
            ("1d", 86_400_000),
            ("250", 250),
        ],
    )
    def test_units(self, text: str, expected: int) -> None:
        """Every unit is read; a bare number is milliseconds."""
        assert parse_duration_ms(text) == expected

    @pytest.mark.parametrize("text", ["", "fast", "5 weeks", "-1s", "0.5ms"])
    def test_what_is_no_duration(self, text: str) -> None:
        """Anything else is refused."""
        with pytest.raises(ValueError, match="expected"):
            parse_duration_ms(text)


class TestInputs:
    """`parse_inputs`."""

    def test_topics_sources_and_formats(self) -> None:
        """Sources are joined by commas, topics by semicolons; the format follows a colon."""
        assert parse_inputs("customers.orders=orders:avro; customers.behaviour=behaviour,engagement") == (
            InputTopic("customers.orders", ("orders",), "avro"),
            InputTopic("customers.behaviour", ("behaviour", "engagement"), "json"),
        )

    @pytest.mark.parametrize("text", ["customers.events", "customers.events=*"])
    def test_all_sources(self, text: str) -> None:
        """A topic without sources, or with a star, carries all of them."""
        assert parse_inputs(text) == (InputTopic("customers.events", ("*",), "json"),)

    @pytest.mark.parametrize("text", ["", ";", "=orders", "a=orders:xml", "a=orders;a=behaviour"])
    def test_what_is_refused(self, text: str) -> None:
        """Nothing, a missing name, an unknown format and a topic twice are refused."""
        with pytest.raises(ValueError, match=r"expected|format|twice"):
            parse_inputs(text)


class TestLoad:
    """`Settings.load`."""

    def test_defaults(self) -> None:
        """Without any variable every knob has its documented default."""
        settings = Settings.load({})

        assert settings.commit_interval_ms == 100
        assert settings.max_clock_skew_ms == 300_000
        assert settings.changelog_topic == "segment-streams.changelog"
        assert settings.input_topics == ("customers.events",)

    def test_every_field_is_a_documented_knob(self) -> None:
        """There is no hidden setting, and every knob says its range and why it exists."""
        names = {field.name for field in dataclasses.fields(Settings)} - {"kafka_options"}

        assert {knob.name for knob in KNOBS} == names
        assert all(knob.range and knob.why for knob in KNOBS)
        assert all(knob.unit == "ms" for knob in KNOBS if knob.name.endswith("_ms"))

    def test_variables_and_overrides(self) -> None:
        """A variable replaces the default, an explicit override both; other variables are nobody's business."""
        environ = {"STREAMS_COMMIT_INTERVAL_MS": "1s", "STREAMS_ATTEMPTS": "7", "HOME": "/root"}
        settings = Settings.load(environ, attempts=3, inputs="a=orders")

        assert settings.commit_interval_ms == 1_000
        assert settings.attempts == 3
        assert settings.inputs == (InputTopic("a", ("orders",), "json"),)

    def test_an_empty_variable_is_an_unset_one(self) -> None:
        """Compose files pass unset variables as empty ones."""
        assert Settings.load({"STREAMS_INSTANCE_ID": ""}).instance_id == ""

    def test_the_changelog_follows_the_application_id(self) -> None:
        """Two applications on the same inputs never share a changelog."""
        assert Settings.load({"STREAMS_APPLICATION_ID": "shop-a"}).changelog_topic == "shop-a.changelog"

    def test_sources_have_their_own_out_of_orderness(self) -> None:
        """A source that is not named has the default."""
        settings = Settings.load({"STREAMS_OUT_OF_ORDERNESS_BY_SOURCE_MS": "orders=5m, support=1h"})

        assert settings.out_of_orderness_of_ms("orders") == 300_000
        assert settings.out_of_orderness_of_ms("support") == 3_600_000
        assert settings.out_of_orderness_of_ms("behaviour") == settings.out_of_orderness_ms

    def test_client_options_pass_through(self) -> None:
        """STREAMS_KAFKA_ and an option's name with underscores is that option of librdkafka."""
        settings = Settings.load({"STREAMS_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"})

        assert settings.kafka_options == {"security.protocol": "SASL_SSL"}

    def test_an_unknown_variable_names_the_nearest(self) -> None:
        """A misspelt setting must not silently be the default."""
        with pytest.raises(SettingsError, match="unknown setting STREAMS_COMIT_INTERVAL_MS") as caught:
            Settings.load({"STREAMS_COMIT_INTERVAL_MS": "1s"})

        assert caught.value.hint == "did you mean STREAMS_COMMIT_INTERVAL_MS?"

    def test_an_unknown_override_names_the_nearest(self) -> None:
        """The same holds for arguments."""
        with pytest.raises(SettingsError, match="unknown setting comit_interval_ms"):
            Settings.load({}, comit_interval_ms=5)

    @pytest.mark.parametrize(
        ("variable", "text", "expected"),
        [
            ("STREAMS_CLOCK", "wal", "did you mean wall"),
            ("STREAMS_COMMIT_INTERVAL_MS", "soon", "expected a duration"),
            ("STREAMS_IDLE_AFTER_MS", "0ms", "above zero"),
            ("STREAMS_ATTEMPTS", "0", "from 1 to 100"),
            ("STREAMS_MEMBERSHIPS", "perhaps", "true or false"),
            ("STREAMS_INPUTS", "a=b:csv", "the format of a is"),
            ("STREAMS_APPLICATION_ID", "my shop", "letters, digits"),
        ],
    )
    def test_a_malformed_value_says_what_was_expected(self, variable: str, text: str, expected: str) -> None:
        """The message names the variable and what it takes; the hint says what it is for and its default."""
        with pytest.raises(SettingsError, match=expected) as caught:
            Settings.load({variable: text})

        assert caught.value.message.startswith(variable)
        assert "default" in caught.value.hint

    @pytest.mark.parametrize(
        ("overrides", "expected"),
        [
            ({"transaction_timeout_ms": 10_000}, "transaction_timeout_ms .* below session_timeout_ms"),
            ({"patience_ms": 8_000}, "patience_ms .* below transaction_timeout_ms"),
            ({"session_timeout_ms": 120_000}, "session_timeout_ms .* below max_poll_interval_ms"),
            ({"batch_records_max": 5_000}, "batch_records_max .* at most records_in_flight_max"),
            ({"commit_interval_ms": 1_001}, "commit_interval_ms .* at most catchup_commit_interval_ms"),
            ({"transitions_topic": "customers.events"}, "transitions_topic is also an input"),
        ],
    )
    def test_contradictions_are_refused(self, overrides: dict[str, object], expected: str) -> None:
        """Settings that break a promise together are refused at the start."""
        with pytest.raises(SettingsError, match=expected):
            Settings.load({}, **overrides)


class TestSecrets:
    """What `repr` and `public` show."""

    def test_secrets_are_redacted(self) -> None:
        """Passwords, keys and credentials in URLs never appear; harmless options do."""
        settings = Settings.load(
            {
                "STREAMS_KAFKA_SASL_PASSWORD": "hunter2",
                "STREAMS_KAFKA_SSL_KEY_PEM": "-----BEGIN",
                "STREAMS_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
                "STREAMS_SCHEMA_REGISTRY_URL": "https://me:swordfish@registry",
            }
        )

        assert not {"hunter2", "BEGIN", "swordfish"} & set(repr(settings).replace("'", " ").split())
        assert "hunter2" not in repr(settings)
        assert "swordfish" not in str(settings)
        assert "BEGIN" not in repr(settings)
        assert settings.public()["kafka_options"]["security.protocol"] == "SASL_SSL"
