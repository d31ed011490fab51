"""Reads segment definitions from where they lie: the package, or a folder of YAML files."""

from __future__ import annotations

from pathlib import Path

from streams.catalogue.library import builtin_texts, read_catalogue
from streams.errors import DefinitionError, SettingsError
from streams.segmentation.definitions import Catalogue
from streams.segmentation.vocabulary import Vocabulary

SHARED = ("facts.yaml",)
"""Built-in files whose facts and groups are known in every folder; a folder's own of the same name replace them."""


def load_catalogue(folder: str | None, vocabulary: Vocabulary) -> Catalogue:
    """Return the built-in catalogue, or the one in *folder* (every ``*.yaml`` and ``*.yml``, by name).

    Raises:
        SettingsError: *folder* is none, or holds no definitions.
        DefinitionError: a file cannot be read.
    """
    if not folder:
        return read_catalogue(builtin_texts(), vocabulary)
    path = Path(folder)
    if not path.is_dir():
        raise SettingsError(
            f"{folder} is no folder", hint="name a folder of YAML files with segment definitions"
        )
    found = sorted(file for file in path.rglob("*") if file.suffix in {".yaml", ".yml"} and file.is_file())
    if not found:
        raise SettingsError(
            f"{folder} holds no YAML files", hint="`streams catalogue --help` shows how one looks"
        )
    texts = builtin_texts(SHARED)
    texts.update({str(file): _text_of(file) for file in found})
    return read_catalogue(texts, vocabulary)


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise DefinitionError("not UTF-8", file=str(file), line=line, column=column) from None
