"""The words in which grammars are written down as data: what a key may hold, a key, a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Value = Literal[
    "text",  # one line
    "id",  # letters, digits, '_' and '.'
    "flag",
    "true",
    "whole",  # 0, 1, 2, ...
    "natural",  # 1, 2, 3, ...
    "number",
    "threshold",  # a number or a percentage
    "limit",  # a number, with 'of' a percentage, or another aggregate
    "duration",
    "rate",  # N per duration
    "context",  # name: EVENT.PROPERTY
    "event",  # an event or a fact
    "amount",  # EVENT.PROPERTY, or a fact with an amount
    "type",  # an event, not a fact
    "types",  # one or several
    "due",
    "percents",  # two numbers
    "tables",
    "window",  # a duration, or a lookup
    "expression",
    "period",  # a word, or days
    "now",
    "hours",
    "sequence",  # events, each alone or with filters
    "step",  # an event, alone or with filters
    "property",
    "properties",  # one or several
    "filters",  # property: test
    "scalar",
    "scalars",
    "segment",
    "segments",  # one or several
    "group",
    "gate",
    "kind of group",
    "condition",
    "conditions",
    "undoings",
    "facts",
    "groups",
    "definitions",
    "ago",
    "share",
    "files",  # names of files, one or several
    # What accompanies a definition and changes no membership:
    "entity",
    "channels",  # one or several
    "neighbours",  # segments or groups, one or several
    "part",  # a share, such as 0.1 or 10%
    "holdout",
    "actions",
    "size",
    # Of scenarios:
    "instant",
    "event values",  # property: value
    "source",
    "watermarks",
    "origin",
    "segments or nothing",
    "channels or nothing",
    "arm",
    "shown kinds",
    "reasons",  # kind: why it cannot be shown
    "scenarios",
    "steps",
    "expectations",
]
"""What a key may hold."""


class Key(NamedTuple):
    """One key of a form: what it may hold, what it says, whether it must stand there, what holds without it."""

    value: Value
    says: str
    required: bool = False
    default: str = ""


Form = Mapping[str, Key]
