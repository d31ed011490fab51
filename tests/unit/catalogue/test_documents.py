"""Definitions from YAML: what is read, what is refused and where, and that no text breaks the reader."""

from __future__ import annotations

import pytest

from streams.catalogue.library import builtin_texts, read_catalogue
from streams.errors import DefinitionError
from streams.segmentation.conditions import (
    AgeRange,
    Aggregate,
    All,
    Any_,
    Compare,
    Condition,
    Filter,
    Last,
    Not,
    Performed,
)
from streams.segmentation.timeline import DAY_MS, HOUR_MS
from streams.testing.shop import VOCABULARY, catalogue_of

SEGMENT = "segments:\n  - id: a.b\n    label: L\n    when: "


def when(text: str) -> Condition:
    """Return the condition that one line of YAML means."""
    return catalogue_of(f"{SEGMENT}{text}").segments[0].when


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{did: Product Viewed}", Performed("Product Viewed")),
        ("{did: Product Viewed, at_least: 2}", Performed("Product Viewed", at_least=2)),
        ("{did: Product Viewed, at_most: 2}", Performed("Product Viewed", at_least=0, at_most=2)),
        ("{did: Product Viewed, exactly: 0}", Performed("Product Viewed", at_least=0, at_most=0)),
        (
            "{did: Product Viewed, at_least: 2, at_most: 4}",
            Performed("Product Viewed", at_least=2, at_most=4),
        ),
        ("{did: Product Viewed, within: 2h}", Performed("Product Viewed", age=AgeRange(0, 2 * HOUR_MS))),
        (
            "{did: Product Viewed, ago: {from: 1d, to: 2d}}",
            Performed("Product Viewed", age=AgeRange(DAY_MS, 2 * DAY_MS)),
        ),
        ("{did: Product Viewed, since: Product Added}", Performed("Product Viewed", since="Product Added")),
        ("{did: Product Viewed, before: Product Added}", Performed("Product Viewed", before="Product Added")),
        ("{did: Product Viewed, same: product_id}", Performed("Product Viewed", same="product_id")),
        (
            "{did: Product Viewed, where: {brand: x, price: {above: 5, below: 9}, sku: {in: [a, 1]}}}",
            Performed(
                "Product Viewed",
                where=(
                    Filter("brand", "eq", "x"),
                    Filter("price", "gt", 5),
                    Filter("price", "lt", 9),
                    Filter("sku", "in", ("a", 1)),
                ),
            ),
        ),
        ("{did_not: Product Viewed}", Not(Performed("Product Viewed"))),
        ("{last: Product Viewed, ago: {from: 30d}}", Last("Product Viewed", AgeRange(30 * DAY_MS, None))),
        ("{count: Product Viewed, more_than: 3}", Compare(Aggregate("count", "Product Viewed"), "gt", 3)),
        (
            "{sum: Order Completed.total, within: 1d, at_least: 19.99}",
            Compare(Aggregate("sum", "Order Completed", "total", AgeRange(0, DAY_MS)), "ge", 19_990_000),
        ),
        (
            "{count: Order Refunded, at_least: 33.5%, of: {count: Order Completed}}",
            Compare(
                Aggregate("count", "Order Refunded"),
                "ge",
                0,
                Aggregate("count", "Order Completed"),
                factor_ppm=335_000,
            ),
        ),
        (
            "[{did: Product Viewed}, {did: Product Added}]",
            All((Performed("Product Viewed"), Performed("Product Added"))),
        ),
        ("{any: [{did: Product Viewed}]}", Any_((Performed("Product Viewed"),))),
        ("{not: {did: Product Viewed}}", Not(Performed("Product Viewed"))),
    ],
)
def test_conditions(text: str, expected: Condition) -> None:
    """Each form of the language means one tree."""
    assert expected == when(text)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        (
            "{did: Product Vewed}",
            17,
            "unknown event or fact 'Product Vewed'\n  hint: did you mean 'Product Viewed'",
        ),
        ("{did: order completed}", 17, "did you mean 'Order Completed'"),
        ("{doid: Product Viewed}", 11, "hint: did you mean 'did'"),
        ("{did: Product Viewed, wihtin: 2h}", 33, "unknown key 'wihtin'\n  hint: did you mean 'within'"),
        ("{did: Product Viewed, in: a.b}", 11, "split did and in"),
        ("{did: Product Viewed, within: 2}", 41, "is no duration"),
        ("{did: Product Viewed, within: 0d}", 41, "nothing lies within no time"),
        ("{did: Product Viewed, within: 2h, ago: {from: 1h}}", 50, "exclude each other"),
        ("{did: Product Viewed, ago: {from: 2h, to: 2h}}", 38, "'to' must be longer ago"),
        ("{did: Product Viewed, ago: {form: 2h}}", 39, "did you mean 'from'"),
        ("{did: Product Viewed, at_least: 0}", 43, "at least 1"),
        ("{did: Product Viewed, at_least: 3, at_most: 2}", 11, "at most 2 is less"),
        ("{did: Product Viewed, exactly: 1, at_most: 2}", 42, "stands alone"),
        ("{did: Product Viewed, since: Nothing}", 40, "unknown event or fact"),
        ("{did: Product Viewed, where: {a: {abvoe: 5}}}", 45, "did you mean 'above'"),
        ("{did: Product Viewed, where: {a: {above: x}}}", 52, "expected a number"),
        ("{did: Product Viewed, where: {a: {above: true}}}", 52, "expected a number"),
        ("{did: Product Viewed, where: {a: {exists: maybe}}}", 53, "expected true or false"),
        ("{did: Product Viewed, where: {a: }}", 43, "exists: false"),
        ("{did: Product Viewed, where: {a: [1]}}", 44, "expected text, found a list"),
        ("{last: Product Viewed, among: {a: {abvoe: 5}}}", 46, "did you mean 'above'"),
        ("{did: Product Viewed, where: {a: {any: {}}}}", 50, "at least one test of an item"),
        ("{did: Product Viewed, where: {a: {sum: quantity}}}", 50, "exactly one of at_least"),
        ("{did: Product Viewed, where: {a: {sum: a x b x c, at_least: 1}}}", 50, "write 'quantity'"),
        ("{did: Product Viewed, where: {a: {more_than: 1}}}", 56, "limits a sum"),
        ("{avg: Product Vewed.price, at_least: 5}", 17, "did you mean 'Product Viewed'"),
        ("{avg: Product Viewed, at_least: 5}", 17, "has no amount"),
        ("{distinct: Product Viewed, at_least: 5}", 22, "of which property"),
        ("{most_frequent: Product Viewed.brand, at_least: 5}", 59, "compared with a percentage"),
        ("{count: Product Viewed, at_least: {sum: Order Completed.total}}", 45, "no share"),
        ("{count: Product Viewed, at_least: {cuont: Product Viewed}}", 46, "did you mean 'count'"),
        ("{days_since: Product Viewed}", 11, "exactly one of at_least"),
        ("{days_since: Product Viewed, less_than: 0d}", 51, "nothing is younger"),
        ("{sequence: [Product Viewed, Product Aded]}", 39, "did you mean 'Product Added'"),
        ("{sequence: [{event: Product Viewed, were: 1}]}", 47, "did you mean 'where'"),
        ("{sequence: [Product Viewed], gap: 0s}", 45, "nothing lies within no time"),
        ("{sequence: []}", 22, "expected 1 to 10 steps"),
        ("{stopped: Product Viewed, for: 1d}", 11, "'after' is missing"),
        ("{restarted: Product Viewed}", 11, "'after' is missing"),
        ("{regularly: Product Viewed, in: 3, of: 2, every: 1d}", 43, "3 of 2 periods cannot be"),
        ("{trait: country}", 11, "what must the trait 'country' be?"),
        ("{trait: country, iss: DE}", 28, "did you mean 'is'"),
        ("{consent: emial}", 21, "unknown channel 'emial'\n  hint: did you mean 'email'"),
        ("{consent: email, is: grantd}", 32, "did you mean 'granted'"),
        ("{score: churn}", 11, "a score needs a limit"),
        ("{last: Product Viewed, at_least: 2}", 34, "unknown key 'at_least'"),
        ("{count: Product Viewed}", 11, "exactly one of at_least"),
        ("{count: Product Viewed, at_least: 1.5}", 45, "too many decimals"),
        ("{count: Product Viewed, at_least: lots}", 45, "expected a number"),
        ("{count: Product Viewed, at_least: .nan}", 45, "expected a number"),
        ("{count: Product Viewed, at_least: 1e400}", 45, "too large"),
        ("{sum: Product Viewed, at_least: 5}", 17, "needs a money property"),
        ("{sum: Product Vewed.price, at_least: 5}", 17, "did you mean 'Product Viewed'"),
        ("{sum: Order Completed.total, at_least: 5%}", 11, "'of' is missing"),
        ("{sum: Order Completed.total, at_least: 5, of: {count: Order Completed}}", 57, "needs a percentage"),
        ("{count: Order Completed, at_least: 5%, of: {within: 1d}}", 54, "exactly one of count"),
        ("{count: Order Completed, at_least: 5%, of: {sum: Order Completed.total}}", 54, "no share"),
        ("{in: a.c}", 16, "unknown segment 'a.c'\n  hint: did you mean 'a.b'"),
        ("{in: a.b}", 9, "circle: a.b -> a.b"),
        ("{otherwise: true}", 9, "only in a partition group"),
        ("{otherwise: false}", 23, "expected true"),
        ("{not: {otherwise: true}}", 9, "stands alone"),
        ("{all: []}", 17, "expected a list of conditions"),
        ("[]", 11, "expected a list of conditions"),
        ("{all: {did: Product Viewed}}", 17, "expected a list of conditions"),
        ("", 10, "expected a mapping"),
        ("text", 11, "expected a mapping"),
        ("{not: " * 12 + "{did: Product Viewed}" + "}" * 12, 11, "nested deeper than 10"),
        ("{not: " * 30 + "{did: Product Viewed}" + "}" * 30, 131, "nested deeper than 10"),
    ],
)
def test_mistakes_in_conditions(text: str, column: int, message: str) -> None:
    """Every mistake is told with file, line, column and, where one is near, the right word."""
    with pytest.raises(DefinitionError) as refused:
        when(text)

    error = refused.value
    assert message in str(error)
    line = 2 if message.startswith(("circle", "only in", "stands alone")) and "exactly" not in text else 4
    assert ("test.yaml", line, column) == (error.file, error.line, error.column)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("segmets: []", 1, 1, "did you mean 'segments'"),
        ("segments:\n  - label: x\n    when: {did: Product Viewed}", 2, 5, "'id' is missing"),
        ("segments:\n  - id: a b\n    label: x\n    when: {did: Product Viewed}", 2, 9, "is no segment id"),
        ("segments:\n  - id: a\n    label: x\n    wehn: 1", 4, 5, "did you mean 'when'"),
        (
            "segments:\n  - id: a\n    label: x\n    version: 0\n    when: {did: Product Viewed}",
            4,
            14,
            "at least 1",
        ),
        (
            "segments:\n  - id: a\n    label: x\n    gate: some\n    when: {did: Product Viewed}",
            4,
            11,
            "unknown gate",
        ),
        (
            "segments:\n  - id: a\n    label: x\n    exclude: b\n    when: {did: Product Viewed}",
            4,
            14,
            "unknown segment",
        ),
        (
            "segments:\n  - id: a\n    label: x\n    group: G\n    when: {did: Product Viewed}",
            4,
            12,
            "unknown group",
        ),
        (
            "segments:\n" + 2 * "  - {id: a, label: x, when: {did: Product Viewed}}\n",
            3,
            10,
            "defined twice",
        ),
        ("facts:\n  f: {}", 2, 6, "'events' is missing"),
        ("facts:\n  f: {events: []}", 2, 15, "at least one event"),
        ("facts:\n  f: {events: Order Complete}", 2, 15, "did you mean 'Order Completed'"),
        ("facts:\n  f: {events: Order Completed, undone_by: Order Cancelled}", 2, 43, "needs a key"),
        ("facts:\n  Order Completed: {events: Product Viewed}", 2, 20, "is an event"),
        ("groups:\n  G: {kind: partion}", 2, 13, "did you mean 'partition'"),
        ("groups:\n  G: {population: {did: Product Viewed}}", 2, 6, "'kind' is missing"),
        ("groups:\n  G: {kind: partition, population: {in: x}}", 2, 41, "unknown segment 'x'"),
    ],
)
def test_mistakes_around_conditions(text: str, line: int, column: int, message: str) -> None:
    """Files, segments, facts and groups name their mistakes in the same way."""
    with pytest.raises(DefinitionError) as refused:
        catalogue_of(text)

    error = refused.value
    assert message in str(error)
    assert ("test.yaml", line, column) == (error.file, error.line, error.column)


