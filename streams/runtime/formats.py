"""Chooses codecs by the settings: how each input is decoded and how the output is encoded."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from streams.codecs.avro import event_reader, output_codecs
from streams.codecs.customer_events import Decode, EventDecoder, InputFormat
from streams.codecs.registry import RegistrySchemas
from streams.codecs.registry_options import registry_options
from streams.codecs.schema_sources import FileSchemas, SchemaRegistry, bundled_schemas
from streams.codecs.transitions import TransitionEncoder
from streams.segmentation.vocabulary import Vocabulary
from streams.settings import Format, Settings

SPELLINGS: dict[Format, InputFormat] = {"json": "segment", "compact": "compact", "avro": "avro"}
"""Format of an input in the settings → in the codecs."""


def open_registry(settings: Settings) -> RegistrySchemas:
    """Return the schema registry of *settings*; nothing is asked yet.

    Raises:
        SettingsError: its settings are wrong.
        OperationError: its client refuses the options.
    """
    options = registry_options(settings)
    return RegistrySchemas(
        options.pop("url"), client_options=options, compatibility=settings.schema_registry_compatibility
    )


class Formats:
    """The codecs of one application; the schema registry is asked when the first Avro codec is made."""

    def __init__(self, settings: Settings, vocabulary: Vocabulary) -> None:
        """Read nothing yet.

        Args:
            settings: formats, and where schemas come from.
            vocabulary: the events that are understood.
        """
        self._settings, self._vocabulary = settings, vocabulary
        self._schemas: SchemaRegistry | None = None
        self._registry: RegistrySchemas | None = None

    def trouble(self) -> str | None:
        """Say why records wait for a schema; None when none do. Any thread may ask."""
        return None if self._registry is None else self._registry.trouble()

    @property
    def schemas(self) -> SchemaRegistry:
        """Where schemas come from: the registry, a folder, or the ones that are shipped.

        Raises:
            OperationError: the folder has none, or the registry's options are wrong.
        """
        if self._schemas is None:
            settings = self._settings
            if settings.schema_registry_url:
                self._schemas = self._registry = open_registry(settings)
            else:
                self._schemas = FileSchemas(
                    Path(settings.schema_dir) if settings.schema_dir else bundled_schemas()
                )
        return self._schemas

    def decode(self, form: Format, properties: Collection[str]) -> Decode:
        """Return what decodes input values written in *form*, as far as anybody reads them: *properties*."""
        decoder = EventDecoder(
            self._vocabulary,
            max_clock_skew_ms=self._settings.max_clock_skew_ms,
            properties=properties,
            avro=event_reader(self.schemas) if form == "avro" else None,
        )
        return decoder.of(SPELLINGS[form])

    def encoder(self) -> TransitionEncoder:
        """Return what encodes transitions and memberships; Avro schemas are registered.

        Raises:
            OperationError: the registry cannot be reached, or refuses a schema.
        """
        settings = self._settings
        if settings.output_format == "json":
            return TransitionEncoder("json")
        codecs = output_codecs(
            self.schemas, transitions=settings.transitions_topic, memberships=settings.memberships_topic
        )
        return TransitionEncoder("avro", avro=codecs)
