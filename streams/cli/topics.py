"""``streams topics``: plan, check and create the topics of an application, and the rights it needs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from streams.cli.topics_view import differences_text, plan_json, plan_text, plan_yaml, what_differs_json
from streams.errors import OperationError, SettingsError
from streams.operations.access_plan import (
    Access,
    command_of,
    consumer_access,
    operator_access,
    producer_access,
    worker_access,
)
from streams.operations.topic_differences import Difference, differences, with_actual_partitions
from streams.operations.topic_plan import PlannedTopic, Sizing, planned_topics
from streams.settings import PREFIX, Settings, parse_duration_ms

F = TypeVar("F", bound=Callable[..., Any])

EXAMPLES = """\b
Examples:
  streams topics plan
  streams topics check
  streams topics apply --yes
"""
PLAN_EXAMPLES = """\b
Examples:
  streams topics plan
  streams topics plan --partitions 24 --input-retention 30d --json
  streams topics plan --acl-commands --principal User:segments --consumer User:crm=crm-
"""
CHECK_EXAMPLES = """\b
Examples:
  STREAMS_BOOTSTRAP=kafka:9092 streams topics check
  streams topics check --strict --json
"""
APPLY_EXAMPLES = """\b
Examples:
  STREAMS_BOOTSTRAP=kafka:9092 streams topics apply          says what it would do
  STREAMS_BOOTSTRAP=kafka:9092 streams topics apply --yes
  streams topics apply --yes --acls --principal User:segments
"""


@click.group(epilog=EXAMPLES)
def command() -> None:
    """Plan, check and create the topics of an application; the settings (STREAMS_...) are the worker's own."""


def _sized(function: F) -> F:
    """Add the options that say what a worker's settings do not."""
    for option in (
        click.option(
            "--output-retention", default="30d", show_default=True, metavar="DURATION",
            help="Of transitions and dead letters, at least.",
        ),
        click.option(
            "--input-retention", default="7d", show_default=True, metavar="DURATION", help="Of the inputs, at least."
        ),
        click.option(
            "--replication", type=click.IntRange(1, 16), help="Copies of each partition. [default: 3, or the brokers]"
        ),
        click.option(
            "--partitions", type=click.IntRange(1, 100_000), help="Of each topic. [default: the inputs', else 12]"
        ),
        click.option(
            "--set", "assignments", multiple=True, metavar="NAME=VALUE", help="A setting; wins over the environment."
        ),
    ):  # fmt: skip
        function = option(function)
    return function


def _identified(function: F) -> F:
    """Add the options that say who is who."""
    for option in (
        click.option(
            "--consumer", "consumers", multiple=True, metavar="PRINCIPAL=GROUP",
            help="Who reads the outputs, and what the names of its groups begin with.",
        ),
        click.option("--operator", "operators", multiple=True, metavar="PRINCIPAL", help="Who only looks: streams status."),
        click.option("--producer", "producers", multiple=True, metavar="PRINCIPAL", help="Who writes the inputs."),
        click.option(
            "--principal", default="User:segment-streams", show_default=True, help="Whom the workers log in as."
        ),
    ):  # fmt: skip
        function = option(function)
    return function


@command.command("plan", epilog=PLAN_EXAMPLES)
@_sized
@_identified
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@click.option("--yaml", "as_yaml", is_flag=True, help="The topics as YAML, for other tools.")
@click.option("--acl-commands", is_flag=True, help="The rights alone, as calls of kafka-acls.sh.")
def plan(
    assignments: Sequence[str], partitions: int | None, replication: int | None, input_retention: str,
    output_retention: str, principal: str, producers: Sequence[str], consumers: Sequence[str], operators: Sequence[str],
    as_json: bool, as_yaml: bool, acl_commands: bool,
) -> None:  # fmt: skip
    """Print the topics, how each must be set, why, and the rights that are needed. No broker is asked."""
    settings = _settings(assignments)
    sizing = _sizing(partitions or 12, replication or 3, input_retention, output_retention)
    topics = planned_topics(settings, sizing)
    rights = _rights(settings, principal, producers, consumers, operators)
    if acl_commands:
        for right in rights:
            click.echo(command_of(right, settings.bootstrap))
    elif as_yaml:
        click.echo(plan_yaml(topics, rights), nl=False)
    else:
        click.echo(plan_json(topics, rights) if as_json else plan_text(topics, rights))


