"""The compiler: the same catalogue gives the same module; gates, circles, names, and what the module holds."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback

import pytest

from streams.catalogue.compiler import compile_catalogue
from streams.errors import DefinitionError
from streams.segmentation.conditions import Condition, InSegment, Not, Otherwise, Performed
from streams.segmentation.definitions import (
    Catalogue,
    FactDefinition,
    GroupDefinition,
    SegmentDefinition,
    Undoing,
)
from streams.segmentation.plans import Plan
from streams.testing.driver import SegmentationTestDriver
from streams.testing.shop import SOURCES, builtin, catalogue_of, driver, instant

TEN = instant("2026-03-02 10:00")
VIEW = Performed("Product Viewed")


def segment(name: str, when: Condition = VIEW, **more: object) -> SegmentDefinition:
    """Return a definition."""
    return SegmentDefinition(name, 1, "label", when, **more)  # type: ignore[arg-type]


def plan_of(*segments: SegmentDefinition, **more: object) -> Plan:
    """Compile *segments*."""
    return compile_catalogue(Catalogue(segments=segments, **more), SOURCES)  # type: ignore[arg-type]


def gates(plan: Plan) -> dict[str, frozenset[str]]:
    """Return segment id → the sources it waits for."""
    return {m.segment_id: plan.gates[machine.gate] for machine in plan.machines for m in machine.members}


def test_the_same_catalogue_gives_the_same_module() -> None:
    """Source and hash are the same each time, and in another process with another seed of hashes."""
    first, second = (compile_catalogue(builtin(), SOURCES) for _ in range(2))
    code = (
        "from streams.catalogue.compiler import compile_catalogue\n"
        "from streams.testing.shop import SOURCES, builtin\n"
        "print(compile_catalogue(builtin(), SOURCES).plan_hash)\n"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout.strip()
        for seed in ("1", "2")
    }

    assert first.source == second.source
    assert hashes == {first.plan_hash}


def test_another_definition_gives_another_hash() -> None:
    """State of one plan is not read by another: a window more, a filter more, coverage or not."""
    base = "segments:\n  - {id: s, label: S, when: {did: Product Viewed%s}}"
    texts = ("", ", within: 1h", ", within: 2h", ", where: {brand: x}")
    hashes = {compile_catalogue(catalogue_of(base % text), SOURCES).plan_hash for text in texts}
    hashes.add(compile_catalogue(catalogue_of(base % ", within: 1h"), SOURCES, covered=True).plan_hash)

    assert len(hashes) == len(texts) + 1


def test_the_gate_is_the_sources_of_when_and_until() -> None:
    """S5: through references, not through exclusions; a fact brings what undoes it."""
    found = gates(
        plan_of(
            segment("a.view"),
            segment("b.order", Performed("Order Completed")),
            segment("c.until", VIEW, until=Performed("Email Opened")),
            segment("d.in", InSegment("b.order")),
            segment("e.exclude", VIEW, exclude=("b.order",)),
        )
    )

    assert found == {
        "a.view": {"behaviour"},
        "b.order": {"orders"},
        "c.until": {"behaviour", "engagement"},
        "d.in": {"orders"},
        "e.exclude": {"behaviour"},
    }


def test_shipped_gates() -> None:
    """S5: abandonment waits for behaviour and orders, lifecycle for all that any of its members reads."""
    found = gates(compile_catalogue(builtin(), SOURCES))

    assert found["checkout.abandon"] == {"behaviour", "orders"}
    assert found["cart.abandon"] == {"behaviour", "orders"}
    assert found["post_purchase.24h"] == {"orders"}
    lifecycle = {frozenset(gate) for name, gate in found.items() if name.startswith("lifecycle.")}
    assert lifecycle == {frozenset({"behaviour", "orders", "engagement", "profile"})}


def test_circles_are_refused() -> None:
    """Segments are evaluated in the order of their references, so there must be one."""
    with pytest.raises(DefinitionError, match="circle: a -> b -> a"):
        plan_of(segment("a", InSegment("b")), segment("b", VIEW, exclude=("a",)))
    with pytest.raises(DefinitionError, match="circle: a -> a"):
        plan_of(segment("a", VIEW, until=InSegment("a")))


def test_unknown_references_are_refused() -> None:
    """Also where no file was read."""
    with pytest.raises(DefinitionError, match="unknown segment 'b'"):
        plan_of(segment("a", InSegment("b")))
    with pytest.raises(DefinitionError, match="unknown event or fact 'Nothing'"):
        plan_of(segment("a", Performed("Nothing")))


def test_catch_alls_outside_their_place_are_refused() -> None:
    """S16: 'otherwise' is the whole of a member of a partition group, and nobody refers to it."""
    group = GroupDefinition("G", "partition")
    rest = segment("r", Otherwise(), group="G")
    with pytest.raises(DefinitionError, match="otherwise"):
        plan_of(segment("a", Not(Otherwise())))
    with pytest.raises(DefinitionError, match="catch-all"):
        plan_of(rest, segment("a", InSegment("r")), groups=(group,))


def test_references_may_point_forward() -> None:
    """The order in the file does not matter."""
    shop = SegmentationTestDriver(
        Catalogue(segments=(segment("a", InSegment("b")), segment("b"))), sources=SOURCES
    )
    shop.happen("Product Viewed", TEN)

    assert set(shop.memberships()["c"]) == {"a", "b"}


@pytest.mark.parametrize(
    "label", ['"""', "a\\", 'x"', "line\nline", '"""\nraise SystemExit\n"""', "\u202e", "%s{t}"]
)
def test_a_label_may_hold_anything(label: str) -> None:
    """What people write is never code."""
    plan = compile_catalogue(
        Catalogue(
            groups=(GroupDefinition('G"""\n', "partition"),),
            segments=(
                SegmentDefinition("s", 1, label, VIEW),
                SegmentDefinition("t", 1, label, VIEW, group='G"""\n'),
            ),
        ),
        SOURCES,
    )

    assert len(plan.machines) == 2


