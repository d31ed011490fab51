"""Schemas of a schema registry that speaks Confluent's REST paths, over the client of confluent-kafka.

Two failures are told apart, because one is the record's fault and the other is not: the registry says that there is no
such schema (`RecordError`, unknown_schema: the record goes to the dead-letter topic), or it cannot be asked or refuses
to answer (`OperationError`: the record waits).

While the registry is away, schemas that are known go on; for others it is asked again with growing pauses, and in between
the answer is the last failure, at once: what waits for it must not hold up the rest of the worker.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from confluent_kafka.schema_registry import Schema as RegisteredSchema
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from streams.codecs.schema_sources import Schema, SchemaRegistry
from streams.errors import OperationError, RecordError

TIMEOUT_S: Final = 2.0
"""Longest wait for one answer; with one repetition, less than the time the transport gives a batch."""

UNKNOWN_FOR_S: Final = 30.0
"""How long an id stays unknown before it is asked for again: a follower of the registry may lag."""

UNKNOWN_MAX: Final = 10_000
"""Unknown ids that are remembered; garbage must not fill the memory."""

AWAY_FIRST_S: Final = 0.5
AWAY_MAX_S: Final = 10.0
"""The first and the longest pause before a registry that did not answer is asked again."""

TROUBLE_FOR_S: Final = 30.0
"""So long after the last record that had to wait, the trouble is told."""

_NOT_FOUND = 404
_UNPROCESSABLE = 422
_CONFLICT = 409
_BACKWARD = ("BACKWARD", "BACKWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE")

logger = logging.getLogger(__name__)


class RegistrySchemas:
    """Schemas of one registry; every answer is kept, since the schema of an id never changes."""

    def __init__(
        self,
        url: str,
        *,
        client_options: Mapping[str, Any] | None = None,
        timeout_s: float = TIMEOUT_S,
        compatibility: str = "BACKWARD",
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the registry's address; nothing is asked yet.

        Args:
            url: base of its paths, e.g. ``http://registry:8081``.
            client_options: further options of `SchemaRegistryClient`: credentials, TLS.
            timeout_s: longest wait for one answer, in seconds.
            compatibility: the mode given to a subject that has none, or a weaker one than BACKWARD.
            clock_s: monotonic seconds; decides when a question is asked again.

        Raises:
            OperationError: the client refuses the options.
        """
        options = {
            "url": url,
            "timeout": timeout_s,
            "max.retries": 1,
            "retries.wait.ms": 100,
            **(client_options or {}),
        }
        try:
            self._client = SchemaRegistryClient(options)
        except (ValueError, TypeError) as error:
            raise OperationError(f"the schema registry's options are wrong: {error}") from None
        self._schemas: dict[int, Schema] = {}
        self._unknown: dict[int, float] = {}
        self._compatibility = compatibility
        self._clock_s = clock_s
        self._away: OperationError | None = None
        self._pause_s = 0.0
        self._ask_again_s = self._waited_s = 0.0

    def trouble(self) -> str | None:
        """Say for what records wait; None when they do not. Any thread may ask."""
        away = self._away
        waiting = away is not None and self._clock_s() - self._waited_s <= TROUBLE_FOR_S
        return away.message if waiting and away is not None else None

    def schema(self, schema_id: int) -> Schema:
        """Return the schema of *schema_id*.

        Raises:
            RecordError: the registry does not know it, or it is no Avro schema.
            OperationError: the registry cannot be asked.
        """
        found = self._schemas.get(schema_id)
        if found is not None:
            return found
        unknown_until_s = self._unknown.get(schema_id)
        if unknown_until_s is not None and self._clock_s() < unknown_until_s:
            raise RecordError("unknown_schema", f"the registry has no schema with the id {schema_id}")
        self._schemas[schema_id] = schema = _avro_schema(self._looked_up(schema_id), schema_id)
        return schema

    def _looked_up(self, schema_id: int) -> RegisteredSchema:
        """Ask for a schema, unless the registry has just failed to answer."""
        self._waited_s = self._clock_s()
        if self._away is not None and self._waited_s < self._ask_again_s:
            raise OperationError(self._away.message, hint=self._away.hint)
        try:
            answer: RegisteredSchema = self._ask(
                lambda: self._client.get_schema(schema_id), missing=schema_id
            )
        except OperationError as failure:
            if self._away is None:
                logger.warning("%s; records with unknown schemas wait", failure.message)
            self._away = failure
            self._pause_s = min(max(AWAY_FIRST_S, self._pause_s * 2), AWAY_MAX_S)
            self._ask_again_s = self._clock_s() + self._pause_s
            raise
        except RecordError:
            self._answered()
            raise
        self._answered()
        return answer

    def _answered(self) -> None:
        if self._away is not None:
            logger.info("the schema registry answers again")
        self._away, self._pause_s = None, 0.0

    def register(self, subject: str, schema: Schema) -> int:
        """Register *schema* under *subject*, which gets a compatibility mode if it has none; return its id.

        What is there already is only read: then a worker needs no right to write to the registry.

        Raises:
            OperationError: the registry cannot be asked, or finds the schema incompatible with the last one.
        """
        registered = _registered(schema)
        schema_id = self._known_id(subject, registered)
        if schema_id is None:
            schema_id = int(
                self._ask(lambda: self._client.register_schema(subject, registered), subject=subject)
            )
        if self.mode(subject) not in _BACKWARD:
            self.set_mode(subject)
        self._schemas[schema_id] = schema
        return schema_id

    def latest(self, subject: str) -> Schema | None:
        """Return the newest schema of *subject*; None when it has none.

        Raises:
            OperationError: the registry cannot be asked.
            RecordError: it is no Avro schema.
        """
        found = self._found(lambda: self._client.get_latest_version(subject), subject)
        return None if found is None else _avro_schema(found.schema, found.schema_id or 0)

    def accepts(self, subject: str, schema: Schema) -> bool:
        """Say whether the registry would take *schema* as the next version of *subject*.

        Raises:
            OperationError: the registry cannot be asked.
        """
        registered = _registered(schema)
        answer = self._ask(lambda: self._client.test_compatibility(subject, registered), subject=subject)
        return bool(answer)

    def set_mode(self, subject: str) -> None:
        """Give *subject* the compatibility mode of the settings; raises `OperationError`."""
        self._ask(lambda: self._client.set_compatibility(subject, self._compatibility), subject=subject)

    def mode(self, subject: str) -> str:
        """Return the subject's own mode; empty when it has none, whatever the registry's general one is.

        Raises:
            OperationError: the registry cannot be asked.
        """
        return str(self._found(lambda: self._client.get_compatibility(subject), subject) or "")

    def _known_id(self, subject: str, schema: RegisteredSchema) -> int | None:
        found = self._found(lambda: self._client.lookup_schema(subject, schema), subject)
        return None if found is None else int(found.schema_id)

    def _found(self, question: Callable[[], Any], subject: str) -> Any:
        """Return the answer about *subject*; None when the registry has nothing of it."""
        try:
            return question()
        except SchemaRegistryError as error:
            if error.http_status_code == _NOT_FOUND:
                return None
            raise self._failed(error, subject) from None
        except Exception as error:  # noqa: BLE001 - the HTTP library's own errors: refused, timed out, no such host
            raise self._failed(error, subject) from None

    def _ask(self, question: Callable[[], Any], *, missing: int | None = None, subject: str = "") -> Any:
        try:
            return _once_more(question)
        except SchemaRegistryError as error:
            if missing is not None and error.http_status_code == _NOT_FOUND:
                self._remember_unknown(missing)
                raise RecordError(
                    "unknown_schema", f"the registry has no schema with the id {missing}"
                ) from None
            raise self._failed(error, subject) from None
        except Exception as error:  # noqa: BLE001 - the HTTP library's own errors: refused, timed out, no such host
            raise self._failed(error, subject) from None

    def _remember_unknown(self, schema_id: int) -> None:
        if len(self._unknown) >= UNKNOWN_MAX:
            self._unknown.clear()
        self._unknown[schema_id] = self._clock_s() + UNKNOWN_FOR_S

    def _failed(self, error: Exception, subject: str) -> OperationError:
        about = f" about {subject}" if subject else ""
        if isinstance(error, SchemaRegistryError):
            status = error.http_status_code
            if status in (_CONFLICT, _UNPROCESSABLE) and subject:
                return OperationError(
                    f"the schema registry refuses the schema of {subject}: {error.error_message}",
                    hint="a newer version of the subject is in the way, or its compatibility mode; see schemas/README.md",
                )
            return OperationError(
                f"the schema registry answers{about} with status {status}: {error.error_message}",
                hint="check the registry and the credentials; records wait until it answers",
            )
        return OperationError(
            f"the schema registry cannot be asked{about}: {type(error).__name__}",
            hint="check its address and that it runs; records wait until it answers",
        )


def _registered(schema: Schema) -> RegisteredSchema:
    return RegisteredSchema(json.dumps(schema, separators=(",", ":"), ensure_ascii=False), "AVRO")


def _once_more(question: Callable[[], Any]) -> Any:
    """Ask, and once more after a conflict: workers that start together register together, and one is the quicker."""
    try:
        return question()
    except SchemaRegistryError as error:
        if error.http_status_code != _CONFLICT:
            raise
        return question()


def _avro_schema(answer: RegisteredSchema, schema_id: int) -> Schema:
    try:
        schema = json.loads(answer.schema_str or "")
    except ValueError:
        schema = None
    if (answer.schema_type or "AVRO") != "AVRO" or not isinstance(schema, dict):
        raise RecordError("unknown_schema", f"schema {schema_id} of the registry is no Avro record")
    return schema


def register(registry: SchemaRegistry, subject: str, schema: Schema) -> int:
    """Register *schema* under *subject*, and return its id; BACKWARD compatibility is set where there is a registry.

    Raises:
        OperationError: the registry cannot be asked, or refuses the schema.
    """
    return registry.register(subject, schema)
