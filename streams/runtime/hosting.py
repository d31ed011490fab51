"""From settings to a Faust application: the one function the domain wiring calls."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from typing import TypeVar, cast

from streams.runtime.batches import DeliveredBatch
from streams.runtime.client_options import ClientOptions
from streams.runtime.engine import Engine
from streams.runtime.instances import InstanceName
from streams.runtime.limits import Limits
from streams.runtime.logs import log_config
from streams.runtime.observing import Observer, SilentObserver
from streams.runtime.ports import Batch, PartitionState, StateFactory
from streams.runtime.transport import BatchSchema, SegmentApp
from streams.settings import Settings

S = TypeVar("S", bound=PartitionState)


def limits_from(settings: Settings) -> Limits:
    """Make the cycle's limits from the settings."""
    return Limits(
        commit_interval_ms=settings.commit_interval_ms,
        catchup_interval_ms=settings.catchup_commit_interval_ms,
        catchup_lag=max(1, settings.catchup_lag),
        tick_interval_ms=settings.tick_interval_ms,
        merge_wait_ms=settings.merge_wait_ms,
        patience_ms=settings.patience_ms,
        records_in_flight_max=settings.records_in_flight_max,
        batch_records_max=settings.batch_records_max,
        held_records_max=settings.held_records_max,
        outputs_max=settings.outputs_max,
        attempts=settings.attempts,
        on_poison=settings.on_poison,
    )


def client_options_from(settings: Settings, instance_id: str) -> ClientOptions:
    """Make the client's options from the settings.

    Raises:
        SettingsError: an option would break exactly once.
    """
    return ClientOptions(
        bootstrap=settings.bootstrap,
        application_id=settings.application_id,
        instance_id=instance_id,
        inputs=settings.input_topics,
        changelog=settings.changelog_topic,
        transaction_timeout_ms=settings.transaction_timeout_ms,
        session_timeout_ms=settings.session_timeout_ms,
        max_poll_interval_ms=settings.max_poll_interval_ms,
        static_membership=settings.static_membership,
        extra=settings.kafka_options,
    )


def create_app(
    settings: Settings,
    state_factory: Callable[[int], S],
    handle_batch: Callable[[Batch, S], None],
    observer: Observer | None = None,
    *,
    outputs: tuple[str, ...] = (),
) -> SegmentApp:
    """Make the Faust application with its one agent, `segment-customers`. Nothing is connected before it starts.

    Args:
        settings: all knobs.
        state_factory: makes a partition's empty state.
        handle_batch: works on one batch; it holds the state only while it runs.
        observer: told of commits, lags, restores; None: nobody.
        outputs: topics that must exist before the worker starts.

    Raises:
        SettingsError: a client option would break exactly once.
    """
    client_options_from(
        settings, settings.instance_id or "unnamed"
    )  # wrong ones are told now, not at the start

    def options() -> ClientOptions:
        return client_options_from(
            settings, settings.instance_id or InstanceName(settings.application_id).name
        )

    engine = Engine(
        options,
        limits_from(settings),
        cast("StateFactory", state_factory),
        observer or SilentObserver(),
        outputs=outputs,
        create_changelog=settings.create_changelog,
        restore_threads=settings.restore_threads,
    )
    app = SegmentApp(
        settings.application_id,
        engine=engine,
        delivery_topic=settings.input_topics[0],
        logging_config=log_config(settings),
        broker=[f"kafka://{address.strip()}" for address in settings.bootstrap.split(",")],
    )
    topic = app.topic(*settings.input_topics, schema=BatchSchema(), acks=False)

    @app.agent(topic, name="segment-customers")  # type: ignore[untyped-decorator]
    async def segment_customers(batches: AsyncIterable[DeliveredBatch]) -> None:
        """Work on the batches of the partitions this worker owns."""
        async for batch in batches:
            with batch as state:
                if state is not None:  # None: rolled back before its turn came
                    handle_batch(batch, cast("S", state))

    return app
