"""Reads the keys of a definition that change no membership: whom it is about, its channels, holdout, actions, size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast, get_args

from streams.catalogue.grammar import FORMS
from streams.catalogue.nodes import Node
from streams.catalogue.parts import required, scaled
from streams.segmentation.definitions import Actions, Channel, ExpectedSize, Holdout, Subject

WHOLE_PPM = 1_000_000
HOLDOUT_MAX_PPM = 500_000
"""More than half held out is no comparison any more."""


def read_entity(parts: Mapping[str, Node]) -> Subject:
    """Return whom a definition is about; customers when nothing is said."""
    if "entity" not in parts:
        return "customer"
    return cast("Subject", parts["entity"].one_of(get_args(Subject), "entity"))


def read_channels(parts: Mapping[str, Node]) -> tuple[Channel, ...]:
    """Return the channels, each once, in the order written.

    Raises:
        DefinitionError: an unknown channel, or one named twice.
    """
    found: list[Channel] = []
    for node in parts["channels"].items() if "channels" in parts else []:
        channel = cast("Channel", node.one_of(get_args(Channel), "channel"))
        if channel in found:
            raise node.error(f"{channel!r} is said twice")
        found.append(channel)
    return tuple(found)


def read_holdout(parts: Mapping[str, Node]) -> Holdout | None:
    """Return the holdout; None when there is none.

    Raises:
        DefinitionError: the share is not from 0 to one half, or there is no salt.
    """
    node = parts.get("holdout")
    if node is None:
        return None
    own = node.mapping(FORMS["holdout"])
    share, salt = required(node, own, "share"), required(node, own, "salt")
    if not salt.text():
        raise salt.error("expected a salt", "any word; another one deals the customers anew")
    text = share.text()
    percent = text.endswith("%")
    share_ppm = scaled(share, text.removesuffix("%"), WHOLE_PPM // 100 if percent else WHOLE_PPM)
    if not 0 <= share_ppm <= HOLDOUT_MAX_PPM:
        raise share.error(f"expected a share from 0 to 0.5, found {text[:40]!r}", "write 0.1 or 10%")
    return Holdout(share_ppm, salt.text())


def read_actions(parts: Mapping[str, Node]) -> Actions:
    """Return what people do for the members."""
    own = parts["actions"].mapping(FORMS["actions"]) if "actions" in parts else {}
    return Actions(**{name: node.text() for name, node in own.items()})


def read_size(parts: Mapping[str, Node]) -> ExpectedSize:
    """Return how many members are expected.

    Raises:
        DefinitionError: nothing is said, or the share is no range of percentages.
    """
    node = parts.get("size")
    if node is None:
        return ExpectedSize()
    own = node.mapping(FORMS["size"])
    if not own:
        raise node.error("what size?", "write {share: [3, 8], at_least: 150}")
    return ExpectedSize(
        _percentages(own["share"]) if "share" in own else None,
        own["at_least"].whole(1) if "at_least" in own else 0,
    )


def _percentages(node: Node) -> tuple[int, int]:
    """Return two percentages in millionths, the second not less than the first."""
    bounds = node.items()
    if not node.is_list or len(bounds) != 2:
        raise node.error("expected two percentages", "write [3, 8]")
    low, high = (scaled(bound, bound.text().removesuffix("%"), WHOLE_PPM // 100) for bound in bounds)
    if not 0 <= low <= high <= WHOLE_PPM:
        raise node.error("expected percentages from 0 to 100, the second not less than the first")
    return low, high
