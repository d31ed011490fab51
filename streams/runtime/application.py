"""The composition: settings in, the Faust application out. Everything is made here and handed down."""

from __future__ import annotations

from streams.catalogue.events import load_vocabulary
from streams.metrics.instruments import Instruments
from streams.runtime.formats import Formats
from streams.runtime.hosting import create_app
from streams.runtime.planning import input_specs, plan_of
from streams.runtime.ports import Batch, PartitionState
from streams.runtime.processor import PartitionProcessor, Topics, Wiring
from streams.runtime.telemetry import Telemetry, expose
from streams.runtime.transport import SegmentApp
from streams.segmentation.options import Options
from streams.settings import Settings


def wire(settings: Settings, formats: Formats | None = None) -> Wiring:
    """Make what every partition shares: the plan, the codecs, the topics.

    Args:
        settings: all knobs.
        formats: makes the codecs; None: as the settings say.

    Raises:
        DefinitionError: a definition is wrong.
        SettingsError: an input names an unknown source.
    """
    vocabulary = load_vocabulary()
    formats = formats or Formats(settings, vocabulary)
    plan = plan_of(settings, vocabulary)
    return Wiring(
        plan=plan,
        options=Options(
            wall=settings.clock == "wall",
            catchup_after_ms=settings.catchup_after_ms,
            coverage_since=settings.coverage == "since",
            explain=settings.clauses,
        ),
        inputs=input_specs(settings, vocabulary),
        decoders={
            entry.topic: formats.decode(entry.format, plan.properties_read) for entry in settings.inputs
        },
        encoder=formats.encoder(),
        topics=Topics(
            transitions=settings.transitions_topic,
            memberships=settings.memberships_topic if settings.memberships else None,
            dead_letters=settings.dead_letter_topic,
            changelog=settings.changelog_topic,
        ),
        idle_after_ms=settings.idle_after_ms,
        merge_wait_ms=settings.merge_wait_ms,
    )


def create_application(settings: Settings) -> SegmentApp:
    """Return the Faust application of *settings*; nothing is connected before it starts.

    Raises:
        SettingsError, DefinitionError: what is wrong and what to do.
    """
    formats = Formats(settings, load_vocabulary())
    wiring = wire(settings, formats)
    telemetry = Telemetry(Instruments(), plan_hash=wiring.plan.plan_hash, waiting_for=formats.trouble)
    wiring = wiring.counted_by(telemetry.counted)
    outputs = tuple(
        topic
        for topic in (wiring.topics.transitions, wiring.topics.memberships, wiring.topics.dead_letters)
        if topic is not None
    )

    def make_state(partition: int) -> PartitionState:
        return PartitionProcessor(partition, wiring)

    app = create_app(settings, make_state, telemetry.timed(_handle), telemetry, outputs=outputs)
    if settings.metrics_port:
        expose(app, telemetry.endpoint(settings.metrics_host, settings.metrics_port))
    return app


def _handle(batch: Batch, state: PartitionState) -> None:
    assert isinstance(state, PartitionProcessor)
    state.handle(batch)
