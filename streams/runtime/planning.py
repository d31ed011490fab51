"""From the settings to what is compiled from them, without Faust: the plan, and the core's view of the inputs."""

from __future__ import annotations

from streams.catalogue.compiler import compile_catalogue
from streams.catalogue.library import source_of_events
from streams.catalogue.nodes import nearest
from streams.errors import SettingsError
from streams.runtime.definition_files import load_catalogue
from streams.segmentation.options import InputSpec
from streams.segmentation.plans import Plan
from streams.segmentation.vocabulary import Vocabulary
from streams.settings import ALL_SOURCES, InputTopic, Settings


def plan_of(settings: Settings, vocabulary: Vocabulary) -> Plan:
    """Compile the definitions that a worker with *settings* runs; raises `DefinitionError`."""
    return compile_catalogue(
        load_catalogue(settings.catalogue_dir, vocabulary),
        source_of_events(vocabulary),
        covered=settings.coverage == "since",
        one_watermark=len(settings.inputs) == 1,
    )


def input_specs(settings: Settings, vocabulary: Vocabulary) -> tuple[InputSpec, ...]:
    """Return the core's view of the input topics; the disorder of each is the greatest of its sources'.

    Raises:
        SettingsError: an input names an unknown source.
    """
    return tuple(_input_spec(settings, entry, vocabulary) for entry in settings.inputs)


def _input_spec(settings: Settings, entry: InputTopic, vocabulary: Vocabulary) -> InputSpec:
    known = [source for source in vocabulary.sources if source]
    everything = ALL_SOURCES in entry.sources
    for source in () if everything else entry.sources:
        if source not in known:
            raise SettingsError(
                f"the input {entry.topic} names the unknown source {source!r}", hint=nearest(source, known)
            )
    sources = known if everything else list(entry.sources)
    disorder_ms = max(settings.out_of_orderness_of_ms(source) for source in sources)
    return InputSpec(entry.topic, frozenset() if everything else frozenset(sources), disorder_ms)
