"""Rhythms that are due, windows out of tables, customers shared out by chance: to the millisecond."""

from __future__ import annotations

import pytest

from streams.errors import DefinitionError
from streams.segmentation.cadence import MILLION, bucket_of, hash_of, rhythm
from streams.testing.questions import Question
from streams.testing.shop import catalogue_of

VIEW, ADD, ORDER = "Product Viewed", "Product Added", "Order Completed"
TABLES = "tables: {windows: {default: 24h, coffee: 4h, sofa: 72h}, strict: {coffee: 4h}}"


def test_a_reorder_is_due_around_the_median_interval() -> None:
    """Ten days between orders of beans: due from the eighth to the twelfth day; what is bought once is not."""
    asked = Question(f"{{cadence: {ORDER}, by: products.sku_family, due: {{from: 80%, to: 120%}}}}")
    asked.tell(ORDER, "2026-01-01 10:00", products=[{"sku_family": "beans"}, {"sku_family": "cup"}])
    asked.tell(ORDER, "2026-01-11 10:00", products=[{"sku_family": "beans"}])
    assert asked.changes("2026-01-11 10:00") == "never"

    asked.tell(ORDER, "2026-01-21 10:00", products=[{"sku_family": "beans"}])
    assert asked.around("2026-01-29 10:00") == ["false", "true", "true"]
    assert asked.values("2026-01-30 10:00") == ["beans"]
    assert asked.around("2026-02-02 10:00") == ["true", "false", "false"]


def test_a_rhythm_must_be_steady() -> None:
    """The coefficient of variation of 10 and 20 is a third: at most 0.34 passes, 0.33 does not."""
    assert rhythm([0, 10, 30], 2, 340_000) == 30
    assert rhythm([0, 10, 30], 2, 330_000) is None
    assert rhythm([0, 10, 20, 40], 2, None) == 20
    assert rhythm([0, 10], 2, None) is None
    assert rhythm([0, 7, 14], 2, 0) == 14


def test_a_rhythm_counts_what_lies_in_its_window() -> None:
    """When an interval leaves the window there are too few; it is looked at again at that millisecond."""
    asked = Question(f"{{cadence: {VIEW}, intervals: 2, within: 30d, variation: 0}}")
    for day in ("01", "11", "21"):
        asked.tell(VIEW, f"2026-01-{day} 10:00")

    assert asked.around("2026-01-31 10:00") == ["true", "false", "false"]
    assert asked.changes("2026-01-22 10:00") == "2026-01-31T10:00:00.000Z"


@pytest.mark.parametrize(
    ("category", "ends"),
    [("coffee", "2026-03-02 14:00"), ("sofa", "2026-03-05 10:00"), ("x", "2026-03-03 10:00")],
)
def test_a_window_out_of_a_table(category: str, ends: str) -> None:
    """Each event brings its own; one without a row has the default."""
    asked = Question(f"{{did: {ADD}, within: {{lookup: windows, by: category}}}}", TABLES)
    asked.tell(ADD, "2026-03-02 10:00", category=category)

    assert asked.around(ends) == ["true", "false", "false"]


def test_the_newest_event_brings_the_window() -> None:
    """`last` looks at the newest alone, `did` at all; without row and default there is no window."""
    last = Question(f"{{last: {ADD}, within: {{lookup: strict, by: category}}}}", TABLES)
    did = Question(f"{{did: {ADD}, within: {{lookup: strict, by: category}}}}", TABLES)
    for asked in (last, did):
        asked.tell(ADD, "2026-03-02 10:00", category="coffee").tell(ADD, "2026-03-02 11:00", category="x")

    assert [last.at("2026-03-02 12:00"), did.at("2026-03-02 12:00")] == ["false", "true"]
    assert did.around("2026-03-02 14:00") == ["true", "false", "false"]


def test_part_of_a_looked_up_window() -> None:
    """Lapsing: from 80 % of the cycle to its end; of several items the shortest; the first property with a row."""
    looked = "{{lookup: windows, by: [sku, products.category]{}}}"
    ago = f"{{from: {looked.format(', percent: 80')}, to: {looked.format('')}}}"
    asked = Question(f"{{last: {ORDER}, ago: {ago}}}", TABLES)
    asked.tell(ORDER, "2026-03-02 10:00", products=[{"category": "sofa"}, {"category": "coffee"}])

    assert asked.around("2026-03-02 13:12") == ["false", "true", "true"]
    assert asked.around("2026-03-02 14:00") == ["true", "false", "false"]


def test_chance_is_the_same_for_ever() -> None:
    """A tenth of the customers, the same in every run; another salt deals anew."""
    customers = [hash_of(f"default/{number}") for number in range(2_000)]
    shares = [sum(bucket_of(c, salt) < MILLION // 10 for c in customers) for salt in ("a", "b")]
    asked = Question(f"[{{did: {VIEW}}}, {{bucket: holdout, percent: [0, 100]}}]").tell(
        VIEW, "2026-03-02 10:00"
    )

    assert all(150 < share < 250 for share in shares)
    assert bucket_of(hash_of("default/c"), "holdout") == bucket_of(hash_of("default/c"), "holdout")
    assert [bucket_of(c, "a") for c in customers] != [bucket_of(c, "b") for c in customers]
    assert asked.at("2026-03-02 10:00") == "true"


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("{did: Product Added, within: {lookup: windws, by: category}}", "did you mean 'windows'"),
        ("{did: Product Added, within: {lookup: windows}}", "'by' is missing"),
        ("{did: Product Added, at_least: 2, within: {lookup: windows, by: a}}", "with 'where' alone"),
        ("{cadence: Order Completed, due: {from: 120%, to: 80%}}", "more than 'from'"),
        ("{cadence: Order Completed, due: {from: 80, to: 120%}}", "write it like 80%"),
        ("[{did: Product Added}, {bucket: x, percent: [10, 5]}]", "percentages from 0 to 100"),
        ("[{did: Product Added}, {bucket: x, percent: 10}]", "two percentages"),
        ("{bucket: x, percent: [0, 10]}", "nobody would ever be asked"),
    ],
)
def test_mistakes_about_rhythms_and_tables(when: str, message: str) -> None:
    """Told at their place, with what to write."""
    with pytest.raises(DefinitionError, match=r"test\.yaml:5") as refused:
        catalogue_of(f"{TABLES}\nsegments:\n  - id: a.b\n    label: L\n    when: {when}")

    assert message in str(refused.value)
