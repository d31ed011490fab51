"""No text breaks the reader of definitions: it is read, or refused with its place."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.catalogue.compiler import compile_catalogue
from streams.errors import DefinitionError
from streams.testing.shop import SOURCES, catalogue_of

SEGMENT = "segments:\n  - id: a.b\n    label: L\n    when: "

_WORDS = st.sampled_from(
    [
        *(
            "did",
            "did_not",
            "last",
            "count",
            "sum",
            "all",
            "any",
            "not",
            "in",
            "otherwise",
            "within",
            "ago",
            "from",
            "to",
        ),
        *(
            "at_least",
            "at_most",
            "exactly",
            "since",
            "before",
            "where",
            "same",
            "of",
            "id",
            "label",
            "when",
            "until",
        ),
        *(
            "exclude",
            "dwell",
            "grace",
            "gate",
            "group",
            "rank",
            "version",
            "min_membership",
            "cooldown",
            "max_entries",
            "3 per 30d",
            "context",
            "facts",
            "groups",
        ),
        *(
            "segments",
            "kind",
            "partition",
            "events",
            "key",
            "amount",
            "undone_by",
            "population",
            "orders",
            "a.b",
            "G",
        ),
        *(
            "true",
            "false",
            "null",
            "1",
            "2",
            "-1",
            "1.5",
            "30%",
            "2h",
            "0d",
            "x",
            "Product Viewed",
            "Order Completed",
        ),
        *(
            "if",
            "count(orders) >= 2",
            "not in(a.b)",
            "trait",
            "is",
            "consent",
            "email",
            "score",
            "sequence",
            "by",
            "gap",
        ),
        *(
            "first",
            "during",
            "today",
            "now",
            "month",
            "hour",
            "zone",
            "UTC",
            "cadence",
            "due",
            "bucket",
            "percent",
        ),
        *(
            "lookup",
            "tables",
            "time_zone",
            "regularly",
            "every",
            "stopped",
            "restarted",
            "for",
            "after",
            "days_since",
        ),
        *(
            "avg",
            "distinct",
            "most_frequent",
            "orders.products.category",
            "Order Completed.total",
            "any",
            "sum",
            "has",
        ),
        *("*x", "&x 1", "!!int a", "2026-99-99", ".nan", "1e999", "9" * 30, '"', "'"),
    ]
)
_NESTED: st.SearchStrategy[Any] = st.recursive(
    _WORDS,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(st.tuples(_WORDS, inner), max_size=4).map(
            lambda pairs: "{" + ", ".join(f"{key}: {item}" for key, item in pairs) + "}"
        )
    ),
    max_leaves=12,
)


def read_or_refuse(text: str) -> None:
    """Read *text*, and compile it if it can be read; only a `DefinitionError` with a place may come of it."""
    refused: DefinitionError | None = None
    try:
        catalogue = catalogue_of(text)
    except DefinitionError as error:
        refused = error
    if refused is not None:
        assert (refused.file, refused.line >= 1, refused.column >= 1) == ("test.yaml", True, True)
        return
    compile_catalogue(catalogue, SOURCES)
    compile_catalogue(catalogue, SOURCES, covered=True)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever a file holds, it is a catalogue or a mistake with a place."""
    read_or_refuse(text)


@given(_NESTED)
def test_any_condition_is_read_or_refused(text: str) -> None:
    """Whatever stands for a condition, it compiles or is a mistake with a place."""
    read_or_refuse(f"groups: {{G: {{kind: partition}}}}\n{SEGMENT}{text}")


@given(st.lists(st.tuples(_WORDS, _NESTED), max_size=4))
def test_any_segment_is_read_or_refused(pairs: list[tuple[str, str]]) -> None:
    """Whatever stands in a segment, it compiles or is a mistake with a place."""
    more = "".join(f"    {key}: {item}\n" for key, item in pairs)
    read_or_refuse(f"{SEGMENT}{{did: Product Viewed}}\n{more}")


@given(st.lists(st.tuples(_WORDS, _NESTED), max_size=3), st.sampled_from(["facts", "groups"]))
def test_any_fact_or_group_is_read_or_refused(pairs: list[tuple[str, str]], section: str) -> None:
    """Whatever stands in a fact or a group, it compiles or is a mistake with a place."""
    more = "".join(f"    {key}: {item}\n" for key, item in pairs)
    read_or_refuse(f"{section}:\n  G:\n{more}\n{SEGMENT}{{did: Product Viewed}}\n    group: G")
