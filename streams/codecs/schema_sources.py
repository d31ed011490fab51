"""Where schemas come from: files or memory; a registry over HTTP is in `streams.codecs.registry`.

Without a registry a schema's id is derived from the schema itself, so that every worker and every producer that has
the same file finds the same id: the first four bytes of the SHA-256 of the schema's JSON with ``doc`` left out, keys
sorted, no white space, as a big-endian number without its highest bit. A new version has a new id, a corrected
``doc`` has not. `schemas/README.md` says the same to those who write producers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import streams
from streams.errors import OperationError, RecordError

Schema = dict[str, Any]
"""An Avro schema as parsed JSON."""


class SchemaSource(Protocol):
    """Knows the schemas behind ids."""

    def schema(self, schema_id: int) -> Schema:
        """Return the schema of *schema_id*.

        Raises:
            RecordError: there is surely no such schema (unknown_schema): the record is at fault.
            OperationError: it cannot be found out now: the record has to wait.
        """


class SchemaRegistry(SchemaSource, Protocol):
    """Knows schemas, and takes new ones."""

    def register(self, subject: str, schema: Schema) -> int:
        """Return the id of *schema* under *subject*, registered if it was not; raises `OperationError`."""


def bundled_schemas() -> Path:
    """Return the folder of the schemas that belong to this version.

    In a checkout it is `schemas/` beside the package; an installed wheel carries it inside the package.
    """
    package = Path(streams.__file__).parent
    inside = package / "schemas"
    return inside if inside.is_dir() else package.parent / "schemas"


def bundled_schema(name: str) -> Schema:
    """Return the current schema of a record: customer_event, segment_transition or segment_membership."""
    return _read(bundled_schemas() / f"{name}.avsc")


def derived_id(schema: Schema) -> int:
    """Return the id of *schema* where no registry gives one; the module says how."""
    canonical = json.dumps(_without_doc(schema), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return int.from_bytes(sha256(canonical.encode()).digest()[:4], "big") & 0x7FFF_FFFF


class MemorySchemas:
    """Schemas by derived id, in memory."""

    def __init__(self, schemas: Iterable[Schema] = ()) -> None:
        """Know *schemas*."""
        self._schemas: dict[int, Schema] = {}
        for schema in schemas:
            self.register("", schema)

    def schema(self, schema_id: int) -> Schema:
        """Return the schema of *schema_id*; raises `RecordError` (unknown_schema)."""
        found = self._schemas.get(schema_id)
        if found is None:
            raise RecordError("unknown_schema", f"no schema has the id {schema_id}")
        return found

    def register(self, subject: str, schema: Schema) -> int:
        """Know *schema*, and return its id; raises `OperationError` when two schemas come to the same id."""
        schema_id = derived_id(schema)
        known = self._schemas.setdefault(schema_id, schema)
        if _without_doc(known) != _without_doc(schema):
            raise OperationError(
                f"two different schemas have the derived id {schema_id}",
                hint="change one of them in a way that means nothing, e.g. an alias; or use a schema registry",
            )
        return schema_id


class FileSchemas(MemorySchemas):
    """Schemas of all ``*.avsc`` files in a folder and the folders below it."""

    def __init__(self, folder: Path) -> None:
        """Read *folder* once; raises `OperationError` when it has no schema or one is no JSON object."""
        files = sorted(folder.rglob("*.avsc"))
        if not files:
            raise OperationError(f"no *.avsc file in {folder}", hint="point it at a folder with Avro schemas")
        super().__init__(_read(file) for file in files)


def _read(file: Path) -> Schema:
    try:
        schema = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OperationError(f"cannot read the schema {file.name}: {error}") from None
    if not isinstance(schema, dict):
        raise OperationError(f"the schema {file.name} is no JSON object", hint="it must be an Avro record")
    return schema


def _without_doc(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _without_doc(value) for key, value in schema.items() if key != "doc"}
    if isinstance(schema, list):
        return [_without_doc(value) for value in schema]
    return schema
