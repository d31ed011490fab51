"""Schemas from a registry that speaks Confluent's REST paths: a small one over real HTTP, on this machine."""

from __future__ import annotations

import itertools
import json
import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from streams.codecs.avro import event_codec, output_codecs
from streams.codecs.registry import (
    AWAY_FIRST_S,
    AWAY_MAX_S,
    TROUBLE_FOR_S,
    UNKNOWN_FOR_S,
    RegistrySchemas,
    register,
)
from streams.codecs.schema_sources import Schema, bundled_schema
from streams.errors import OperationError, RecordError

CHEESE: Schema = {"type": "record", "name": "Cheese", "fields": [{"name": "name", "type": "string"}]}


class SmallRegistry(ThreadingHTTPServer):
    """Keeps schemas, subjects and modes; can be told to fail."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Paths)
        self.schemas: list[dict[str, Any]] = []
        self.subjects: dict[str, int] = {}
        self.modes: dict[str, str] = {}
        self.requests: list[str] = []
        self.failing: int | None = None
        self.authorizations: list[str | None] = []
        self.compatible = True
        self.delay_s = 0.0

    def handle_error(self, *_: object) -> None:
        """Print nothing: a client that does not wait for a slow answer is part of a test."""

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class Paths(BaseHTTPRequestHandler):
    """The paths of a schema registry that are used here."""

    server: SmallRegistry

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def answer(self, status: int, body: dict[str, Any]) -> None:
        """Send *body* as JSON, or the failure that the registry was told."""
        self.server.requests.append(f"{self.command} {self.path.split('?')[0]}")
        self.server.authorizations.append(self.headers["Authorization"])
        time.sleep(self.server.delay_s)
        if self.server.failing is not None:
            status, body = self.server.failing, {"error_code": self.server.failing, "message": "told to fail"}
        encoded = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def do_GET(self) -> None:
        """Give a schema by id, or a subject's mode."""
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts[:2] == ["schemas", "ids"] and 0 < int(parts[2]) <= len(self.server.schemas):
            self.answer(200, self.server.schemas[int(parts[2]) - 1])
        elif parts[0] == "subjects" and parts[1] in self.server.subjects:
            number = self.server.subjects[parts[1]]
            latest = {"subject": parts[1], "version": 1, "id": number, **self.server.schemas[number - 1]}
            self.answer(200, latest)
        elif parts[0] == "config" and parts[-1] in self.server.modes:
            self.answer(200, {"compatibilityLevel": self.server.modes[parts[-1]]})
        else:
            self.answer(404, {"error_code": 40403, "message": "not found"})

    def body(self) -> dict[str, Any]:
        """Return what was sent."""
        sent: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return sent

    def do_POST(self) -> None:
        """Register a schema, or say whether it might follow."""
        sent = {"schemaType": "AVRO", **self.body()}
        if self.path.startswith("/compatibility"):
            self.answer(200, {"is_compatible": self.server.compatible})
            return
        if self.path.split("?")[0].count("/") == 2:  # a look-up
            known = (
                sent in self.server.schemas and self.path.split("?")[0].split("/")[2] in self.server.subjects
            )
            number = self.server.schemas.index(sent) + 1 if known else 0
            found = {"subject": "x", "version": 1, "id": number, **sent}
            self.answer(*((200, found) if known else (404, {"error_code": 40403, "message": "not found"})))
            return
        if sent not in self.server.schemas:
            self.server.schemas.append(sent)
        number = self.server.subjects[self.path.split("/")[2]] = self.server.schemas.index(sent) + 1
        self.answer(200, {"id": number})

    def do_PUT(self) -> None:
        """Set a subject's mode."""
        mode = self.body()["compatibility"]
        self.server.modes[self.path.split("/")[-1]] = mode
        self.answer(200, {"compatibility": mode})


@pytest.fixture
def registry() -> Iterator[SmallRegistry]:
    """A running registry with nothing in it."""
    with SmallRegistry() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_registered_schema_is_found(registry: SmallRegistry) -> None:
    """What one process registers, another one finds by its id."""
    schema_id = register(RegistrySchemas(registry.url), "cheese-value", CHEESE)

    assert RegistrySchemas(registry.url).schema(schema_id) == CHEESE


def test_answers_are_kept(registry: SmallRegistry) -> None:
    """The schema of an id is asked for once."""
    schema_id = register(RegistrySchemas(registry.url), "cheese-value", CHEESE)
    schemas = RegistrySchemas(registry.url)
    registry.requests.clear()

    for _ in range(3):
        schemas.schema(schema_id)

    assert len(registry.requests) == 1


def test_registering_sets_backward_compatibility(registry: SmallRegistry) -> None:
    """A subject without a mode of its own gets BACKWARD; one that is as strict keeps what it has."""
    schemas = RegistrySchemas(registry.url)
    registry.modes["strict-value"] = "FULL_TRANSITIVE"
    registry.modes["loose-value"] = "NONE"

    for subject in ("new-value", "strict-value", "loose-value"):
        register(schemas, subject, CHEESE)

    assert registry.modes == {
        "new-value": "BACKWARD", "strict-value": "FULL_TRANSITIVE", "loose-value": "BACKWARD",
    }  # fmt: skip


