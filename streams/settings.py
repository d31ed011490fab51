"""Every knob of the worker: one frozen object, read once from the environment at the composition root.

Each knob is one entry of `KNOBS`: its variable is `STREAMS_` and its name in capitals. Durations are written
`100ms`, `5s`, `2h`, `1d` or as a bare number of milliseconds. Options of librdkafka pass through as `STREAMS_KAFKA_`
and the option's name with underscores (`STREAMS_KAFKA_SECURITY_PROTOCOL` is `security.protocol`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal, get_args

from streams.errors import SettingsError

Format = Literal["json", "compact", "avro"]
"""How input values are written: Segment-spec JSON, compact JSON (`streams.codecs.customer_events`), Avro."""

OutputFormat = Literal["avro", "json"]
Clock = Literal["wall", "event"]
Coverage = Literal["complete", "since"]
OnPoison = Literal["dead_letter", "fail"]
ALL_SOURCES = "*"
PREFIX = "STREAMS_"
KAFKA_PREFIX = "STREAMS_KAFKA_"
NOT_SETTINGS = frozenset({"STREAMS_TEST_BOOTSTRAP", "STREAMS_FAILPOINT"})
"""Variables of that prefix that belong to the test suite."""

SECRET_WORDS = re.compile(
    r"password|secret|token|jaas|\.key\.pem|ssl\.key$|oauthbearer\.config|://[^/@\s]*@", re.IGNORECASE
)
SECRETS = frozenset({"schema_registry_password", "schema_registry_token"})
"""Settings whose values are never shown."""

_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)?")


@dataclass(frozen=True, slots=True)
class InputTopic:
    """One input topic.

    Attributes:
        topic: its name.
        sources: the sources whose events it carries; `*` alone: all.
        format: how its values are written.
    """

    topic: str
    sources: tuple[str, ...] = (ALL_SOURCES,)
    format: Format = "json"


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting, for the parser and for the documentation.

    Attributes:
        name: field of `Settings`; the variable is STREAMS_ and this in capitals.
        default: value when nothing is set.
        parse: from the variable's text; raises ValueError saying what was expected.
        unit: of the value; empty for words.
        range: what is allowed, in words.
        why: what it changes.
    """

    name: str
    default: Any
    parse: Callable[[str], Any]
    unit: str
    range: str
    why: str

    @property
    def variable(self) -> str:
        """Name of the environment variable."""
        return PREFIX + self.name.upper()


