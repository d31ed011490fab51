"""Reads segment definitions, and the scenarios beside them, from where they lie: the package, or a folder of YAML files.

Files in a folder named ``scenarios`` are scenarios, all others are definitions.
"""

from __future__ import annotations

from pathlib import Path

from streams.catalogue.library import builtin_scenarios, builtin_texts, read_catalogue
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
    return read_catalogue(catalogue_texts(folder), vocabulary)


def catalogue_texts(folder: str | None) -> dict[str, str]:
    """Return file → text of the definitions in *folder*, or of the built-in ones; errors as of `load_catalogue`."""
    if not folder:
        return builtin_texts()
    path = Path(folder)
    if not path.is_dir():
        raise SettingsError(
            f"{folder} is no folder", hint="name a folder of YAML files with segment definitions"
        )
    found = [file for file in _yaml_files(path) if not _is_scenario(file, path)]
    if not found:
        raise SettingsError(
            f"{folder} holds no YAML files", hint="`streams catalogue --help` shows how one looks"
        )
    texts = builtin_texts(SHARED)
    texts.update({str(file): text_of(file) for file in found})
    return texts


def scenario_texts(folder: str | None) -> dict[str, str]:
    """Return file → text of the scenarios in the ``scenarios`` folders below *folder*, or of the built-in ones."""
    if not folder:
        return builtin_scenarios()
    path = Path(folder)
    return {str(file): text_of(file) for file in _yaml_files(path) if _is_scenario(file, path)}


def _yaml_files(path: Path) -> list[Path]:
    """Return the files below *path* by name; what begins with a dot is left out.

    Where a folder is mounted from a ConfigMap, each file lies in a hidden folder, too.
    """
    files = (file for file in path.rglob("*") if file.suffix in {".yaml", ".yml"} and file.is_file())
    return sorted(
        file for file in files if not any(part.startswith(".") for part in file.relative_to(path).parts)
    )


def _is_scenario(file: Path, folder: Path) -> bool:
    return "scenarios" in file.relative_to(folder).parts[:-1]


def text_of(file: Path) -> str:
    """Return the text of *file*; raises `DefinitionError` when it is not UTF-8."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise DefinitionError("not UTF-8", file=str(file), line=line, column=column) from None