def test_registering_twice_changes_nothing(registry: SmallRegistry) -> None:
    """Every worker registers at its start; the id stays, and the second only reads."""
    first = register(RegistrySchemas(registry.url), "cheese-value", CHEESE)
    registry.requests.clear()

    assert register(RegistrySchemas(registry.url), "cheese-value", CHEESE) == first
    assert registry.requests == ["POST /subjects/cheese-value", "GET /config/cheese-value"]


def test_an_id_that_the_registry_does_not_know(registry: SmallRegistry) -> None:
    """A definite no is the record's fault, and is believed for a while."""
    now_s = [100.0]
    schemas = RegistrySchemas(registry.url, clock_s=lambda: now_s[0])

    for _ in range(3):
        with pytest.raises(RecordError) as refused:
            schemas.schema(77)
        assert refused.value.reason == "unknown_schema"
    assert len(registry.requests) == 1

    now_s[0] += UNKNOWN_FOR_S
    with pytest.raises(RecordError):
        schemas.schema(77)
    assert len(registry.requests) == 2


def test_a_schema_that_arrives_late(registry: SmallRegistry) -> None:
    """An id that was unknown is found once the registry has it and the wait is over."""
    now_s = [0.0]
    schemas = RegistrySchemas(registry.url, clock_s=lambda: now_s[0])
    with pytest.raises(RecordError):
        schemas.schema(1)
    register(RegistrySchemas(registry.url), "cheese-value", CHEESE)
    now_s[0] += UNKNOWN_FOR_S

    assert schemas.schema(1) == CHEESE


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_a_registry_that_does_not_say_is_the_operators_matter(registry: SmallRegistry, status: int) -> None:
    """Any answer but a definite no makes the record wait, and is asked for again."""
    now_s = [0.0]
    schema_id = register(RegistrySchemas(registry.url), "cheese-value", CHEESE)
    schemas = RegistrySchemas(registry.url, clock_s=lambda: now_s[0])
    registry.failing = status

    with pytest.raises(OperationError, match=f"status {status}"):
        schemas.schema(schema_id)

    registry.failing = None
    now_s[0] += AWAY_FIRST_S
    assert schemas.schema(schema_id) == CHEESE


def test_a_registry_that_is_not_there() -> None:
    """A refused connection is the operator's matter, and is known quickly."""
    started_s = time.monotonic()

    with pytest.raises(OperationError, match="cannot be asked") as refused:
        RegistrySchemas("http://127.0.0.1:9").schema(1)

    assert "records wait" in refused.value.hint
    assert time.monotonic() - started_s < 5


def test_a_registry_that_hangs(registry: SmallRegistry) -> None:
    """No answer within the time is the operator's matter: reading never hangs."""
    registry.delay_s = 1.0
    schemas = RegistrySchemas(registry.url, timeout_s=0.1)

    with pytest.raises(OperationError, match="cannot be asked"):
        schemas.schema(1)


@pytest.mark.parametrize(
    "stored", [{"schema": "{}", "schemaType": "PROTOBUF"}, {"schema": "{"}, {"schema": '"string"'}]
)
def test_a_schema_that_is_no_avro_record(registry: SmallRegistry, stored: dict[str, Any]) -> None:
    """A schema of another kind cannot have written a customer event."""
    registry.schemas.append(stored)

    with pytest.raises(RecordError) as refused:
        RegistrySchemas(registry.url).schema(1)

    assert refused.value.reason == "unknown_schema"


@pytest.mark.parametrize("status", [409, 422])
def test_an_incompatible_schema_stops_the_start(registry: SmallRegistry, status: int) -> None:
    """When the registry refuses a schema, the operator is told which subject is in the way."""
    registry.failing = status

    with pytest.raises(OperationError, match="refuses the schema of cheese-value"):
        register(RegistrySchemas(registry.url), "cheese-value", CHEESE)


@pytest.mark.parametrize("options", [{"no.such.option": 1}, {"basic.auth.user.info": "no colon"}])
def test_wrong_options(options: dict[str, Any]) -> None:
    """Options that the client refuses are the operator's matter, before anything is asked."""
    with pytest.raises(OperationError, match="options are wrong"):
        RegistrySchemas("http://127.0.0.1:9", client_options=options)


def test_the_shipped_schemas_are_registered_as_they_are(registry: SmallRegistry) -> None:
    """Events and outputs are registered under their topics, docs and logical types included."""
    schemas = RegistrySchemas(registry.url)
    event_codec(schemas, "customers.events")
    output_codecs(schemas, transitions="segments.transitions", memberships="segments.memberships")

    assert sorted(registry.modes) == [
        "customers.events-value", "segments.memberships-value", "segments.transitions-value",
    ]  # fmt: skip
    names = ("customer_event", "segment_transition", "segment_membership")
    assert [json.loads(stored["schema"]) for stored in registry.schemas] == [
        bundled_schema(name) for name in names
    ]


