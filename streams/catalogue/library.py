"""Puts catalogues together: the built-in one, and the files of a directory that the caller has read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files

from streams.catalogue.checks import check
from streams.catalogue.documents import Document, Section, sections
from streams.segmentation.definitions import Catalogue
from streams.segmentation.vocabulary import Vocabulary

BUILTIN = ("facts.yaml", "journey.yaml", "lifecycle.yaml", "value.yaml")
READY = (
    "shared.yaml",
    "journey.yaml",
    "lifecycle.yaml",
    "value.yaml",
    "service.yaml",
    "interest.yaml",
    "engagement.yaml",
    "geography.yaml",
    "b2b.yaml",
    "channels.yaml",
    "campaigns.yaml",
)
"""Files of definitions to copy from; nobody gets them unasked."""


def builtin_texts(names: Iterable[str] = BUILTIN) -> dict[str, str]:
    """Return file name → text of the built-in definitions."""
    return _texts("builtin", names)


def builtin_scenarios() -> dict[str, str]:
    """Return file name → text of the scenarios of the built-in definitions, by name."""
    return _scenarios("builtin")


def ready_texts(names: Iterable[str] = READY) -> dict[str, str]:
    """Return file name → text of the ready-made definitions; they rest on the built-in ones."""
    return _texts("ready", names)


def ready_scenarios() -> dict[str, str]:
    """Return file name → text of the scenarios of the ready-made definitions, by name."""
    return _scenarios("ready")


def _texts(folder: str, names: Iterable[str]) -> dict[str, str]:
    found = files("streams.catalogue").joinpath(folder)
    return {f"{folder}/{name}": found.joinpath(name).read_text(encoding="utf-8") for name in names}


def _scenarios(folder: str) -> dict[str, str]:
    files_of = files("streams.catalogue").joinpath(folder).joinpath("scenarios").iterdir()
    found = sorted((file.name, file) for file in files_of if file.name.endswith(".yaml"))
    return {f"{folder}/scenarios/{name}": file.read_text(encoding="utf-8") for name, file in found}


def read_catalogue(texts: Mapping[str, str], vocabulary: Vocabulary) -> Catalogue:
    """Return the catalogue that *texts* (file name → YAML) define together; see `read_document`."""
    return read_document(texts, vocabulary)[0]


def read_document(texts: Mapping[str, str], vocabulary: Vocabulary) -> tuple[Catalogue, Document]:
    """Return the catalogue that *texts* (file name → YAML) define together, and what read it.

    Facts and groups of all files are known in all files; a later file replaces a fact or group of the same name.

    Raises:
        DefinitionError: a file cannot be read, a segment is defined twice or refers to something unknown.
    """
    document = Document(tuple(vocabulary.event_types))
    catalogue = read_sections([sections(file, text) for file, text in texts.items()], document)
    check(catalogue, document)
    return catalogue, document


def read_sections(parts: Iterable[Section], document: Document) -> Catalogue:
    """Return what *parts*, all files in order, define together, read by *document*; unchecked."""
    parts = list(parts)
    for part in parts:
        if part.time_zone is not None:
            document.shop_zone(part.time_zone)
        for name, node in part.tables.items():
            document.table(name, node)
    facts = {name: document.fact(name, node) for part in parts for name, node in part.facts.items()}
    groups = {name: document.group(name, node) for part in parts for name, node in part.groups.items()}
    segments = [document.segment(node) for part in parts for node in part.segments]
    return Catalogue(tuple(facts.values()), tuple(groups.values()), tuple(segments))


def builtin_catalogue(vocabulary: Vocabulary) -> Catalogue:
    """Return the built-in definitions."""
    return read_catalogue(builtin_texts(), vocabulary)


def source_of_events(vocabulary: Vocabulary) -> dict[str, str]:
    """Return event type → source, as the compiler takes it."""
    return {name: event_type.source for name, event_type in vocabulary.event_types.items()}
