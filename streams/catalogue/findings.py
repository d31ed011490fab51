"""Everything that can be said about definitions, at once: mistakes, warnings and notes, in the order of the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from streams.catalogue.advice import Adviser, JournalCost
from streams.catalogue.compiler import compile_catalogue
from streams.catalogue.mending import Reading, read_to_the_end
from streams.catalogue.reachability import Reachability, Said
from streams.catalogue.scenarios import ScenarioReader
from streams.errors import DefinitionError
from streams.segmentation.definitions import Catalogue
from streams.segmentation.timeline import DurationMs
from streams.segmentation.vocabulary import Vocabulary

Level = Literal["error", "warning", "note"]
"""error: it cannot run; warning: it runs, and is probably not meant so; note: worth knowing."""

LEVELS: tuple[Level, ...] = get_args(Level)
"""From the gravest to the lightest."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is to be said, at its place."""

    level: Level
    problem: DefinitionError


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found.

    Attributes:
        all: by file in the order given, line and column.
        catalogue: what could be read.
        costs: what each journal is estimated to take; empty where there are mistakes.
    """

    all: tuple[Finding, ...]
    catalogue: Catalogue
    costs: tuple[JournalCost, ...]

    def of(self, level: Level) -> list[Finding]:
        """Return those of one level."""
        return [finding for finding in self.all if finding.level == level]


def find(
    texts: Mapping[str, str],
    vocabulary: Vocabulary,
    retention_ms: Mapping[str, DurationMs] | None = None,
    scenarios: Mapping[str, str] | None = None,
) -> Findings:
    """Return everything that can be said about the definitions in *texts*.

    Args:
        texts: file name → YAML, all files of a catalogue.
        vocabulary: the events there are.
        retention_ms: source or event type → how long the log keeps it.
        scenarios: file name → YAML of the scenarios beside them; of each file the first mistake is told.
    """
    reading = read_to_the_end(texts, vocabulary)
    adviser = Adviser(reading, vocabulary, retention_ms or {})
    said: list[Said] = [("error", mistake) for mistake in reading.mistakes]
    said += adviser.say()
    sources = {name: event.source for name, event in vocabulary.event_types.items()}
    said += [("error", mistake) for mistake in _unreadable(scenarios or {}, reading, sources)]
    costs: list[JournalCost] = []
    if not reading.mistakes:
        try:
            compile_catalogue(reading.catalogue, sources)
            said += adviser.unbounded()
            said += Reachability(reading, sources).say()
            costs = adviser.costs()
        except DefinitionError as error:  # a mistake that only the compiler sees; it has no place
            said.append(("error", error))
    order = {file: number for number, file in enumerate((*texts, *(scenarios or {})))}
    once = {(level, str(problem)): problem for level, problem in said}
    found = [Finding(cast("Level", level), problem) for (level, _), problem in once.items()]
    found.sort(
        key=lambda f: (
            order.get(f.problem.file, -1),
            f.problem.line,
            f.problem.column,
            LEVELS.index(f.level),
            f.problem.message,
        )
    )
    return Findings(tuple(found), reading.catalogue, tuple(costs))


def _unreadable(
    scenarios: Mapping[str, str], reading: Reading, sources: Mapping[str, str]
) -> Iterator[DefinitionError]:
    """Yield the first mistake of each file of scenarios."""
    reader = ScenarioReader([segment.segment_id for segment in reading.catalogue.segments], sources)
    for file, text in scenarios.items():
        try:
            reader.read(file, text)
        except DefinitionError as error:
            yield error