@pytest.mark.parametrize(
    "key",
    [
        *("dwell: 1m", "grace: 1m", "min_membership: 1m", "cooldown: 1m", "max_entries: 1 per 1d"),
        *("exclude: b", "until: {did: Cart Viewed}", "gate: none"),
    ],
)
def test_partition_groups_have_one_decision(key: str) -> None:
    """S16: dwell, exclude, min_membership, until and the like are refused on a member, at the member's place."""
    text = f"""
groups: {{G: {{kind: partition}}}}
segments:
  - {{id: b, label: B, when: {{did: Product Added}}}}
  - id: a
    label: L
    group: G
    rank: 1
    when: {{did: Product Viewed}}
    {key}
"""
    with pytest.raises(DefinitionError, match="whose switches are one decision") as refused:
        catalogue_of(text)

    assert (refused.value.line, refused.value.column) == (5, 9)


def test_otherwise_must_come_last() -> None:
    """A member behind the catch-all would never be tried."""
    with pytest.raises(DefinitionError, match="not the last"):
        catalogue_of("""
groups: {G: {kind: partition}}
segments:
  - {id: a, label: A, group: G, rank: 1, when: {otherwise: true}}
  - {id: b, label: B, group: G, rank: 2, when: {did: Product Viewed}}
""")


