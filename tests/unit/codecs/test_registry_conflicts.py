"""Workers that start together register the same new subjects at the same moment."""

from __future__ import annotations

import pytest
from confluent_kafka.schema_registry import Schema as RegisteredSchema
from confluent_kafka.schema_registry.error import SchemaRegistryError

from streams.codecs.registry import RegistrySchemas
from streams.codecs.schema_sources import bundled_schema
from streams.errors import OperationError

SUBJECT = "segments.transitions-value"


class BusyClient:
    """A registry's client whose first calls that write meet somebody quicker, as Apicurio answers them."""

    def __init__(self, conflicts: int) -> None:
        """Answer so many writing calls with a conflict."""
        self.conflicts = conflicts
        self.compatibility = ""

    def _meet(self) -> None:
        if self.conflicts:
            self.conflicts -= 1
            raise SchemaRegistryError(409, 409, "An artifact with this ID already exists.")

    def lookup_schema(self, subject: str, schema: RegisteredSchema) -> int:
        """Know nothing yet."""
        raise SchemaRegistryError(404, 40401, "There is no such subject.")

    def register_schema(self, subject: str, schema: RegisteredSchema) -> int:
        """Return the schema's id."""
        self._meet()
        return 7

    def get_compatibility(self, subject: str) -> str:
        """Return the subject's mode."""
        return self.compatibility

    def set_compatibility(self, subject: str, mode: str) -> None:
        """Keep the subject's mode."""
        self.compatibility = mode


def schemas(conflicts: int) -> tuple[RegistrySchemas, BusyClient]:
    """Return the schemas of a registry that is busy so often, and its client."""
    found, client = RegistrySchemas("http://127.0.0.1:1"), BusyClient(conflicts)
    found._client = client  # type: ignore[assignment]
    return found, client


def test_who_comes_second_asks_again() -> None:
    """One conflict is somebody quicker: what it made is there, and the start goes on."""
    registry, client = schemas(1)
    assert registry.register(SUBJECT, bundled_schema("segment_transition")) == 7
    assert client.compatibility == "BACKWARD"


def test_a_conflict_that_stays_is_told() -> None:
    """A schema that the registry does not want is refused twice, and the start stops."""
    registry, _ = schemas(2)
    with pytest.raises(OperationError, match=r"refuses the schema of segments\.transitions-value"):
        registry.register(SUBJECT, bundled_schema("segment_transition"))