def parse_duration_ms(text: str) -> int:
    """Read `100ms`, `1.5s`, `2h` or a bare number of milliseconds.

    Raises:
        ValueError: it is none of these, or no whole number of milliseconds.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError("expected a duration such as 100ms, 5s, 2h or 1d")
    milliseconds = float(match[1]) * _UNITS_MS[match[2] or "ms"]
    if milliseconds != int(milliseconds):
        raise ValueError("expected a whole number of milliseconds")
    return int(milliseconds)


def parse_inputs(text: str) -> tuple[InputTopic, ...]:
    """Read `topic=source,source:format;topic=...`; sources default to `*`, the format to json.

    Raises:
        ValueError: a part is malformed, or a topic stands twice.
    """
    inputs = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        topic, _, rest = part.partition("=")
        names, _, form = rest.partition(":")
        sources = tuple(name.strip() for name in names.split(",") if name.strip()) or (ALL_SOURCES,)
        form = form.strip() or "json"
        if form not in get_args(Format):
            raise ValueError(f"the format of {topic.strip()} is json, compact or avro, not {form!r}")
        if not topic.strip():
            raise ValueError("expected topic=source,source:format, joined by semicolons")
        inputs.append(InputTopic(topic.strip(), sources, form))  # type: ignore[arg-type]
    if not inputs:
        raise ValueError("expected at least one topic, such as customers.events=*")
    if len({entry.topic for entry in inputs}) != len(inputs):
        raise ValueError("a topic stands twice; give it all its sources once")
    return tuple(inputs)


def _durations_by_source(text: str) -> Mapping[str, int]:
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        source, equals, duration = part.partition("=")
        if not equals:
            raise ValueError("expected source=duration, joined by commas, such as orders=5m")
        found[source.strip()] = parse_duration_ms(duration)
    return MappingProxyType(found)


def _positive_ms(text: str) -> int:
    value = parse_duration_ms(text)
    if value <= 0:
        raise ValueError("expected a duration above zero")
    return value


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d+", text.strip()) or not low <= int(text) <= high:
            raise ValueError(f"expected a whole number from {low} to {high}")
        return int(text)

    return parse


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.strip() not in words:
            near = difflib.get_close_matches(text.strip(), words, 1)
            raise ValueError(
                f"expected {' or '.join(words)}" + (f"; did you mean {near[0]}?" if near else "")
            )
        return text.strip()

    return parse


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise ValueError("expected true or false")


def _topic(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", text.strip()):
        raise ValueError("expected a name of letters, digits, dot, dash and underscore, at most 249 long")
    return text.strip()


def _text(text: str) -> str:
    if not text.strip():
        raise ValueError("expected something, not an empty value")
    return text.strip()


_ANY_MS = "0ms or more"
_SOME_MS = "above 0ms"
KNOBS: tuple[Knob, ...] = (
    Knob("application_id", "segment-streams", _topic, "", "a topic name", "the consumer group, the changelog's name and the transactional id's prefix: all workers of one application share it"),
    Knob("bootstrap", "127.0.0.1:9092", _text, "", "host:port, joined by commas", "the Kafka brokers to ask first"),
    Knob("instance_id", "", _topic, "", "a topic name; empty: host name and a free number", "stable name of this worker: a restart with it fences the killed predecessor at once"),
    Knob("processes", 1, _integer(1, 64), "", "1 to 64", "processes of this worker, to use as many cores; each serves metrics at a port of its own, from metrics_port on"),
    Knob("inputs", (InputTopic("customers.events"),), parse_inputs, "", "topic=source,source:format;...", "the input topics, the sources each carries (* = all) and how values are written (json, compact, avro)"),
    Knob("transitions_topic", "segments.transitions", _topic, "", "a topic name", "where entered, exited and retracted go"),
    Knob("memberships_topic", "segments.memberships", _topic, "", "a topic name", "the compacted topic of current memberships"),
    Knob("dead_letter_topic", "customers.events.dead-letter", _topic, "", "a topic name", "where records go that cannot be used, with the reason"),
    Knob("changelog_topic", "", _topic, "", "a topic name; empty: <application id>.changelog", "the compacted topic that restores the state"),
    Knob("create_changelog", True, _boolean, "", "true or false", "create a missing changelog at the start"),
    Knob("output_format", "avro", _one_of("avro", "json"), "", "avro or json", "how transitions and memberships are written"),
    Knob("clauses", True, _boolean, "", "true or false", "write into each transition the definition's clauses with their values; off, a transition costs about 7 µs less"),
    Knob("memberships", True, _boolean, "", "true or false", "write the memberships topic"),
    Knob("schema_registry_url", "", _text, "", "a URL; empty: schemas from files", "the Confluent-compatible registry for Avro"),
    Knob("schema_registry_user", "", _text, "", "a name; needs a password", "whom the schema registry knows us as (basic authentication)"),
    Knob("schema_registry_password", "", _text, "", "a secret", "the password of that user"),
    Knob("schema_registry_password_file", "", _text, "", "a file", "where the password stands, instead of the variable"),
    Knob("schema_registry_token", "", _text, "", "a secret; instead of a user", "the bearer token for the schema registry"),
    Knob("schema_registry_token_file", "", _text, "", "a file", "where the token stands, instead of the variable"),
    Knob("schema_registry_ca_file", "", _text, "", "a PEM file or folder; empty: the usual ones", "the authorities that may have signed the schema registry's certificate"),
    Knob("schema_registry_certificate_file", "", _text, "", "a PEM file", "our certificate for the schema registry (mTLS)"),
    Knob("schema_registry_key_file", "", _text, "", "a PEM file; empty: in the certificate's", "the key of that certificate"),
    Knob("schema_registry_timeout_ms", 2_000, _positive_ms, "ms", "so that two of them fit into patience_ms", "longest wait for one answer of the schema registry, which is asked twice"),
    Knob("schema_registry_compatibility", "BACKWARD", _one_of("BACKWARD", "BACKWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"), "", "BACKWARD, BACKWARD_TRANSITIVE, FULL or FULL_TRANSITIVE", "the mode given to a subject that has none, or one that lets readers break"),
    Knob("schema_dir", "", _text, "", "a folder; empty: the shipped schemas", "where Avro schemas lie when there is no registry"),
    Knob("catalogue_dir", "", _text, "", "a folder; empty: the built-in catalogue", "the segment definitions"),
    Knob("clock", "wall", _one_of("wall", "event"), "", "wall or event", "what moves the watermark of an idle source: the wall clock, or the other sources (replays)"),
    Knob("coverage", "since", _one_of("complete", "since"), "", "complete or since", "complete: what was not seen did not happen; since: history begins with the first record read"),
    Knob("out_of_orderness_ms", 5_000, parse_duration_ms, "ms", _ANY_MS, "how far back in time events may arrive without being late"),
    Knob("out_of_orderness_by_source_ms", MappingProxyType({}), _durations_by_source, "ms", "source=duration,...", "the same for single sources"),
    Knob("idle_after_ms", 1_000, _positive_ms, "ms", _SOME_MS, "a source that is read to its end this long no longer holds time back"),
    Knob("max_clock_skew_ms", 300_000, _positive_ms, "ms", _SOME_MS, "an event further ahead than this is a dead letter"),
    Knob("merge_wait_ms", 50, _positive_ms, "ms", _SOME_MS, "how long records of one topic wait for another topic that is not read to its end"),
    Knob("catchup_after_ms", 60_000, _positive_ms, "ms", _SOME_MS, "a timer fired this much later than possible has origin catchup"),
    Knob("commit_interval_ms", 100, _positive_ms, "ms", _SOME_MS, "longest time outputs wait for their transaction near the log's end; shorter: less latency, more commits"),
    Knob("catchup_commit_interval_ms", 1_000, _positive_ms, "ms", "at least commit_interval_ms", "the same when far behind"),
    Knob("catchup_lag", 50_000, _integer(0, 10**12), "records", "0 or more", "so many records behind is far behind"),
    Knob("tick_interval_ms", 250, _positive_ms, "ms", _SOME_MS, "how often time is looked at in a quiet partition"),
    Knob("transaction_timeout_ms", 8_000, _positive_ms, "ms", "below session_timeout_ms", "after it the broker aborts a dead worker's transaction; until then read_committed readers wait"),
    Knob("session_timeout_ms", 10_000, _positive_ms, "ms", "above transaction_timeout_ms", "after it a silent worker's partitions move to others"),
    Knob("max_poll_interval_ms", 120_000, _positive_ms, "ms", "above session_timeout_ms", "after it a worker whose thread does not come back loses its partitions"),
    Knob("static_membership", False, _boolean, "", "true or false", "a restart keeps its partitions without a rebalance; a clean stop is then noticed only after session_timeout_ms"),
    Knob("patience_ms", 5_000, _positive_ms, "ms", "below transaction_timeout_ms", "longest time one batch may be worked on before it is given up and taken apart"),
    Knob("batch_records_max", 1_000, _integer(1, 100_000), "records", "1 to 100000", "largest batch: larger is faster, smaller reacts sooner"),
    Knob("records_in_flight_max", 4_000, _integer(1, 1_000_000), "records", "at least batch_records_max", "records delivered and not yet processed"),
    Knob("held_records_max", 5_000, _integer(1, 1_000_000), "records", "1 or more", "records kept for a topic that waits for another, before its fetching pauses"),
    Knob("outputs_max", 50_000, _integer(1, 900_000), "records", "1 to 900000", "outputs after which a transaction is committed at once"),
    Knob("attempts", 5, _integer(1, 100), "", "1 to 100", "failures of the same work before the guilty record is searched"),
    Knob("on_poison", "dead_letter", _one_of("dead_letter", "fail"), "", "dead_letter or fail", "what happens to a record that fails alone: dead-letter it, or stop the worker"),
    Knob("restore_threads", 2, _integer(1, 64), "", "1 to 64", "partitions restored at the same time"),
    Knob("log_format", "console", _one_of("console", "json"), "", "console or json", "how log lines are written: for people, or one JSON object a line"),
    Knob("log_level", "info", _one_of("debug", "info", "warn", "error"), "", "debug, info, warn or error", "the least of what is logged: error: somebody must act; warn: it mends itself; info: the state has changed"),
    Knob("metrics_host", "127.0.0.1", _text, "", "an address", "where the metrics are served; 0.0.0.0 shows them to the network"),
    Knob("metrics_port", 9464, _integer(0, 65_535), "", "0 to 65535; 0: none", "the port of the metrics"),
)  # fmt: skip
_ORDER = (
    ("patience_ms", "below", "transaction_timeout_ms"),
    ("transaction_timeout_ms", "below", "session_timeout_ms"),
    ("session_timeout_ms", "below", "max_poll_interval_ms"),
    ("commit_interval_ms", "at most", "catchup_commit_interval_ms"),
    ("batch_records_max", "at most", "records_in_flight_max"),
    ("commit_interval_ms", "below", "transaction_timeout_ms"),
)
"""Settings that bound each other."""
_BY_NAME = {knob.name: knob for knob in KNOBS}
_BY_VARIABLE = {knob.variable: knob for knob in KNOBS}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings:
    """All knobs; `KNOBS` says what each means. Made by `Settings.load`."""

    application_id: str
    bootstrap: str
    instance_id: str
    processes: int
    inputs: tuple[InputTopic, ...]
    transitions_topic: str
    memberships_topic: str
    dead_letter_topic: str
    changelog_topic: str
    create_changelog: bool
    output_format: OutputFormat
    clauses: bool
    memberships: bool
    schema_registry_url: str
    schema_registry_user: str
    schema_registry_password: str
    schema_registry_password_file: str
    schema_registry_token: str
    schema_registry_token_file: str
    schema_registry_ca_file: str
    schema_registry_certificate_file: str
    schema_registry_key_file: str
    schema_registry_timeout_ms: int
    schema_registry_compatibility: str
    schema_dir: str
    catalogue_dir: str
    clock: Clock
    coverage: Coverage
    out_of_orderness_ms: int
    out_of_orderness_by_source_ms: Mapping[str, int]
    idle_after_ms: int
    max_clock_skew_ms: int
    merge_wait_ms: int
    catchup_after_ms: int
    commit_interval_ms: int
    catchup_commit_interval_ms: int
    catchup_lag: int
    tick_interval_ms: int
    transaction_timeout_ms: int
    session_timeout_ms: int
    max_poll_interval_ms: int
    static_membership: bool
    patience_ms: int
    batch_records_max: int
    records_in_flight_max: int
    held_records_max: int
    outputs_max: int
    attempts: int
    on_poison: OnPoison
    restore_threads: int
    log_format: str
    log_level: str
    metrics_host: str
    metrics_port: int
    kafka_options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
        """Read *environ* (all its STREAMS_ variables), then apply *overrides* by field name.

        Args:
            environ: usually `os.environ`; None: defaults only.
            overrides: values of the field's own type; a text is parsed as the variable's would be.

        Raises:
            SettingsError: a variable or field is unknown, malformed, or contradicts another.
        """
        values: dict[str, Any] = {knob.name: knob.default for knob in KNOBS}
        kafka_options: dict[str, str] = {}
        for variable, text in sorted((environ or {}).items()):
            if not variable.startswith(PREFIX) or variable in NOT_SETTINGS:
                continue
            if variable.startswith(KAFKA_PREFIX):
                kafka_options[variable[len(KAFKA_PREFIX) :].lower().replace("_", ".")] = text
                continue
            knob = _BY_VARIABLE.get(variable)
            if knob is None:
                raise _unknown(variable, [*_BY_VARIABLE, KAFKA_PREFIX + "<OPTION>"])
            if text.strip():
                values[knob.name] = _parsed(knob, text, variable)
        kafka_options.update(overrides.pop("kafka_options", {}))
        for name, value in overrides.items():
            if name not in _BY_NAME:
                raise _unknown(name, list(_BY_NAME))
            needs_parsing = isinstance(value, str) and value and not isinstance(_BY_NAME[name].default, str)
            values[name] = _parsed(_BY_NAME[name], value, name) if needs_parsing else value
        values["changelog_topic"] = values["changelog_topic"] or f"{values['application_id']}.changelog"
        return cls(**values, kafka_options=MappingProxyType(kafka_options))

    def __post_init__(self) -> None:
        """Raise `SettingsError` when settings contradict each other."""
        for low, relation, high in _ORDER:
            less, more = getattr(self, low), getattr(self, high)
            if less > more or (less == more and relation == "below"):
                raise SettingsError(
                    f"{low} ({less}) must be {relation} {high} ({more})",
                    hint=f"change {PREFIX}{low.upper()} or {PREFIX}{high.upper()}",
                )
        topics = [entry.topic for entry in self.inputs]
        for name in ("transitions_topic", "memberships_topic", "dead_letter_topic", "changelog_topic"):
            if getattr(self, name) in topics:
                raise SettingsError(
                    f"{name} is also an input: {getattr(self, name)}", hint="give outputs topics of their own"
                )

    @property
    def input_topics(self) -> tuple[str, ...]:
        """Names of the input topics, in the order given."""
        return tuple(entry.topic for entry in self.inputs)

    def out_of_orderness_of_ms(self, source: str) -> int:
        """How far back in time events of *source* may arrive without being late, in milliseconds."""
        return self.out_of_orderness_by_source_ms.get(source, self.out_of_orderness_ms)

    def public(self) -> dict[str, Any]:
        """All settings by name, secrets replaced by ***."""
        shown = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        for name, value in shown.items():
            if isinstance(value, str) and value and (name in SECRETS or SECRET_WORDS.search(value)):
                shown[name] = "***"
        shown["kafka_options"] = {
            name: "***" if SECRET_WORDS.search(name) else value for name, value in self.kafka_options.items()
        }
        return shown

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.public().items())})"


def _parsed(knob: Knob, text: str, name: str) -> Any:
    try:
        return knob.parse(text)
    except ValueError as error:
        raise SettingsError(
            f"{name}: {error}", hint=f"{knob.why}; allowed: {knob.range}; default: {knob.default!r}"
        ) from None


def _unknown(name: str, known: list[str]) -> SettingsError:
    near = difflib.get_close_matches(name, known, 1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "`streams worker --help` lists the settings"
    return SettingsError(f"unknown setting {name}", hint=hint)