def test_names_that_spell_the_same_stay_apart() -> None:
    """Segment ids, facts, events and profile fields may collide as identifiers; nothing overwrites anything."""
    sources = {
        "Product Viewed": "behaviour",
        "product-viewed": "behaviour",
        "Orders": "orders",
        "Orders Key": "orders",
    }
    facts = tuple(
        FactDefinition(name, (event,), key="id", undone_by=(Undoing("Orders Key"),), amount=("total",))
        for name, event in (
            ("created", "Orders"),
            ("orders", "Orders"),
            ("seen", "Orders"),
            ("wakes", "Orders"),
        )
    )
    conditions = (
        "Product Viewed",
        "product-viewed",
        "Orders",
        "Orders Key",
        "created",
        "orders",
        "seen",
        "wakes",
    )
    segments = tuple(
        segment(name, Performed(event))
        for name, event in zip(("a.b", "a_b", "A.b", "group G", "c", "d", "e", "f"), conditions, strict=True)
    )
    shop = SegmentationTestDriver(Catalogue(facts=facts, segments=segments), sources=sources)
    shop.happen("product-viewed", TEN)
    only = set(shop.memberships()["c"])
    shop.happen("Orders", TEN + 1, id="1", total="3")
    shop.restart()

    assert only == {"a_b"}
    assert set(shop.memberships()["c"]) == {"a_b", "A.b", "c", "d", "e", "f"}


def test_a_traceback_shows_the_generated_line() -> None:
    """The module is known to linecache, so that a defect in it can be read."""
    shop = driver()
    profile = shop.partition.profile("default/c")
    with pytest.raises(AttributeError) as failed:
        shop.partition.handlers["Order Completed"](shop.partition, profile, object(), False)

    assert "event.event_time_ms" in "".join(traceback.format_exception(failed.value))


def test_only_what_is_read_is_asked_for() -> None:
    """Per event type the properties that some definition reads, for the decoders."""
    found = plan_of(
        segment("a", Performed("Product Viewed", same="product_id")),
        segment("b", Performed("orders")),
        facts=(
            FactDefinition(
                "orders",
                ("Order Completed",),
                key="order_id",
                undone_by=(Undoing("Order Cancelled"),),
                amount=("total",),
            ),
        ),
    ).properties

    assert found == {
        "Product Viewed": {"product_id"},
        "Order Completed": {"order_id", "total"},
        "Order Cancelled": {"order_id"},
    }


@pytest.mark.parametrize("value", [["p1", "p2"], {"id": 1}, 1 << 80, "p1", 5, True, None])
def test_any_value_of_a_compared_property_is_kept(value: object) -> None:
    """Lists, mappings and huge numbers neither break the count nor the state."""
    shop = driver(
        catalogue_of(
            "segments:\n  - {id: s, label: S, when: {did: Product Viewed, at_least: 2, same: product_id}}"
        )
    )
    shop.happen("Product Viewed", TEN, product_id=value)
    shop.restart()
    shop.happen("Product Viewed", TEN + 1, product_id=value)
    shop.restart()

    assert bool(shop.memberships()) is (value is not None)


def test_every_order_of_a_cancelled_key_is_taken_back() -> None:
    """S15: an order sent under two message ids is cancelled as one, before or after it comes, restart or not."""
    text = """
facts: {bought: {events: Order Completed, key: order_id, undone_by: Order Cancelled}}
segments: [{id: s, label: S, when: {did: bought}}]
"""
    for sequence in ("OOC", "OCO", "COO"):
        shop = driver(catalogue_of(text))
        for number, kind in enumerate(sequence):
            event = "Order Completed" if kind == "O" else "Order Cancelled"
            shop.happen(event, TEN + number, order_id="1")
            shop.restart()
        assert shop.memberships() == {}, sequence


def test_a_count_before_a_mark_with_a_window_ends() -> None:
    """What comes after the mark never counts, and makes no timer in the past."""
    shop = driver(
        catalogue_of(
            "segments: [{id: s, label: S, when: {did: Product Viewed, at_most: 1, within: 1h, before: Product Added}}]"
        )
    )
    shop.happen("Product Viewed", TEN)
    shop.happen("Product Added", TEN + 1)
    shop.happen("Product Viewed", TEN + 2)
    shop.happen("Product Viewed", TEN + 3)
    shop.advance(None, TEN + 7_200_000)

    assert set(shop.memberships()["c"]) == {"s"}


def test_since_and_before_use_their_own_marks() -> None:
    """Both together: between the last one of the first and the last one of the second."""
    shop = driver(
        catalogue_of(
            "segments: [{id: s, label: S, when: {did: Product Viewed, since: Cart Viewed, before: Product Added}}]"
        )
    )
    seen = []
    for offset, event in enumerate(
        ("Product Viewed", "Cart Viewed", "Product Added", "Product Viewed", "Product Added")
    ):
        shop.happen(event, TEN + offset)
        seen.append(bool(shop.memberships()))

    assert seen == [False, False, False, False, True]