@command.command("check", epilog=CHECK_EXAMPLES)
@_sized
@click.option("--strict", is_flag=True, help="What is only better otherwise is an error too.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@click.pass_context
def check(
    context: click.Context, assignments: Sequence[str], partitions: int | None, replication: int | None,
    input_retention: str, output_retention: str, strict: bool, as_json: bool,
) -> None:  # fmt: skip
    """Compare the brokers with the plan; the exit status is 1 when something that is needed is missing or wrong."""
    settings = _settings(assignments)
    _, topics, found = _compared(settings, partitions, replication, input_retention, output_retention)
    click.echo(what_differs_json(topics, found) if as_json else differences_text(topics, found))
    if any(one.needed or strict for one in found):
        context.exit(1)


@command.command("apply", epilog=APPLY_EXAMPLES)
@_sized
@_identified
@click.option("--yes", is_flag=True, help="Do it; without this nothing is changed.")
@click.option("--acls", is_flag=True, help="Grant the rights too.")
@click.pass_context
def apply(
    context: click.Context, assignments: Sequence[str], partitions: int | None, replication: int | None,
    input_retention: str, output_retention: str, principal: str, producers: Sequence[str], consumers: Sequence[str],
    operators: Sequence[str], yes: bool, acls: bool,
) -> None:  # fmt: skip
    """Create what is missing and raise what is too low. Without --yes it says what it would do, and does nothing.

    It never deletes a topic or a record, never shrinks anything and never adds partitions: what would need that is
    named, with the command that does it by hand, and the exit status is 1 if the application cannot do without.
    """
    settings = _settings(assignments)
    admin, topics, found = _compared(settings, partitions, replication, input_retention, output_retention)
    click.echo(differences_text(topics, found))
    missing = {one.topic for one in found if one.mending == "create"}
    changes = [one for one in found if one.mending == "set"]
    admin.create([one for one in topics if one.name in missing], dry=not yes)
    admin.set(changes, topics, dry=not yes)
    rights = _rights(settings, principal, producers, consumers, operators) if acls else ()
    if yes and rights:
        admin.grant(rights)
    done = [(len(missing), "topics created"), (len(changes), "settings set"), (len(rights), "rights granted")]
    said = ", ".join(f"{count} {what}" for count, what in done if count) or "nothing to do"
    click.echo(said if yes or not any(count for count, _ in done) else f"with --yes: {said}")
    if any(one.needed and one.mending == "by hand" for one in found):
        context.exit(1)


def _settings(assignments: Sequence[str]) -> Settings:
    environment = dict(os.environ)
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise SettingsError(
                f"--set {assignment} is no NAME=VALUE", hint="write it like --set clock=event"
            )
        environment[PREFIX + name.strip().upper()] = value
    return Settings.load(environment)


def _sizing(partitions: int, replication: int, input_retention: str, output_retention: str) -> Sizing:
    return Sizing(
        partitions=partitions,
        replication=replication,
        input_retention_ms=_duration("--input-retention", input_retention),
        output_retention_ms=_duration("--output-retention", output_retention),
    )


def _duration(option: str, text: str) -> int:
    try:
        return parse_duration_ms(text)
    except ValueError as error:
        raise SettingsError(f"{option}: {error}") from None


def _rights(
    settings: Settings,
    principal: str,
    producers: Sequence[str],
    consumers: Sequence[str],
    operators: Sequence[str],
) -> tuple[Access, ...]:
    rights = [*worker_access(settings, principal)]
    for producer in producers:
        rights += producer_access(settings, producer)
    for operator in operators:
        rights += operator_access(settings, operator)
    for consumer in consumers:
        name, equals, group = consumer.rpartition("=")
        if not equals or not name or not group:
            raise SettingsError(
                f"--consumer {consumer} is no PRINCIPAL=GROUP", hint="write it like --consumer User:crm=crm-"
            )
        rights += consumer_access(settings, name, group)
    return tuple(rights)


def _compared(
    settings: Settings,
    partitions: int | None,
    replication: int | None,
    input_retention: str,
    output_retention: str,
) -> tuple[Any, tuple[PlannedTopic, ...], list[Difference]]:
    """Ask the brokers; return them, the plan with the inputs' own partition count, and what differs."""
    from streams.operations.topic_admin import TopicAdmin  # noqa: PLC0415 - loads the client; a plan needs none

    admin = TopicAdmin(settings)
    if replication is not None and replication > admin.brokers:
        raise OperationError(
            f"{replication} replicas need as many brokers, there are {admin.brokers}", hint="choose fewer"
        )
    copies = replication or min(3, admin.brokers)
    topics = planned_topics(settings, _sizing(partitions or 12, copies, input_retention, output_retention))
    actual = admin.actual(one.name for one in topics)
    topics, unequal = with_actual_partitions(topics, actual, chosen=partitions)
    return admin, topics, [*unequal, *differences(topics, actual)]
