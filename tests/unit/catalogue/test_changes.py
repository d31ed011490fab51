"""What differs between two catalogues: in meaning or not, what it costs, and who forgot to raise a version."""

from __future__ import annotations

import pytest

from streams.catalogue.changes import Difference, compare
from streams.catalogue.library import read_document
from streams.segmentation.timeline import DAY_MS
from streams.testing.shop import SOURCES, VOCABULARY

BEFORE = """\
facts:
  orders: {events: Order Completed, key: order_id, amount: total, undone_by: Order Cancelled}
groups:
  G: {kind: partition, population: {did: orders}}
segments:
  - {id: a, label: A, when: [{did: Product Viewed, at_least: 3, within: 9d}, {did: Cart Viewed}], dwell: 1h}
  - {id: b, label: B, when: [{in: a}, {did: Product Added}]}
  - {id: c, label: C, when: {did: Checkout Started}}
  - {id: d, label: D, when: {sum: orders, at_least: 5}}
  - {id: g.one, label: G, group: G, rank: 1, when: {last: orders, within: 9d}}
  - {id: g.two, label: G, group: G, rank: 2, when: {last: orders, within: 30d}}
  - {id: g.rest, label: G, group: G, rank: 3, when: {otherwise: true}}
"""


def difference(after: str, before: str = BEFORE) -> Difference:
    """Return what *after* changes."""
    old = read_document({"old.yaml": before}, VOCABULARY)[0]
    new, document = read_document({"new.yaml": after}, VOCABULARY)
    return compare(old, new, document, SOURCES)


def changed(*words: tuple[str, str]) -> Difference:
    """Return what it changes when *words* are put in the place of others."""
    text = BEFORE
    for old, new in words:
        assert old in text
        text = text.replace(old, new)
    return difference(text)


def test_nothing() -> None:
    """The same text, the same meaning."""
    assert difference(BEFORE).nothing


def test_a_condition_without_a_new_version() -> None:
    """A mistake at the id, with the version to write; who refers to it is found anew; the journal gets longer."""
    found = changed(("within: 9d}, {did: Cart", "within: 12d}, {did: Cart"))

    (change,) = found.changed
    assert (change.segment_id, change.parts) == ("a", ("when",))
    assert change.lines == (
        "-when: did Product Viewed at least 3 times within 9d",
        "+when: did Product Viewed at least 3 times within 12d",
    )
    (mistake,) = found.mistakes
    assert (mistake.line, mistake.column, mistake.hint) == (6, 10, "write 'version: 2'")
    assert "a means something else (when) and is still version 1" in mistake.message
    assert found.reevaluated == {"a": "its meaning changed", "b": "it refers to a"}
    (journal,) = found.journals
    assert (journal.kind, journal.events, journal.readers) == ("longer", ("Product Viewed",), ("a",))
    assert (journal.old_ms, journal.new_ms, journal.needs_history) == (16 * DAY_MS, 19 * DAY_MS, True)


def test_a_new_version_is_no_mistake() -> None:
    """With the version raised the same change is told, and all is well."""
    found = changed(("{id: a, label: A", "{id: a, version: 2, label: A"), ("dwell: 1h", "dwell: 2h"))

    assert [(change.old_version, change.new_version) for change in found.changed] == [(1, 2)]
    assert found.changed[0].lines == ("-dwell: 1h", "+dwell: 2h")
    assert found.mistakes == ()


def test_a_version_never_goes_back() -> None:
    """Not even when nothing else changes."""
    found = difference(BEFORE, BEFORE.replace("{id: c, label: C", "{id: c, version: 3, label: C"))

    assert [mistake.message for mistake in found.mistakes] == ["c goes back from version 3 to 1"]
    assert found.mistakes[0].hint == "versions only rise: write 'version: 4'"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "[{did: Product Viewed, at_least: 3, within: 9d}, {did: Cart Viewed}]",
            "[{did: Cart Viewed}, {did: Product Viewed, at_least: 3, within: 216h}]",
        ),
        ("when: {did: Checkout Started}", "when: {not: {not: {all: [{did: Checkout Started}]}}}"),
        ("when: {did: Checkout Started}", "when: {any: [{did: Checkout Started}, {did: Checkout Started}]}"),
        ("when: {did: Checkout Started}", "when: {if: did(Checkout Started)}"),
        ("rank: 3", "rank: 30"),
    ],
)
def test_what_is_written_in_another_way_means_the_same(old: str, new: str) -> None:
    """Order, units, short forms, doubled negations and numbers of ranks are no change in meaning."""
    found = changed((old, new))

    assert found.changed == ()
    assert found.mistakes == ()


@pytest.mark.parametrize(
    ("new", "part"),
    [
        ("label: New", "label"),
        ("label: C, owner: Ada", "owner"),
        ("label: C, channels: [sms]", "channels"),
        ("label: C, suppresses: a", "suppresses"),
        ("label: C, holdout: {share: 0.1, salt: x}", "holdout"),
        ("label: C, size: {at_least: 5}", "size"),
    ],
)
def test_what_accompanies_needs_no_version(new: str, part: str) -> None:
    """It is told as that."""
    found = changed(("id: c, label: C", f"id: c, {new}"))

    assert [(change.segment_id, change.parts) for change in found.accompanied] == [("c", (part,))]
    assert (found.changed, found.mistakes, found.reevaluated) == ((), (), {})


def test_a_fact_is_part_of_the_meaning() -> None:
    """Whoever reads it must raise the version; the journals of the fact are other ones."""
    found = changed(("undone_by: Order Cancelled", "undone_by: Order Refunded"))

    assert {change.segment_id for change in found.changed} == {"d", "g.one", "g.two", "g.rest"}
    assert found.changed[0].parts == ("fact orders",)
    assert {journal.kind for journal in found.journals} == {"new", "dropped"}


def test_added_removed_and_renamed() -> None:
    """A removed and an added segment of the same meaning are probably one."""
    found = changed(("{id: c, label: C", "{id: e, label: E"))

    assert (found.added, found.removed, found.renamed) == (("e",), ("c",), {"e": "c"})
    assert found.reevaluated == {"e": "it is new"}


def test_who_comes_before_is_part_of_the_meaning_in_a_partition_group() -> None:
    """Two that change places both mean something else; who comes after is found anew."""
    found = changed(("G, rank: 1", "G, rank: 7"), ("G, rank: 2", "G, rank: 1"), ("G, rank: 7", "G, rank: 2"))

    assert [(change.segment_id, change.parts) for change in found.changed] == [
        ("g.one", ("who comes before",)),
        ("g.two", ("who comes before",)),
    ]
    assert found.reevaluated["g.rest"] == "g.one comes or came before it"


def test_a_member_that_goes_lets_the_others_be_found_anew() -> None:
    """They need no new version: they mean what they meant."""
    text = "\n".join(line for line in BEFORE.splitlines() if "g.one" not in line)
    found = difference(text)

    assert found.removed == ("g.one",)
    assert found.reevaluated.keys() == {"g.two", "g.rest"}
    assert found.mistakes == ()


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("{did: Product Added}", "{did: Product Added, where: {brand: x}}", "new"),
        ("{did: Cart Viewed}", "{last: Cart Viewed, where: {cart_id: x}}", "more"),
        ("at_least: 3, within: 9d", "at_least: 3, within: 2d", "shorter"),
    ],
)
def test_journals(old: str, new: str, kind: str) -> None:
    """What is kept of events: new, more of each, shorter."""
    assert kind in {journal.kind for journal in changed((old, new)).journals}
