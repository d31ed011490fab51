"""Reads `hysteresis`: a limit of its own for leaving. It is a short word for an `until`, and nothing else knows it.

Of ``when: {did: orders, at_least: 5, within: 365d}`` with ``hysteresis: 3`` the `until` is "not 3 or more": whoever has
entered with five orders stays until fewer than three are left. The rest of `when` must hold all the time as without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from msgspec.structs import replace

from streams.catalogue.nodes import Node
from streams.catalogue.parts import SCALES, scaled
from streams.segmentation.conditions import All, Any_, Compare, Condition, Not, Performed

NUMBERS = ("count", "distinct", "sum")
"""Aggregates whose limit may differ for leaving."""

_ONE = "it needs exactly one number with a limit in 'when', below 'all' and 'any' only"


def read_hysteresis(parts: Mapping[str, Node], when: Condition) -> Condition:
    """Return the `until` that the key ``hysteresis`` means.

    Args:
        parts: the keys of the definition, among them ``hysteresis``.
        when: the definition's condition of entry.

    Raises:
        DefinitionError: there is an `until` too, not exactly one number to compare, or a limit that is not laxer.
    """
    node = parts["hysteresis"]
    if "until" in parts:
        raise node.error("'hysteresis' and 'until' exclude each other", "say the limit within 'until'")
    if node.is_mapping or node.is_list:
        raise node.error("expected a number or a percentage", "write it like 3, 450 or 25%")
    numbers = list(_numbers(when))
    if len(numbers) != 1:
        raise node.error(f"{len(numbers)} numbers are compared here: {_ONE}", "write an 'until' instead")
    limited = numbers[0]
    laxer = _laxer_count(node, limited) if isinstance(limited, Performed) else _laxer(node, limited)
    return Not(_exchanged(when, limited, laxer))


def _numbers(condition: Condition) -> Iterator[Performed | Compare]:
    """Yield the leaves below `all` and `any` that compare a number with a limit."""
    match condition:
        case All(parts) | Any_(parts):
            for part in parts:
                yield from _numbers(part)
        case Performed(at_least=at_least, at_most=None) if at_least > 1:
            yield condition
        case Compare(left=left) if left.kind in NUMBERS:
            yield condition


def _laxer_count(node: Node, limited: Performed) -> Performed:
    least = node.whole(1)
    if least >= limited.at_least:
        raise _not_laxer(node, "less", limited.at_least)
    return replace(limited, at_least=least)


def _laxer(node: Node, limited: Compare) -> Compare:
    percent = node.text().endswith("%")
    if percent != (limited.right is not None):
        raise node.error(
            "expected a percentage, as in 'when'"
            if limited.right is not None
            else "expected a number, as in 'when'"
        )
    scale = 10_000 if percent else SCALES[limited.left.kind]
    limit = scaled(node, node.text().removesuffix("%"), scale)
    before = limited.factor_ppm if percent else limited.constant
    grows = limited.operator in {"ge", "gt"}
    if limit >= before if grows else limit <= before:
        raise _not_laxer(node, "less" if grows else "more", f"{before / scale:g}{'%' if percent else ''}")
    return replace(limited, factor_ppm=limit) if percent else replace(limited, constant=limit)


def _not_laxer(node: Node, than: str, limit: object) -> Exception:
    return node.error(
        f"the limit to leave must be {than} than the one to enter, {limit}",
        "without 'hysteresis' both are the same",
    )


def _exchanged(condition: Condition, old: Condition, new: Condition) -> Condition:
    """Return *condition* with its leaf *old*, itself and not its like, exchanged for *new*."""
    exchange: Callable[[Condition], Condition] = lambda part: _exchanged(part, old, new)  # noqa: E731
    match condition:
        case All(parts):
            return All(tuple(map(exchange, parts)))
        case Any_(parts):
            return Any_(tuple(map(exchange, parts)))
        case _:
            return new if condition is old else condition
