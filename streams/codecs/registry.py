"""Schemas of a schema registry that speaks Confluent's REST paths, over the client of confluent-kafka.

Two failures are told apart, because one is the record's fault and the other is not: the registry says that there is no
such schema (`RecordError`, unknown_schema: the record goes to the dead-letter topic), or it cannot be asked or refuses
to answer (`OperationError`: the record waits).
"""

from __future__ import annotations

import json
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

_NOT_FOUND = 404
_UNPROCESSABLE = 422
_CONFLICT = 409
_BACKWARD = ("BACKWARD", "BACKWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE")


class RegistrySchemas:
    """Schemas of one registry; every answer is kept, since the schema of an id never changes."""

    def __init__(
        self,
        url: str,
        *,
        client_options: Mapping[str, Any] | None = None,
        timeout_s: float = TIMEOUT_S,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the registry's address; nothing is asked yet.

        Args:
            url: base of its paths, e.g. ``http://registry:8081``.
            client_options: further options of `SchemaRegistryClient`: credentials, TLS.
            timeout_s: longest wait for one answer, in seconds.
            clock_s: monotonic seconds; decides when an unknown id is asked for again.

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
        self._clock_s = clock_s

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
        answer = self._ask(lambda: self._client.get_schema(schema_id), missing=schema_id)
        self._schemas[schema_id] = schema = _avro_schema(answer, schema_id)
        return schema

    def register(self, subject: str, schema: Schema) -> int:
        """Register *schema* under *subject* with BACKWARD compatibility; return its id.

        Raises:
            OperationError: the registry cannot be asked, or finds the schema incompatible with the last one.
        """
        text = json.dumps(schema, separators=(",", ":"), ensure_ascii=False)
        schema_id: int = self._ask(
            lambda: self._client.register_schema(subject, RegisteredSchema(text, "AVRO")), subject=subject
        )
        if self._compatibility(subject) not in _BACKWARD:
            self._ask(lambda: self._client.set_compatibility(subject, "BACKWARD"), subject=subject)
        self._schemas[schema_id] = schema
        return schema_id

    def _compatibility(self, subject: str) -> str:
        """Return the subject's own mode; empty when it has none, whatever the registry's general one is."""
        try:
            return str(self._client.get_compatibility(subject))
        except SchemaRegistryError as error:
            if error.http_status_code == _NOT_FOUND:
                return ""
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