def test_nobody_refers_to_a_catch_all() -> None:
    """The truth of 'otherwise' is only known inside its group."""
    with pytest.raises(DefinitionError, match="catch-all") as refused:
        catalogue_of("""
groups: {G: {kind: partition}}
segments:
  - {id: a, label: A, group: G, rank: 1, when: {otherwise: true}}
  - {id: b, label: B, when: {in: a}}
""")

    assert (refused.value.line, refused.value.column) == (5, 34)


def test_facts_of_all_files_are_known_in_all_files() -> None:
    """The order of the files does not matter."""
    files = {
        "a.yaml": "segments:\n  - {id: a.b, label: L, when: {did: purchases}}",
        "b.yaml": "facts:\n  purchases: {events: Order Completed}",
    }

    for names in (("a.yaml", "b.yaml"), ("b.yaml", "a.yaml")):
        catalogue = read_catalogue({name: files[name] for name in names}, VOCABULARY)
        assert [Performed("purchases")] == [s.when for s in catalogue.segments]


def test_a_later_fact_replaces_an_earlier() -> None:
    """A folder's own fact stands in the place of the built-in one."""
    mine = "facts:\n  orders: {events: Order Completed, where: {channel: web}}"
    catalogue = read_catalogue({**builtin_texts(("facts.yaml",)), "mine.yaml": mine}, VOCABULARY)

    assert [(Filter("channel", "eq", "web"),)] == [f.where for f in catalogue.facts if f.name == "orders"]


def test_an_error_names_the_file_it_is_in() -> None:
    """With several files, the place is in the right one."""
    with pytest.raises(DefinitionError) as refused:
        read_catalogue({"a.yaml": "facts: {}", "b.yaml": f"{SEGMENT}{{in: no.such}}"}, VOCABULARY)

    assert refused.value.file == "b.yaml"
