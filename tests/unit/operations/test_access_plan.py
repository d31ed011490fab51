"""Which rights are planned for whom, and how Kafka's own tool grants them."""

from __future__ import annotations

from streams.operations.access_plan import (
    Access,
    command_of,
    consumer_access,
    operator_access,
    producer_access,
    worker_access,
)
from streams.settings import Settings

SETTINGS = Settings.load({}, application_id="shop", inputs="a=orders;b=behaviour")


def rights(*planned: Access) -> set[tuple[str, str, str]]:
    """Return operation, kind and name of each."""
    return {(one.operation, one.resource, one.name + ("*" if one.prefixed else "")) for one in planned}


def test_a_worker_reads_inputs_and_writes_outputs() -> None:
    """It may not write inputs, read outputs, or touch another application's group, topics or transactions."""
    assert rights(*worker_access(SETTINGS, "User:w")) == {
        ("Read", "topic", "a"), ("Read", "topic", "b"),
        ("Write", "topic", "segments.transitions"), ("Write", "topic", "segments.memberships"),
        ("Write", "topic", "customers.events.dead-letter"),
        ("Write", "topic", "shop.changelog"), ("Read", "topic", "shop.changelog"),
        ("DescribeConfigs", "topic", "shop.changelog"), ("Create", "topic", "shop.changelog"),
        ("Read", "group", "shop"), ("Write", "transactional-id", "shop-*"),
    }  # fmt: skip


def test_a_worker_that_creates_nothing_needs_no_right_to() -> None:
    """Nor one to write memberships when it does not."""
    settings = Settings.load({}, create_changelog=False, memberships=False)
    planned = rights(*worker_access(settings, "User:w"))

    assert not {one for one in planned if one[0] == "Create" or one[2] == "segments.memberships"}


def test_consumers_and_producers() -> None:
    """Consumers read the outputs in groups of their own; producers write the inputs, and that is all."""
    assert rights(*consumer_access(SETTINGS, "User:c", "crm-")) == {
        ("Read", "topic", "segments.transitions"), ("Read", "topic", "segments.memberships"), ("Read", "group", "crm-*"),
    }  # fmt: skip
    assert rights(*producer_access(SETTINGS, "User:p")) == {("Write", "topic", "a"), ("Write", "topic", "b")}


def test_who_only_looks_may_change_nothing() -> None:
    """Describe everything, read the changelog; no event, no transition."""
    planned = rights(*operator_access(SETTINGS, "User:o"))

    assert {one[0] for one in planned} == {"Describe", "DescribeConfigs", "Read"}
    assert {one for one in planned if one[0] == "Read"} == {("Read", "topic", "shop.changelog")}
    assert ("Describe", "group", "shop") in planned


def test_the_command_of_a_right() -> None:
    """As kafka-acls.sh takes it, quoted for a shell; prefixed only where the beginning of a name is meant."""
    plain = Access("User:CN=a b", "topic", "t", "Read", "")
    prefixed = Access("User:w", "transactional-id", "shop-", "Write", "", prefixed=True)

    assert command_of(plain, "kafka:9092") == (
        "kafka-acls.sh --bootstrap-server kafka:9092 --command-config admin.properties --add "
        "--allow-principal 'User:CN=a b' --operation Read --topic t"
    )
    assert command_of(prefixed, "k:1").endswith("--transactional-id shop- --resource-pattern-type prefixed")
