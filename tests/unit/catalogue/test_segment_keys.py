"""The keys of a definition beside its conditions: read with place and hint."""

from __future__ import annotations

import pytest

from streams.catalogue.wording import door_in_words
from streams.errors import DefinitionError
from streams.segmentation.definitions import ContextValue, SegmentDefinition
from streams.segmentation.timeline import DAY_MS, HOUR_MS
from streams.testing.shop import catalogue_of

DEFINITION = "segments:\n  - id: s\n    label: S\n    when: {did: Product Viewed}\n    "


def read(line: str) -> SegmentDefinition:
    """Return the definition with *line* below its `when`."""
    (segment,) = catalogue_of(DEFINITION + line).segments
    return segment


def test_cooldown_and_entries() -> None:
    """Both are read in milliseconds; without them there is no door."""
    found = read("cooldown: 24h\n    max_entries: 3 per 30d")

    assert (found.cooldown_ms, found.entries_max, found.entries_within_ms) == (24 * HOUR_MS, 3, 30 * DAY_MS)
    assert found.has_door
    assert not read("grace: 1m").has_door


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("cooldown: 24h", "no entry within 1d after an exit"),
        ("max_entries: 1 per 90d", "at most 1 entry within 90d"),
        (
            "cooldown: 1ms\n    max_entries: 2  per 1h30m",
            "no entry within 1ms after an exit; at most 2 entries within 90m",
        ),
        ("grace: 1m", ""),
    ],
)
def test_in_words(line: str, words: str) -> None:
    """What is said of entering again, as `streams catalogue show` and the generated code say it."""
    assert door_in_words(read(line)) == words


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("cooldown: 0s", "a cooldown of nothing", "24h"),
        ("cooldown: soon", "'soon' is no duration", "30m"),
        ("max_entries: 3", "'3' does not say how many entries in which time", "3 per 30d"),
        ("max_entries: 3 in 30d", "does not say how many", "3 per 30d"),
        ("max_entries: 0 per 30d", "expected 1 to 1000 entries, found 0", "3 per 30d"),
        ("max_entries: 1001 per 30d", "expected 1 to 1000 entries, found 1001", "3 per 30d"),
        ("max_entries: 3 per month", "'month' is no duration", "90d"),
        ("max_entries: 3 per 0d", "entries within no time", "3 per 30d"),
        ("max_entries: [3 per 30d]", "expected text, found a list", ""),
    ],
)
def test_mistakes(line: str, message: str, hint: str) -> None:
    """What cannot be is refused where it stands, with what would be right."""
    with pytest.raises(DefinitionError) as refused:
        read(line)

    assert message in str(refused.value)
    assert hint in refused.value.hint
    assert (refused.value.line, refused.value.column) == (5, len(line.partition(":")[0]) + 7)


def test_context() -> None:
    """Each value has a name, an event or fact, and a property of it."""
    found = read("context: {cart_id: Product Added.cart_id, lines: Order Completed.products}")

    assert found.context == (
        ContextValue("cart_id", "Product Added", "cart_id"),
        ContextValue("lines", "Order Completed", "products"),
    )


@pytest.mark.parametrize(
    ("value", "column", "message", "hint"),
    [
        ("{cart-id: Product Added.cart_id}", 15, "'cart-id' is no name for a value", "cart_id"),
        ("{cart: Product Addde.cart_id}", 21, "unknown event or fact 'Product Addde'", "Product Added"),
        ("{cart: Product Added}", 21, "which property of 'Product Added'?", "cart: Product Added.PROPERTY"),
        ("{name: Order Completed.products.name}", 21, "whole properties", "Order Completed.products"),
        ("{}", 14, "a context of nothing", "cart_id: Product Added.cart_id"),
        ("[Product Added.cart_id]", 14, "expected a mapping", ""),
        (
            "{" + ", ".join(f"a{n}: Product Added.cart_id" for n in range(11)) + "}",
            14,
            "11 values, more than 10",
            "nobody reads",
        ),
    ],
)
def test_mistakes_in_a_context(value: str, column: int, message: str, hint: str) -> None:
    """What cannot be carried is refused where it stands."""
    with pytest.raises(DefinitionError) as refused:
        read(f"context: {value}")

    assert message in str(refused.value)
    assert hint in refused.value.hint
    assert refused.value.line == 5
    assert refused.value.column == column