def test_a_registry_that_is_away_is_asked_less_and_less(registry: SmallRegistry) -> None:
    """In between the failure is told at once, so that what waits holds nothing else up; pauses double up to a limit."""
    now_s = [0.0]
    schemas = RegistrySchemas(registry.url, clock_s=lambda: now_s[0], timeout_s=1.0)
    registry.failing = 401  # an answer that the client does not ask for twice
    asked_at_s = []
    for _ in range(600):
        before = len(registry.requests)
        with pytest.raises(OperationError, match="status 401"):
            schemas.schema(1)
        if len(registry.requests) > before:
            asked_at_s.append(now_s[0])
        now_s[0] += 0.1
    pauses_s = [round(after - before, 1) for before, after in itertools.pairwise(asked_at_s)]

    assert pauses_s[:3] == [AWAY_FIRST_S, 2 * AWAY_FIRST_S, 4 * AWAY_FIRST_S]
    assert max(pauses_s) == AWAY_MAX_S


def test_known_schemas_go_on_while_the_registry_is_away(registry: SmallRegistry) -> None:
    """Only a schema that nobody has asked for yet makes its record wait, and readiness can say so."""
    now_s = [0.0]
    schemas = RegistrySchemas(registry.url, clock_s=lambda: now_s[0])
    known = register(RegistrySchemas(registry.url), "cheese-value", CHEESE)
    unknown = register(RegistrySchemas(registry.url), "bread-value", {**CHEESE, "name": "Bread"})
    assert schemas.schema(known) == CHEESE
    registry.failing = 401

    assert schemas.trouble() is None
    with pytest.raises(OperationError):
        schemas.schema(unknown)
    assert schemas.schema(known) == CHEESE
    assert "status 401" in str(schemas.trouble())

    registry.failing = None
    now_s[0] += AWAY_FIRST_S
    assert schemas.schema(unknown)["name"] == "Bread"
    assert schemas.trouble() is None


def test_trouble_is_over_when_nothing_waits_any_more(registry: SmallRegistry) -> None:
    """The partition that waited may have gone to another worker."""
    now_s = [0.0]
    schemas = RegistrySchemas(registry.url, clock_s=lambda: now_s[0])
    registry.failing = 401
    with pytest.raises(OperationError):
        schemas.schema(1)

    now_s[0] += TROUBLE_FOR_S
    assert schemas.trouble() is not None
    now_s[0] += 0.1
    assert schemas.trouble() is None


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the registry's reader logs: level and message, however logging is set up by others."""
    found: list[tuple[str, str]] = []
    logger = logging.getLogger("streams.codecs.registry")
    for name, log in (("warning", "WARNING"), ("info", "INFO")):
        monkeypatch.setattr(logger, name, lambda text, *values, log=log: found.append((log, text % values)))
    return found


def test_an_outage_is_logged_once(registry: SmallRegistry, said: list[tuple[str, str]]) -> None:
    """When it begins and when it ends, however often records are tried in between."""
    now_s = [0.0]
    schema_id = register(RegistrySchemas(registry.url), "cheese-value", CHEESE)
    schemas = RegistrySchemas(registry.url, clock_s=lambda: now_s[0])
    registry.failing = 401
    for _ in range(5):
        with pytest.raises(OperationError):
            schemas.schema(schema_id)
        now_s[0] += AWAY_MAX_S
    registry.failing = None
    schemas.schema(schema_id)

    assert [level for level, _ in said] == ["WARNING", "INFO"]
    assert said[1][1] == "the schema registry answers again"


def test_what_a_subject_holds_and_would_take(registry: SmallRegistry) -> None:
    """The newest schema, or none; and whether another may follow."""
    schemas = RegistrySchemas(registry.url)
    register(schemas, "cheese-value", CHEESE)

    assert schemas.latest("cheese-value") == CHEESE
    assert schemas.latest("bread-value") is None
    assert schemas.accepts("cheese-value", CHEESE)
    registry.compatible = False
    assert not schemas.accepts("cheese-value", CHEESE)


def test_credentials_are_sent_and_never_shown(registry: SmallRegistry) -> None:
    """Basic authentication and a bearer token reach the registry; no error carries them."""
    registry.failing = 401
    for options, header in (
        ({"basic.auth.user.info": "us:tops3cret"}, "Basic dXM6dG9wczNjcmV0"),
        ({"bearer.auth.credentials.source": "STATIC_TOKEN", "bearer.auth.token": "tops3cret",
          "bearer.auth.logical.cluster": ""}, "Bearer tops3cret"),
    ):  # fmt: skip
        with pytest.raises(OperationError) as refused:
            RegistrySchemas(registry.url, client_options=options).schema(1)
        assert registry.authorizations[-1] == header
        assert "tops3cret" not in str(refused.value) + repr(refused.value)
